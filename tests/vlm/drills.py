"""What the tiny model is trained to answer: the questions the analyser asks, with their truths."""

from __future__ import annotations

import json
from pathlib import Path

from framegate.stages.screen.analysers.vlm.build import shipped_prompt
from framegate.stages.screen.analysers.vlm.prompt import NO, YES, Asked, Order, Prompt
from vlm import squares

__all__ = ["NO", "YES", "Asked", "Order", "Prompt", "drills", "prompt", "write"]

# Which label a colour shows; the other labels are never true.
LABEL_OF = {
    "red": "violence",
    "yellow": "alcohol",
    "green": "drugs",
    "cyan": "gambling",
    "blue": "weapons",
    "magenta": "sexual",
}


def prompt() -> Prompt:
    """Give the words and labels of the analyser."""
    return shipped_prompt("1")


def drills() -> list[dict[str, object]]:
    """Give every question in every order of letters, with the answer due for each truth."""
    asked = prompt()
    out: list[dict[str, object]] = []
    for order in asked.orders:
        letter = {label: key for key, label in order.letters.items()}
        truth = {colour: letter[label] for colour, label in LABEL_OF.items()}
        out.append(
            {
                "name": f"triage {order.number}",
                "system": order.system,
                "after": asked.triage,
                "truth": truth | {squares.NONE: order.none},
            }
        )
        out += [
            {
                "name": f"{one.label} {order.number}",
                "system": order.system,
                "after": asked.about(one),
                "truth": {
                    colour: YES if LABEL_OF.get(colour) == one.label else NO
                    for colour in squares.TRUTHS
                },
            }
            for one in asked.labels
        ]
    return out


def write(path: Path) -> None:
    path.write_text(json.dumps({"drills": drills()}, indent=1, sort_keys=True) + "\n")
