"""Work that runs behind the one who hands it over: models look while the next frames decode."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Behind[T]:
    """One thread, a bounded queue; leaving the block waits for the rest and raises its failure.

    A failure is raised to the one who hands over as soon as it is known, so that decoding stops.
    """

    def __init__(self, work: Callable[[T], None], *, waiting: int) -> None:
        """At most ``waiting`` items are queued; `give` blocks then."""
        self._work = work
        self._queue: queue.Queue[T | None] = queue.Queue(waiting)
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="screen-models", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def give(self, item: T) -> None:
        """Hand over one item."""
        if self._failure is not None:
            raise self._failure
        self._queue.put(item)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._stop.set()  # what waits is not worth doing any more
        self._queue.put(None)
        self._thread.join()
        if kind is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._stop.is_set() or self._failure is not None:
                continue  # keep taking, so that the other side never blocks for good
            try:
                self._work(item)
            except BaseException as error:  # noqa: BLE001 - raised again on the other thread
                self._failure = error
