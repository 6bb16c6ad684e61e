// Draws the page as it is laid out now as SVG text: boxes, borders, lines of text, charts.
// Called with { title, tallest }: the picture's title, and the height in pixels it is cut at.
({ title, tallest }) => {
  const round = (value) => String(Math.round(value * 10) / 10);
  const escape = (text) =>
    text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const pen = document.createElement("canvas").getContext("2d");
  const width = document.documentElement.clientWidth;
  const height = Math.min(Math.ceil(document.body.getBoundingClientRect().bottom), tallest);
  const out = [];
  let clips = 0;

  function attributes(of) {
    return Object.entries(of)
      .filter(([, value]) => value !== null && value !== "")
      .map(([name, value]) => ` ${name}="${escape(typeof value === "number" ? round(value) : value)}"`)
      .join("");
  }

  // Hex, for short; null when nothing would be seen.
  function colour(text) {
    const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
    if (alpha === 0) return null;
    return "#" + [red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("");
  }

  function rect(box, more) {
    const { left: x, top: y, width, height } = box;
    out.push(`<rect${attributes({ x, y, width, height, ...more })}/>`);
  }

  function box(element, style) {
    const at = element.getBoundingClientRect();
    const sides = ["Top", "Right", "Bottom", "Left"].map((side) => ({
      side,
      wide: style[`border${side}Style`] === "none" ? 0 : parseFloat(style[`border${side}Width`]),
      paint: colour(style[`border${side}Color`]),
    }));
    const fill = colour(style.backgroundColor);
    const left = sides[3];
    const radius = parseFloat(style.borderTopLeftRadius) || null;
    const framed = sides.every((side) => side.wide > 0);
    if (fill || framed) {
      const half = framed ? left.wide / 2 : 0;
      const inner = new DOMRect(at.x + half, at.y + half, at.width - 2 * half, at.height - 2 * half);
      const stroke = framed ? { stroke: left.paint, "stroke-width": left.wide } : {};
      rect(inner, { rx: radius, fill: fill || "none", ...stroke });
    }
    for (const { side, wide, paint } of sides) {
      if (wide === 0 || !paint || (framed && wide === left.wide && paint === left.paint)) continue;
      const across = side === "Top" || side === "Bottom";
      const x = side === "Right" ? at.right - wide : at.left;
      const y = side === "Bottom" ? at.bottom - wide : at.top;
      const line = new DOMRect(x, y, across ? at.width : wide, across ? wide : at.height);
      rect(line, { rx: framed ? wide / 2 : null, fill: paint });
    }
  }

  function underlined(element) {
    for (let each = element; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.textDecorationLine.includes("underline")) return true;
      if (!style.display.startsWith("inline")) return false;
    }
    return false;
  }

  function write(text, at, element) {
    const style = getComputedStyle(element);
    pen.font = style.font;
    const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText("x");
    const shape = {
      x: at.left,
      y: at.top + (at.height - up - down) / 2 + up,
      "font-size": parseFloat(style.fontSize),
      "font-weight": style.fontWeight === "400" ? null : style.fontWeight,
      "font-family": style.fontFamily.includes("mono") ? "monospace" : null,
      fill: colour(style.color),
      "text-decoration": underlined(element) ? "underline" : null,
      textLength: text.length > 1 ? at.width : null,
      lengthAdjust: text.length > 1 ? "spacingAndGlyphs" : null,
    };
    out.push(`<text${attributes(shape)}>${escape(text)}</text>`);
  }

  // Words that stand on one line become one text; a word that is broken is taken by letters.
  function texts(node) {
    const range = document.createRange();
    const pieces = [];
    for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const step = range.getClientRects().length > 1 ? 1 : word.length;
      for (let from = index; from < index + word.length; from += step) {
        range.setStart(node, from);
        range.setEnd(node, from + step);
        pieces.push({ from, to: from + step, at: range.getBoundingClientRect() });
      }
    }
    const lines = [];
    for (const piece of pieces) {
      const last = lines.at(-1);
      if (last && Math.abs(last.at.top - piece.at.top) < 2) {
        last.to = piece.to;
        last.at = new DOMRect(last.at.x, last.at.y, piece.at.right - last.at.x, last.at.height);
      } else lines.push(piece);
    }
    for (const { from, to, at } of lines) {
      const seen = at.width > 0 && at.right > 0 && at.top < height;
      if (seen) write(node.data.slice(from, to).replace(/\s+/g, " "), at, node.parentElement);
    }
  }

  function chart(element) {
    const { left: x, top: y, width, height } = element.getBoundingClientRect();
    const frame = {
      x, y, width, height,
      viewBox: element.getAttribute("viewBox"),
      preserveAspectRatio: element.getAttribute("preserveAspectRatio"),
    };
    const shapes = [...element.querySelectorAll("path, rect")].map((shape) => {
      const own = Object.fromEntries(
        ["d", "x", "y", "width", "height"].map((name) => [name, shape.getAttribute(name)]),
      );
      const style = getComputedStyle(shape);
      const stroked = style.stroke !== "none" && {
        stroke: colour(style.stroke),
        "stroke-width": parseFloat(style.strokeWidth),
        "stroke-linecap": style.strokeLinecap === "round" ? "round" : null,
        "vector-effect": style.vectorEffect === "none" ? null : style.vectorEffect,
      };
      const fill = style.fill === "none" ? "none" : colour(style.fill);
      const opacity = style.opacity === "1" ? null : style.opacity;
      return `<${shape.localName}${attributes({ ...own, fill, opacity, ...stroked })}/>`;
    });
    out.push(`<svg${attributes(frame)}>${shapes.join("")}</svg>`);
  }

  function control(element, style) {
    const at = element.getBoundingClientRect();
    const tall = parseFloat(style.fontSize) * 1.2;
    const chosen = element.localName === "select" && element.selectedOptions[0];
    const text = chosen ? chosen.text.trim() : element.value;
    pen.font = style.font;
    const top = at.top + (at.height - tall) / 2;
    const left = at.left + parseFloat(style.paddingLeft) + 4;
    if (text) write(text, new DOMRect(left, top, pen.measureText(text).width, tall), element);
    if (chosen) {
      const d = `M${round(at.right - 18)} ${round(at.top + at.height / 2 - 2)}l4 4 4 -4`;
      out.push(`<path${attributes({ d, fill: "none", stroke: colour(style.color) })}/>`);
    }
  }

  function walk(element) {
    const style = getComputedStyle(element);
    if (style.display === "none" || style.visibility !== "visible") return;
    const at = element.getBoundingClientRect();
    if (at.top >= height || (at.right <= 0 && at.width > 0)) return;
    if (element.localName === "svg") return chart(element);
    if (at.width > 0 && at.height > 0) box(element, style);
    if (["select", "input"].includes(element.localName)) {
      if (element.type !== "hidden") control(element, style);
      return;
    }
    const clipped = style.overflowX !== "visible" && element.scrollWidth > element.clientWidth;
    if (clipped) {
      clips += 1;
      out.push(`<clipPath id="c${clips}">`);
      rect(at, {});
      out.push(`</clipPath><g clip-path="url(#c${clips})">`);
    }
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) texts(child);
      else if (child.nodeType === Node.ELEMENT_NODE) walk(child);
    }
    if (clipped) out.push("</g>");
  }

  const paper = colour(getComputedStyle(document.body).backgroundColor);
  rect(new DOMRect(0, 0, width, height), { fill: paper });
  for (const child of document.body.children) walk(child);
  const root = {
    xmlns: "http://www.w3.org/2000/svg",
    width, height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "font-family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
  };
  return `<svg${attributes(root)}>\n<title>${escape(title)}</title>\n${out.join("\n")}\n</svg>\n`;
}
