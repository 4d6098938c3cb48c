"""Colour tags to ITU-T H.273 names, and what an untagged picture means. Pure.

FFmpeg leaves untagged pictures "unspecified" and converts them as BT.601 at any size; players show
them as BT.709 from high definition up. framegate decides once, here, and says both.
"""

from __future__ import annotations

from framegate.domain.media import HLG_TRANSFER, PQ_TRANSFER, Colour, HdrKind

UNSPECIFIED = 2

PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: PQ_TRANSFER,
    17: "smpte428",
    18: HLG_TRANSFER,
}
MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
    15: "ipt-c2",
}
RANGES = {1: "limited", 2: "full"}

_HD_LONG, _HD_SHORT = 1280, 720
_LINES_625 = frozenset({288, 576, 608})  # 608 with the vertical blanking of IMX

_TRANSFER_OF = {
    "bt709": "bt709",
    "bt2020": "bt2020-10",
    "smpte170m": "smpte170m",
    "bt470bg": "smpte170m",
    "smpte240m": "smpte240m",
    "smpte432": "iec61966-2-1",
}
_MATRIX_OF = {
    "bt709": "bt709",
    "bt2020": "bt2020nc",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470bg",
    "smpte240m": "smpte240m",
    "smpte432": "bt709",
}
_PRIMARIES_OF = {
    "bt709": "bt709",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
    "ictcp": "bt2020",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470bg",
    "smpte240m": "smpte240m",
}


def describe(
    *,
    primaries: int,
    transfer: int,
    matrix: int,
    colour_range: int,
    size: tuple[int, int],
    pixel_format: str,
    is_rgb: bool,
) -> Colour:
    """Names of the claimed tags and a complete set to use. ``size`` is (width, height)."""
    primaries_claimed = PRIMARIES.get(primaries)
    transfer_claimed = TRANSFERS.get(transfer)
    # 0 is both "RGB" and what an encoder that knows nothing writes into a YUV stream.
    matrix_claimed = MATRICES.get(matrix) if matrix or is_rgb else None
    range_claimed = RANGES.get(colour_range)
    base = primaries_claimed
    if base is None and matrix_claimed is not None:
        base = _PRIMARIES_OF.get(matrix_claimed)
    if base is None and transfer_claimed in {PQ_TRANSFER, HLG_TRANSFER}:
        base = "bt2020"
    if base is None:
        base = untagged_primaries(*size)
    return Colour(
        primaries_claimed=primaries_claimed,
        transfer_claimed=transfer_claimed,
        matrix_claimed=matrix_claimed,
        range_claimed=range_claimed,
        primaries=base,
        transfer=transfer_claimed or _TRANSFER_OF.get(base, "bt709"),
        matrix=matrix_claimed or ("gbr" if is_rgb else _MATRIX_OF.get(base, "bt709")),
        full_range=range_claimed == "full"
        or (range_claimed is None and (is_rgb or pixel_format.startswith("yuvj"))),
    )


def untagged_primaries(width: int, height: int) -> str:
    """BT.709 from 1280x720 up (either way round), else BT.601 of 625 or 525 lines."""
    if max(width, height) >= _HD_LONG or min(width, height) >= _HD_SHORT:
        return "bt709"
    return "bt470bg" if height in _LINES_625 else "smpte170m"


def hdr_kind(colour: Colour, dovi: bytes | None) -> HdrKind:
    """From the transfer and the Dolby Vision configuration record (FFmpeg's layout: version major,
    minor, profile, level, RPU, EL, BL present, base-layer compatibility; one byte each).
    """
    if dovi is not None and len(dovi) >= 8:  # noqa: PLR2004 - up to the compatibility byte
        profile, compatible = dovi[2], dovi[7]
        if profile == 5 or (profile == 10 and compatible == 0):  # noqa: PLR2004 - IPT, no base layer
            return HdrKind.DOLBY_VISION_5
        return HdrKind.DOLBY_VISION_8 if profile == 8 else HdrKind.DOLBY_VISION_OTHER  # noqa: PLR2004 - same
    if colour.matrix_claimed == "ipt-c2":
        return HdrKind.DOLBY_VISION_5
    return {PQ_TRANSFER: HdrKind.PQ, HLG_TRANSFER: HdrKind.HLG}.get(colour.transfer, HdrKind.SDR)


def chroma_of(*, is_rgb: bool, planes: int, subsampled: tuple[int, int]) -> str:
    """The chroma layout ("420" and kin) from the number of planes without alpha and the chroma
    size of a 64 x 64 picture.
    """
    if is_rgb:
        return "rgb"
    if planes < 3:  # noqa: PLR2004 - Y, Cb, Cr
        return "400"
    names = {(64, 64): "444", (32, 64): "422", (32, 32): "420", (64, 32): "440"}
    return names.get(subsampled, "411")
