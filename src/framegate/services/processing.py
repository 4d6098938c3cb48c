"""The main job: files in, packages and verdicts out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from framegate.domain.asset import Asset
from framegate.domain.options import ProcessOptions
from framegate.errors import FramegateError, Internal
from framegate.flow.state import Outcome
from framegate.flow.workshop import Workshop
from framegate.jobs import Interrupted
from framegate.observability.logs import logger
from framegate.services.found import find_videos
from framegate.services.retention import Retention
from framegate.services.runner import Runner
from framegate.services.wish import Wish, read_wish
from framegate.stages.base import Progress

STOP_WAIT_S = 10.0  # for threads to put away what they were at, after Ctrl-C


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """What became of one path. Exactly one of ``outcome`` and ``error`` is there.

    ``resumed``: an earlier run had begun; ``already_done``: nothing was left to do, or, when
    ``renewed``, only the reports: the sender says something else about the video now.
    ``looked_anew`` names analysers that could not look when it was done before, and did now.
    """

    path: Path
    asset: Asset | None = None
    outcome: Outcome | None = None
    error: FramegateError | None = None
    resumed: bool = False
    already_done: bool = False
    renewed: bool = False
    looked_anew: tuple[str, ...] = ()


class Processing:
    """Use case: process files and folders."""

    def __init__(
        self, workshop: Workshop, runner: Runner, retention: Retention, stop: Callable[[], None]
    ) -> None:
        """``stop`` makes everything under way end without a result."""
        self._workshop = workshop
        self._runner = runner
        self._retention = retention
        self._stop_all = stop

    def process(
        self,
        paths: Sequence[Path],
        options: ProcessOptions,
        progress: Callable[[Path, int, int], Progress],
        on_result: Callable[[ProcessResult], None],
    ) -> tuple[ProcessResult, ...]:
        """Results in the order of the files found.

        ``progress(path, number, total)`` is asked for each file when its turn comes; ``on_result``
        hears each result as soon as it is there, one at a time. An error of one file is in its
        result and stops no other; errors of the options (policy, hash lists, output folder) are
        raised. After Ctrl-C (`KeyboardInterrupt`) all that was started is stopped and put away;
        the same call goes on from there.
        """
        wish = read_wish(options, self._workshop.default_policy)
        self._workshop.data.require_writable(Path(options.output))
        self._workshop.data.keep_policy(wish.policy_bytes)
        self._retention.sweep()
        found = list(find_videos(paths))
        telling = threading.Lock()

        def one(number: int, path: Path) -> ProcessResult:
            result = self._one(path, wish, progress(path, number, len(found)))
            with telling:
                on_result(result)
            return result

        pool = ThreadPoolExecutor(self._workshop.assets_at_once, thread_name_prefix="asset")
        futures = [pool.submit(one, number, path) for number, path in enumerate(found, start=1)]
        try:
            return tuple(future.result() for future in futures)
        except BaseException:
            self._stop(futures)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _stop(self, futures: Sequence[Future[ProcessResult]]) -> None:
        """End as if killed, but tidily: nothing more is recorded, children die, threads unwind."""
        for future in futures:
            future.cancel()
        self._stop_all()
        wait(futures, timeout=STOP_WAIT_S)

    def _one(self, path: Path, wish: Wish, progress: Progress) -> ProcessResult:
        """One file; every error but a stop becomes part of the result."""
        asset = None
        try:
            taken = self._workshop.take_in(path, wish.options.details, progress)
            asset = self._workshop.assets.remember(taken.asset)
            done = self._runner.process(asset, taken.source, wish, progress)
        except Interrupted:
            raise
        except FramegateError as error:
            return ProcessResult(path, asset=asset, error=error)
        except Exception as error:  # noqa: BLE001 - one bad file never stops the rest
            logger("processing").exception("unexpected fault", asset=asset and asset.id)
            wrapped = Internal("unexpected fault", f"{type(error).__name__}: {error}")
            return ProcessResult(path, asset=asset, error=wrapped)
        return ProcessResult(
            path,
            asset=asset,
            outcome=done.outcome,
            resumed=done.resumed,
            already_done=done.already,
            renewed=done.renewed,
            looked_anew=done.looked_anew,
        )
