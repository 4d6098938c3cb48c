"""Colour charts through a real codec, the decoder and the encoder's picture graph.

SDR is compared with the colours put in. HDR is compared with ITU-R BT.2446 method A, written out in
`colorimetry`: swscale maps tones its own way, so the tolerance is that of taste, not of rounding.
What was measured when the tolerances were set: SDR 0.7 on average and 3.1 at most (one code of a
dark colour); PQ and HLG 1.8 on average and 4.7 at most (a saturated red at reference white).
"""

from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

import colorimetry as c
import footage
from colorimetry import Colours
from framegate.domain.media import HdrKind, MediaFacts
from framegate.media.container import Tally, decode_packets, open_source, packets
from framegate.media.picture import PictureGraph, Size

WIDTH, HEIGHT, BARS = 192, 64, 8
PATCHES = np.array(
    [
        [1, 1, 1], [1, 0.1, 0.1], [0.1, 1, 0.1], [0.1, 0.1, 1], [1, 1, 0.1], [0.1, 1, 1],
        [1, 0.1, 1], [0.76, 0.57, 0.5], [0.35, 0.48, 0.2], [0.5, 0.3, 0.6],
    ]
)  # fmt: skip
NITS = (5, 20, 60, 100, 203, 400, 800)
KR_KB = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}
X265 = "log-level=none:bframes=0"
"""Without B-frames: for one or two frames x265 4.3 takes the delay of its DTS from fresh
memory (seen by ``MALLOC_PERTURB_``), and MP4 refuses what does not fit."""
HDR10 = (
    "master-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L({peak},50):"
    "max-cll=1000,400:hdr10=1"
)


def codes_of(signal: Colours, matrix: str, *, bits: int, full: bool) -> Colours:
    kr, kb = KR_KB[matrix]
    r, g, b = signal.T
    y = kr * r + (1 - kr - kb) * g + kb * b
    pb, pr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if full:
        top = (1 << bits) - 1
        return np.stack([y * top, pb * top + (1 << bits - 1), pr * top + (1 << bits - 1)], 1)
    return np.stack([16 + 219 * y, 128 + 224 * pb, 128 + 224 * pr], 1) * (1 << bits - 8)


def charts(codes: Colours, layout: str) -> list[VideoFrame]:
    """Frames of eight bars each."""
    frames = []
    for first in range(0, len(codes), BARS):
        some = np.resize(codes[first : first + BARS], (BARS, 3))
        frame = VideoFrame(WIDTH, HEIGHT, layout)
        for at, plane in enumerate(frame.planes):
            kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
            rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
            columns = np.arange(plane.width) * BARS // plane.width
            rows[:, : plane.width] = np.round(some[columns, at])[None, :]
        frames.append(frame)
    return frames


def shown(path: Path, facts: MediaFacts, count: int) -> Colours:
    """Light of each patch in the pictures that the encoder gets."""
    graph = PictureGraph(facts.video, [Size(WIDTH, HEIGHT)], facts.video.frame_rate.measured)
    found = []
    with path.open("rb") as file, open_source(file.fileno(), max_pixels=1 << 20) as source:
        stream, tally = source.streams.video[0], Tally()
        for frame in decode_packets(packets(source, stream, tally=tally), stream, tally=tally):
            (picture,) = graph.process(frame)
            assert picture.format.name == "yuv420p"
            columns = [
                np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[
                    plane.height // 2, ((np.arange(BARS) + 0.5) * plane.width / BARS).astype(int)
                ]
                for plane in picture.planes
            ]
            found.append(np.stack(columns, 1).astype(float))
    return c.light_of(np.concatenate(found)[:count])


def far(light: Colours, reference: Colours) -> Colours:
    return c.delta_e(c.lab_of(light), c.lab_of(reference))


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_measure_is_the_published_one(
    first: tuple[float, ...], second: tuple[float, ...], distance: float
) -> None:
    """Pairs of Sharma, Wu and Dalal's test data."""
    a, b = np.array([first]), np.array([second])
    assert c.delta_e(a, b)[0] == pytest.approx(distance, abs=1e-4)
    assert c.delta_e(b, a)[0] == pytest.approx(distance, abs=1e-4)


@pytest.mark.parametrize(
    ("matrix", "tag", "layout", "full"),
    [
        ("bt709", 1, "yuv420p", False),
        ("bt709", 1, "yuv444p10le", False),
        ("bt709", 1, "yuv420p", True),
        ("bt601", 6, "yuv420p", False),
        ("bt601", 5, "yuv422p10le", False),
        ("bt601", 6, "yuv420p", True),
        ("bt601", 6, "yuv444p", True),
    ],
)
def test_sdr_keeps_its_colours(
    matrix: str, tag: int, layout: str, tmp_path: Path, *, full: bool
) -> None:
    signal = np.concatenate([PATCHES * level for level in (0.2, 0.5, 0.8, 1)])
    bits = 10 if "10" in layout else 8
    path = footage.write(
        tmp_path / "chart.mkv",
        charts(codes_of(signal, matrix, bits=bits, full=full), layout),
        options={"crf": "1", "g": "1"},
        tags={"colorspace": tag, "color_range": 2 if full else 1},
    )
    facts = footage.facts_of(path)
    assert facts.video.colour.full_range == full
    distance = far(shown(path, facts, len(signal)), signal**c.DISPLAY_GAMMA)
    assert distance.mean() < 1
    assert distance.max() < 3.5


@pytest.mark.parametrize("kind", ["hdr10", "hlg", pytest.param("pq", marks=pytest.mark.slow)])
def test_hdr_comes_out_as_bt2446_would_have_it(kind: str, tmp_path: Path) -> None:
    nits = c.to_2020(np.concatenate([PATCHES * level for level in NITS]))
    signal = c.hlg_signal(nits) if kind == "hlg" else c.pq_signal(nits)
    params = f":{HDR10.format(peak=10_000_000)}" if kind == "hdr10" else ""
    path = footage.write(
        tmp_path / "chart.mp4",
        charts(codes_of(signal, "bt2020", bits=10, full=False), "yuv420p10le"),
        encoder="libx265",
        options={
            "preset": "ultrafast",
            "crf": "2",
            "x265-params": f"log-level=none:keyint=1{params}",
        },
        tags={
            "color_primaries": 9,
            "color_trc": 18 if kind == "hlg" else 16,
            "colorspace": 9,
            "color_range": 1,
        },
    )
    facts = footage.facts_of(path)
    assert facts.video.hdr is (HdrKind.HLG if kind == "hlg" else HdrKind.PQ)
    assert facts.video.mastering_peak == (1000 if kind == "hdr10" else None)
    distance = far(shown(path, facts, len(nits)), c.tone_mapped(nits))
    assert distance.mean() < 2.5
    assert distance.max() < 6


@pytest.mark.slow
def test_the_mastering_peak_is_heeded(tmp_path: Path) -> None:
    """Pictures graded for 4000 cd/m2 need more room above white than those for 1000."""
    white = c.pq_signal(np.full((BARS, 3), 203.0))
    found = []
    for peak in (1000, 4000):
        path = footage.write(
            tmp_path / f"{peak}.mp4",
            charts(codes_of(white, "bt2020", bits=10, full=False), "yuv420p10le"),
            encoder="libx265",
            options={
                "preset": "ultrafast",
                "x265-params": f"{X265}:" + HDR10.format(peak=peak * 10_000),
            },
            tags={"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1},
        )
        facts = footage.facts_of(path)
        assert facts.video.mastering_peak == peak
        found.append(shown(path, facts, 1)[0, 1])
    assert found[0] > 1.2 * found[1]
