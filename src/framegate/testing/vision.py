"""A vision model's server that says what it is told to: OpenAI's dialect with vLLM's additions.

It speaks real HTTP on a loopback port from a thread of its own. What it answers to a question is
decided by a function, or by replies put in line beforehand (`ScriptedServer.next`), among them
every way in which a server can fail or lie.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

MODEL = "scripted"


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat completion as it arrived."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def system(self) -> str:
        """The system prompt."""
        return str(self.body["messages"][0]["content"])

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """JPEG files, in order."""
        return tuple(
            base64.b64decode(part["image_url"]["url"].partition(",")[2])
            for part in self.body["messages"][1]["content"]
            if part["type"] == "image_url"
        )

    @property
    def after(self) -> str:
        """The text after the pictures."""
        return str(self.body["messages"][1]["content"][-1]["text"])

    @property
    def options(self) -> tuple[str, ...]:
        """Of a question with a one-token answer; empty otherwise."""
        return tuple(self.body.get("structured_outputs", {}).get("choice", ()))

    @property
    def schema(self) -> Mapping[str, Any]:
        """Of a question with a structured answer; empty otherwise."""
        found: Mapping[str, Any] = (
            self.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        )
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. ``until`` is waited for first; ``hang`` sends the head, a few bytes, and
    then nothing; ``cut`` ends the connection in the middle; ``drop`` before anything is sent.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    until: threading.Event | None = None
    hang: bool = False
    cut: bool = False
    drop: bool = False


type Script = Callable[[Asked], Reply]


def completion(
    text: str,
    *,
    model: str = MODEL,
    logprobs: object = None,
    finish: str = "stop",
    **more: object,
) -> Reply:
    """A chat completion with that text."""
    said = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
                "logprobs": logprobs,
            }
        ],
        "usage": {
            "prompt_tokens": 877,
            "completion_tokens": 1,
            "total_tokens": 878,
            "prompt_tokens_details": {"cached_tokens": 720},
        },
        **more,
    }
    return Reply(json.dumps(said).encode())


def token(text: str, shares: Mapping[str, float]) -> dict[str, Any]:
    """One entry of ``logprobs.content``: the token that stands there, and what could have. A share
    of 0 is told as vLLM tells it.
    """

    def entry(each: str, share: float) -> dict[str, Any]:
        logprob = math.log(share) if share > 0 else -9999.0
        return {"token": each, "logprob": logprob, "bytes": list(each.encode())}

    ranked = sorted(shares.items(), key=lambda one: -one[1])
    return {
        **entry(text, shares.get(text, 0.0)),
        "top_logprobs": [entry(*each) for each in ranked],
    }


def choosing(shares: Mapping[str, float], *, model: str = MODEL) -> Reply:
    """A one-token answer with these probabilities; the likeliest is chosen."""
    best = max(shares, key=lambda each: shares[each])
    return completion(
        best, model=model, logprobs={"content": [token(best, shares)]}, finish="length"
    )


def telling(
    tokens: Sequence[str], alternatives: Mapping[int, Mapping[str, float]], *, model: str = MODEL
) -> Reply:
    """A structured answer of these tokens; ``alternatives`` by the place of a token."""
    content = [
        token(each, alternatives.get(place, {each: 1.0})) for place, each in enumerate(tokens)
    ]
    return completion("".join(tokens), model=model, logprobs={"content": content})


def first_option(asked: Asked) -> Reply:
    """The default script: nine tenths for the first option; the emptiest JSON otherwise."""
    if asked.options:
        rest = 0.1 / max(1, len(asked.options) - 1)
        shares = dict.fromkeys(asked.options, rest) | {asked.options[0]: 0.9}
        return choosing(shares, model=str(asked.body["model"]))
    return telling(["{", "}"], {}, model=str(asked.body["model"]))


class ScriptedServer:
    """Use as a context manager; ``url`` is its base address."""

    def __init__(
        self,
        script: Script = first_option,
        *,
        models: Sequence[str] = (MODEL,),
        tokens: Callable[[str], list[int]] | None = lambda text: list(text.encode()),
        priorities: bool = True,
        keep: bool = True,
    ) -> None:
        """``tokens`` splits a text for /tokenize, None where there is no such page;
        ``priorities``: whether a request may bring one; ``keep``: what was asked, in ``asked``.
        """
        self._script = script
        self._models = tuple(models)
        self._tokens = tokens
        self._priorities = priorities
        self._keep = keep
        self._next: deque[Reply] = deque()
        self._pages: dict[str, Reply] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted-vision", daemon=True)
        self._ready = threading.Event()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.asked: list[Asked] = []
        self.paths: list[str] = []
        self.in_flight = 0
        self.in_flight_most = 0

    @property
    def url(self) -> str:
        """Base address, ``…/v1``."""
        return f"http://127.0.0.1:{self.port}/v1"

    def next(self, *replies: Reply) -> None:
        """Put replies in line before the script's."""
        self._next.extend(replies)

    def page(self, path: str, reply: Reply) -> None:
        """Another answer at a path, for good."""
        self._pages[path] = reply

    def start(self, port: int = 0) -> None:
        """Begin to listen; after `stop`, with the same port, the server is back."""
        if not self._thread.is_alive():
            self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(port), self._loop).result()

    def stop(self) -> None:
        """Be gone: connections break, and new ones are refused."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _colon, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.paths.append(path)
        self.in_flight += 1
        self.in_flight_most = max(self.in_flight_most, self.in_flight)
        try:
            reply = self._reply(path, headers, body)
            if reply.until is not None:
                await asyncio.to_thread(reply.until.wait)
            return await self._send(writer, reader, reply)
        finally:
            self.in_flight -= 1

    async def _send(
        self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, reply: Reply
    ) -> bool:
        if reply.drop:
            writer.transport.abort()
            return False
        length = len(reply.body) + (100 if reply.hang or reply.cut else 0)
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        lines = [f"HTTP/1.1 {reply.status} -"]
        lines += [f"{name}: {value}" for name, value in {**headers, **reply.headers}.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body)
        with suppress(ConnectionError):
            await writer.drain()
        if reply.cut:
            writer.transport.abort()
            return False
        if reply.hang:
            await reader.read()  # until the client goes away
            return False
        return True

    def _reply(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path in self._pages:
            return self._pages[path]
        if path == "/v1/chat/completions":
            return self._complete(Asked(json.loads(body), headers))
        if path == "/version":
            return _json({"version": "0.0-scripted"})
        if path == "/v1/models":
            entries = [{"id": name, "max_model_len": 8192, "root": name} for name in self._models]
            return _json({"object": "list", "data": entries})
        if path == "/tokenize" and self._tokens is not None:
            return _json({"tokens": self._tokens(json.loads(body)["prompt"])})
        return _json({"error": {"message": f"no page {path}"}}, 404)

    def _complete(self, asked: Asked) -> Reply:
        if self._keep:
            self.asked.append(asked)
        if not self._priorities and "priority" in asked.body:
            return _json({"error": {"message": "priority scheduling is not enabled"}}, 400)
        return self._next.popleft() if self._next else self._script(asked)


def _json(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status)
