"""Folder names that are safe on any file system, whatever the file was called."""

from __future__ import annotations

import re
import unicodedata

LONGEST_SLUG = 60
_UNSAFE = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """Lower-case ASCII letters, digits and hyphens from a file name without its extension.

    Accents are taken off; what has no ASCII form (emoji, other scripts, separators, line breaks)
    becomes a hyphen; an empty result is ``video``.
    """
    stem = name.rsplit("/", 1)[-1]
    head, dot, extension = stem.rpartition(".")
    if dot and head and extension.isalnum():
        stem = head
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", plain.lower()).strip("-")[:LONGEST_SLUG].strip("-") or "video"


def output_name(name: str, asset_id: str) -> str:
    """``<slug>-<first 8 of the asset id>``: readable, and never that of another asset."""
    return f"{slug(name)}-{asset_id[:8]}"
