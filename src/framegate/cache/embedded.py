"""The verdict cache of one machine: a SQLite file of its own, which may be deleted at any time.

It is apart from the catalog's database because nothing is lost with it: no fsync for each entry, no
backup, and a file that is damaged is put aside and begun anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from framegate.cache.protocol import Bounds
from framegate.cache.tally import Tally
from framegate.domain.hashlist import distance
from framegate.domain.remembered import CacheStats, Hit, Remembered, bands, probes
from framegate.errors import CacheUnavailable

_BUSY_S = 5.0
_SLACK = 64  # entries over the bound before the oldest go: one sweep for many puts
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, pdq TEXT NOT NULL, value TEXT NOT NULL,
    at REAL NOT NULL, used REAL NOT NULL, UNIQUE (scope, pdq));
CREATE INDEX IF NOT EXISTS entry_used ON entry (used);
CREATE INDEX IF NOT EXISTS entry_at ON entry (at);
CREATE TABLE IF NOT EXISTS band (
    scope TEXT NOT NULL, band TEXT NOT NULL,
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    PRIMARY KEY (scope, band, entry)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS band_entry ON band (entry);
"""


class EmbeddedCache:
    """A `VerdictCache` in one file, shared by the processes of a machine."""

    def __init__(self, path: Path, bounds: Bounds, clock: Callable[[], datetime]) -> None:
        """Open or create ``path`` (mode 0600); raises `CacheUnavailable`."""
        self._bounds = bounds
        self._clock = clock
        self._tally = Tally()
        self._lock = Lock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            try:
                self._connection = _opened(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                path.replace(path.with_suffix(".damaged"))
                path.touch(mode=0o600)
                self._connection = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise CacheUnavailable(f"the verdict cache {path}", str(error)) from error

    def near(self, scope: str, pdq: str, within: int) -> tuple[Hit, ...]:
        """See `VerdictCache.near`."""
        places = probes(pdq, within)
        with self._work() as connection:
            rows = connection.execute(
                "SELECT DISTINCT e.id, e.pdq, e.value, e.at FROM band b JOIN entry e"  # noqa: S608 - placeholders only
                " ON e.id = b.entry WHERE b.scope = ? AND b.band IN"
                f" ({','.join('?' * len(places))}) AND e.at > ?",
                (scope, *places, self._oldest()),
            ).fetchall()
            found = sorted(
                (far, number, Remembered(known, value, datetime.fromtimestamp(at, UTC)))
                for number, known, value, at in rows
                if (far := distance(pdq, known)) <= within
            )
            if found:
                connection.executemany(
                    "UPDATE entry SET used = ? WHERE id = ?",
                    [(self._now(), number) for _far, number, _entry in found],
                )
        self._tally.add("hits" if found else "misses")
        return tuple(Hit(far, entry) for far, _number, entry in found)

    def put(self, scope: str, entry: Remembered) -> None:
        """See `VerdictCache.put`."""
        at = entry.at.timestamp()
        with self._work() as connection:
            (number,) = connection.execute(
                "INSERT INTO entry (scope, pdq, value, at, used) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (scope, pdq) DO UPDATE SET value = excluded.value,"
                " at = excluded.at, used = excluded.used RETURNING id",
                (scope, entry.pdq, entry.value, at, self._now()),
            ).fetchone()
            connection.executemany(
                "INSERT OR IGNORE INTO band (scope, band, entry) VALUES (?, ?, ?)",
                [(scope, band, number) for band in bands(entry.pdq)],
            )
            self._sweep(connection)
        self._tally.add("stored")

    def forget(self, scope: str) -> int:
        """See `VerdictCache.forget`."""
        with self._work() as connection:
            return connection.execute("DELETE FROM entry WHERE scope = ?", (scope,)).rowcount

    def stats(self) -> CacheStats:
        """See `VerdictCache.stats`."""
        with self._work() as connection:
            entries = _count(connection)
        return self._tally.stats(entries=entries, most_entries=self._bounds.most_entries)

    def close(self) -> None:
        """See `VerdictCache.close`."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _work(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._connection:
                yield self._connection
        except sqlite3.Error as error:
            raise CacheUnavailable("the verdict cache", str(error)) from error

    def _now(self) -> float:
        return self._clock().timestamp()

    def _oldest(self) -> float:
        return self._now() - self._bounds.ttl.total_seconds()

    def _sweep(self, connection: sqlite3.Connection) -> None:
        gone = connection.execute("DELETE FROM entry WHERE at <= ?", (self._oldest(),)).rowcount
        self._tally.add("expired", gone)
        most = self._bounds.most_entries
        over = _count(connection) - most
        if over > min(_SLACK, most // 8):
            connection.execute(
                "DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY used, id LIMIT ?)",
                (over,),
            )
            self._tally.add("evicted", over)


def _count(connection: sqlite3.Connection) -> int:
    (entries,) = connection.execute("SELECT COUNT(*) FROM entry").fetchone()
    return int(entries)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")  # a power cut costs the last entries
        connection.execute("PRAGMA foreign_keys=ON")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
