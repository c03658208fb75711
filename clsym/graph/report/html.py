"""A memory report as one HTML page: nothing is loaded from elsewhere, and names of nodes are only ever text."""

from __future__ import annotations

import html
import json

from . import text
from .figures import MemoryFigures
from .picture import COLOURS, stack

__all__ = ["frame", "render"]


def render(report: MemoryFigures) -> str:
    """The page. ``page.html#conv1`` opens it with ``conv1`` in the search box."""
    base, height = stack(report)
    ranges = [
        [t.name, t.kind, t.first, t.last, t.bytes, base.get((t.device, t.chunk or 0), 0) + (t.offset or 0), t.offset, t.chunk, t.device]
        for t in report.ranges
    ]
    data = {
        "ranges": ranges,
        "live": report.live,
        "steps": [[step.name, step.op] for step in report.plan.steps],
        "forward": report.plan.forward,
        "height": height,
        "chunks": sorted(base.values()),
        "peak": report.peak_step,
        "colours": COLOURS,
        "text": text.render(report, rows=1 << 30),
    }
    # inside a script element only "<" could end it or open a comment; "\u003c" is the same to a JSON parser
    payload = json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return _PAGE.replace("@DATA@", payload)


def frame(report: MemoryFigures) -> str:
    """The page inside a frame of its own, for notebooks: neither its styles nor its script reach what is around it."""
    page = html.escape(render(report))
    return f'<iframe sandbox="allow-scripts" style="width: 100%; height: 40em; border: 0" srcdoc="{page}"></iframe>'


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>Memory plan</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1em; color: #222; background: #fff; }
#bar { display: flex; flex-wrap: wrap; gap: 1em; align-items: center; margin-bottom: .5em; }
#search { width: 22em; padding: .3em; }
#legend span { margin-right: 1em; white-space: nowrap; }
#legend i { display: inline-block; width: 1em; height: 1em; margin-right: .3em; vertical-align: -2px; }
svg { width: 100%; height: 65vh; border: 1px solid #ccc; display: block; }
rect.range { stroke: #fff; stroke-width: .5px; vector-effect: non-scaling-stroke; }
rect.range:hover { stroke: #000; stroke-width: 1.5px; }
svg.searching rect.range { opacity: .15; }
svg.searching rect.range.found { opacity: 1; stroke: #d00; stroke-width: 1.5px; }
#live { fill: none; stroke: #000; vector-effect: non-scaling-stroke; }
.mark { stroke: #888; stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
#tip { position: fixed; display: none; pointer-events: none; max-width: 40em; padding: .4em .6em; background: #222; color: #fff;
  border-radius: 3px; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
</head>
<body>
<div id="bar"><input id="search" type="search" placeholder="search tensors by name" aria-label="search tensors by name">
<span id="count"></span><span id="legend"></span></div>
<svg id="plan" preserveAspectRatio="none" role="img" aria-label="time across, offset up"></svg>
<p id="caption"></p>
<div id="tip"></div>
<pre id="text"></pre>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const svg = document.getElementById("plan"), tip = document.getElementById("tip");
const steps = Math.max(data.steps.length, 1), height = Math.max(data.height, 1);
svg.setAttribute("viewBox", `0 0 ${steps} 1000`);
const up = bytes => 1000 * (1 - bytes / height);
function draw(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  svg.appendChild(node);
  return node;
}
function size(n) {
  for (const [unit, one] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 1024]])
    if (n >= one) return `${(n / one).toFixed(2)} ${unit} (${n} bytes)`;
  return `${n} bytes`;
}
const step = s => s < data.steps.length ? `${s} ${data.steps[s][0]} (${data.steps[s][1]})` : `${s}`;
const boxes = data.ranges.map(([name, kind, first, last, bytes, low, offset, chunk, device]) => {
  const box = draw("rect", {class: "range", x: first, width: last + 1 - first, y: up(low + bytes), height: 1000 * bytes / height,
    fill: data.colours[kind]});
  const about = `${name}\\n${kind}, ${size(bytes)}\\nfrom step ${step(first)}\\nto step ${step(last)}\\n` +
    `offset ${offset} in chunk ${chunk} on ${device}`;
  box.addEventListener("mousemove", event => {
    tip.textContent = about;
    tip.style.display = "block";
    tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 4) + "px";
    tip.style.top = Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4) + "px";
  });
  box.addEventListener("mouseleave", () => { tip.style.display = "none"; });
  return box;
});
let path = `M0 ${up(0)}`;
data.live.forEach((bytes, s) => { path += `L${s} ${up(bytes)}L${s + 1} ${up(bytes)}`; });
draw("path", {id: "live", d: path, "pointer-events": "none"});
for (const start of data.chunks.slice(1)) draw("line", {class: "mark", x1: 0, x2: steps, y1: up(start), y2: up(start)});
if (data.forward > 0 && data.forward < data.steps.length)
  draw("line", {class: "mark", x1: data.forward, x2: data.forward, y1: 0, y2: 1000});
const legend = document.getElementById("legend");
for (const kind in data.colours) {
  const entry = document.createElement("span"), patch = document.createElement("i");
  patch.style.background = data.colours[kind];
  entry.append(patch, kind);
  legend.append(entry);
}
document.getElementById("caption").textContent =
  `${data.steps.length} steps across, ${size(data.height)} of arena up; the line is what is alive` +
  (data.steps.length ? `, the most at step ${step(data.peak)}` : "");
document.getElementById("text").textContent = data.text;
const search = document.getElementById("search");
function find() {
  const wanted = search.value.trim().toLowerCase();
  let found = 0;
  boxes.forEach((box, i) => {
    const hit = wanted !== "" && data.ranges[i][0].toLowerCase().includes(wanted);
    box.classList.toggle("found", hit);
    found += hit;
  });
  svg.classList.toggle("searching", wanted !== "");
  document.getElementById("count").textContent = wanted ? `${found} of ${boxes.length}` : "";
}
search.addEventListener("input", find);
try { search.value = decodeURIComponent(location.hash.slice(1)); } catch { search.value = location.hash.slice(1); }
find();
</script>
</body>
</html>
"""
