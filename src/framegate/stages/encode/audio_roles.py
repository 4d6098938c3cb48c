"""How players learn what a sound track is: its group, its purpose, which one is preferred. Pure.

HLS has CHARACTERISTICS for two purposes and none for commentary, which is therefore never chosen
without a viewer's word (AUTOSELECT=NO). DASH has roles, and TV-Anytime's purposes beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from framegate.domain.ladder import AudioRendition
from framegate.domain.sound import AudioPurpose
from framegate.stages.encode.manifests import TVA, parse_attributes

MEDIA = "#EXT-X-MEDIA:TYPE=AUDIO"

_ROLE = {
    AudioPurpose.COMMENTARY: "commentary",
    AudioPurpose.DESCRIPTION: "description",
    AudioPurpose.CLEAR_SPEECH: "enhanced-audio-intelligibility",
    AudioPurpose.DUB: "dub",
}
_ACCESSIBILITY = {AudioPurpose.DESCRIPTION: f"{TVA}=1", AudioPurpose.CLEAR_SPEECH: f"{TVA}=2"}
_CHARACTERISTICS = {
    AudioPurpose.DESCRIPTION: "public.accessibility.describes-video",
    AudioPurpose.CLEAR_SPEECH: "public.accessibility.enhances-speech-intelligibility",
}


def descriptors(audio: AudioRendition, *, first: bool) -> str:
    """More of a track's stream descriptor for Shaka Packager. ``first``: what plays when nobody
    chooses is DASH's main content, 5.1 of it too; others are alternatives.
    """
    role = "main" if first else _ROLE.get(audio.purpose, "alternate")
    said = f",hls_group_id={audio.group},dash_roles={role}"
    if (access := _ACCESSIBILITY.get(audio.purpose)) is not None:
        said += f",dash_accessibilities={access}"
    if (characteristics := _CHARACTERISTICS.get(audio.purpose)) is not None:
        said += f",hls_characteristics={characteristics}"
    return said


def hls_labels(tracks: Sequence[AudioRendition]) -> dict[str, str]:
    """Track name to the words for viewers; a track has the same ones in each group."""
    return {track.name: track.label or track.name for track in tracks}


def dash_labels(tracks: Sequence[AudioRendition]) -> dict[str, str]:
    """The same for DASH, which has no groups: 5.1 says so."""
    return {
        name: f"{label} 5.1" if track.is_surround else label
        for track, (name, label) in zip(tracks, hls_labels(tracks).items(), strict=True)
    }


def complete(master: str, tracks: Sequence[AudioRendition]) -> str:
    """Shaka's master playlist with the same tracks, in the plan's order, in every audio group.

    RFC 8216, 4.3.4.1.1 wants that: a track that a group has not is taken there from the first
    group, so that whoever hears 5.1 can still choose a language that comes in stereo alone.
    """
    lines = master.splitlines()
    media = {parse_attributes(line.partition(":")[2])["NAME"]: line for line in _media(lines)}
    if not media:
        return master
    at = next(index for index, line in enumerate(lines) if line.startswith(MEDIA))
    rest = [line for line in lines if not line.startswith(MEDIA)]
    base = [track for track in tracks if track.group == tracks[0].group]
    own: Mapping[tuple[str, int], AudioRendition] = {
        (track.group, track.source_index): track for track in tracks
    }
    whole = [
        _line(media[own.get((group, track.source_index), track).name], group, track)
        for group in dict.fromkeys(track.group for track in tracks)
        for track in base
    ]
    return "\n".join([*rest[:at], *whole, *rest[at:]]) + "\n"


def _media(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.startswith(MEDIA)]


def _line(line: str, group: str, track: AudioRendition) -> str:
    line = re.sub(r'GROUP-ID="[^"]*"', f'GROUP-ID="{group}"', line, count=1)
    if track.purpose is AudioPurpose.COMMENTARY:
        line = re.sub(r"AUTOSELECT=(YES|NO)", "AUTOSELECT=NO", line, count=1)
    return line


def prefer(mpd: str, tracks: Sequence[AudioRendition]) -> str:
    """Shaka's MPD with the first track preferred: players would begin with the dearest one."""
    if len(tracks) < 2:  # noqa: PLR2004 - there is something to choose from
        return mpd
    wanted = f"<Label>{tracks[0].name}</Label>"
    sets = re.split(r"(?=<AdaptationSet )", mpd)
    return "".join(
        text.replace("<AdaptationSet ", '<AdaptationSet selectionPriority="2" ', 1)
        if wanted in text
        else text
        for text in sets
    )
