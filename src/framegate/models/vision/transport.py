"""One HTTP connection pool to one server, that follows nobody and takes no more than it must.

No redirects, no proxy or netrc from the environment, no cookies, no compression (a few bytes can
unpack into gigabytes), and a body that grows beyond `MOST_BYTES` is cut off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

MOST_BYTES = 4 << 20  # 512 tokens with 20 alternatives each take about 1 MB
CONNECT_S = 5.0


class TooLarge(Exception):
    """The body of an answer is larger than any answer."""


class Packed(Exception):
    """The body is compressed, although it was asked not to be."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > MOST_BYTES:
                raise TooLarge
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _plain(response: httpx2.Response) -> _Bounded:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Packed
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    return _Bounded(response.stream)


class Connections:
    """At most ``most`` requests at once. Time limits are the caller's, but for connecting: a server
    that is gone is known in `CONNECT_S`.

    The library's transport alone: its client would keep cookies, and take a fifth of the time
    that a request costs here for redirects, sign-on and hooks that nobody wants.
    """

    def __init__(self, *, api_key: str, most: int) -> None:
        limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most)
        self._transport = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "framegate",
        }
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._extensions = {"timeout": httpx2.Timeout(None, connect=CONNECT_S).as_dict()}
        self._urls: dict[str, httpx2.URL] = {}

    async def send(self, method: str, url: str, content: bytes | None) -> httpx2.Response:
        """The whole answer. Raises `TooLarge`, `Packed` and the library's errors."""
        if url not in self._urls:  # few, and parsing one costs more than a picture's base64
            self._urls[url] = httpx2.URL(url)
        headers = self._headers
        if content is not None:
            headers = {**headers, "Content-Type": "application/json"}
        request = httpx2.Request(
            method, self._urls[url], headers=headers, content=content, extensions=self._extensions
        )
        response = await self._transport.handle_async_request(request)
        try:
            response.stream = _plain(response)
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response

    async def aclose(self) -> None:
        """End them all."""
        await self._transport.aclose()
