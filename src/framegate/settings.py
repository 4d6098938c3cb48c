"""Every setting with its unit, default and reason; the only reader of the environment.

Precedence, highest first: arguments of `load`, ``FRAMEGATE_*`` variables (a group and a field
are joined by two underscores: ``FRAMEGATE_LIMITS__MAX_PIXELS``), the file named by
``FRAMEGATE_CONFIG`` or else ``framegate.toml`` in the working folder, the defaults below.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from framegate.errors import SettingsInvalid

GIB = 1 << 30


def _setting(default: Any, meaning: str, unit: str, reason: str, **bounds: Any) -> Any:  # noqa: ANN401 - a pydantic Field has the type of what it describes
    """A field that says what it means, in which unit, and why its default is what it is."""
    return Field(
        default, description=meaning, json_schema_extra={"unit": unit, "reason": reason}, **bounds
    )


class Group(BaseModel):
    """A table of framegate.toml; unknown keys are refused so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitSettings(Group):
    """What an input, and the sandboxed child that reads it, may use."""

    max_bytes: int = _setting(
        256 * GIB,
        "Largest source file",
        "bytes",
        "Two hours of ProRes 4444 at 1080p (about 270 Mbit/s) fit",
        gt=0,
    )
    max_pixels: int = _setting(
        8192 * 4320,
        "Largest picture, width x height as coded",
        "pixels",
        "8K; one 16k x 8k frame takes over 1.3 GB to decode",
        gt=0,
    )
    max_total_pixels: int = _setting(
        12 * 3600 * 60 * 3840 * 2160,
        "Largest picture times number of frames",
        "pixels",
        "Twelve hours of 2160p at 60 frames a second: what decoding may cost in all",
        gt=0,
    )
    max_duration_s: int = _setting(
        12 * 3600,
        "Longest video",
        "s",
        "Longer than films and most events; a claim beyond it is a mistake or an attack",
        gt=0,
    )
    max_frames: int = _setting(
        4_000_000,
        "Most frames in the video track",
        "frames",
        "Twelve hours at 90 frames a second; stops a billion-frame claim",
        gt=0,
    )
    max_streams: int = _setting(
        64,
        "Most tracks in one container; the reader itself takes no more than 64",
        "tracks",
        "Broadcast masters stay under 40",
        gt=0,
        le=64,
    )
    max_expansion: int = _setting(
        500_000,
        "Most decoded bytes for each byte of the file",
        "",
        "A black hour of 2160p is under 200,000, a decompression bomb over a million",
        gt=0,
    )
    expansion_floor_bytes: int = _setting(
        8 * GIB,
        "Decoded size under which the expansion does not count",
        "bytes",
        "A second of a test card is tiny, expands enormously and does no harm",
        ge=0,
    )
    min_free_bytes: int = _setting(
        256 << 20,
        "Free space that must be left in the work area and the output",
        "bytes",
        "The database and the report can still be written when a chunk no longer fits",
        ge=0,
    )


class ScreenSettings(Group):
    """How closely a video is looked at."""

    max_gap_s: float = _setting(
        1.0,
        "Longest stretch without a sample; a smaller one in the policy wins",
        "s",
        "What lasts a second is seen for certain, at a cost of about one frame in 30",
        gt=0,
        le=60,
    )
    mode: Literal["auto", "reference-frames", "full"] = _setting(
        "auto",
        "Whether frames that no other frame needs may stay undecoded; auto: where no vision "
        "model is asked",
        "",
        "Skipping them saves about a third of the decoding where the maximum gap allows it; "
        "with all of them a re-encoded copy has its original's samples, whose verdicts are known",
    )
    threads: int = _setting(
        0,
        "Processor threads of a model that can use several; 0 takes the physical cores",
        "threads",
        "Small models gain little beyond the cores there are",
        ge=0,
    )
    speech: bool = _setting(
        True, "Transcribe speech where the `speech` extra is installed", "", "Words can be hateful"
    )
    text: bool = _setting(
        True, "Read text in frames where the `text` extra is installed", "", "So can captions"
    )


