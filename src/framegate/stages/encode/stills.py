"""Poster, thumbnail sprites with WebVTT, and a progressive preview, beside the package.

Thumbnails are keyframes of the smallest rendition: of a long video every second, third … one, so
that there are never more than `MOST_THUMBNAILS`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from framegate.domain import serial
from framegate.domain.counted import counted
from framegate.domain.frames import Pixels
from framegate.domain.ladder import EncodedAudio, EncodedRendition, EncodePlan, Rendition
from framegate.domain.layout import POSTER, PREVIEW, SPRITES, THUMBNAILS
from framegate.domain.media import decoder_pixels
from framegate.domain.package import Stills
from framegate.domain.sound import FRAME_SAMPLES, AudioCodec
from framegate.domain.stills import PosterWork, PreviewWork, ThumbnailWork
from framegate.errors import Internal
from framegate.security.sandbox.call import FrameHeader
from framegate.security.sandbox.limits import Limits, RingSpec
from framegate.stages.base import StageContext
from framegate.storage.atomic import make_folder, sync_tree, writing

THUMBNAIL_WIDTH = 160
COLUMNS, ROWS = 10, 10
MOST_THUMBNAILS = 5 * COLUMNS * ROWS
POSTER_LONG_SIDE = 1280
JPEG_QUALITY = 82

THUMBNAILS_TASK = "framegate.media.stills:thumbnails"
POSTER_TASK = "framegate.media.stills:poster"
PREVIEW_TASK = "framegate.media.stills:preview"
_LIMITS = Limits(memory_bytes=1 << 30)


def make_stills(
    context: StageContext,
    plan: EncodePlan,
    videos: Sequence[EncodedRendition],
    audios: Sequence[EncodedAudio],
    out: Path,
    *,
    poster_at: Fraction,
) -> Stills:
    """Write ``poster.jpg``, ``sprites/``, ``thumbnails.vtt`` and ``preview.mp4`` into ``out``.

    ``poster_at``: seconds from the first frame, of a frame that stands for the video.
    Raises `DiskFull`, `OutputNotWritable`, `MediaLimit`, `MediaCrash`, `Undecodable`.
    """
    ordered = sorted(videos, key=lambda video: video.rendition.width * video.rendition.height)
    smallest, largest = ordered[0], ordered[-1]
    context.progress.start("stills", None, "files")
    with writing(SPRITES):
        make_folder(out / SPRITES)
    picture = _poster(context, plan, largest, poster_at)
    _write(out / POSTER, _jpeg(picture))
    every = thumbnail_step(plan)
    sheets = _Sheets(out / SPRITES, plan, every)
    size = fit(smallest.rendition, width=THUMBNAIL_WIDTH)
    work = ThumbnailWork(plan.grid, every, *size, _bound(smallest))
    _frames(context, THUMBNAILS_TASK, work, smallest, sheets.add)
    names = sheets.close()
    _write(out / THUMBNAILS, webvtt(sheets.cells, plan).encode())
    _preview(context, smallest, audios[:1], out / PREVIEW)
    with writing(out.name):
        sync_tree(out)
    context.progress.end("stills", counted(len(sheets.cells), "thumbnail"))
    return Stills(
        poster=POSTER,
        sprites=tuple(f"{SPRITES}/{name}" for name in names),
        thumbnails=THUMBNAILS,
        interval_s=float(every * plan.grid.gop_frames / plan.grid.frame_rate),
        preview=PREVIEW,
    )


def thumbnail_step(plan: EncodePlan) -> int:
    """GOPs from one thumbnail to the next."""
    gops = -(-plan.grid.frames // plan.grid.gop_frames)
    return max(1, -(-gops // MOST_THUMBNAILS))


def fit(rendition: Rendition, *, width: int | None = None, long_side: int = 0) -> tuple[int, int]:
    """Width and height with square pixels: ``width`` wide, or not over ``long_side``."""
    aspect = rendition.width * rendition.sample_aspect / rendition.height
    if width is not None:
        return width, max(1, round(width / aspect))
    shrink = min(
        Fraction(1), long_side / max(Fraction(rendition.height), aspect * rendition.height)
    )
    height = max(1, round(rendition.height * shrink))
    return max(1, round(height * aspect)), height


type Cell = tuple[int, str, int, int, int, int]
"""(output frame number, sheet, x, y, width, height) of a thumbnail."""


def webvtt(cells: Sequence[Cell], plan: EncodePlan) -> str:
    """Cues without a hole, from each thumbnail to the next, with spatial fragments."""
    rate = plan.grid.frame_rate
    ends = [*(cell[0] for cell in cells[1:]), plan.grid.frames]
    cues = ["WEBVTT"]
    for (first, sheet, x, y, width, height), end in zip(cells, ends, strict=True):
        cues.append(
            f"{clock(first / rate)} --> {clock(end / rate)}\n"
            f"{SPRITES}/{sheet}#xywh={x},{y},{width},{height}"
        )
    return "\n\n".join(cues) + "\n"


def clock(seconds: Fraction) -> str:
    """``HH:MM:SS.mmm``, rounded to the nearest millisecond."""
    total = round(seconds * 1000)
    minutes, milliseconds = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


class _Sheets:
    """Lays thumbnails out, and writes a sheet whenever one is full."""

    def __init__(self, folder: Path, plan: EncodePlan, every: int) -> None:
        self._folder = folder
        self._expected = every * plan.grid.gop_frames
        self._sheet: list[Pixels] = []
        self._names: list[str] = []
        self.cells: list[Cell] = []

    def add(self, header: FrameHeader, pixels: Pixels) -> None:
        """The next thumbnail; its number must be the next on the grid."""
        number = header.meta.get("frame")
        if number != len(self.cells) * self._expected:
            raise Internal("A thumbnail cannot be placed", "it is not where a GOP begins")
        height, width, _ = pixels.shape
        row, column = divmod(len(self._sheet), COLUMNS)
        name = f"{len(self._names):03}.jpg"
        self.cells.append((number, name, column * width, row * height, width, height))
        self._sheet.append(pixels)
        if len(self._sheet) == COLUMNS * ROWS:
            self._flush()

    def close(self) -> list[str]:
        """Write what is left; names of all sheets."""
        if self._sheet:
            self._flush()
        return self._names

    def _flush(self) -> None:
        height, width, _ = self._sheet[0].shape
        columns = min(COLUMNS, len(self._sheet))
        rows = -(-len(self._sheet) // COLUMNS)
        sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
        for index, pixels in enumerate(self._sheet):
            row, column = divmod(index, COLUMNS)
            sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = pixels
        name = f"{len(self._names):03}.jpg"
        _write(self._folder / name, _jpeg(sheet))
        self._names.append(name)
        self._sheet = []


def _poster(
    context: StageContext,
    plan: EncodePlan,
    video: EncodedRendition,
    at: Fraction,
) -> Pixels:
    width, height = fit(video.rendition, long_side=POSTER_LONG_SIDE)
    frame = min(max(0, int(at * plan.grid.frame_rate)), plan.grid.frames - 1)
    step = video.rendition.step(plan.grid)
    work = PosterWork(plan.grid, frame // step * step, width, height, _bound(video), step)
    found: list[Pixels] = []
    _frames(context, POSTER_TASK, work, video, lambda _, pixels: found.append(pixels))
    if not found:
        raise Internal("There is no poster", "the task sent no frame")
    return found[0]


def _frames(
    context: StageContext,
    task: str,
    work: PosterWork | ThumbnailWork,
    video: EncodedRendition,
    on_frame: Callable[[FrameHeader, Pixels], None],
) -> None:
    with ExitStack() as stack:
        fd = _open(context.work / video.path, os.O_RDONLY, stack)
        context.sandbox.run(
            task,
            serial.dump(work),
            fds={"video": fd},
            limits=_LIMITS,
            ring=RingSpec(slots=4, slot_bytes=work.width * work.height * 3),
            on_frame=on_frame,
        )


def _preview(
    context: StageContext,
    video: EncodedRendition,
    audios: Sequence[EncodedAudio],
    path: Path,
) -> None:
    with ExitStack() as stack:
        fds = {"video": _open(context.work / video.path, os.O_RDONLY, stack)}
        size, packets = video.size_bytes, 0
        for audio in audios:
            fds["audio"] = _open(context.work / audio.path, os.O_RDONLY, stack)
            size += audio.size_bytes
            # a second to spare: priming and padding
            seconds = video.frames / video.rendition.frame_rate + 1
            frame = FRAME_SAMPLES[AudioCodec(audio.audio.codec)]
            packets = int(seconds * audio.audio.sample_rate / frame) + 1
        fds["out"] = _open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, stack)
        context.sandbox.run(
            PREVIEW_TASK,
            serial.dump(PreviewWork(video.frames, packets, _bound(video))),
            fds=fds,
            limits=Limits(memory_bytes=1 << 30, file_bytes=2 * size + (16 << 20)),
        )


def _bound(video: EncodedRendition) -> int:
    return decoder_pixels(video.rendition.width, video.rendition.height)


def _jpeg(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


def _open(path: Path, flags: int, stack: ExitStack) -> int:
    with writing(path.name):
        fd = os.open(path, flags | os.O_CLOEXEC, 0o644)
    stack.callback(os.close, fd)
    return fd


def _write(path: Path, data: bytes) -> None:
    with writing(path.name):
        path.write_bytes(data)
