"""Gain and ceiling: bounded, never louder than asked for, and done after a few tries."""

from hypothesis import given
from hypothesis import strategies as st

from framegate.domain.sound import TARGET_LUFS, Level, Levelling
from framegate.stages.encode.levelling import (
    CEILING_DBTP,
    MOST_GAIN_DB,
    MOST_TRIES,
    again,
    first,
)

loudness = st.none() | st.floats(-70, 5)
peaks = st.none() | st.floats(-120, 12)
levels = st.builds(Level, loudness, peaks)


@given(levels)
def test_the_first_gain_is_bounded_and_peaks_over_the_ceiling_are_limited(level: Level) -> None:
    done = first(level, TARGET_LUFS, mixed=False)
    assert done.gain_db <= MOST_GAIN_DB
    if level.integrated_lufs is None or level.true_peak_dbtp is None:
        assert done == Levelling()
    else:
        assert level.integrated_lufs + done.gain_db <= TARGET_LUFS + 0.05
        over = level.true_peak_dbtp + done.gain_db > CEILING_DBTP
        assert (done.ceiling_dbtp is not None) == over


@given(level=levels, mixed=st.booleans())
def test_without_a_target_only_a_downmix_that_would_clip_is_turned_down(
    *, level: Level, mixed: bool
) -> None:
    done = first(level, None, mixed=mixed)
    assert done.ceiling_dbtp is None
    assert done.gain_db <= 0
    if not mixed or level.true_peak_dbtp is None or level.true_peak_dbtp <= CEILING_DBTP:
        assert done.gain_db == 0
    assert again([(done, level)], None) is None


@given(st.lists(st.tuples(st.builds(Levelling, st.floats(-30, 20)), levels), min_size=1))
def test_it_ends_and_stays_within_bounds(tries: list[tuple[Levelling, Level]]) -> None:
    following = again(tries, TARGET_LUFS)
    if len(tries) == MOST_TRIES:
        assert following is None
    if following is not None:
        assert following.gain_db <= MOST_GAIN_DB
        assert following != tries[-1][0]


@given(st.floats(-43, 5), st.floats(0.3, 1), st.floats(0, 25), st.floats(0, 1.5))
def test_a_track_that_answers_to_gain_is_brought_to_the_target(
    lufs: float, yielding: float, over_loudness: float, lift: float
) -> None:
    """A made track: the limiter takes back a share of what is over its ceiling, the codec lifts
    peaks by ``lift`` dB.
    """

    def encode(done: Levelling) -> Level:
        loud, peak = lufs + done.gain_db, lufs + over_loudness + done.gain_db
        if done.ceiling_dbtp is not None and peak > done.ceiling_dbtp:
            loud -= (1 - yielding) * (peak - done.ceiling_dbtp) / 2
            peak = done.ceiling_dbtp
        return Level(loud, peak + lift)

    done: Levelling | None = first(Level(lufs, lufs + over_loudness), TARGET_LUFS, mixed=False)
    tries = []
    while done is not None:
        tries.append((done, encode(done)))
        done = again(tries, TARGET_LUFS)
    done, after = tries[-1]
    assert after.true_peak_dbtp is not None
    assert after.true_peak_dbtp <= -1
    assert after.integrated_lufs is not None
    assert abs(after.integrated_lufs - TARGET_LUFS) <= 0.5 or done.gain_db == MOST_GAIN_DB
