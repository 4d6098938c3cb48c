"""Profiles of vision models: the TOML files that ship, and those that a person writes."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path

from framegate.domain.serial import load
from framegate.domain.vision import Profile
from framegate.errors import Internal, SettingsInvalid

ANY = "any"
MAX_BYTES = 1 << 16
_POSITIVE = (
    "gpus",
    "tensor_parallel",
    "max_model_len",
    "max_num_seqs",
    "max_batched_tokens",
    "answer_tokens",
    "tiles_per_frame",
    "frames_per_request",
    "picture_px",
    "p95_ms",
    "deadline_s",
    "most_in_flight",
)
_KNOWN = {field.name for field in fields(Profile)}


def shipped() -> Mapping[str, Profile]:
    """Every profile that comes with framegate, by name, in the order of their names."""
    folder = files("framegate").joinpath("profiles")
    found = (
        read(entry.read_bytes(), entry.name)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )
    return {profile.name: profile for profile in sorted(found, key=lambda one: one.name)}


def chosen(name: str, model: str) -> Profile:
    """The profile by name, or read from the file of that path, for the model of that name.

    Without a profile the model is asked as any model can be. Raises `SettingsInvalid`.
    """
    profile = named(name or ANY)
    if model:
        return replace(profile, served_name=model)
    if not profile.asked_as:
        raise SettingsInvalid(
            "a vision model's server is named and no model",
            "",
            "Name the model (--vlm-model) or its profile (--vlm-profile)",
        )
    return profile


def named(name: str) -> Profile:
    """A profile that ships, or that of a file (``*.toml``). Raises `SettingsInvalid`."""
    if name.endswith(".toml"):
        try:
            with Path(name).expanduser().open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise SettingsInvalid(f"profile {name} cannot be read", error.strerror or "") from error
        return read(content, Path(name).name)
    known = shipped()
    if name not in known:
        raise SettingsInvalid(f"no profile is named {name}", f"there are {', '.join(known)}")
    return known[name]


def read(content: bytes, name: str) -> Profile:
    """A profile from TOML. Raises `SettingsInvalid` naming the file and what is wrong in it."""
    if len(content) > MAX_BYTES:
        raise SettingsInvalid(f"profile {name} cannot be read", f"over {MAX_BYTES} bytes")
    try:
        said = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsInvalid(f"profile {name} is not TOML", str(error)) from error
    if unknown := sorted(said.keys() - _KNOWN):
        raise SettingsInvalid(f"profile {name}", f"nothing is called {unknown[0]}")
    try:
        profile = load(Profile, said)
    except Internal as error:
        raise SettingsInvalid(f"profile {name}", error.why) from error
    if problem := _problem(profile):
        raise SettingsInvalid(f"profile {name}", problem)
    return profile


def _problem(profile: Profile) -> str:
    for name in _POSITIVE:
        if not 0 < getattr(profile, name) < math.inf:
            return f"{name} has to be a number over 0"
    for name in ("load", "memory_share"):
        if not 0 < getattr(profile, name) <= 1:
            return f"{name} is a share: over 0, at most 1"
    for name in ("triage_calls_s", "detail_calls_s"):
        if (rate := getattr(profile, name)) is not None and not rate > 0:
            return f"{name} has to be over 0, or left out where it was not measured"
    if profile.triage_calls < 0 or profile.detail_calls < 0:
        return "calls for a minute of video cannot be under 0"
    return ""
