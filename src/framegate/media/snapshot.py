"""A frame as analysers get it, with what is measured on it alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from av.video.frame import VideoFrame

from framegate.media.imprint import Imprinter
from framegate.media.luma import LumaReader
from framegate.media.preview import Previewer, Rgb, View
from framegate.media.texture import measure_texture


class Snapshots:
    """Takes snapshots of one track's frames."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._reader = LumaReader(full_range=view.full_range)
        self._imprinter = Imprinter()
        self._previewer = Previewer(view)

    def take(self, frame: VideoFrame) -> tuple[Rgb, dict[str, Any]]:
        """The preview, and ``{"pts", "signals", "imprint"}`` (hex) as JSON.

        Raises `Undecodable`, `MediaLimit`.
        """
        view = self._view
        same_size = (frame.width, frame.height) == (view.width, view.height)
        crop = view.crop if same_size else (0, 0, 0, 0)
        signals = measure_texture(self._reader.read(frame), crop)
        said: dict[str, Any] = {
            "pts": frame.pts,
            "signals": {name: round(value, 4) for name, value in asdict(signals).items()},
            "imprint": self._imprinter.take(frame).tobytes().hex(),
        }
        return self._previewer.make(frame), said
