"""Writes tests/golden/pdq.json: what the reference implementation of PDQ says of made pictures.

Needs `pip install pdqhash` (0.2.8: a binding of the ThreatExchange reference; a C++ compiler) in an
environment of its own; framegate itself does not depend on it.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pdqhash

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from pdq_pictures import pdq_pictures  # noqa: E402 - after the path above


def main() -> None:
    """Hash every picture with the reference."""
    answers = {}
    for name, picture in pdq_pictures().items():
        bits, quality = pdqhash.compute(np.ascontiguousarray(picture))
        answers[name] = {
            "pdq": np.packbits(np.asarray(bits, np.uint8)).tobytes().hex(),
            "quality": int(quality),
        }
    document = {
        "generator": "scripts/make_pdq_golden.py",
        "reference": f"pdqhash {metadata.version('pdqhash')}",
        "tolerance": "the same bits; the same quality",
        "answers": answers,
    }
    path = ROOT / "tests" / "golden" / "pdq.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
