"""Mutated real clips through the real sandbox: only framegate's own errors come out.

Every mutation is drawn from a seeded generator, so a failure names the one that did it.
"""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from framegate.errors import FramegateError, InputError, ResourceError
from framegate.security.sandbox.host import ForkServer
from framegate.testing.clips import Tone, make_clip
from taking_in import look

FAST = 150
SLOW = 1_500
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer(modules=["framegate.media.probe"]) as server:
        yield server


@pytest.fixture(scope="module")
def sources(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Real clips, and one small clip of each other container."""
    made = tmp_path_factory.mktemp("sources")
    short = Fraction(1)
    return [
        clips / "bikes.mp4",
        clips / "carphone_pristine.mp4",
        make_clip(made / "a.mp4", seconds=short, audio=[Tone()], rotation=90),
        make_clip(made / "fast.mp4", seconds=short, mux_options={"movflags": "+faststart"}),
        make_clip(made / "parts.mp4", seconds=short, mux_options={"movflags": "+frag_keyframe"}),
        make_clip(made / "a.webm", seconds=short, codec="libvpx-vp9"),
        make_clip(made / "a.mkv", seconds=short, codec="libx265", audio=[Tone(language="deu")]),
        make_clip(made / "a.ts", seconds=short, codec="mpeg2video"),
        make_clip(made / "a.avi", seconds=short, codec="mpeg4"),
        make_clip(made / "a.flv", seconds=short, codec="flv"),
    ]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Some of: flipped bits, extreme numbers, cut, doubled, swapped and wiped stretches."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 3, 10, 60))):
        # most of what can go wrong is in the headers: at the front or at the end
        depth = rng.randrange(min(len(out), 6_000))
        place = rng.choice((depth, len(out) - 1 - depth))
        match rng.randrange(6):
            case 0:
                out[place] ^= 1 << rng.randrange(8)
            case 1:
                out[place] = rng.choice(EXTREMES)
            case 2:
                number = rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
                out[place : place + 4] = struct.pack(">I", number)
            case 3:
                size = rng.randrange(1, 400)
                out[place : place + size] = bytes(size)
            case 4:
                size = rng.randrange(1, 200)
                out[place:place] = out[place : place + size]
            case _:
                size = rng.randrange(1, 200)
                del out[place : place + size]
        if len(out) < 100:
            break
    if rng.random() < 0.2:
        del out[rng.randrange(len(out)) :]
    return bytes(out)


def run(sources: list[Path], sandbox: ForkServer, folder: Path, count: int, seed: int) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(count):
        rng = random.Random(f"{seed}:{number}")  # noqa: S311 - repeatable, not secret
        source = rng.choice(sources)
        path = folder / f"mutant{source.suffix}"
        path.write_bytes(mutate(source.read_bytes(), rng))
        try:
            facts = look(path, sandbox=sandbox)
        except (InputError, ResourceError) as error:
            if "\n" in error.line():
                pytest.fail(f"mutant {seed}:{number}: more than one line")
            outcomes[error.code] += 1
        except FramegateError as error:
            pytest.fail(f"mutant {seed}:{number} of {source.name}: {error.line()}")
        else:
            outcomes["read"] += 1
            video = facts.video
            assert facts.duration_measured > 0
            assert video.frame_rate.measured > 0
            assert video.display_width % 2 == video.display_height % 2 == 0
            assert 0 <= facts.readable_share <= 1
            assert list(video.keyframes) == sorted(video.keyframes)
    print(dict(outcomes))
    assert outcomes["read"], "a mutation that lets nothing through tests nothing"


def test_mutated_clips(sources: list[Path], sandbox: ForkServer, tmp_path: Path) -> None:
    run(sources, sandbox, tmp_path, FAST, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_many_mutated_clips(
    sources: list[Path], sandbox: ForkServer, tmp_path: Path, seed: int
) -> None:
    run(sources, sandbox, tmp_path, SLOW // 2, seed=seed)
