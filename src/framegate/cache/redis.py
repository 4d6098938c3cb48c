"""The verdict cache of many machines: Redis, alone or as a cluster.

    {fg:S:7}:e:<pdq>     hash: value, at       the entry, S the scope, 7 the first digit of its PDQ
    {fg:S:7}:used        sorted set            PDQ of entries by last use, for the bound
    {fg:S:<band>}:b      sorted set            PDQ of entries with that band, by age
    fg:scopes            set                   scopes that have entries

What belongs together carries one hash tag, so that each script runs in one node; bands point to
entries that may be gone, which a look finds and clears. Redis's own expiry backs the one checked
here; set ``maxmemory`` with a policy of ``volatile-lru`` as the last bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from framegate.cache.protocol import Bounds
from framegate.cache.tally import Tally
from framegate.domain.hashlist import distance, is_digest
from framegate.domain.remembered import CacheStats, Hit, Remembered, bands, probes
from framegate.errors import CacheUnavailable, ComponentMissing, SettingsInvalid

_SHARDS = "0123456789abcdef"
_TIMEOUT_S = 0.5  # a cache that answers later than a model would is none
_MOST_CANDIDATES = 4096  # of one band: a flood of like pictures must not stop the work
_SCOPES = "fg:scopes"

# Both keys of a put lie in one slot: the entry, its place in the order of use, and what is over.
_PUT = """
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'at', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[6])
if over <= 0 then return 0 end
for _, pdq in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
  redis.call('DEL', ARGV[7] .. pdq)
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
return over
"""


class RedisCache:
    """A `VerdictCache` on one Redis server or a cluster, shared by all who name it.

    The bound holds for each scope and each of sixteen shares of the hashes: at most
    ``most_entries / 16`` entries a share, so a scope never has more than ``most_entries``.
    """

    def __init__(
        self,
        url: str,
        bounds: Bounds,
        clock: Callable[[], datetime],
        *,
        cluster: bool,
        password: str = "",
    ) -> None:
        """``url`` as ``redis://`` or ``rediss://``. Raises `CacheUnavailable`, `ComponentMissing`,
        `SettingsInvalid`.
        """
        try:
            import redis  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ComponentMissing(
                "The verdict cache on Redis", "the extra `redis` is not installed"
            ) from error
        if not url.startswith(("redis://", "rediss://")):
            raise SettingsInvalid("cache.url", "an address redis:// or rediss:// is wanted")
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self._bounds = bounds
        self._clock = clock
        self._tally = Tally()
        self._share = max(1, bounds.most_entries // len(_SHARDS))
        self._ttl_ms = max(1, int(bounds.ttl.total_seconds() * 1000))
        kind: Any = redis.RedisCluster if cluster else redis.Redis
        with self._reached():
            self._client: Any = kind.from_url(
                url,
                decode_responses=True,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                **({"password": password} if password else {}),
            )
            self._client.ping()
            self._put = self._client.register_script(_PUT)

    def near(self, scope: str, pdq: str, within: int) -> tuple[Hit, ...]:
        """See `VerdictCache.near`."""
        oldest = self._now() - self._bounds.ttl.total_seconds()
        with self._reached():
            pipe = self._client.pipeline(transaction=False)
            for band in probes(pdq, within):
                pipe.zrange(_band(scope, band), 0, _MOST_CANDIDATES - 1, desc=True)
            known = {
                (far, other)
                for others in pipe.execute()
                for other in others
                if is_digest(other) and (far := distance(pdq, other)) <= within
            }
            hits = self._read(scope, sorted(known), oldest)
        self._tally.add("hits" if hits else "misses")
        return hits

    def put(self, scope: str, entry: Remembered) -> None:
        """See `VerdictCache.put`."""
        at = entry.at.timestamp()
        stem = _stem(scope, entry.pdq)
        with self._reached():
            evicted = self._put(
                keys=[f"{stem}:e:{entry.pdq}", f"{stem}:used"],
                args=[
                    entry.pdq,
                    entry.value,
                    repr(at),
                    repr(self._now()),
                    self._ttl_ms,
                    self._share,
                    f"{stem}:e:",
                ],
            )
            pipe = self._client.pipeline(transaction=False)
            for band in bands(entry.pdq):
                key = _band(scope, band)
                pipe.zadd(key, {entry.pdq: at})
                pipe.zremrangebyscore(key, "-inf", at - self._bounds.ttl.total_seconds())
                pipe.pexpire(key, self._ttl_ms)
            pipe.sadd(_SCOPES, scope)
            pipe.execute()
        self._tally.add("stored")
        self._tally.add("evicted", int(evicted))

    def forget(self, scope: str) -> int:
        """See `VerdictCache.forget`."""
        gone = 0
        with self._reached():
            for shard in _SHARDS:
                stem = _stem(scope, shard)
                known = self._client.zrange(f"{stem}:used", 0, -1)
                pipe = self._client.pipeline(transaction=False)
                for pdq in known:
                    pipe.delete(f"{stem}:e:{pdq}")
                    for band in bands(pdq):
                        pipe.zrem(_band(scope, band), pdq)
                pipe.delete(f"{stem}:used")
                pipe.execute()
                gone += len(known)
            self._client.srem(_SCOPES, scope)
        return gone

    def stats(self) -> CacheStats:
        """See `VerdictCache.stats`; entries that Redis dropped by itself may still be counted."""
        with self._reached():
            pipe = self._client.pipeline(transaction=False)
            for scope in sorted(self._client.smembers(_SCOPES)):
                for shard in _SHARDS:
                    pipe.zcard(f"{_stem(scope, shard)}:used")
            entries = sum(int(count) for count in pipe.execute())
        return self._tally.stats(entries=entries, most_entries=self._bounds.most_entries)

    def close(self) -> None:
        """See `VerdictCache.close`."""
        self._client.close()

    def _read(self, scope: str, known: list[tuple[int, str]], oldest: float) -> tuple[Hit, ...]:
        pipe = self._client.pipeline(transaction=False)
        for _far, pdq in known:
            pipe.hmget(f"{_stem(scope, pdq)}:e:{pdq}", "value", "at")
        hits = []
        clean = self._client.pipeline(transaction=False)
        for (far, pdq), (value, at) in zip(known, pipe.execute(), strict=True):
            stem = _stem(scope, pdq)
            if value is None or float(at) <= oldest:
                for band in bands(pdq):
                    clean.zrem(_band(scope, band), pdq)
                clean.delete(f"{stem}:e:{pdq}")
                clean.zrem(f"{stem}:used", pdq)
                self._tally.add("expired", int(value is not None))
            else:
                when = datetime.fromtimestamp(float(at), UTC)
                hits.append(Hit(far, Remembered(pdq, value, when)))
                clean.zadd(f"{stem}:used", {pdq: self._now()}, xx=True)
        clean.execute()
        return tuple(hits)

    def _now(self) -> float:
        return self._clock().timestamp()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            # the vendor's words may hold the address with its password
            raise CacheUnavailable("the verdict cache on Redis", type(error).__name__) from error


def _stem(scope: str, pdq: str) -> str:
    return f"{{fg:{scope}:{pdq[0]}}}"


def _band(scope: str, band: str) -> str:
    return f"{{fg:{scope}:{band}}}:b"
