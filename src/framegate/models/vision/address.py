"""The address of a vision model's server, and its key: what may stand in them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from framegate.errors import SettingsInvalid

_WAY_OUT = "Give the server's base address, as in --vlm http://HOST:PORT/v1"


def base_address(url: str) -> str:
    """The address without a slash at its end. Raises `SettingsInvalid` unless it is plain http(s)
    with a host: no name and password, no query. The address itself is not told where it holds a
    password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise SettingsInvalid("the vision model's address", str(error), _WAY_OUT) from error
    if parts.username is not None or parts.password is not None:
        raise SettingsInvalid(
            "the vision model's address holds a name or password",
            "it would be shown in lists of processes and in logs",
            "Put the key into FRAMEGATE_VLM_API_KEY",
        )
    if parts.scheme not in {"http", "https"}:
        raise SettingsInvalid(f"the vision model's address {url!r}", "not http(s)", _WAY_OUT)
    if not parts.hostname or port == 0:
        raise SettingsInvalid(f"the vision model's address {url!r}", "no host", _WAY_OUT)
    if parts.query or parts.fragment:
        raise SettingsInvalid(f"the vision model's address {url!r}", "it has a query", _WAY_OUT)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def bearer(key: str) -> str:
    """The key as a header can carry it. Raises `SettingsInvalid`, without a word of the key: the
    HTTP library would quote it.
    """
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsInvalid(
            "FRAMEGATE_VLM_API_KEY cannot be sent", "it holds blanks or characters beyond ASCII"
        )
    return key
