"""Colours of charts and how far apart two are: CIEDE2000, and BT.2446's way from HDR to SDR.

Colours are arrays (patches, 3). "Light" is linear BT.709 with 1 for SDR white, or BT.2020 in cd/m2
where said so; "signal" is R'G'B' from 0 to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Colours = NDArray[np.float64]

XYZ_OF_709 = np.array(
    [
        [0.4123908, 0.3575843, 0.1804808],
        [0.2126390, 0.7151687, 0.0721923],
        [0.0193308, 0.1191948, 0.9505322],
    ]
)
XYZ_OF_2020 = np.array(
    [
        [0.6369580, 0.1446169, 0.1688810],
        [0.2627002, 0.6779981, 0.0593017],
        [0.0, 0.0280727, 1.0609851],
    ]
)
WHITE = np.array([0.9504559, 1.0, 1.0890578])  # D65
LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
DISPLAY_GAMMA = 2.4  # BT.1886


def to_2020(light: Colours) -> Colours:
    return np.asarray(light @ (np.linalg.inv(XYZ_OF_2020) @ XYZ_OF_709).T)


def to_709(light: Colours) -> Colours:
    return np.asarray(light @ (np.linalg.inv(XYZ_OF_709) @ XYZ_OF_2020).T)


def pq_signal(nits: Colours) -> Colours:
    """SMPTE ST 2084."""
    y = (np.maximum(nits, 0) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg_signal(nits: Colours, peak: float = 1000) -> Colours:
    """ARIB STD-B67 for what a display of ``peak`` shows (system gamma 1.2 at 1000)."""
    luminance = (nits @ LUMA_2020)[:, None] / peak
    scene = nits / peak * np.where(luminance > 0, luminance, 1) ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * np.maximum(scene, 0)), bright)


def tone_mapped(nits_2020: Colours, peak: float = 1000) -> Colours:
    """BT.2446-1 method A, to BT.709 light: HDR in cd/m2 of a ``peak`` to SDR of 100 cd/m2."""
    signal = np.clip(nits_2020 / peak, 0, 1) ** (1 / DISPLAY_GAMMA)
    luma = signal @ LUMA_2020
    hdr, sdr = (1 + 32 * (white / 10_000) ** (1 / DISPLAY_GAMMA) for white in (peak, 100))
    even = np.log(1 + (hdr - 1) * luma) / np.log(hdr)
    middle = -1.1510 * even**2 + 2.7811 * even - 0.6302
    bent = np.where(even <= 0.7399, 1.0770 * even, np.where(even < 0.9909, middle, (even + 1) / 2))
    mapped = (sdr**bent - 1) / (sdr - 1)
    scale = mapped / np.maximum(1.1 * luma, 1e-9)
    blue = scale * (signal[:, 2] - luma) / 1.8814
    red = scale * (signal[:, 0] - luma) / 1.4746
    luma = mapped - np.maximum(0.1 * red, 0)
    red, blue = luma + 1.4746 * red, luma + 1.8814 * blue
    green = (luma - LUMA_2020[0] * red - LUMA_2020[2] * blue) / LUMA_2020[1]
    shown = np.clip(np.stack([red, green, blue], 1), 0, 1) ** DISPLAY_GAMMA
    return np.clip(to_709(shown), 0, 1)


def light_of(codes: Colours) -> Colours:
    """8-bit limited BT.709 Y'CbCr codes as a display of BT.1886 shows them."""
    luma, blue, red = (codes - [16, 128, 128]).T / np.array([[219], [224], [224]])
    r, b = luma + 1.5748 * red, luma + 1.8556 * blue
    g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152
    return np.asarray(np.clip(np.stack([r, g, b], 1), 0, 1) ** DISPLAY_GAMMA)


def lab_of(light: Colours) -> Colours:
    """CIE 1976 L*a*b* under D65."""
    xyz = light @ XYZ_OF_709.T / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def delta_e(first: Colours, second: Colours) -> Colours:
    """CIEDE2000 of L*a*b* colours, after Sharma, Wu and Dalal (2005)."""
    l1, a1, b1 = first.T
    l2, a2, b2 = second.T
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - np.sqrt(mean**7 / (mean**7 + 25**7)) / 2
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where((turn == -180) & (h2 > h1), 180, turn)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    far = np.abs(h1 - h2) > 180
    hue = (h1 + h2) / 2 + np.where(far, np.where(h1 + h2 < 360, 180, -180), 0)
    hue = np.where(grey, h1 + h2, hue)
    t = 1.0
    for weight, times, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63)):
        t = t + weight * np.cos(np.radians(times * hue + shift))
    sl = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    sc, sh = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    angle = 30 * np.exp(-(((hue - 275) / 25) ** 2))
    rt = -np.sin(np.radians(2 * angle)) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25**7))
    total = (dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh)
    return np.asarray(np.sqrt(np.maximum(total, 0)))
