"""From a stretch's packets to the bitrate of whole GOPs."""

import pytest

from framegate.domain.ladder import VideoCodec
from framegate.media.trial import EARLY, FIRST_KEY, gop_mean


@pytest.mark.parametrize("kind", list(VideoCodec))
def test_a_whole_gop_is_taken_as_it_is_but_for_its_keyframe(kind: VideoCodec) -> None:
    sizes = [1000, *range(10, 59)]
    found = gop_mean(sizes, 50, kind)
    assert found == pytest.approx((1000 / FIRST_KEY[kind] + sum(range(10, 59))) / 50)


@pytest.mark.parametrize("kind", list(VideoCodec))
def test_a_keyframe_weighs_once_a_gop(kind: VideoCodec) -> None:
    """Ten frames say of fifty: one keyframe, and 49 of the others, which will be larger."""
    found = gop_mean([1000, *[100] * 9], 50, kind)
    later = 100 / (1 - EARLY[kind] * 0.8)
    assert found == pytest.approx((1000 / FIRST_KEY[kind] + 49 * later) / 50)
    assert later > 100


def test_the_order_of_the_packets_after_the_keyframe_says_nothing() -> None:
    """They come in coding order: the last ones are B pictures, not the last to be shown."""
    one = gop_mean([1000, 300, 200, 20, 10], 50, VideoCodec.H264)
    assert gop_mean([1000, 10, 20, 200, 300], 50, VideoCodec.H264) == pytest.approx(one)


def test_a_lone_keyframe_is_all_there_is() -> None:
    assert gop_mean([1000], 1, VideoCodec.H265) == pytest.approx(1000 / FIRST_KEY[VideoCodec.H265])
