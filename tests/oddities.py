"""Sources as odd as cameras, editors and archives make them, all of one chart.

The chart stands upright in 320 x 180 square pixels: a colour in each corner, a light bar that moves
right by two pixels a picture. Whatever is odd about the source, what comes out must show it so;
what differs is in the `Oddity`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

import colorimetry
import footage
from framegate.testing import mp4

type Rgb = NDArray[np.uint8]

WIDTH, HEIGHT, FRAMES = 320, 180, 40
RATE = Fraction(25)
FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
CORNERS = np.array([[190, 70, 60], [60, 160, 80], [60, 80, 180], [190, 180, 70]], np.uint8)
"""Top left, top right, bottom left, bottom right."""

BT709, SMPTE170M, BT2020, PQ, HLG = 1, 6, 9, 16, 18
HD = {"colorspace": BT709, "color_primaries": BT709}


@dataclass(frozen=True)
class Oddity:
    """``make`` writes the source into a folder. What must come out: ``size``, ``rate``, ``frames``
    (within one), the chart in the box ``shown`` (left, top, width, height) of each picture from
    frame ``since`` on, with colours within ``tolerance`` of ``corners``.
    """

    name: str
    make: Callable[[Path], Path]
    size: tuple[int, int] = (WIDTH, HEIGHT)
    rate: Fraction = RATE
    frames: int = FRAMES
    shown: tuple[int, int, int, int] | None = None
    since: int = 0
    corners: NDArray[np.uint8] | None = None
    tolerance: int = 10
    told: str = ""  # in the plan's notes

    def __str__(self) -> str:
        return self.name


def chart(number: float, width: int = WIDTH, height: int = HEIGHT) -> Rgb:
    """The upright chart at a moment, in frames."""
    picture = np.full((height, width, 3), 120, np.uint8)
    left = width // 4 + round(number * width / 160) % (width // 2)
    picture[height * 2 // 5 : height * 3 // 5, left : left + width // 40] = 220
    across, down = width // 4, height // 3
    for colour, (row, column) in zip(CORNERS, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
        rows = slice(height - down, height) if row else slice(0, down)
        columns = slice(width - across, width) if column else slice(0, across)
        picture[rows, columns] = colour
    return picture


def frames(
    layout: str = "yuv420p",
    *,
    count: int | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    matrix: str = "ITU709",
    full: bool = False,
    turn: Callable[[Rgb], Rgb] = lambda picture: picture,
) -> list[VideoFrame]:
    found = []
    for number in range(FRAMES if count is None else count):
        picture = np.ascontiguousarray(turn(chart(number, *size)))
        frame = VideoFrame.from_ndarray(picture, "rgb24")
        if frame.format.name != layout:
            frame = frame.reformat(
                format=layout, dst_colorspace=matrix, dst_color_range=2 if full else 1
            )
        found.append(frame)
    return found


def coded(name: str, layout: str = "yuv420p", **more: Any) -> Callable[[Path], Path]:
    """A source that only its codec and pixel format are odd about."""
    tags = more.pop("tags", HD)
    matrix, full = more.pop("matrix", "ITU709"), more.pop("full", False)
    options = {"crf": "8"} if more.get("encoder", "libx264") in ("libx264", "libx265") else {}
    more["options"] = options | more.get("options", {})

    def make(folder: Path) -> Path:
        pictures = frames(layout, matrix=matrix, full=full)
        return footage.write(folder / name, pictures, tags=tags, **more)

    return make


def layered(folder: Path) -> Path:
    """Half transparent: over black each colour is half as light a code."""
    pictures = []
    for number in range(FRAMES):
        rgba = np.full((HEIGHT, WIDTH, 4), 128, np.uint8)
        rgba[..., :3] = chart(number)
        pictures.append(VideoFrame.from_ndarray(rgba, "rgba").reformat(format="argb"))
    return footage.write(folder / "layered.mov", pictures, encoder="qtrle")


def turned(clockwise: int, *, mirrored: bool) -> Callable[[Path], Path]:
    """Stored so that the display matrix (mirror, then turn) makes it upright."""

    def stored(picture: Rgb) -> Rgb:
        back = np.rot90(picture, clockwise // 90)
        return back[:, ::-1] if mirrored else back

    def make(folder: Path) -> Path:
        path = footage.write(
            folder / "stored.mp4", frames(turn=stored), options={"crf": "8"}, tags=HD
        )
        cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise]
        side = -1 if mirrored else 1
        return footage.with_matrix(path, folder / "turned.mp4", (side * cos, side * sin, -sin, cos))

    return make


def odd_sized(folder: Path) -> Path:
    pictures = frames("yuv444p", size=(WIDTH + 1, HEIGHT + 1))
    return footage.write(folder / "odd.mkv", pictures, encoder="ffv1", tags=HD)


def squeezed(size: tuple[int, int], aspect: Fraction) -> Callable[[Path], Path]:
    """Fewer or more columns than it shows: pixels that are not square."""

    def make(folder: Path) -> Path:
        path = folder / "squeezed.ts"
        return footage.write(
            path,
            frames(size=size),
            encoder="mpeg2video",
            options={"q:v": "2"},
            tags=HD | {"sample_aspect_ratio": aspect},
        )

    return make


def with_aperture(folder: Path) -> Path:
    """A frame around the chart that the clean aperture cuts off."""

    def framed(picture: Rgb) -> Rgb:
        around = np.full((HEIGHT + 12, WIDTH + 16, 3), 255, np.uint8)
        around[4 : 4 + HEIGHT, 6 : 6 + WIDTH] = picture
        return around

    path = footage.write(folder / "clap.mp4", frames(turn=framed), options={"crf": "8"}, tags=HD)
    # offsets of the aperture's middle from the picture's, in pixels
    clap = struct.pack(">IIIIiIiI", WIDTH, 1, HEIGHT, 1, -2, 1, -2, 1)
    path.write_bytes(mp4.add_to_sample_entry(path.read_bytes(), mp4.box(b"clap", clap)))
    return path


def cut_by_edit_list(folder: Path) -> Path:
    """An edit list that starts ten frames in."""
    path = coded("edited.mp4")(folder)

    def later(payload: bytes) -> bytes:
        length, media_time = struct.unpack(">Ii", payload[8:16])
        ticks = 10 * 12_800 // 25
        return mp4.put(payload, 8, "Ii", length * (FRAMES - 10) // FRAMES, media_time + ticks)

    path.write_bytes(mp4.replace(path.read_bytes(), b"elst", later))
    return path


def delayed_by_edit_list(folder: Path) -> Path:
    """An edit list that begins with half a second of nothing."""
    path = coded("delayed.mp4")(folder)

    def empty_first(payload: bytes) -> bytes:
        return payload[:4] + struct.pack(">IIii", 2, 500, -1, 1 << 16) + payload[8:]

    path.write_bytes(mp4.replace(path.read_bytes(), b"elst", empty_first))
    return path


def starting_at(name: str, first: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        pictures = frames()
        pts = [first + number for number in range(len(pictures))]
        return footage.write(folder / name, pictures, pts=pts, time_base=1 / RATE, tags=HD)

    return make


def negative_start(folder: Path) -> Path:
    """AVI and MP4 begin at zero whatever they are given; a transport stream's clock may wrap."""
    path = folder / "negative.mkv"
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as out:
        stream: Any = out.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = 1 / RATE
        stream.codec_context.colorspace = BT709
        for number, frame in enumerate(frames()):
            frame.pts, frame.time_base = number - 12, 1 / RATE
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def jumping(folder: Path) -> Path:
    path = coded("steady.ts", options={"g": "10", "bf": "0"})(folder)
    return footage.with_jump(path, folder / "jump.ts", Fraction(4, 5), JUMP)


