"""Options that several commands share, and what they come to beside the settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from framegate import wiring
from framegate.cli.progress import ProgressMode
from framegate.domain.asset import AssetDetails
from framegate.domain.captions import CaptionsMode
from framegate.domain.ladder import VideoCodec
from framegate.domain.options import ProcessOptions, ScreenMode, VmafMode
from framegate.domain.pertitle import LadderMode
from framegate.domain.sidecar import problem_with
from framegate.domain.sound import AudioCodec, LoudnessMode
from framegate.errors import UsageInvalid
from framegate.services.wish import read_policy
from framegate.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]
Progress = Annotated[
    ProgressMode,
    typer.Option(
        "--progress", help="Progress on stderr: bars on a terminal, JSON lines, or nothing."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="DIR", help="Folder for the packages; default framegate-out."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How a video is looked at, and by which policy it is judged."""

    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="Policy (TOML); default: the one that ships."
        ),
    ] = None
    hash_list: Annotated[
        list[Path] | None,
        typer.Option(
            "--hash-list",
            metavar="FILE",
            help="Known hashes, in place of the settings' lists; may be repeated.",
        ),
    ] = None
    max_gap: Annotated[
        float | None,
        typer.Option(
            "--max-gap",
            metavar="SECONDS",
            min=0.04,
            max=60,
            help="Longest stretch without a sample; default 1.0, never above the policy's.",
        ),
    ] = None
    screen_mode: Annotated[
        ScreenMode | None,
        typer.Option(
            "--screen-mode",
            help="full decodes every frame, reference-frames leaves out those that no other frame "
            "needs; auto does the first with --vlm, the second without.",
        ),
    ] = None
    vlm: Annotated[
        str | None,
        typer.Option(
            "--vlm",
            metavar="URL",
            help="Server of a vision-language model (OpenAI-compatible, http://HOST:PORT/v1); "
            'default: none is asked. "" asks none whatever the settings say.',
        ),
    ] = None
    vlm_model: Annotated[
        str | None,
        typer.Option("--vlm-model", metavar="NAME", help="The model's name at that server."),
    ] = None
    vlm_profile: Annotated[
        str | None,
        typer.Option(
            "--vlm-profile",
            metavar="NAME",
            help="How it is served and asked: one of `framegate models profiles`, or a TOML file.",
        ),
    ] = None

    def vision(self) -> dict[str, str]:
        """What was said of the vision model, as settings take it."""
        if self.vlm == "":
            return {"url": "", "model": "", "profile": ""}
        said = {"url": self.vlm, "model": self.vlm_model, "profile": self.vlm_profile}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How the ladder is made."""

    codec: Annotated[
        VideoCodec | None, typer.Option("--codec", help="Codec of the renditions; default h264.")
    ] = None
    ladder: Annotated[
        LadderMode | None,
        typer.Option(
            "--ladder",
            help="per-title (the default) fits sizes and CRFs to a video of 384 frames or more by "
            "trial encodes; fixed takes those of its size.",
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="NAME", help="Encoder preset; the default depends on the codec."
        ),
    ] = None
    max_short_side: Annotated[
        int | None,
        typer.Option(
            "--max-short-side",
            metavar="PIXELS",
            min=144,
            help="No rendition above it; default 2160. Nothing is ever scaled up.",
        ),
    ] = None
    audio_codec: Annotated[
        AudioCodec | None, typer.Option("--audio-codec", help="Codec of the sound; default aac.")
    ] = None
    loudness: Annotated[
        LoudnessMode | None,
        typer.Option(
            "--loudness",
            help="r128 brings every track to -23 LUFS, true peaks at most -1 dBTP (default); "
            "source leaves it as loud as it is.",
        ),
    ] = None
    vmaf: Annotated[
        VmafMode | None,
        typer.Option("--vmaf", help="Where quality is measured: windows, everything, nowhere."),
    ] = None
    captions: Annotated[
        CaptionsMode | None,
        typer.Option(
            "--captions",
            help="Whether text tracks and captions of the source are published; default keep.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the sender says of every file of this run; the names are those of `AssetDetails`."""

    tenant: Annotated[str, typer.Option(metavar="NAME", help="Whose the files are.")] = ""
    creator: Annotated[str, typer.Option(metavar="NAME", help="Who made or sent them.")] = ""
    title: Annotated[str, typer.Option(metavar="TEXT", help="Title, as the sender gives it.")] = ""
    description: Annotated[str, typer.Option(metavar="TEXT", help="Description.")] = ""
    language: Annotated[str, typer.Option(metavar="TAG", help="BCP 47 tag, for example pt-BR.")] = (
        ""
    )
    region: Annotated[
        str, typer.Option(metavar="CODE", help="ISO 3166-1 alpha-2, for example BR.")
    ] = ""


def chosen(
    settings: Settings,
    *,
    output: Path | None = None,
    looking: Looking | None = None,
    encoding: Encoding | None = None,
    details: Details | None = None,
) -> ProcessOptions:
    """What the command line says, over what the settings say.

    Raises `UsageInvalid` where an option could not have the effect that was asked for.
    """
    looking, encoding = looking or Looking(), encoding or Encoding()
    said = asdict(details) if details is not None else {}
    if (problem := problem_with(said)) is not None:
        raise UsageInvalid("The details of the video cannot be used", problem)
    options = wiring.process_options(
        settings,
        output=output,
        codec=encoding.codec,
        ladder=encoding.ladder,
        preset=encoding.preset,
        max_short_side=encoding.max_short_side,
        audio_codec=encoding.audio_codec,
        loudness=encoding.loudness,
        vmaf=encoding.vmaf,
        captions=encoding.captions,
        policy=looking.policy,
        hashlists=looking.hash_list,
        max_gap_s=looking.max_gap,
        mode=looking.screen_mode,
        details=AssetDetails(**said),
    )
    if looking.max_gap is not None:
        _require_within_policy(looking.max_gap, options)
    return options


def _require_within_policy(gap_s: float, options: ProcessOptions) -> None:
    """A wider gap than the policy's is not taken down to it in silence: the person who asked
    would believe in half the cost, the one who wrote the policy must not see it loosened.
    """
    policy = read_policy(options.policy, wiring.default_policy())
    if policy.max_gap_s is not None and gap_s > policy.max_gap_s:
        raise UsageInvalid(
            f"--max-gap {gap_s:g} is wider than the policy allows",
            f"policy {policy.name} {policy.version} demands a look "
            f"at least every {policy.max_gap_s:g} s",
            "Leave --max-gap out, or name a policy with a larger max_gap_s (--policy)",
        )
