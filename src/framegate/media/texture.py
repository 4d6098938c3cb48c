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
    means, variances = _moments(tiles)
    textured = variances > _FLAT * _FLAT
    if textured.any() and not textured.all():
        tiles, means, variances = tiles[textured], means[textured], variances[textured]
    down, across = tiles[:, 1:] - tiles[:, :-1], tiles[:, :, 1:] - tiles[:, :, :-1]
    noise, sharpness = 0.0, 0.0
    if min(tiles.shape[1:]) >= _KERNEL:
        bent_down, bent_across = down[:, 1:] - down[:, :-1], across[:, :, 1:] - across[:, :, :-1]
        noise = _noise(bent_across)
        sharpness = _sharpness(bent_down[:, :, 1:-1] + bent_across[:, 1:-1], tiles, noise)
    return PictureSignals(
        sharpness=sharpness,
        blockiness=_blockiness(down, across),
        noise=noise,
        exposure=_share(float(means.mean()) / 255),
        contrast=_share(float(np.sqrt(variances.mean() + means.var())) * 2 / 255),
        clipped_low=float(np.count_nonzero(tiles <= _CLIP)) / tiles.size,
        clipped_high=float(np.count_nonzero(tiles >= 255 - _CLIP)) / tiles.size,
    )


def _tiles(luma: Luma, crop: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """(5, height, width) full-range levels 0..255, on the coded 8-px grid; small pictures give
    smaller tiles.
    """
    left, top, right, bottom = crop
    rows, columns = luma.plane.shape
    tall = min(_TILE, rows - top - bottom)
    wide = min(_TILE, columns - left - right)
    tiles = np.empty((len(_AT), tall, wide), np.float32)
    for tile, (x, y) in zip(tiles, _AT, strict=True):
        row = _corner(top, rows - bottom, tall, y)
        column = _corner(left, columns - right, wide, x)
        tile[...] = luma.plane[row : row + tall, column : column + wide]
    if luma.bits > 8:  # noqa: PLR2004 - bits of a byte
        tiles *= np.float32(2.0 ** (8 - luma.bits))
    if not luma.full_range:
        tiles -= np.float32(16)
        tiles *= np.float32(255 / 219)
    return tiles


def _corner(first: int, end: int, size: int, at: float) -> int:
    wanted = int(first + (end - first) * at) - size // 2
    held = max(first, min(wanted, end - size))
    return max(first, held // _BLOCK * _BLOCK) if end - first > size else first


def _noise(bent: NDArray[np.float32]) -> float:
    """Sigma in 8-bit levels: the lower quartile over tiles, because texture only adds. ``bent`` is
    the second difference across; the residue is its second difference down.
    """
    steps = bent[:, 1:] - bent[:, :-1]
    residue = steps[:, 1:] - steps[:, :-1]
    sigma = np.abs(residue, out=residue).mean(axis=(1, 2)) * _NOISE_GAIN
    return float(np.sort(sigma)[sigma.size // 4])  # np.quantile imports files: not in the sandbox


def _sharpness(laplacian: NDArray[np.float32], tiles: NDArray[np.float32], noise: float) -> float:
    detail = _moments(laplacian)[1] - _LAPLACIAN_GAIN * noise * noise
    shade = np.maximum(_moments(tiles[:, 1:-1, 1:-1])[1] - noise * noise, 1.0)
    return _share(float(np.sort(detail / shade)[detail.size // 2]))


def _moments(tiles: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and variance of each tile: one pass less than NumPy's own."""
    means: NDArray[np.float32] = tiles.mean(axis=(1, 2), keepdims=True)
    rest = tiles - means
    squares: NDArray[np.float32] = np.einsum("tyx,tyx->t", rest, rest)
    squares /= rest.shape[1] * rest.shape[2]
    return means[:, 0, 0], squares


def _blockiness(*steps_of_axes: NDArray[np.float32]) -> float:
    """How much steeper the 8-px borders are than the rest, over the rest plus one level; of the
    first differences down and across.
    """
    excess = []
    for axis, differences in enumerate(steps_of_axes, start=1):
        steps = np.abs(differences).mean(axis=(0, 3 - axis))
        borders = steps[_BLOCK - 1 :: _BLOCK]
        if not borders.size or borders.size == steps.size:
            return 0.0
        inner = (float(steps.sum()) - float(borders.sum())) / (steps.size - borders.size)
        excess.append((float(borders.mean()) - inner) / (inner + 1))
    return _share(max(excess))


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
