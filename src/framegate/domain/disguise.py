"""Text formats that make a video reader open other files or addresses, told by their first bytes.

FFmpeg picks a demuxer by content, so the name says nothing: a playlist named ``.mp4`` is a
playlist. The list is a courtesy (a clear sentence); what keeps these out is the allow-list of
`framegate.media.container`.
"""

from __future__ import annotations

import re

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"#EXTM3U"), "an HLS playlist"),
    (re.compile(rb"ffconcat\s+version"), "a concat script"),
    (re.compile(rb"(?:#[^\n]*\n|\s)*file\s+['\"]?\S", re.IGNORECASE), "a concat script"),
    (re.compile(rb"v=0\r?\n(?:[a-z]=.*\r?\n)*?(?:o|s|m|c)="), "a session description (SDP)"),
    (re.compile(rb"(?s)(?:<\?xml.{0,512}?)?(?:<!--.{0,512}?-->\s*)*<MPD\b"), "a DASH manifest"),
    (
        re.compile(rb"(?s)(?:<\?xml.{0,512}?)?<SmoothStreamingMedia\b"),
        "a Smooth Streaming manifest",
    ),
    (re.compile(rb"(?s)(?:<\?xml.{0,512}?)?<asx\b", re.IGNORECASE), "an ASX playlist"),
    (re.compile(rb"(?s)(?:<\?xml.{0,512}?)?<smil\b", re.IGNORECASE), "a SMIL script"),
    (re.compile(rb"(?s)(?:<\?xml.{0,512}?)?<playlist\b"), "an XSPF playlist"),
    (re.compile(rb"\[playlist\]", re.IGNORECASE), "a PLS playlist"),
    (re.compile(rb"RTSPtext"), "a QuickTime stream reference"),
    (re.compile(rb"(?:https?|file|rtsp|rtmp|ftp|data|concat|subfile|crypto):\S"), "an address"),
)


def unsafe_kind(head: bytes) -> str | None:
    """What the file that begins with ``head`` would make a reader open, in words; else None."""
    text = head
    for bom in _BOMS:
        text = text.removeprefix(bom)
    text = text.lstrip()
    for pattern, kind in _KINDS:
        if pattern.match(text):
            return kind
    return None
