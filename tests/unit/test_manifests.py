"""Reading and mending manifests."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framegate.errors import Internal
from framegate.stages.encode.bit_rates import Rates, measure
from framegate.stages.encode.manifests import parse_master, parse_media, parse_mpd
from framegate.stages.encode.mend import mend_master, mend_media, mend_mpd, target_duration

MASTER = """#EXTM3U
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,URI="a.m3u8",GROUP-ID="audio",NAME="a, b",DEFAULT=NO,AUTOSELECT=YES
#EXT-X-MEDIA:TYPE=AUDIO,URI="b.m3u8",GROUP-ID="audio",NAME="b",DEFAULT=YES,AUTOSELECT=YES
#EXT-X-MEDIA:TYPE=AUDIO,URI="c.m3u8",GROUP-ID="surround",NAME="c",DEFAULT=NO,AUTOSELECT=NO

#EXT-X-STREAM-INF:BANDWIDTH=10,AVERAGE-BANDWIDTH=20,CODECS="avc1.64001e,mp4a.40.2",AUDIO="audio"
v.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=10,AVERAGE-BANDWIDTH=20,CODECS="avc1.64001e",AUDIO="surround"
v.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=2,CODECS="avc1.64001e",URI="i.m3u8"
"""
MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT8.5S"
 minBufferTime="PT2S"><Period><AdaptationSet contentType="video" frameRate="12800/512"
 segmentAlignment="true"><Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/><Label>v</Label>
<Representation id="0" bandwidth="1" codecs="avc1.64001e"><SegmentTemplate timescale="1000"
 initialization="/a&amp;b/out/media/v/init.mp4" media="/a&amp;b/out/media/v/$Number%05d$.m4s"
 startNumber="1"><SegmentTimeline><S t="0" d="4000" r="1"/><S t="8000" d="500"/></SegmentTimeline>
</SegmentTemplate></Representation></AdaptationSet></Period></MPD>"""


def test_mended_master_has_measured_rates_and_one_default_a_group() -> None:
    rates = {
        "v.m3u8": Rates(100, 150),
        "i.m3u8": Rates(7, 9),
        "a.m3u8": Rates(10, 12),
        "b.m3u8": Rates(20, 22),
        "c.m3u8": Rates(40, 50),
    }
    labels = {"b": "Deutsch, DEFAULT=YES", "c": "c 5.1"}
    text = mend_master(MASTER, rates.__getitem__, labels)
    first, second, third, stereo, surround, iframes = parse_master(text)
    sounds = [each.attributes for each in (first, second, third)]
    assert [sound["DEFAULT"] for sound in sounds] == ["YES", "NO", "YES"]
    assert [sound["AUTOSELECT"] for sound in sounds] == ["YES"] * 3
    assert [sound["NAME"] for sound in sounds] == ["a, b", "Deutsch, DEFAULT=YES", "c 5.1"]
    for stream, peak, mean in (
        (stereo, "172", "120"),
        (surround, "200", "140"),
        (iframes, "9", "7"),
    ):
        have = stream.attributes
        assert (have["BANDWIDTH"], have["AVERAGE-BANDWIDTH"]) == (peak, mean)
    assert stereo.attributes["CODECS"] == "avc1.64001e,mp4a.40.2"


def test_mended_mpd_is_relative_in_order_and_in_time() -> None:
    times = (Fraction(17, 2), Fraction(7, 3))
    text = mend_mpd(MPD, "/a&b/out", {"v": 77}, {"v": "<b>&"}, times)
    assert "<Label>&lt;b&gt;&amp;</Label>" in text
    assert text.index("<Label>") < text.index("<Role") < text.index("<Representation")
    assert 'frameRate="25"' in text
    found = parse_mpd(text)
    assert found.duration == times[0]
    assert times[1] <= found.min_buffer < times[1] + Fraction(1, 10**6)
    (track,) = found.representations
    assert (track.init, track.bandwidth) == ("../media/v/init.mp4", 77)
    assert (track.frame_rate, track.aligned, track.sap) == (25, True, 1)
    assert track.segments == (
        ("../media/v/00001.m4s", Fraction(0), Fraction(4)),
        ("../media/v/00002.m4s", Fraction(4), Fraction(4)),
        ("../media/v/00003.m4s", Fraction(8), Fraction(1, 2)),
    )


def test_mended_playlist_adds_up_to_a_microsecond() -> None:
    entries = "".join(f"#EXTINF:4.011,\n{index}.m4s\n" for index in range(900))
    cuts = [index * Fraction(192_512, 48_000) for index in range(901)]
    playlist = parse_media(mend_media(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n{entries}", cuts, 4))
    assert playlist.target_s == 4
    off = sum((segment.duration for segment in playlist.segments), Fraction(0)) - cuts[-1]
    assert abs(off) <= Fraction(1, 2 * 10**6)


@pytest.mark.parametrize(
    ("durations", "target"), [(["4.0107", "1"], 4), (["4.5", "4"], 5), (["0.04"], 1)]
)
def test_target_duration_is_the_longest_rounded(durations: list[str], target: int) -> None:
    assert target_duration([Fraction(text) for text in durations]) == target


def test_byte_ranges_are_read() -> None:
    text = "#EXTM3U\n#EXT-X-I-FRAMES-ONLY\n#EXTINF:2,\n#EXT-X-BYTERANGE:700@40\n1.m4s\n"
    (entry,) = parse_media(text).segments
    assert (entry.length, entry.offset) == (700, 40)


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