class VlmSettings(Group):
    """The vision-language model that is asked about frames. Its key, where it wants one, is read
    from `FRAMEGATE_VLM_API_KEY` alone: a file would be copied along with the key.
    """

    url: str = _setting(
        "",
        "Base address of an OpenAI-compatible server, `http://host:port/v1`; empty asks nobody",
        "",
        "A vision model needs a GPU server, which a laptop does not have",
    )
    model: str = _setting(
        "",
        "The model's name at that server",
        "",
        "The profile names it; without a profile it has to be said",
    )
    profile: str = _setting(
        "",
        "Profile of the model: one of `framegate models profiles`, or the path of a TOML file",
        "",
        "Without one the model is asked one frame at a time, as any model can be",
    )


class CacheSettings(Group):
    """What is remembered of frames that the vision model judged. A Redis server's password, where
    it has one, is read from `FRAMEGATE_CACHE_PASSWORD` alone.
    """

    url: str = _setting(
        "",
        "Redis to remember in, `redis://host:port` or `rediss://…`; empty uses a file in the data "
        "folder",
        "",
        "A file serves one machine; several machines share a Redis",
    )
    cluster: bool = _setting(
        False, "Whether `url` names a Redis Cluster", "", "One server serves most sites"
    )
    entries: int = _setting(
        1_000_000,
        "Most frames remembered; the least recently used go first",
        "frames",
        "About 2.5 GB in the file; a month of 100,000 one-minute videos is 1.2 million frames",
        gt=0,
    )
    days: int = _setting(
        30,
        "How long a frame is remembered",
        "days",
        "Re-uploads come within weeks, and what was said wrongly goes away by itself",
        gt=0,
    )


class EncodeSettings(Group):
    """How the ladder is made."""

    codec: Literal["h264", "h265", "av1"] = _setting(
        "h264", "Codec of the renditions", "", "Every player in use plays it"
    )
    ladder: Literal["per-title", "fixed"] = _setting(
        "per-title",
        "Where sizes and CRFs come from: trial encodes of the video, or its size alone",
        "",
        "Fewer bits for the same picture, for a tenth to a quarter more CPU",
    )
    workers: int = _setting(
        0,
        "Chunks of one video encoded at once; 0 means one for every four cores, at least one",
        "chunks",
        "An encoder fills two to four cores by itself; on two cores a second chunk gains nothing",
        ge=0,
    )
    vmaf: Literal["sampled", "full", "off"] = _setting(
        "sampled",
        "Where VMAF is measured",
        "",
        "Windows that include the joins cost at most 15 % of the encode's CPU (short videos get "
        "fewer); all frames cost several times the encode",
    )


class ProcessSettings(Group):
    """How many videos at once."""

    assets: int = _setting(
        0,
        "Videos processed at once; 0 means one for every four cores, at least one",
        "videos",
        "One video already uses several cores; more at once only takes memory",
        ge=0,
    )


class RetentionSettings(Group):
    """How long the data folder keeps what is no longer needed; swept when `process` starts."""

    days: int = _setting(
        30,
        "Days that a finished work's journal and work folder, and an abandoned work's folder, stay",
        "days",
        "A month to go on after an interruption, or to change a title without another look",
        ge=0,
    )


class PathSettings(Group):
    """Where things lie."""

    home: Path | None = _setting(
        None,
        "Data folder: database, work area, leases; wins over `FRAMEGATE_HOME`",
        "path",
        "Without either `$XDG_DATA_HOME/framegate`, as the XDG base directory rules say",
    )
    output: Path = _setting(
        Path("framegate-out"),
        "Where packages and reports go",
        "path",
        "In the folder that the command is run from, where a person looks first",
    )
    policy: Path | None = _setting(
        None, "Policy file", "path", "The packaged default policy serves until there is one"
    )
    hashlists: tuple[Path, ...] = _setting(
        (), "Hash list files", "paths", "Lists are sensitive and never ship with framegate"
    )


class LogSettings(Group):
    """What is written about the work."""

    level: Literal["debug", "info", "warning", "error"] = _setting(
        "warning", "Least severe event that is logged", "", "The progress display tells the rest"
    )
    format: Literal["text", "json"] = _setting(
        "text", "How log lines look", "", "People read a laptop's log, programs a server's"
    )


