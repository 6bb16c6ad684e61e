"""HTML -> PDF by Chromium, which prints it as a browser would: any script of the world, links that
work, and no library of ours to keep."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 120


class NoPdf(Exception):
    """There is no Chromium, or it did not print; the message says what to do."""


def pdf(page: str) -> bytes:
    """The page as A4. Raises NoPdf."""
    program = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if program is None:
        raise NoPdf(
            "PDF needs Chromium or Chrome (Debian: apt-get install chromium); HTML does not"
        )
    with tempfile.TemporaryDirectory(prefix="uptake-pdf-") as name:
        folder = Path(name)
        (folder / "page.html").write_text(page, "utf-8")
        printed = folder / "page.pdf"
        command = [program, *_options(folder), f"--print-to-pdf={printed}"]
        try:
            done = subprocess.run(
                [*command, (folder / "page.html").as_uri()],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise NoPdf(f"{program} did not print within {_SECONDS} s") from error
        if done.returncode != 0 or not printed.exists():
            last = done.stderr.strip().splitlines()[-1:]
            raise NoPdf(f"{program} did not print: {' '.join(last) or done.returncode}")
        return printed.read_bytes()


def _options(folder: Path) -> list[str]:
    """Its own profile; root has no sandbox, and our page has no script."""
    options = [
        "--headless=new",
        "--disable-gpu",
        "--disable-extensions",
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={folder / 'profile'}",
    ]
    return [*options, "--no-sandbox"] if os.geteuid() == 0 else options
