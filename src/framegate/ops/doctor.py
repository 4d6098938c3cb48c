"""What this machine can decode, encode and run, and why not. Looks by doing, not by guessing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from framegate import __version__
from framegate.database import connect
from framegate.errors import ComponentMissing, FramegateError
from framegate.models import registry
from framegate.models.vision import profiles
from framegate.models.vision.protocol import Vision
from framegate.planner.catalogue import fit_of
from framegate.security.sandbox.host import ForkServer
from framegate.security.sandbox.limits import BRIEF
from framegate.security.ulimits import described, require_room
from framegate.settings import Settings, cores
from framegate.stages.encode import hardware
from framegate.stages.encode.package import packager_path
from framegate.storage.local import DataFolder

_LITTLE_MEMORY = 2_000_000_000  # a 1080p job takes 1.2 GB (benchmarks/RESULTS.md)


class State(StrEnum):
    """How a check came out. Only ``failed`` keeps `framegate process` from working."""

    OK = "ok"
    LIMITED = "limited"  # works, with less than there could be
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's answer."""

    group: str
    name: str
    state: State
    detail: str = ""
    todo: str = ""


def examine(settings: Settings, sandbox: ForkServer) -> Iterator[Check]:
    """Every check, each yielded as soon as it is known."""
    yield Check(
        "machine",
        "framegate",
        State.OK,
        f"{__version__}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.release()}, {platform.machine()}",
    )
    yield _memory()
    yield _guarded("machine", "ulimit", _ulimits)
    yield from _folder(settings)
    yield from _sandbox(sandbox)
    yield from _decoders(sandbox)
    yield from _encoders(sandbox)
    yield _guarded("encode", "Shaka Packager", lambda: _packager(sandbox))
    yield from _models()
    yield from _vision(settings)


def _guarded(group: str, name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(group, name, State.OK, look())
    except FramegateError as error:
        reason = f"{error.what}: {error.why}" if error.why else error.what
        return Check(group, name, State.FAILED, reason, error.todo)


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    detail = f"{cores()} cores, {total / 1e9:.1f} GB of memory"
    if total < _LITTLE_MEMORY:
        return Check(
            "machine", "size", State.LIMITED, detail, "1080p needs about 1.2 GB, 2160p more"
        )
    return Check("machine", "size", State.OK, detail)


def _ulimits() -> str:
    require_room()
    return described()


def _folder(settings: Settings) -> Iterator[Check]:
    home = settings.home

    def open_it() -> str:
        DataFolder(home, min_free_bytes=settings.limits.min_free_bytes).require_space(home)
        connect(home).dispose()
        return f"{home}, {shutil.disk_usage(home).free / 1e9:.1f} GB free"

    yield _guarded("machine", "data folder", open_it)


def _sandbox(sandbox: ForkServer) -> Iterator[Check]:
    try:
        protections = sandbox.report()
    except FramegateError as error:
        yield Check("sandbox", "fork server", State.FAILED, str(error), error.todo)
        return
    for protection in protections:
        state = State.OK if protection.active else State.LIMITED
        yield Check("sandbox", protection.name, state, protection.detail)


def _decoders(sandbox: ForkServer) -> Iterator[Check]:
    try:
        answer = sandbox.run("framegate.media.decoders:list_", {}, fds={}, limits=BRIEF)
    except FramegateError as error:
        yield Check("decode", "decoders", State.FAILED, str(error), error.todo)
        return
    known = {str(name): bool(here) for name, here in answer["decoders"].items()}
    here = ", ".join(name for name, there in known.items() if there)
    absent = ", ".join(name for name, there in known.items() if not there)
    yield Check("decode", "software", State.OK if here else State.FAILED, here)
    if absent:
        yield Check("decode", "absent", State.LIMITED, absent, "These sources will be refused")
    yield Check("decode", "hardware", State.LIMITED, "not used: this version decodes on the CPU")


def _encoders(sandbox: ForkServer) -> Iterator[Check]:
    try:
        found = hardware.encoders(sandbox)
    except FramegateError as error:
        yield Check("encode", "encoders", State.FAILED, str(error), error.todo)
        return
    for codec, there in found.software.items():
        state = State.OK if there else State.LIMITED
        yield Check("encode", codec, state, "software" if there else "not in this build of PyAV")
    card = Path("/dev/nvidiactl").exists()
    built_in = ", ".join(found.hardware_built_in) or "none"
    why = "not used: this version encodes on the CPU"
    if not card:
        why += "; no NVIDIA driver on this machine"
    yield Check("encode", "hardware", State.LIMITED, f"in the build: {built_in}; {why}")


def _packager(sandbox: ForkServer) -> str:
    program = packager_path()
    answer = sandbox.execute([str(program), "--version"], readable=[], writable=[], limits=BRIEF)
    return answer.strip().splitlines()[0] if answer.strip() else str(program)


def _models() -> Iterator[Check]:
    for model in registry.MODELS.values():
        try:
            registry.verify(model.name)
        except ComponentMissing as error:
            state = State.LIMITED if model.extra else State.FAILED
            yield Check("models", model.name, state, f"{error.what}: {error.why}", error.todo)
        except FramegateError as error:
            yield Check("models", model.name, State.FAILED, str(error), error.todo)
        else:
            yield Check("models", model.name, State.OK, f"{model.task}; SHA-256 verified")


def _vision(settings: Settings) -> Iterator[Check]:
    """The vision model that the settings name: its licence, its fit, whether it answers."""
    wanted = settings.vlm
    if not wanted.url:
        detail = "none is asked: small models and people decide"
        yield Check("vision model", "server", State.LIMITED, detail, "Name a server with --vlm")
        return
    try:
        profile = profiles.chosen(wanted.profile, wanted.model)
        fit = fit_of(profile)
    except FramegateError as error:
        yield Check("vision model", "profile", State.FAILED, str(error), error.todo)
        return
    if profile.licence_warning:
        yield Check("vision model", "licence", State.LIMITED, profile.licence_warning)
    if fit is not None:
        state = State.OK if fit.fits else State.LIMITED
        room = f"{profile.name}: KV cache for {fit.kv_tokens:,} tokens"
        yield Check("vision model", "fit", state, fit.why or room)
    # takes 0.3 s to import, and most machines ask nobody
    from framegate.models.vision.client import VisionClient  # noqa: PLC0415 - see above

    try:
        client = VisionClient(wanted.url, profile, api_key=settings.vlm_api_key)
    except FramegateError as error:
        yield Check("vision model", "server", State.FAILED, str(error), error.todo)
        return
    yield _guarded("vision model", "server", lambda: _served(client))
    client.close()


def _served(client: Vision) -> str:
    served = client.describe()
    said = [served.model, served.version and f"version {served.version}"]
    if not served.tokenizer_checked:
        said.append("its tokenizer could not be asked")
    if not served.processed:
        said.append("probabilities over all tokens (no --logprobs-mode processed_logprobs)")
    if not served.priorities:
        said.append("no priorities (no --scheduling-policy priority)")
    return ", ".join(filter(None, said))
