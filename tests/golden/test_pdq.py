"""PDQ is the reference's, bit for bit; the golden file is of scripts/make_pdq_golden.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from framegate.stages.screen.analysers.pdq import pdq
from pdq_pictures import pdq_pictures

GOLDEN = json.loads((Path(__file__).parent / "pdq.json").read_text(encoding="utf-8"))["answers"]


@pytest.mark.parametrize("name", GOLDEN)
def test_same_bits_and_quality_as_the_reference(name: str) -> None:
    assert pdq(pdq_pictures()[name]) == (GOLDEN[name]["pdq"], GOLDEN[name]["quality"])


@pytest.mark.parametrize("size", [(1, 1), (2, 500), (63, 65)])
def test_any_size_is_hashed(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    digest, quality = pdq(picture)
    assert len(bytes.fromhex(digest)) == 32
    assert 0 <= quality <= 100


def test_plain_picture_has_no_quality() -> None:
    assert pdq(np.full((64, 64, 3), 200, np.uint8))[1] == 0
