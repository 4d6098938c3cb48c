"""Hash list files: known pictures (PDQ) and files (SHA-256), one hash a line.

    # name: partner-list            optional; the file's name otherwise
    # label: extremism.symbols      label of lines that name none
    # child-safety: true            matches are never shown, and always escalated
    f8f8f0cce0f4e84d0e370a22028f67f0b36e2ed596623e1d33e6b39c4e9c9b22
    pdq f8f8f0cc…  violence.graphic
    sha256 9f86d081…

A hash without a kind is PDQ. Lines of different labels become lists of their own, because a match
has one label.
"""

from __future__ import annotations

import re
import stat
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from framegate.domain.hashlist import HashList, is_digest
from framegate.domain.labels import CHILD_SAFETY, PATTERN, covers
from framegate.errors import HashListInvalid

DEFAULT_LABEL = "known.listed"
MAX_BYTES = 512 << 20  # seven million hashes
_HEADER = re.compile(r"#\s*(name|label|child-safety)\s*:\s*(.*?)\s*$")
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def load(path: Path) -> tuple[HashList, ...]:
    """The lists of a file, one for each label, in the order the labels first appear.

    Raises `HashListInvalid` with the number of the line at fault.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe never ends, nor does a device
            raise HashListInvalid(f"{path.name} cannot be read", "it is not a file")
        if status.st_size > MAX_BYTES:
            raise HashListInvalid(f"{path.name} is over {MAX_BYTES >> 20} MiB")
        text = path.read_text("utf-8")
    except OSError as error:
        raise HashListInvalid(f"{path.name} cannot be read", error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise HashListInvalid(f"{path.name} is not text", "it is not UTF-8") from error
    return parse(text, path.name)


def parse(text: str, name: str) -> tuple[HashList, ...]:
    """As `load`, for the text of a file called ``name``."""
    title, label, child_safety = name, DEFAULT_LABEL, False
    pdq: dict[str, list[str]] = defaultdict(list)
    sha256: dict[str, list[str]] = defaultdict(list)
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            key, value = header.groups()
            if pdq or sha256:
                raise _wrong(name, number, f"{key} must come before the first hash")
            if key == "name":
                title = value or name
            elif key == "label":
                label = _checked_label(value, name, number)
            elif value.lower() in _TRUTH:
                child_safety = _TRUTH[value.lower()]
            else:
                raise _wrong(name, number, "child-safety is true or false")
            continue
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        kind, digest, own = _entry(words, name, number)
        wanted = own or label
        if child_safety and not covers(CHILD_SAFETY, wanted):
            wanted = CHILD_SAFETY  # the label is what keeps a match apart later on
        (pdq if kind == "pdq" else sha256)[wanted].append(digest)
    labels = dict.fromkeys([*pdq, *sha256])
    return tuple(
        HashList(
            name=title,
            label=each,
            pdq=tuple(pdq[each]),
            sha256=frozenset(sha256[each]),
            child_safety=covers(CHILD_SAFETY, each),  # whatever has the label, said or not
        )
        for each in labels
    )


def _entry(words: Sequence[str], name: str, number: int) -> tuple[str, str, str]:
    kind = "pdq"
    if words[0].lower() in {"pdq", "sha256"}:
        kind, words = words[0].lower(), words[1:]
    if not words or not is_digest(words[0].lower()):
        raise _wrong(name, number, "a hash has 64 hexadecimal digits")
    match words[1:]:
        case []:
            return kind, words[0].lower(), ""
        case [label]:
            return kind, words[0].lower(), _checked_label(label, name, number)
        case _:
            raise _wrong(name, number, "after the hash comes at most one label")


def _checked_label(label: str, name: str, number: int) -> str:
    if not re.fullmatch(PATTERN, label):
        raise _wrong(name, number, "a label has up to three parts of a-z, 0-9 and hyphens")
    return label


def _wrong(name: str, number: int, why: str) -> HashListInvalid:
    return HashListInvalid(f"{name}, line {number}", why)
