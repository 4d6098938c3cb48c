"""One contract for every verdict cache: the embedded one, real Redis, and a real Redis cluster."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

import redis_servers
from framegate.cache.embedded import EmbeddedCache
from framegate.cache.protocol import Bounds, VerdictCache
from framegate.cache.redis import RedisCache
from framegate.domain.hashlist import distance
from framegate.domain.remembered import FARTHEST, Remembered, bands, probes, scope_of
from framegate.errors import CacheUnavailable, SettingsInvalid

SCOPE = scope_of("profile", "prompt", "letters")
OTHER = scope_of("profile", "prompt 2", "letters")
RANDOM = random.Random  # seeded: pictures that are the same in each run
ROOM = Bounds(10_000, timedelta(days=30))


class Now:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def later(self, by: timedelta) -> None:
        self.at += by


type Opened = Callable[..., VerdictCache]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_servers.server(tmp_path_factory.mktemp("redis")) as (port, _process):
        yield port


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_servers.cluster(tmp_path_factory.mktemp("cluster")) as port:
        yield port


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture(params=["embedded", "redis", "cluster"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> Iterator[Opened]:
    """Opens the same store, any number of times."""
    caches: list[VerdictCache] = []
    port = 0
    if request.param != "embedded":
        port = request.getfixturevalue("alone" if request.param == "redis" else "clustered")
        client = (redis.Redis if request.param == "redis" else redis.RedisCluster)(
            host="127.0.0.1", port=port
        )
        client.flushall()
        client.close()

    def open_one(bounds: Bounds = ROOM) -> VerdictCache:
        cache: VerdictCache
        if request.param == "embedded":
            cache = EmbeddedCache(tmp_path / "cache.sqlite", bounds, now)
        else:
            cache = RedisCache(
                f"redis://127.0.0.1:{port}", bounds, now, cluster=request.param == "cluster"
            )
        caches.append(cache)
        return cache

    yield open_one
    for cache in caches:
        cache.close()


def picture(seed: int) -> str:
    return f"{RANDOM(seed).getrandbits(256):064x}"


def flipped(pdq: str, bits: int, seed: int = 0) -> str:
    value = int(pdq, 16)
    for place in RANDOM(seed).sample(range(256), bits):
        value ^= 1 << place
    return f"{value:064x}"


def entry(pdq: str, now: Now, value: str = '{"none": 0.9}') -> Remembered:
    return Remembered(pdq, value, now())


def test_what_was_put_is_found_by_any_opener(opened: Opened, now: Now) -> None:
    first = opened()
    first.put(SCOPE, entry(picture(1), now, '{"a": "ä"}'))
    (hit,) = opened().near(SCOPE, picture(1), 0)
    assert hit.distance == 0
    assert hit.remembered == entry(picture(1), now, '{"a": "ä"}')


def test_near_pictures_are_found_nearest_first_and_no_farther(opened: Opened, now: Now) -> None:
    cache = opened()
    asked = picture(2)
    for bits in (12, 3, 31, 32, 60):
        cache.put(SCOPE, entry(flipped(asked, bits, bits), now))
    assert [hit.distance for hit in cache.near(SCOPE, asked, 12)] == [3, 12]
    assert [hit.distance for hit in cache.near(SCOPE, asked, FARTHEST)] == [3, 12, 31]
    assert cache.near(SCOPE, picture(3), FARTHEST) == ()


def test_every_neighbour_within_reach_is_found(opened: Opened, now: Now) -> None:
    cache = opened()
    asked = picture(4)
    near = {flipped(asked, bits, seed) for bits in (1, 15, 16, 31) for seed in range(20)}
    for pdq in near:
        cache.put(SCOPE, entry(pdq, now))
    assert {hit.remembered.pdq for hit in cache.near(SCOPE, asked, FARTHEST)} == near


def test_scopes_do_not_mix(opened: Opened, now: Now) -> None:
    cache = opened()
    cache.put(SCOPE, entry(picture(1), now))
    assert cache.near(OTHER, picture(1), FARTHEST) == ()


def test_the_newest_of_one_picture_counts(opened: Opened, now: Now) -> None:
    cache = opened()
    cache.put(SCOPE, entry(picture(1), now, "old"))
    now.later(timedelta(seconds=1))
    cache.put(SCOPE, entry(picture(1), now, "new"))
    (hit,) = cache.near(SCOPE, picture(1), 0)
    assert (hit.remembered.value, hit.remembered.at) == ("new", now())
    assert cache.stats().entries == 1


def test_what_is_too_old_is_gone(opened: Opened, now: Now) -> None:
    cache = opened(Bounds(100, timedelta(hours=1)))
    cache.put(SCOPE, entry(picture(1), now))
    now.later(timedelta(minutes=59))
    assert cache.near(SCOPE, picture(1), 0)
    now.later(timedelta(minutes=1))
    assert cache.near(SCOPE, picture(1), 0) == ()
    cache.put(SCOPE, entry(picture(2), now))
    assert cache.stats().entries == 1


def test_it_never_grows_past_its_bound_and_drops_the_least_used(opened: Opened, now: Now) -> None:
    cache = opened(Bounds(64, timedelta(days=1)))
    kept = picture(0)
    cache.put(SCOPE, entry(kept, now))
    for seed in range(1, 400):
        now.later(timedelta(seconds=1))
        cache.put(SCOPE, entry(picture(seed), now))
        assert cache.near(SCOPE, kept, 0), f"used all along, gone after {seed}"
    stats = cache.stats()
    assert stats.entries <= 64 + 8
    assert stats.evicted > 0
    assert cache.near(SCOPE, picture(1), 0) == ()


def test_a_scope_can_be_forgotten_whole(opened: Opened, now: Now) -> None:
    cache = opened()
    for seed in range(20):
        cache.put(SCOPE, entry(picture(seed), now))
    cache.put(OTHER, entry(picture(1), now))
    assert cache.forget(SCOPE) == 20
    assert all(cache.near(SCOPE, picture(seed), FARTHEST) == () for seed in range(20))
    assert cache.near(OTHER, picture(1), 0)


def test_hits_and_misses_are_counted(opened: Opened, now: Now) -> None:
    cache = opened()
    cache.near(SCOPE, picture(1), 3)
    cache.put(SCOPE, entry(picture(1), now))
    cache.near(SCOPE, picture(1), 3)
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.stored, stats.entries) == (1, 1, 1, 1)


def test_many_threads_share_it(opened: Opened, now: Now) -> None:
    cache = opened()
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for seed in range(first, first + 25):
                cache.put(SCOPE, entry(picture(seed), now))
                assert cache.near(SCOPE, picture(seed), 0)
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert cache.stats().entries == 100


def test_farther_than_can_be_promised_is_refused(opened: Opened) -> None:
    with pytest.raises(ValueError, match="31 bits"):
        opened().near(SCOPE, picture(1), FARTHEST + 1)


def test_a_damaged_file_is_put_aside(tmp_path: Path, now: Now) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"this is no database, and was never one" * 100)
    cache = EmbeddedCache(path, ROOM, now)
    cache.put(SCOPE, entry(picture(1), now))
    assert cache.near(SCOPE, picture(1), 0)
    cache.close()
    assert (tmp_path / "cache.damaged").read_bytes().startswith(b"this is no database")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_had_is_said(tmp_path: Path, now: Now) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheUnavailable):
        EmbeddedCache(tmp_path / "file" / "cache.sqlite", ROOM, now)


def test_bands_go_with_their_entries(tmp_path: Path, now: Now) -> None:
    cache = EmbeddedCache(tmp_path / "cache.sqlite", Bounds(16, timedelta(days=1)), now)
    for seed in range(200):
        cache.put(SCOPE, entry(picture(seed), now))
    entries = cache.stats().entries
    cache.close()
    with sqlite3.connect(tmp_path / "cache.sqlite") as connection:
        (left,) = connection.execute("SELECT COUNT(*) FROM band").fetchone()
    assert left == entries * 16


def test_a_server_that_dies_is_said_without_its_password(tmp_path: Path, now: Now) -> None:
    with redis_servers.server(tmp_path) as (port, process):
        secret = RANDOM(1).randbytes(8).hex()
        cache = RedisCache(f"redis://127.0.0.1:{port}", ROOM, now, cluster=False, password=secret)
        process.kill()
        process.wait()
        with pytest.raises(CacheUnavailable) as caught:
            cache.near(SCOPE, picture(1), 0)
        assert secret not in caught.value.line()
        cache.close()


def test_an_address_of_another_kind_is_refused(now: Now) -> None:
    with pytest.raises(SettingsInvalid):
        RedisCache("http://127.0.0.1:1", ROOM, now, cluster=False)


@given(st.integers(0, 2**256 - 1), st.sets(st.integers(0, 255), max_size=FARTHEST))
def test_hashes_within_reach_are_found_by_a_band(value: int, places: set[int]) -> None:
    pdq = f"{value:064x}"
    other = f"{value ^ sum(1 << place for place in places):064x}"
    assert distance(pdq, other) == len(places)
    assert set(probes(pdq, len(places))) & set(bands(other))


def test_what_could_not_be_kept_is_refused(now: Now) -> None:
    with pytest.raises(ValueError, match="PDQ"):
        Remembered("zz", "", now())
    with pytest.raises(ValueError, match="bytes"):
        Remembered(picture(1), "x" * 20_000, now())
    with pytest.raises(ValueError, match="room"):
        Bounds(0, timedelta(days=1))