JUMP = Fraction(11)


def changing(parts: Sequence[tuple[tuple[int, int], Fraction]]) -> Callable[[Path], Path]:
    """A transport stream of parts with sizes and sample aspects of their own."""

    def make(folder: Path) -> Path:
        whole = b""
        each = FRAMES // len(parts)
        for index, (size, aspect) in enumerate(parts):
            path = footage.write(
                folder / f"{index}.ts",
                frames(size=size, count=each),
                encoder="mpeg2video",
                options={"q:v": "2", "g": "10", "bf": "0"},
                pts=[index * (each + 1) + number for number in range(each)],
                time_base=1 / RATE,
                tags=HD | {"sample_aspect_ratio": aspect},
            )
            whole += path.read_bytes()
        path = folder / "changing.ts"
        path.write_bytes(whole)
        return path

    return make


def interlaced(*, top_first: bool, flags: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        woven = footage.woven(frames(count=2 * FRAMES), top_first=top_first)
        return footage.write(
            folder / "fields.mkv",
            woven,
            options={"crf": "8", "x264-params": flags},
            tags=HD,
        )

    return make


def telecined(folder: Path) -> Path:
    pictures = footage.telecined(frames(count=FRAMES))
    tags = HD
    return footage.write(
        folder / "telecine.mkv", pictures, rate=NTSC, options={"crf": "8"}, tags=tags
    )


def softly_telecined(folder: Path) -> Path:
    """Frames that last three and two fields in turn, as flags in MPEG-2 ask for."""
    fields = [5 * (number // 2) + 3 * (number % 2) for number in range(FRAMES)]
    pts = [3003 * field // 2 for field in fields]
    return footage.write(
        folder / "soft.ts",
        frames(),
        options={"crf": "8", "bf": "0"},
        pts=pts,
        time_base=Fraction(1, 90_000),
        tags=HD,
    )


def with_gaps(folder: Path) -> Path:
    """A camera that dropped every fourth frame of thirty a second."""
    kept = [number for number in range(4 * FRAMES // 3) if number % 4 != 3]
    pts = [1000 * number // 30 for number in kept]
    return footage.write(
        folder / "vfr.mkv",
        frames(count=len(pts)),
        options={"crf": "8"},
        pts=pts,
        time_base=Fraction(1, 1000),
        tags=HD,
    )


def hdr(transfer: int) -> Callable[[Path], Path]:
    """The chart as light of at most 203 cd/m2, in BT.2020."""

    def make(folder: Path) -> Path:
        pictures = [_in_hdr(chart(number), transfer) for number in range(FRAMES)]
        return footage.write(
            folder / "hdr.mp4",
            pictures,
            encoder="libx265",
            options={"preset": "ultrafast", "crf": "6", "x265-params": "log-level=none"},
            tags={
                "color_primaries": BT2020,
                "color_trc": transfer,
                "colorspace": BT2020,
                "color_range": 1,
            },
        )

    return make


def nits_of(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """BT.2020 light of R'G'B' colours, (…, 3)."""
    light = (rgb.reshape(-1, 3) / 255.0) ** colorimetry.DISPLAY_GAMMA
    return colorimetry.to_2020(light * 203)


def mapped_corners() -> NDArray[np.uint8]:
    """The corners as BT.2446 method A maps them."""
    light = colorimetry.tone_mapped(nits_of(CORNERS))
    return np.round(255 * light ** (1 / colorimetry.DISPLAY_GAMMA)).astype(np.uint8)


def _in_hdr(picture: Rgb, transfer: int) -> VideoFrame:
    nits = nits_of(picture)
    signal = colorimetry.pq_signal(nits) if transfer == PQ else colorimetry.hlg_signal(nits)
    r, _, b = signal.T
    luma = signal @ colorimetry.LUMA_2020
    planes = [64 + 876 * luma, 512 + 896 * (b - luma) / 1.8814, 512 + 896 * (r - luma) / 1.4746]
    frame = VideoFrame(picture.shape[1], picture.shape[0], "yuv420p10le")
    for index, (plane, codes) in enumerate(zip(frame.planes, planes, strict=True)):
        rows = codes.reshape(picture.shape[:2])
        if index:
            rows = rows.reshape(plane.height, 2, plane.width, 2).mean(axis=(1, 3))
        view = np.frombuffer(plane, np.uint16).reshape(plane.height, -1)
        view[:, : plane.width] = np.round(rows)
    return frame


def _orientations() -> Iterable[Oddity]:
    for clockwise in (0, 90, 180, 270):
        for mirrored in (False, True):
            if clockwise or mirrored:
                name = f"turned-{clockwise}" + ("-mirrored" if mirrored else "")
                yield Oddity(name, turned(clockwise, mirrored=mirrored), told="upright")


FULL = {"color_range": 2, "colorspace": SMPTE170M, "color_primaries": SMPTE170M}
PLAIN = Oddity("plain", coded("plain.mp4"))

ODDITIES: tuple[Oddity, ...] = (
    PLAIN,
    Oddity(
        "bt601",
        coded("sd.mkv", matrix="ITU601", tags={"colorspace": SMPTE170M, "color_range": 1}),
        told="smpte170m → BT.709",
    ),
    Oddity(
        "full-range-bt601",
        coded("full.mkv", matrix="ITU601", full=True, tags=FULL),
        told="full range → limited range",
    ),
    Oddity(
        "motion-jpeg",
        coded("camera.avi", "yuvj422p", encoder="mjpeg", matrix="ITU601", full=True, tags=FULL),
        told="full range",
    ),
    Oddity("ten-bits", coded("ten.mkv", "yuv420p10le"), told="10-bit → 8-bit"),
    Oddity(
        "prores-422",
        coded("editor.mov", "yuv422p10le", encoder="prores_ks", options={"profile": "2"}),
        told="4:2:2 → 4:2:0",
    ),
    Oddity("yuv444", coded("screen.mkv", "yuv444p"), told="4:4:4 → 4:2:0"),
    Oddity(
        "rgb",
        coded("screen.mov", "rgb24", encoder="qtrle", tags={}),
        told="RGB → 4:2:0",
    ),
    Oddity(
        "grey",
        coded("grey.mkv", "gray", encoder="ffv1", tags={}),
        corners=np.repeat(
            np.round(CORNERS @ [0.2126, 0.7152, 0.0722])[:, None], 3, 1
        ).astype(np.uint8),
        tolerance=20,  # whoever made it grey may have taken BT.601's weights
    ),
    Oddity("alpha", layered, corners=CORNERS // 2, told="alpha channel → over black"),
    *_orientations(),
    Oddity("odd-size", odd_sized),
    Oddity("anamorphic", squeezed((240, 180), Fraction(4, 3)), told="4:3 pixels"),
    Oddity("clean-aperture", with_aperture),
    Oddity("edit-list-cut", cut_by_edit_list, frames=FRAMES - 10),
    Oddity("edit-list-delay", delayed_by_edit_list),
    Oddity("late-start", starting_at("late.ts", 250)),
    Oddity("negative-start", negative_start),
    Oddity("timestamp-jump", jumping, frames=FRAMES + 275),
    Oddity(
        "new-size-on-the-way",
        changing([((320, 180), Fraction(1)), ((160, 120), Fraction(1))]),
        shown=(40, 0, 240, 180),
        since=FRAMES // 2,
    ),
    Oddity(
        "new-pixels-on-the-way",
        changing([((320, 180), Fraction(1)), ((320, 180), Fraction(3, 4))]),
        shown=(40, 0, 240, 180),
        since=FRAMES // 2,
    ),
    Oddity(
        "interlaced",
        interlaced(top_first=True, flags="tff=1"),
        told="interlaced, top-first → progressive",
    ),
    Oddity(
        "interlaced-unflagged",
        interlaced(top_first=False, flags=""),
        told="interlaced, bottom-first → progressive",
    ),
    Oddity("flagged-interlaced", coded("psf.mkv", options={"x264-params": "tff=1"}), told="yet"),
    Oddity("telecine", telecined, rate=FILM, told="29.97 fps by 3:2 pulldown → 23.976 fps"),
    Oddity("soft-telecine", softly_telecined, rate=FILM, told="→ 23.976 fps"),
    Oddity("ntsc-film", coded("film.mkv", rate=FILM), rate=FILM),
    Oddity("variable-rate", with_gaps, rate=Fraction(30), frames=4 * FRAMES // 3, told="VFR"),
    Oddity(
        "sixty", coded("sixty.mp4", rate=Fraction(60)), rate=Fraction(30), frames=FRAMES // 2,
        told="60 fps → 30 fps",
    ),
    Oddity("hdr-pq", hdr(PQ), corners=mapped_corners(), tolerance=20, told="taken as up to 1000"),
    Oddity("hdr-hlg", hdr(HLG), corners=mapped_corners(), tolerance=20, told="HDR (hlg)"),
    replace(PLAIN, name="vp9", make=coded("web.webm", encoder="libvpx-vp9", options={"crf": "10"})),
    replace(
        PLAIN,
        name="av1",
        make=coded("web.mkv", encoder="libsvtav1", options={"preset": "10", "crf": "20"}),
    ),
    replace(
        PLAIN, name="mpeg2", make=coded("old.mpg", encoder="mpeg2video", options={"q:v": "2"})
    ),
)  # fmt: skip
