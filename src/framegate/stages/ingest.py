"""Ingest: one pass over the bytes says what they are, and that they are a video's.

Hashes, type and size on the host; nothing here parses more than the first bytes. What the file
*is* in detail is the probe's to say, inside the sandbox.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from magika import Magika

from framegate.domain.asset import Asset, AssetDetails, SourceFile
from framegate.domain.disguise import unsafe_kind
from framegate.domain.sidecar import MAX_BYTES, SUFFIX, problem_with, read_sidecar
from framegate.domain.signature import HEAD_BYTES, media_type_of
from framegate.errors import (
    EmptyInput,
    InputTooLarge,
    InputVanished,
    NotAVideo,
    NoVideoTrack,
    SettingsInvalid,
    SidecarInvalid,
    UnsafeInput,
)
from framegate.stages.base import Clock, Progress
from framegate.storage.source import mark, open_file, vanished

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 1 << 20
ID_DIGITS = 32
READINGS = 2  # of a file whose inode is touched meanwhile


@dataclass(frozen=True, slots=True)
class ContentType:
    """A guess from content: group is "video", "audio", "text", "code", "unknown" …"""

    group: str
    media_type: str
    words: str


class Classifier(Protocol):
    """Tells what bytes are when no container's signature does."""

    def classify(self, fd: int) -> ContentType:
        """Look at descriptor ``fd`` (its offset is moved)."""


class MagikaClassifier:
    """Magika's model, loaded at the first question and kept; it runs ONNX by itself."""

    def __init__(self) -> None:
        self._magika: Magika | None = None

    def classify(self, fd: int) -> ContentType:
        """Reads the beginning and the end of the file; about 10 ms."""
        if self._magika is None:
            self._magika = Magika()
        with os.fdopen(os.dup(fd), "rb") as stream:
            output = self._magika.identify_stream(stream).output
        return ContentType(output.group, output.mime_type, output.description)


@dataclass(frozen=True, slots=True)
class Ingested:
    """An asset, not yet remembered, and the file it came from."""

    asset: Asset
    source: SourceFile


def ingest(
    path: Path,
    *,
    details: AssetDetails,
    max_bytes: int,
    classifier: Classifier,
    clock: Clock,
    progress: Progress,
) -> Ingested:
    """Take in one file: ``details`` of the run, under those of its sidecar.

    Raises `InputVanished`, `NotAVideo`, `NoVideoTrack`, `UnsafeInput`, `EmptyInput`,
    `InputTooLarge`, `SidecarInvalid`, `SettingsInvalid`. Whether the same bytes came before is the
    catalog's to say (`Assets.remember`).
    """
    problem = problem_with(asdict(details))
    if problem is not None:
        raise SettingsInvalid("The details of the video cannot be used", problem)
    fd, source = open_file(path)
    try:
        if source.size_bytes == 0:
            raise EmptyInput("The file is empty")
        if source.size_bytes > max_bytes:
            raise InputTooLarge(
                "The file is too large",
                f"{source.size_bytes} bytes where {max_bytes} are allowed",
            )
        said = _sidecar(path, details)
        media_type = _media_type(fd, path.name, classifier)
        sha256, md5, source = _hash(path, fd, source, progress)
    finally:
        os.close(fd)
    asset = Asset(
        id=asset_id(said.tenant, sha256),
        name=os.fsencode(path.name).decode("utf-8", "replace"),
        sha256=sha256,
        md5=md5,
        size_bytes=source.size_bytes,
        media_type=media_type,
        details=said,
        first_seen=clock(),
    )
    progress.end("ingest", f"{source.size_bytes / 1e6:.1f} MB, {media_type}")
    return Ingested(asset, source)


def asset_id(tenant: str, sha256: str) -> str:
    """The same bytes of the same tenant are the same asset."""
    return hashlib.sha256(f"{tenant}\0{sha256}".encode()).hexdigest()[:ID_DIGITS]


def _media_type(fd: int, name: str, classifier: Classifier) -> str:
    try:
        head = os.pread(fd, HEAD_BYTES, 0)
    except OSError as error:
        raise vanished(name, error) from error
    kind = unsafe_kind(head)
    if kind is not None:
        raise UnsafeInput("The file is not a video", f"it is {kind}")
    media_type = media_type_of(head)
    if media_type is not None:
        return media_type
    guess = classifier.classify(fd)
    if guess.group == "audio":
        raise NoVideoTrack("The file has no video track", f"it looks like {guess.words}")
    if guess.group not in {"video", "unknown"}:
        raise NotAVideo("The file is not a video", f"it looks like {guess.words}")
    return guess.media_type


def _hash(
    path: Path, fd: int, source: SourceFile, progress: Progress
) -> tuple[str, str, SourceFile]:
    """SHA-256, MD5, and the mark that the file had from the first byte to the last.

    A rename moves the inode's change time as a hidden write does: such a file is read once more.
    """
    before = source
    for _ in range(READINGS):
        sha256 = hashlib.sha256()
        md5 = hashlib.md5(usedforsecurity=False)  # the checksum that senders' tools print
        progress.start("ingest", source.size_bytes, "bytes")
        done = 0
        for block in _blocks(fd, source):
            sha256.update(block)
            md5.update(block)
            done += len(block)
            progress.advance("ingest", done)
        now = mark(path, os.fstat(fd))
        if now != before:
            break
        if now.changed_ns == before.changed_ns:
            return sha256.hexdigest(), md5.hexdigest(), now
        before = now
    raise InputVanished(
        f"{path.name} changed while it was read", todo="Run again when it is complete"
    )


def _blocks(fd: int, source: SourceFile) -> Iterator[memoryview]:
    """The file in order through one buffer; never more than it had when it was opened."""
    buffer = memoryview(bytearray(BLOCK_BYTES))
    at = 0
    while at < source.size_bytes:
        try:
            count = os.preadv(fd, [buffer[: source.size_bytes - at]], at)
        except OSError as error:
            raise vanished(Path(source.path).name, error) from error
        if count == 0:
            raise InputVanished("The file shrank while it was read")
        yield buffer[:count]
        at += count


def _sidecar(path: Path, details: AssetDetails) -> AssetDetails:
    """Details from the JSON beside the video, if there is one."""
    beside = path.with_name(path.name + SUFFIX)
    try:
        if not beside.exists():
            return details
    except OSError:  # a video's name may be so long that no sidecar's fits
        return details
    try:
        fd, _ = open_file(beside)
    except (InputVanished, NotAVideo) as error:
        raise SidecarInvalid("The sidecar cannot be read", beside.name) from error
    with os.fdopen(fd, "rb") as stream:
        return read_sidecar(stream.read(MAX_BYTES + 1), details)
