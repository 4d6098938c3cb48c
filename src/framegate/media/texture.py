"""Picture signals of one sample at source resolution: five tiles of luma, 0.4 ms at any size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framegate.domain.frames import PictureSignals
from framegate.media.luma import Luma

_TILE = 64  # px, a multiple of the 8-px block; five float tiles stay under malloc's mmap threshold
_BLOCK = 8
# tile centres (x, y): inside the picture of a 2.39:1 film on 16:9
_AT = ((0.25, 0.25), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0.75, 0.75))
_FLAT = 1.5  # levels; a tile with less deviation is a bar or a title card: no texture to judge
_CLIP = 2  # levels from either end that count as clipped
_LAPLACIAN_GAIN = 20.0  # variance gain of the 4-neighbour Laplacian on white noise
_NOISE_GAIN = float(np.sqrt(np.pi / 2) / 6)  # Immerkaer 1996: mean |residue| to sigma
_KERNEL = 3  # px, the side of both kernels


def measure_texture(luma: Luma, crop: tuple[int, int, int, int]) -> PictureSignals:
    """``crop`` (left, top, right, bottom) is left out. Formulas: docs/reference/quality.md."""
    tiles = _tiles(luma, crop)
    textured = _variance(tiles) > _FLAT * _FLAT
    judged = tiles[textured] if textured.any() else tiles
    noise = _noise(judged)
    return PictureSignals(
        sharpness=_sharpness(judged, noise),
        blockiness=_blockiness(judged),
        noise=noise,
        exposure=_share(float(judged.mean()) / 255),
        contrast=_share(
            float(np.sqrt(_variance(judged.reshape(1, -1, judged.shape[2]))[0])) * 2 / 255
        ),
        clipped_low=float(np.count_nonzero(judged <= _CLIP)) / judged.size,
        clipped_high=float(np.count_nonzero(judged >= 255 - _CLIP)) / judged.size,
    )


def _tiles(luma: Luma, crop: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """(5, height, width) full-range levels 0..255, on the coded 8-px grid; small pictures give
    smaller tiles.
    """
    left, top, right, bottom = crop
    rows, columns = luma.plane.shape
    tall = min(_TILE, rows - top - bottom)
    wide = min(_TILE, columns - left - right)
    found = []
    for x, y in _AT:
        first_row = _corner(top, rows - bottom, tall, y)
        first_column = _corner(left, columns - right, wide, x)
        found.append(luma.plane[first_row : first_row + tall, first_column : first_column + wide])
    tiles = np.stack(found).astype(np.float32)
    if luma.bits > 8:  # noqa: PLR2004 - bits of a byte
        tiles *= np.float32(2.0 ** (8 - luma.bits))
    if not luma.full_range:
        tiles = (tiles - np.float32(16)) * np.float32(255 / 219)
    return tiles


def _corner(first: int, end: int, size: int, at: float) -> int:
    wanted = int(first + (end - first) * at) - size // 2
    held = max(first, min(wanted, end - size))
    return max(first, held // _BLOCK * _BLOCK) if end - first > size else first


def _noise(tiles: NDArray[np.float32]) -> float:
    """Sigma in 8-bit levels: the lower quartile over tiles, because texture only adds."""
    if min(tiles.shape[1:]) < _KERNEL:
        return 0.0
    across = tiles[:, :, :-2] - 2 * tiles[:, :, 1:-1] + tiles[:, :, 2:]
    residue = across[:, :-2] - 2 * across[:, 1:-1] + across[:, 2:]
    sigma = np.abs(residue, out=residue).mean(axis=(1, 2)) * _NOISE_GAIN
    return float(np.sort(sigma)[sigma.size // 4])  # np.quantile imports files: not in the sandbox


def _sharpness(tiles: NDArray[np.float32], noise: float) -> float:
    if min(tiles.shape[1:]) < _KERNEL:
        return 0.0
    inside = tiles[:, 1:-1, 1:-1]
    laplacian = 4 * inside
    for around in (
        tiles[:, :-2, 1:-1],
        tiles[:, 2:, 1:-1],
        tiles[:, 1:-1, :-2],
        tiles[:, 1:-1, 2:],
    ):
        laplacian -= around
    detail = _variance(laplacian) - _LAPLACIAN_GAIN * noise * noise
    shade = np.maximum(_variance(inside) - noise * noise, 1.0)
    return _share(float(np.sort(detail / shade)[detail.size // 2]))


def _variance(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """(tiles,): one pass less than NumPy's own."""
    rest = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    squares: NDArray[np.float32] = np.einsum("tyx,tyx->t", rest, rest)
    squares /= rest.shape[1] * rest.shape[2]
    return squares


def _blockiness(tiles: NDArray[np.float32]) -> float:
    """How much steeper the 8-px borders are than the rest, over the rest plus one level."""
    excess = []
    for axis in (1, 2):
        across = np.diff(tiles, axis=axis)
        steps = np.abs(across, out=across).mean(axis=(0, 3 - axis))
        borders = steps[_BLOCK - 1 :: _BLOCK]
        if not borders.size or borders.size == steps.size:
            return 0.0
        inner = (float(steps.sum()) - float(borders.sum())) / (steps.size - borders.size)
        excess.append((float(borders.mean()) - inner) / (inner + 1))
    return _share(max(excess))


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
