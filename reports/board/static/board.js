// Asks for the page again every two seconds, and puts its main part in place when it changed.
"use strict";
const main = document.querySelector("main[data-live]");
const told = document.querySelector(".told");
let tag = null;

function busy() {
  const active = document.activeElement;
  return document.hidden || (active && ["SELECT", "INPUT", "BUTTON"].includes(active.tagName));
}

function replace(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  const held = document.activeElement;
  const link = held && main.contains(held) ? held.getAttribute("href") : null;
  main.innerHTML = fresh.innerHTML;
  if (link) {
    const again = [...main.querySelectorAll("a")].find((a) => a.getAttribute("href") === link);
    if (again) again.focus({ preventScroll: true });
  }
}

async function look() {
  if (busy()) return;
  try {
    const answer = await fetch(location.href, {
      headers: tag ? { "If-None-Match": tag } : {},
      cache: "no-store",
    });
    if (answer.status === 304) {
      told.hidden = true;
      return;
    }
    if (answer.redirected) {
      location.reload();
      return;
    }
    if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      replace(await answer.text());
      told.hidden = true;
      return;
    }
    told.textContent = "The numbers do not move just now; the page tries on.";
    told.hidden = false;
  } catch {
    told.textContent = "The board cannot be reached just now; the page tries on.";
    told.hidden = false;
  }
}

async function loop() {
  await look();
  setTimeout(loop, 2000);
}

if (main) setTimeout(loop, 2000);
