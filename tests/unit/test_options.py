"""Which choices make another package, in words."""

from dataclasses import replace

from framegate.domain.asset import AssetDetails
from framegate.domain.ladder import EncodeOptions, VideoCodec
from framegate.domain.options import ProcessOptions, ScreenOptions, VmafMode, differences

OPTIONS = ProcessOptions(output="/out")


def test_nothing_differs_by_where_it_goes_or_what_it_is_called() -> None:
    other = replace(OPTIONS, output="/elsewhere", details=AssetDetails(title="new"))
    assert differences(OPTIONS, other) == ()


def test_each_choice_that_differs_is_named_with_what_it_was() -> None:
    before = replace(
        OPTIONS,
        encode=EncodeOptions(codec=VideoCodec.AV1, preset="8"),
        policy="/strict.toml",
        hashlists=("/a", "/b"),
    )
    after = replace(OPTIONS, screen=ScreenOptions(max_gap_s=0.5), vmaf=VmafMode.OFF)
    assert dict(differences(before, after)) == {
        "encode.codec": "av1",
        "encode.preset": "8",
        "screen.max_gap_s": "1.0",
        "vmaf": "sampled",
        "policy": "/strict.toml",
        "hashlists": "/a, /b",
    }
    assert dict(differences(after, before)) == {
        "encode.codec": "h264",
        "encode.preset": "default",
        "screen.max_gap_s": "0.5",
        "vmaf": "off",
        "policy": "default",
        "hashlists": "none",
    }