class Settings(BaseSettings):
    """All groups, frozen."""

    model_config = SettingsConfigDict(
        env_prefix="FRAMEGATE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    limits: LimitSettings = LimitSettings()
    screen: ScreenSettings = ScreenSettings()
    vlm: VlmSettings = VlmSettings()
    cache: CacheSettings = CacheSettings()
    encode: EncodeSettings = EncodeSettings()
    process: ProcessSettings = ProcessSettings()
    retention: RetentionSettings = RetentionSettings()
    paths: PathSettings = PathSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the TOML file."""
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, toml_file=_config_file()),
        )

    @property
    def home(self) -> Path:
        """The data folder, absolute."""
        if self.paths.home is not None:
            return self.paths.home.expanduser().absolute()
        named = os.environ.get("FRAMEGATE_HOME")
        if named:
            return Path(named).expanduser().absolute()
        data = os.environ.get("XDG_DATA_HOME")
        # the XDG rules say that a relative path there is to be ignored
        base = Path(data) if data and Path(data).is_absolute() else Path.home() / ".local/share"
        return base / "framegate"

    @property
    def cache_password(self) -> str:
        """Of the cache's Redis, or nothing. Never logged, never recorded."""
        return os.environ.get("FRAMEGATE_CACHE_PASSWORD", "")

    @property
    def vlm_api_key(self) -> str:
        """The key of the vision model's server, or nothing. Never logged, never recorded."""
        return os.environ.get("FRAMEGATE_VLM_API_KEY", "")

    @property
    def assets_at_once(self) -> int:
        """How many videos run together on this machine."""
        return self.process.assets or max(1, cores() // 4)

    @property
    def chunks_at_once(self) -> int:
        """How many chunks of one video are encoded together on this machine."""
        return self.encode.workers or max(1, cores() // 4)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _config_file() -> Path | None:
    named = os.environ.get("FRAMEGATE_CONFIG")
    if named:
        return Path(named).expanduser()
    here = Path("framegate.toml")
    return here if here.is_file() else None


def load(**overrides: Any) -> Settings:  # noqa: ANN401 - groups as dictionaries or models
    """Read file and environment.

    Raises `SettingsInvalid` with the name of the setting at fault.
    """
    config = _config_file()
    if config is not None and not config.is_file():
        raise SettingsInvalid(f"{config} cannot be read", "FRAMEGATE_CONFIG names no file")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"setting {name}", first["msg"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{config} is not TOML", str(error)) from error
    except RecursionError as error:
        raise SettingsInvalid(f"{config} cannot be read", "nested too deep") from error
    except (OSError, ValueError) as error:
        # a nested group given as text that is not JSON
        raise SettingsInvalid("the settings cannot be read", str(error)) from error


def reference() -> str:
    """docs/reference/settings.md: every setting with type, default, unit and reason."""
    lines = [
        "# Settings",
        "",
        "Generated by `framegate.settings:reference`; a test keeps it current.",
        "",
        "Read from `framegate.toml` in the working folder (or the file that `FRAMEGATE_CONFIG`",
        "names) and from the environment, which wins; command-line options win over both.",
        "`[limits] max_pixels` is `FRAMEGATE_LIMITS__MAX_PIXELS` in the environment.",
        "`FRAMEGATE_HOME` names the data folder where `[paths] home` does not;",
        "`FRAMEGATE_VLM_API_KEY` is the key of the vision model's server,",
        "`FRAMEGATE_CACHE_PASSWORD` the password of the cache's Redis.",
    ]
    for group_name, group_field in Settings.model_fields.items():
        group = group_field.default
        assert isinstance(group, Group)
        lines += ["", f"## [{group_name}]", "", (type(group).__doc__ or "").strip(), ""]
        lines += [
            "| setting | default | unit | meaning | why this default |",
            "|---|---|---|---|---|",
        ]
        for name, field in type(group).model_fields.items():
            extra = field.json_schema_extra
            assert isinstance(extra, dict)
            shown = "" if field.default in (None, ()) else str(field.default)
            lines.append(
                f"| `{name}` | {f'`{shown}`' if shown else ''} | {extra['unit']} "
                f"| {field.description} | {extra['reason']} |"
            )
    return "\n".join(lines) + "\n"
