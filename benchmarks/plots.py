"""Draws ``benchmarks/plots/*.svg`` from ``benchmarks/out/*.json``.

    python -m benchmarks.plots

`ratios`: every number with a target, as a share of its target, so that one line is the limit of
all. `flow`: where the CPU of the whole job goes, bare parts beside framegate. `length`: its CPU and
peak memory against the video's length. `pertitle`: what each clip's two ladders offer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import log2
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.sources import OUT

PLOTS = Path(__file__).parent / "plots"
ORDER = ("screen", "models", "opencv", "encode", "pertitle", "flow", "memory")
INK, FAINT, GOOD, BAD = "#1f2933", "#9aa5b1", "#2f7d6b", "#b5452c"
COLOURS = ("#31587a", "#4d8fac", "#86b6c9", "#c9a25b", "#6d7fa8", "#7a6a58", "#9aa5b1", "#5f7d4e")
FONT = "font-family='system-ui, sans-serif' font-size='13'"


def main() -> None:
    """Draw what was measured."""
    PLOTS.mkdir(exist_ok=True)
    found = {path.stem: json.loads(path.read_text()) for path in sorted(OUT.glob("*.json"))}
    (PLOTS / "ratios.svg").write_text(ratios([found[name] for name in ORDER if name in found]))
    if "flow" in found:
        (PLOTS / "flow.svg").write_text(flow(found["flow"]["details"]))
    if "pertitle" in found:
        (PLOTS / "pertitle.svg").write_text(pertitle(found["pertitle"]["details"]))
    points = found.get("memory", {}).get("details", {}).get("length")
    if points:
        (PLOTS / "length.svg").write_text(length(points))


def ratios(answers: Iterable[dict[str, Any]]) -> str:
    """Bars of measured over target (target over measured where more is better)."""
    rows = [(a["name"], row) for a in answers for row in a["rows"] if row["target"]]
    left, unit, step, top = 430, 330, 24, 56
    width, height = left + int(unit * 1.5) + 150, top + step * len(rows) + 30
    limit = left + unit
    body = [
        _text(16, 24, "Measured against its target", weight="600"),
        _text(limit, 44, "limit", anchor="middle", fill=FAINT),
    ]
    for index, (name, row) in enumerate(rows):
        y = top + index * step
        share = (
            row["measured"] / row["at_most"]
            if row["at_most"] is not None
            else row["at_least"] / row["measured"]
        )
        long = min(unit * share, unit * 1.5)
        colour = GOOD if row["passed"] else BAD
        number = f"{row['measured']:.0f}" if row["unit"] else f"{row['measured']:.2f}"
        body += [
            _text(left - 10, y + 14, f"{name}: {row['what']}", anchor="end"),
            f"<rect x='{left}' y='{y + 3}' width='{long:.1f}' height='15' fill='{colour}'/>",
            _text(left + max(long, unit) + 8, y + 14, f"{number}{row['unit']}  ({row['target']})"),
        ]
    bottom = top + step * len(rows)
    body.append(f"<path d='M{limit} {top - 6}V{bottom}' stroke='{INK}' stroke-dasharray='3 3'/>")
    return _svg(width, height, body)


def flow(details: dict[str, Any]) -> str:
    """Two stacked bars: the bare parts, and framegate with its start-up."""
    cpu = details["cpu_s"]
    names = [n for n in cpu if n not in ("framegate", "start-up", "parts")]
    total = max(cpu["framegate"], sum(cpu[n] for n in names))
    left, wide, top = 130, 640, 56
    scale = wide / total
    body = [_text(16, 24, f"CPU seconds of the whole job ({details['clip']})", weight="600")]
    x = float(left)
    for index, name in enumerate(names):
        long = cpu[name] * scale
        colour = COLOURS[index % len(COLOURS)]
        body.append(f"<rect x='{x:.1f}' y='{top}' width='{long:.1f}' height='30' fill='{colour}'/>")
        y = top + 110 + (index // 4) * 20
        key = left + (index % 4) * 165
        body += [
            f"<rect x='{key}' y='{y - 11}' width='12' height='12' fill='{colour}'/>",
            _text(key + 18, y, f"{name} {cpu[name]:.1f}"),
        ]
        x += long
    body.append(_text(left - 10, top + 20, "bare parts", anchor="end"))
    body.append(_text(x + 8, top + 20, f"{sum(cpu[n] for n in names):.1f}"))
    start, whole = cpu["start-up"] * scale, cpu["framegate"] * scale
    body += [
        _text(left - 10, top + 62, "framegate", anchor="end"),
        f"<rect x='{left}' y='{top + 42}' width='{whole:.1f}' height='30' fill='{GOOD}'/>",
        f"<rect x='{left}' y='{top + 42}' width='{start:.1f}' height='30' fill='{INK}'/>",
        _text(left + whole + 8, top + 62, f"{cpu['framegate']:.1f}"),
        _text(left, top + 88, f"dark: start-up {cpu['start-up']:.1f}", fill=FAINT),
    ]
    return _svg(left + wide + 80, top + 160, body)


def length(points: list[dict[str, float]]) -> str:
    """Two charts of the whole job at 360p: CPU seconds, and megabytes, over minutes."""
    charts = (("CPU seconds", "cpu_s", 90), ("peak memory, MB", "mb", 480))
    wide, high, base = 280, 200, 280
    longest = max(point["minutes"] for point in points)
    body = [_text(16, 24, "The whole job against the video's length (360p)", weight="600")]
    for title, key, left in charts:
        most = max(point[key] for point in points)
        at = [
            (left + wide * point["minutes"] / longest, base - high * point[key] / most)
            for point in points
        ]
        line = " L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        body += [
            _text(left, 60, title),
            f"<path d='M{left} {base - high}V{base}H{left + wide}' stroke='{FAINT}' fill='none'/>",
            f"<path d='M{line}' stroke='{GOOD}' stroke-width='2' fill='none'/>",
        ]
        for (x, y), point in zip(at, points, strict=True):
            body += [
                f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{GOOD}'/>",
                _text(x, y - 10, f"{point[key]:.0f}", anchor="middle"),
                _text(x, base + 20, f"{point['minutes']:g} min", anchor="middle", fill=FAINT),
            ]
    return _svg(800, 320, body)


def pertitle(clips: dict[str, Any]) -> str:
    """A chart for each clip with a curve: VMAF over bitrate, each doubling as wide as the last."""
    shown = [(name, clip) for name, clip in clips.items() if clip["bd_rate"] is not None]
    wide, high, top, across = 250, 150, 80, 3
    body = [_text(16, 24, "VMAF over kbit/s, rung by rung", weight="600")]
    for index, (name, clip) in enumerate(shown):
        left, base = 50 + (index % across) * 320, top + high + index // across * 240
        ladders = (("fixed", FAINT), ("fitted", GOOD))
        rungs = [rung for way, _ in ladders for rung in clip["rungs"][way]]
        rates, least = [log2(rung["bitrate"]) for rung in rungs], min(r["vmaf"] for r in rungs)
        gain = f"{clip['bd_rate']:+.1f} %"
        body += [
            _text(left, base - high - 14, f"{name}: {gain} of the bits"),
            f"<path d='M{left} {base - high}V{base}H{left + wide}' stroke='{FAINT}' fill='none'/>",
        ]
        for way, colour in ladders:
            at = [
                (
                    left + wide * (log2(r["bitrate"]) - min(rates)) / (max(rates) - min(rates)),
                    base - high * (r["vmaf"] - least) / (100 - least),
                )
                for r in clip["rungs"][way]
            ]
            line = " L".join(f"{x:.1f} {y:.1f}" for x, y in at)
            body.append(f"<path d='M{line}' stroke='{colour}' stroke-width='2' fill='none'/>")
            for (x, y), rung in zip(at, clip["rungs"][way], strict=True):
                lower = way == "fixed"
                body += [
                    f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{colour}'/>",
                    _text(x, y + (18 if lower else -9), f"{rung['vmaf']:.0f}", anchor="middle"),
                ]
        for share in (min(rates), max(rates)):
            x = left + wide * (share - min(rates)) / (max(rates) - min(rates))
            label = f"{2**share / 1000:.0f}"
            body.append(_text(x, base + 20, label, anchor="middle", fill=FAINT))
    for key, mode, colour in ((560, "fixed", FAINT), (700, "per-title", GOOD)):
        body += [
            f"<circle cx='{key}' cy='20' r='4' fill='{colour}'/>",
            _text(key + 10, 24, f"--ladder {mode}"),
        ]
    return _svg(1000, top + (len(shown) + across - 1) // across * 240, body)


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", fill: str = INK, weight: str = "400"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y}' text-anchor='{anchor}' fill='{fill}' font-weight='{weight}' "
        f"{FONT}>{escape(words)}</text>"
    )


def _svg(width: int, height: int, body: list[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'"
    paper = f"<rect width='{width}' height='{height}' fill='#fff'/>"
    return "\n".join([f"{head} width='{width}' height='{height}'>", paper, *body, "</svg>", ""])


if __name__ == "__main__":
    main()
