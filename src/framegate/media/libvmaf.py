"""libvmaf by its C interface: the score of single frames, each with its motion.

FFmpeg's filter tells one pooled score when it closes, and opening it costs as much as scoring two
frames. The library inside PyAV's wheel is the same code; one context here scores any number of
frames. Each scored frame f takes three indices in a row:

    index mod 3     2           0          1
    reference       before f    f          after f
    computed        motion      all        motion

libvmaf computes everything but motion only at multiples of ``n_subsample`` (3). Motion looks at
references alone, and takes the smaller of the differences to the frame before and to the one after.
Index 0 belongs to nobody. Scores are there once the context is flushed, which ends it.

Interface: libvmaf/libvmaf.h, picture.h and model.h of libvmaf 3 (the same since 2.0).
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_double, c_int, c_ssize_t, c_uint, c_uint64
from ctypes import c_void_p as pointer
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.frame import VideoFrame

from framegate.errors import ComponentMissing, Internal, MediaLimit

MODEL = "vmaf_v0.6.1"

_GREY = 4  # VMAF_PIX_FMT_YUV400P: the model looks at luma alone
_EVERY = 3  # indices a scored frame
_SILENT = 0  # VMAF_LOG_LEVEL_NONE
_BITS = 8
_MOST = 2000  # scores of one context: it keeps all features of all frames
_PLANES = 3


class _Configuration(Structure):
    _fields_ = (
        ("log_level", c_int),
        ("n_threads", c_uint),
        ("n_subsample", c_uint),
        ("cpumask", c_uint64),
        ("gpumask", c_uint64),
    )


class _ModelConfiguration(Structure):
    _fields_ = (("name", c_char_p), ("flags", c_uint64))


class _Picture(Structure):
    _fields_ = (
        ("pix_fmt", c_int),
        ("bpc", c_uint),
        ("w", c_uint * _PLANES),
        ("h", c_uint * _PLANES),
        ("stride", c_ssize_t * _PLANES),  # bytes
        ("data", pointer * _PLANES),
        ("ref", pointer),
        ("priv", pointer),
    )


def _load() -> ctypes.CDLL | None:
    """The library of PyAV's wheel; it is in memory already. None in another build of PyAV."""
    for path in (Path(av.__file__).parent.parent / "av.libs").glob("libvmaf-*.so*"):
        library = ctypes.CDLL(str(path))
        signatures = {
            "vmaf_init": (POINTER(pointer), _Configuration),
            "vmaf_model_load": (POINTER(pointer), POINTER(_ModelConfiguration), c_char_p),
            "vmaf_use_features_from_model": (pointer, pointer),
            "vmaf_picture_alloc": (POINTER(_Picture), c_int, c_uint, c_uint, c_uint),
            "vmaf_picture_unref": (POINTER(_Picture),),
            "vmaf_read_pictures": (pointer, POINTER(_Picture), POINTER(_Picture), c_uint),
            "vmaf_score_at_index": (pointer, pointer, POINTER(c_double), c_uint),
            "vmaf_close": (pointer,),
        }
        for name, arguments in signatures.items():
            getattr(library, name).argtypes = arguments
        library.vmaf_model_destroy.argtypes = (pointer,)
        library.vmaf_model_destroy.restype = None
        return library
    return None


_LIBRARY = _load()  # at import: a jailed child can open no file


class Scorer:
    """VMAF (0..100) of frames of one size; close it (it is a context manager)."""

    def __init__(self, width: int, height: int) -> None:
        """Raises `ComponentMissing` when this build of PyAV has no libvmaf, and `Internal`."""
        if _LIBRARY is None:
            raise ComponentMissing("VMAF cannot be measured", "this build of PyAV has no libvmaf")
        self._library = _LIBRARY
        self._size = (width, height)
        self._model, self._context = pointer(), pointer()
        self._index = 0  # the next one
        self._scores: list[float] = []
        wanted = _ModelConfiguration(b"vmaf", 0)
        self._must("vmaf_model_load", byref(self._model), byref(wanted), MODEL.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._close()
        self._library.vmaf_model_destroy(self._model)

    def add(
        self, before: VideoFrame, reference: VideoFrame, after: VideoFrame, shown: VideoFrame
    ) -> None:
        """Compare ``shown`` with ``reference``, all 8-bit planar YUV of the scorer's size.

        Where there is nothing before, give ``reference`` (no motion); where there is nothing after,
        give what is before (the same motion). Raises `Internal`, `MediaLimit`.
        """
        if not self._context.value:
            self._open(reference)
        self._read(before)
        self._read(reference, shown)
        self._read(after)
        if self._index >= _MOST * _EVERY:
            self._collect()

    def scores(self) -> list[float]:
        """Of all that was added, in that order; nothing can be added after. Raises `Internal`."""
        self._collect()
        return self._scores

    def _open(self, filler: VideoFrame) -> None:
        self._must("vmaf_init", byref(self._context), _Configuration(_SILENT, 0, _EVERY, 0, 0))
        self._must("vmaf_use_features_from_model", self._context, self._model)
        self._index = 0
        for _ in range(_EVERY - 1):
            self._read(filler)

    def _collect(self) -> None:
        if not self._context.value:
            return
        self._must("vmaf_read_pictures", self._context, None, None, 0)  # flush
        for index in range(_EVERY, self._index, _EVERY):
            found = c_double()
            self._must("vmaf_score_at_index", self._context, self._model, byref(found), index)
            self._scores.append(min(100.0, max(0.0, found.value)))
        self._close()

    def _close(self) -> None:
        if self._context.value:
            self._library.vmaf_close(self._context)
            self._context = pointer()

    def _read(self, reference: VideoFrame, shown: VideoFrame | None = None) -> None:
        one = self._picture(reference)
        other = self._picture(shown)
        # takes both pictures, whatever it answers
        self._must("vmaf_read_pictures", self._context, byref(one), byref(other), self._index)
        self._index += 1

    def _picture(self, frame: VideoFrame | None) -> _Picture:
        """A copy of the frame's luma; without a frame, pixels that nobody looks at."""
        width, height = self._size
        picture = _Picture()
        if self._library.vmaf_picture_alloc(byref(picture), _GREY, _BITS, width, height):
            raise MediaLimit("VMAF cannot be measured", "there is no memory for a picture")
        if frame is not None:
            if (frame.width, frame.height) != self._size:
                self._library.vmaf_picture_unref(byref(picture))
                raise Internal("VMAF cannot be measured", "the pictures differ in size")
            stride, plane = picture.stride[0], frame.planes[0]
            memory = (ctypes.c_uint8 * (stride * height)).from_address(picture.data[0])
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            target = np.frombuffer(memory, np.uint8).reshape(height, stride)
            target[:, :width] = rows[:height, :width]
        return picture

    def _must(self, name: str, *arguments: object) -> None:
        answer: int = getattr(self._library, name)(*arguments)
        if answer:
            raise Internal("VMAF cannot be measured", f"{name} answered {answer}")
