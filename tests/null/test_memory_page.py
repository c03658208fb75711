"""The memory report's page in a real browser (headless Chromium)."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_memory_report import HOSTILE, hostile_report, training_report

CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome", "chrome") if (p := shutil.which(n))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install one (Debian: apt install chromium)")

PROBE = """
<script>
(() => {
window.onerror = message => { document.body.setAttribute("data-error", message); };
const seen = {title: document.title, rects: document.querySelectorAll("rect.range").length, images: document.images.length};
seen.found = document.querySelectorAll("rect.found").length;
seen.count = document.getElementById("count").textContent;
seen.loaded = performance.getEntriesByType("resource").length;
const box = document.querySelectorAll("rect.range")[0], area = box.getBoundingClientRect();
seen.area = [area.width, area.height];
box.dispatchEvent(new MouseEvent("mousemove", {bubbles: true, clientX: area.x + 1, clientY: area.y + 1}));
seen.tip = document.getElementById("tip").textContent;
seen.shown = getComputedStyle(document.getElementById("tip")).display;
box.dispatchEvent(new MouseEvent("mouseleave"));
seen.hidden = getComputedStyle(document.getElementById("tip")).display;
const search = document.getElementById("search");
search.value = "CONV1";
search.dispatchEvent(new Event("input"));
seen.typed = document.querySelectorAll("rect.found").length;
seen.searching = document.getElementById("plan").classList.contains("searching");
search.value = "";
search.dispatchEvent(new Event("input"));
seen.cleared = document.querySelectorAll("rect.found").length + document.getElementById("plan").classList.contains("searching");
seen.text = document.getElementById("text").textContent;
document.body.setAttribute("data-seen", JSON.stringify(seen));
})();
</script>
"""


def look(page: str, folder: Path, fragment: str = "") -> dict[str, Any]:
    """Open a page, act on it, and return what was seen."""
    file = folder / "page.html"
    file.write_text(page.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        [*command, "--virtual-time-budget=3000", "--dump-dom", file.as_uri() + fragment],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found, f"the page's script did not run: {re.search('data-error=.*', done.stdout)}\n{done.stderr[-2000:]}"
    assert 'data-error="' not in done.stdout
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen


def test_page_draws_hovers_and_searches(tmp_path: Path) -> None:
    report = training_report()
    seen = look(report.to_html(), tmp_path, "#bn1")
    assert seen["rects"] == len(report.ranges)
    assert seen["found"] == sum("bn1" in t.name for t in report.ranges) > 0
    assert seen["count"] == f"{seen['found']} of {seen['rects']}"
    assert min(seen["area"]) > 0
    first = report.ranges[0]
    assert seen["tip"].startswith(first.name) and f"{first.bytes} bytes" in seen["tip"] and f"from step {first.first} " in seen["tip"]
    assert seen["shown"] == "block" and seen["hidden"] == "none"
    assert seen["typed"] == sum("conv1" in t.name.lower() for t in report.ranges) > 0 and seen["searching"]
    assert seen["cleared"] == 0
    assert seen["loaded"] == 0
    assert "candidates refused" in seen["text"]


def test_names_are_only_text(tmp_path: Path) -> None:
    seen = look(hostile_report().to_html(), tmp_path)
    assert seen["title"] == "Memory plan" and seen["images"] == 0
    assert HOSTILE in seen["tip"]
