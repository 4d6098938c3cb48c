"""Which samples can be decoded with nothing before them, by their first bytes."""

import pytest

from framegate.errors import Internal
from framegate.stages.encode.random_access import starts_alone
from framegate.stages.encode.sample_entry import SampleEntry

AVC = SampleEntry("avc1", "", "", 2, 2, nal_length_bytes=4)
HEVC = SampleEntry("hvc1", "", "", 2, 2, nal_length_bytes=2)
AV1 = SampleEntry("av01", "", "", 2, 2)
SEI = bytes.fromhex("0000000406010203")
SEQUENCE = bytes.fromhex("0a020000")


@pytest.mark.parametrize(
    ("entry", "head", "alone"),
    [
        (AVC, bytes.fromhex("00000002658800"), True),
        (AVC, SEI + bytes.fromhex("000000026588"), True),
        (AVC, SEI + bytes.fromhex("00000002419a"), False),
        (AVC, SEI, False),
        (HEVC, bytes.fromhex("00022601"), True),  # IDR_W_RADL
        (HEVC, bytes.fromhex("00022801"), True),  # IDR_N_LP
        (HEVC, bytes.fromhex("00022a01"), False),  # CRA
        (HEVC, bytes.fromhex("00024e0100022601"), True),  # SEI first
        (HEVC, bytes.fromhex("00020201"), False),  # trailing picture
        (AV1, SEQUENCE + bytes.fromhex("32021000"), True),
        (AV1, b"\x12\0" + SEQUENCE + bytes.fromhex("32021000"), True),  # temporal delimiter first
        (AV1, bytes.fromhex("32021000"), False),  # no sequence header
        (AV1, SEQUENCE + bytes.fromhex("32023000"), False),  # an inter frame
        (AV1, SEQUENCE + bytes.fromhex("32020000"), False),  # a key frame that is not shown
        (AV1, SEQUENCE + bytes.fromhex("32028000"), False),  # shows an existing frame
        (AV1, SEQUENCE, False),
    ],
)
def test_first_bytes(entry: SampleEntry, head: bytes, *, alone: bool) -> None:
    assert starts_alone(entry, head) is alone


def test_an_unknown_codec_is_an_error() -> None:
    with pytest.raises(Internal):
        starts_alone(SampleEntry("vp09", "", "", 2, 2), b"")
