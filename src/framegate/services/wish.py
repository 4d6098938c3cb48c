"""What a person asked for, with the files that it names read and checked."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from framegate.catalog import hashlists
from framegate.domain.asset import AssetDetails
from framegate.domain.hashlist import HashList
from framegate.domain.ladder import PRESETS
from framegate.domain.options import ProcessOptions
from framegate.domain.policy import Policy
from framegate.domain.policy_file import MAX_BYTES, load_policy
from framegate.domain.serial import dump
from framegate.errors import PolicyInvalid, SettingsInvalid

KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Wish:
    """``key`` is a hash of all that the result depends on besides the video itself and what its
    sender says of it: another title is told in the report, it needs no other look at the picture.
    """

    options: ProcessOptions
    policy: Policy
    lists: tuple[HashList, ...]
    key: str
    policy_bytes: bytes = b""


def read_wish(options: ProcessOptions, default_policy: bytes) -> Wish:
    """Raises `PolicyInvalid`, `HashListInvalid`, and `SettingsInvalid` on a preset that the codec
    lacks: known now, not after an hour of screening.
    """
    preset, known = options.encode.preset, PRESETS[options.encode.codec]
    if preset is not None and preset not in known:
        codec = options.encode.codec.value
        raise SettingsInvalid(f"{codec} has no preset {preset!r}", f"known are {', '.join(known)}")
    content, name = read_policy_bytes(options.policy, default_policy)
    policy = load_policy(content, name)
    lists = tuple(each for path in options.hashlists for each in hashlists.load(Path(path)))
    said = {
        "options": dump(replace(options, details=AssetDetails())),
        "policy": policy.sha256,
        "lists": [
            [each.name, each.label, each.child_safety, sorted(each.sha256), *each.pdq]
            for each in lists
        ],
    }
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return Wish(options, policy, lists, digest[:KEY_DIGITS], content)


def read_policy(path: str | None, default: bytes) -> Policy:
    """The policy at a path, or else the default one. Raises `PolicyInvalid`."""
    return load_policy(*read_policy_bytes(path, default))


def read_policy_bytes(path: str | None, default: bytes) -> tuple[bytes, str]:
    """The content of a policy file, at most one byte more than a policy may have, and its name."""
    if path is None:
        return default, "the default policy"
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe never ends, nor does a device
            raise PolicyInvalid(f"{path} cannot be read", "it is not a file")
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyInvalid(f"{path} cannot be read", error.strerror or "") from error
    return content, Path(path).name
