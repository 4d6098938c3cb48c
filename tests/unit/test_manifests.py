"""Reading and mending manifests."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.errors import Internal
from framegate.stages.encode.manifests import (
    Rates,
    measure,
    mend_master,
    mend_media,
    mend_mpd,
    parse_master,
    parse_media,
    parse_mpd,
)

MASTER = """#EXTM3U
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,URI="a.m3u8",GROUP-ID="audio",NAME="a, b",DEFAULT=NO,AUTOSELECT=YES
#EXT-X-MEDIA:TYPE=AUDIO,URI="b.m3u8",GROUP-ID="audio",NAME="b",DEFAULT=YES,AUTOSELECT=YES

#EXT-X-STREAM-INF:BANDWIDTH=10,AVERAGE-BANDWIDTH=20,CODECS="avc1.64001e,mp4a.40.2"
v.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=2,CODECS="avc1.64001e",URI="i.m3u8"
"""
MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet><Label>v</Label>
<Representation id="0" bandwidth="1" codecs="avc1.64001e"><SegmentTemplate timescale="1000"
 initialization="/a&amp;b/out/media/v/init.mp4" media="/a&amp;b/out/media/v/$Number%05d$.m4s"
 startNumber="1"><SegmentTimeline><S t="0" d="4000" r="1"/><S t="8000" d="500"/></SegmentTimeline>
</SegmentTemplate></Representation></AdaptationSet></Period></MPD>"""


def test_mended_master_has_measured_rates_and_one_default() -> None:
    rates = {"v.m3u8": Rates(100, 150), "i.m3u8": Rates(7, 9)}
    labels = {"b": "Deutsch, DEFAULT=YES"}
    text = mend_master(MASTER, rates.__getitem__, [Rates(10, 12), Rates(20, 22)], labels)
    first, second, stream, iframes = parse_master(text)
    assert (first.attributes["DEFAULT"], second.attributes["DEFAULT"]) == ("YES", "NO")
    names = [first.attributes["NAME"], second.attributes["NAME"]]
    assert names == ["a, b", "Deutsch, DEFAULT=YES"]
    have = stream.attributes
    assert (have["BANDWIDTH"], have["AVERAGE-BANDWIDTH"]) == ("172", "120")
    assert have["CODECS"] == "avc1.64001e,mp4a.40.2"
    assert (iframes.attributes["BANDWIDTH"], iframes.attributes["AVERAGE-BANDWIDTH"]) == ("9", "7")


def test_mended_mpd_is_relative() -> None:
    text = mend_mpd(MPD, "/a&b/out", {"v": 77}, {"v": "<b>&"})
    assert "<Label>&lt;b&gt;&amp;</Label>" in text
    (found,) = parse_mpd(text)
    assert (found.init, found.bandwidth) == ("../media/v/init.mp4", 77)
    assert found.segments == (
        ("../media/v/00001.m4s", Fraction(0), Fraction(4)),
        ("../media/v/00002.m4s", Fraction(4), Fraction(4)),
        ("../media/v/00003.m4s", Fraction(8), Fraction(1, 2)),
    )


def test_mended_playlist_is_relative() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="/o/media/v/init.mp4"\n#EXTINF:4.004,\n/o/media/v/1.m4s'
    playlist = parse_media(mend_media(text, "/o"))
    assert playlist.init == "../media/v/init.mp4"
    assert playlist.segments[0].uri == "../media/v/1.m4s"
    assert playlist.segments[0].duration == Fraction(4004, 1000)


@pytest.mark.parametrize("text", ["", "<html>", "#EXTM3U\nsegment.m4s\n"])
def test_not_a_playlist(text: str) -> None:
    with pytest.raises(Internal):
        parse_media(text)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**8), st.fractions(Fraction(1, 100), 12)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 12),
)
def test_peak_is_never_under_the_mean(segments: list[tuple[int, Fraction]], target: int) -> None:
    sizes = [size for size, _ in segments]
    durations = [length for _, length in segments]
    rates = measure(sizes, durations, target)
    total = sum(durations, Fraction(0))
    assert rates.peak >= rates.mean > 0
    assert rates.mean - 1 < 8 * sum(sizes) / total <= rates.mean
    for size, length in segments:
        if target / 2 <= length <= target * 3 / 2:
            assert rates.peak >= 8 * size / length
