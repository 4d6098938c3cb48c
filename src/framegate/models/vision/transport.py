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


class _BoundedTransport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise Packed
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream)
        return response


def connection(*, api_key: str, most: int) -> httpx2.AsyncClient:
    """A client for at most ``most`` requests at once. Time limits are the caller's, but for
    connecting: a server that is gone is known in `CONNECT_S`.
    """
    limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return httpx2.AsyncClient(
        transport=_BoundedTransport(limits=limits, trust_env=False),
        headers=headers,
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
        follow_redirects=False,
        trust_env=False,
    )
