"""What is no longer needed goes: old journals, and the work folders that nobody comes back to."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from framegate.errors import AlreadyRunning
from framegate.flow.workshop import Workshop
from framegate.jobs import Jobs
from framegate.observability.logs import logger
from framegate.services.creators import sweep_templates


class Retention:
    """Use case: sweep the data folder, at the start of every run of `process`."""

    def __init__(self, workshop: Workshop, jobs: Jobs, keep: timedelta) -> None:
        """``keep`` is how long what ended, or was given up, stays since it was last touched."""
        self._workshop = workshop
        self._jobs = jobs
        self._keep = keep

    def sweep(self) -> None:
        """Remove journals of finished flows, and work folders that no work wants any more.

        What another process is at stays, however old: its asset's lease is held. A folder is only
        renamed under the lease, so that a process which comes for that asset is not kept waiting.
        """
        at = self._workshop
        sweep_templates(at)
        since = at.clock() - self._keep
        flows = self._jobs.forget(before=since)
        wanted = at.works.wanted(since)
        folders = 0
        for asset_id, key in at.data.works():
            if (asset_id, key) in wanted:
                continue
            # somebody is at it, or it cannot be moved: the next run will see
            with suppress(AlreadyRunning, OSError), at.leases.hold(asset_id):
                if (asset_id, key) not in at.works.wanted(since, asset_id):
                    at.data.discard(asset_id, key)
                    folders += 1
        freed = at.data.sweep()
        logger("retention").debug("swept", folders=folders, freed_bytes=freed, flows=flows)
