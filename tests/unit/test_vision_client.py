"""Every way in which a vision model's server can answer, fail or lie, over real HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator

import pytest

from framegate.domain.vision import (
    Profile,
    Urgency,
)
from framegate.errors import VisionUnavailable
from framegate.models.vision import transport
from framegate.models.vision.breaker import Breaker
from framegate.models.vision.client import VisionClient
from framegate.testing.vision import (
    MODEL,
    Asked,
    Reply,
    ScriptedServer,
    choosing,
    completion,
    telling,
    token,
)
from vision_asking import ABC, JPEG, SCHEMA, SEVERITY, Paused, answer_of, question, refused

type Client = Callable[..., VisionClient]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def paused() -> Paused:
    return Paused()


@pytest.fixture
def client(server: ScriptedServer, paused: Paused) -> Iterator[Client]:
    made: list[VisionClient] = []

    def make(
        *, url: str = "", key: str = "", rest_s: float = 0.0, **profile: object
    ) -> VisionClient:
        known = {"deadline_s": 30.0, **profile}
        made.append(
            VisionClient(
                url or server.url,
                Profile("test", MODEL, **known),  # type: ignore[arg-type]
                api_key=key,
                sleep=paused,
                breaker=Breaker(rest_s=rest_s),
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_choice_is_answered_by_the_probability_of_every_option(
    server: ScriptedServer, client: Client
) -> None:
    server.next(choosing({"A": 0.2, "B": 0.7, "C": 0.1}))
    answer = answer_of(client().ask(question()))
    assert answer.chosen == pytest.approx({"A": 0.2, "B": 0.7, "C": 0.1})
    assert answer.mass == pytest.approx(1)
    assert (answer.tokens_in, answer.tokens_out, answer.tokens_cached) == (877, 1, 720)
    assert answer.latency_s > 0


def test_a_request_says_what_never_changes_first(server: ScriptedServer, client: Client) -> None:
    answer_of(client().ask(question(after="Is it a weapon?")))
    (asked,) = server.asked
    assert [each["role"] for each in asked.body["messages"]] == ["system", "user"]
    kinds = [part["type"] for part in asked.body["messages"][1]["content"]]
    assert kinds == ["image_url", "text"], "the picture, then what differs between its questions"
    assert asked.pictures == (JPEG,)
    assert asked.after == "Is it a weapon?"
    assert asked.options == ABC.options
    assert {name: asked.body[name] for name in ("max_tokens", "top_logprobs", "temperature")} == {
        "max_tokens": 1,
        "top_logprobs": 20,
        "temperature": 0,
    }


def test_probabilities_over_all_tokens_are_taken_over_the_options(
    server: ScriptedServer, client: Client
) -> None:
    raw = {"A": 0.3, "B": 0.1, "C": 0.1, " maybe": 0.5}
    server.next(completion("A", logprobs={"content": [token("A", raw)]}))
    answer = answer_of(client().ask(question()))
    assert answer.chosen == pytest.approx({"A": 0.6, "B": 0.2, "C": 0.2})
    assert answer.mass == pytest.approx(0.5)


def test_an_option_that_was_not_told_counts_only_where_nothing_is_left_for_it(
    server: ScriptedServer, client: Client
) -> None:
    vision = client()
    server.next(completion("A", logprobs={"content": [token("A", {"A": 0.8, "B": 0.195})]}))
    assert answer_of(vision.ask(question())).chosen["C"] == 0
    server.next(completion("A", logprobs={"content": [token("A", {"A": 0.8, "B": 0.1})]}))
    refused(vision.ask(question()), "no log-probability of some options")


def test_an_enum_is_answered_with_the_probability_of_its_values(
    server: ScriptedServer, client: Client
) -> None:
    tokens = ['{"', "severity", '":"', "mild", '","', "tags", '":[', '"', "no", "ne", '"]}']
    server.next(telling(tokens, {3: {"mild": 0.6, "none": 0.1, "sev": 0.25, "other": 0.05}}))
    answer = answer_of(client().ask(question(SEVERITY)))
    assert answer.data == {"severity": "mild", "tags": ["none"]}
    assert answer.token_probabilities["/severity"] == pytest.approx(
        {"mild": 0.6 / 0.95, "none": 0.1 / 0.95, "severe": 0.25 / 0.95}
    )
    (asked,) = server.asked
    assert asked.schema == SCHEMA
    assert asked.body["max_tokens"] == 60


FINE = {"A": 0.5, "B": 0.4, "C": 0.1}


def _logprob(value: str) -> Reply:
    """A sound answer whose first log-probability is this text."""
    whole = choosing(FINE).body.decode()
    first = json.loads(whole)["choices"][0]["logprobs"]["content"][0]["logprob"]
    return Reply(whole.replace(json.dumps(first), value).encode())


LIES = {
    "no JSON": (Reply(b"<html>hello</html>"), "not JSON"),
    "nothing": (Reply(b""), "not JSON"),
    "deep JSON": (Reply(b"[" * 100_000), "not JSON"),
    "a list": (Reply(b"[]"), "its answer"),
    "an error as success": (
        Reply(b'{"error": {"message": "engine dead"}}'),
        "engine dead",
    ),
    "an old error as success": (
        Reply(b'{"object": "error", "message": "out of memory"}'),
        "out of memory",
    ),
    "no choices": (Reply(b'{"model": "scripted", "choices": []}'), "choices"),
    "another model": (choosing(FINE, model="smaller"), "answered as smaller"),
    "no option": (choosing({"D": 1.0}), "none of the options"),
    "no text": (Reply(completion("A").body.replace(b'"A"', b"null")), "none of the options"),
    "no logprobs": (completion("A"), "no log-probabilities"),
    "empty logprobs": (completion("A", logprobs={"content": []}), "no log-probabilities"),
    "no alternatives": (
        completion("A", logprobs={"content": [token("A", {"A": 1.0}) | {"top_logprobs": []}]}),
        "no log-probabilities of its one token",
    ),
    "two tokens": (
        completion("A", logprobs={"content": [token("A", FINE), token("B", FINE)]}),
        "its one token",
    ),
    "an option left out": (choosing({"A": 0.6, "B": 0.3}), "some options"),
    "more than everything": (choosing({"A": 0.9, "B": 0.9, "C": 0.9}), "sum to 2.7"),
    "NaN": (_logprob("NaN"), "not JSON"),
    "infinity": (_logprob("-Infinity"), "not JSON"),
    "an overflow": (_logprob("-1e999"), "finite"),
    "over certain": (_logprob("0.7"), "less than or equal"),
    "a number as text": (_logprob('"-0.7"'), "valid number"),
    "no number": (_logprob("null"), "valid number"),
    "bytes that are none": (
        completion("A", logprobs={"content": [token("A", FINE) | {"bytes": [999]}]}),
        "bytes",
    ),
    "too much": (Reply(b" " * (transport.MOST_BYTES + 1)), "more than"),
    "packed": (Reply(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}), "compressed"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_an_error_of_its_question_alone(
    server: ScriptedServer, client: Client, paused: Paused, lie: str
) -> None:
    reply, why = LIES[lie]
    vision = client()
    server.next(reply)
    refused(vision.ask(question()), why)
    assert len(server.asked) == 1
    assert not paused.s, "asked again, it would only say the same"
    assert answer_of(vision.ask(question())).chosen["A"] == pytest.approx(0.9)


STRUCTURED_LIES = {
    "no JSON": (completion("I think it is mild", logprobs={"content": []}), "not JSON"),
    "against the schema": (completion('{"severity":"awful","tags":[]}'), r"schema at \$\.severity"),
    "something added": (completion('{"severity":"mild","tags":[],"ok":1}'), "schema"),
    "a number that is none": (completion('{"severity":"mild","tags":[NaN]}'), "not JSON"),
    "cut off": (completion('{"severity":"mild","tags":[]}', finish="length"), "cut off"),
    "no logprobs": (completion('{"severity":"mild","tags":[]}'), "no log-probabilities"),
    "those of another text": (
        completion(
            '{"severity":"mild","tags":[]}',
            logprobs={"content": [token('{"severity":"none","tags":[]}', {})]},
        ),
        "another text",
    ),
}


@pytest.mark.parametrize("lie", STRUCTURED_LIES)
def test_a_structured_lie_is_an_error(server: ScriptedServer, client: Client, lie: str) -> None:
    reply, why = STRUCTURED_LIES[lie]
    server.next(reply)
    refused(client().ask(question(SEVERITY)), why)


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(b'{"error": {"message": "engine died"}}', status=500),
        Reply(b"bad gateway", status=502),
        Reply(status=503),
        Reply(drop=True),
        Reply(b'{"id": "x", ', cut=True),
        Reply(status=429, headers={"Retry-After": "0"}),
    ],
    ids=["500", "502", "503", "drop", "cut", "429"],
)
def test_what_may_pass_is_asked_again(
    server: ScriptedServer, client: Client, paused: Paused, trouble: Reply
) -> None:
    server.next(trouble, trouble)
    vision = client()
    assert answer_of(vision.ask(question())).chosen["A"] == pytest.approx(0.9)
    assert len(server.asked) == 3
    assert len(paused.s) == 2
    use = vision.use()
    assert (use.asked, use.answered, use.failed, use.tries) == (1, 1, 0, 3)


def test_pauses_are_those_that_the_server_asks_for(
    server: ScriptedServer, client: Client, paused: Paused
) -> None:
    moment = "Wed, 21 Oct 2026 07:28:00 GMT"
    later = "Wed, 21 Oct 2026 07:28:09 GMT"
    server.next(
        Reply(status=429, headers={"Retry-After": "7"}),
        Reply(status=503, headers={"Retry-After": later, "Date": moment}),
        Reply(status=429, headers={"Retry-After": "soon"}),
    )
    answer_of(client().ask(question()))
    assert paused.s[:2] == [7.0, 9.0]
    assert 0 <= paused.s[2] <= 8


def test_a_pause_beyond_the_deadline_is_not_waited_for(
    server: ScriptedServer, client: Client, paused: Paused
) -> None:
    server.next(Reply(status=429, headers={"Retry-After": "3600"}))
    refused(client().ask(question()), "HTTP 429")
    assert not paused.s


def test_it_ends_after_some_tries(server: ScriptedServer, client: Client, paused: Paused) -> None:
    server.next(*[Reply(b"no", status=500)] * 4)
    refused(client().ask(question()), r"HTTP 500: no \(try 4\)")
    assert len(paused.s) == 3


@pytest.mark.parametrize(
    ("status", "todo"), [(400, ""), (401, "FRAMEGATE_VLM_API_KEY"), (404, "--vlm-model"), (422, "")]
)
def test_what_will_not_pass_is_asked_once(
    server: ScriptedServer, client: Client, status: int, todo: str
) -> None:
    server.next(Reply(b'{"error": {"message": "the prompt is\\ntoo long"}}', status=status))
    error = refused(client().ask(question()), rf"HTTP {status}: the prompt is\\ntoo long")
    assert todo in error.todo
    assert len(server.asked) == 1


def test_nobody_is_followed(server: ScriptedServer, client: Client) -> None:
    server.page("/elsewhere", choosing(FINE))
    server.next(Reply(status=307, headers={"Location": f"{server.url[:-3]}/elsewhere"}))
    refused(client().ask(question()), "redirect, which is not followed")
    assert "/elsewhere" not in server.paths


def test_no_cookie_is_kept(server: ScriptedServer, client: Client) -> None:
    vision = client()
    reply = choosing({"A": 0.2, "B": 0.7, "C": 0.1})
    server.next(Reply(reply.body, headers={"Set-Cookie": "session=1; Path=/"}))
    for _ in range(2):
        answer_of(vision.ask(question()))
    assert all("cookie" not in asked.headers for asked in server.asked)


def test_a_slow_loris_is_cut_off_at_the_deadline(server: ScriptedServer, client: Client) -> None:
    server.next(*[Reply(b'{"id": "chatcmpl', hang=True)] * 4)
    refused(client(deadline_s=0.2).ask(question()), "nothing whole came")


def test_the_environment_names_no_proxy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert answer_of(client().ask(question())).chosen


def test_the_key_is_sent_and_never_told(server: ScriptedServer, client: Client) -> None:
    vision = client(key="s3cret")
    server.next(Reply(b"no such key", status=401))
    error = refused(vision.ask(question()), "HTTP 401")
    assert server.asked[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in f"{error!r} {vision!r} {vision.__dict__['_profile']!r}"


def test_a_dead_server_is_left_alone_until_it_is_back(
    server: ScriptedServer, client: Client
) -> None:
    vision = client(rest_s=0.0)
    assert answer_of(vision.ask(question())).chosen
    server.stop()
    for future in [vision.ask(question()) for _ in range(30)]:
        refused(future, "did not answer|is down")
    tries = vision.use().tries
    assert tries < 30, "most were refused without a try"
    server.start(server.port)
    assert answer_of(vision.ask(question())).chosen, "the first after the rest finds it back"


def test_while_it_is_down_nobody_waits(server: ScriptedServer, client: Client) -> None:
    vision = client(rest_s=0.0)
    server.stop()
    for future in [vision.ask(question()) for _ in range(8)]:
        refused(future, "did not answer|is down")
    vision._breaker._rested_at = float("inf")  # a rest without end, and no clock to wait for
    tries = vision.use().tries
    refused(vision.ask(question()), "is down.*in a row failed, the last one")
    assert vision.use().tries == tries


def test_a_server_is_described_and_its_priorities_are_used(
    server: ScriptedServer, client: Client
) -> None:
    vision = client()
    answer_of(vision.ask(question()))
    assert "priority" not in server.asked[-1].body, "it is not known to take one"
    served = vision.describe()
    assert (served.model, served.max_model_len, served.version) == (MODEL, 8192, "0.0-scripted")
    assert served.tokenizer_checked
    assert served.processed
    assert served.priorities
    asked = len(server.paths)
    assert vision.describe() is served
    assert len(server.paths) == asked
    answer_of(vision.ask(question(), urgency=Urgency.LIVE_DETAIL))
    assert server.asked[-1].body["priority"] == int(Urgency.LIVE_DETAIL)


def test_a_server_without_priorities_is_not_given_any(paused: Paused) -> None:
    with ScriptedServer(priorities=False) as server:
        vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused)
        assert not vision.describe().priorities
        assert answer_of(vision.ask(question(), urgency=Urgency.DETAIL)).chosen
        assert "priority" not in server.asked[-1].body
        vision.close()


def test_a_server_that_cannot_split_texts_is_said_to_be_unchecked(paused: Paused) -> None:
    with ScriptedServer(tokens=None) as server:
        server.page("/version", Reply(status=404))
        vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused)
        served = vision.describe()
        assert not served.tokenizer_checked
        assert served.version == ""
        vision.close()


def test_an_option_has_to_be_one_token_of_its_own(paused: Paused) -> None:
    splits: dict[str, Callable[[str], list[int]]] = {
        "'B' is not one token": lambda text: [1, 2] if text == "B" else [ord(text)],
        "'A' and 'B' are the same token": lambda _text: [7],
    }
    for why, tokens in splits.items():
        with ScriptedServer(tokens=tokens) as server:
            vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused)
            with pytest.raises(VisionUnavailable, match=why):
                vision.describe(("A", "B"))
            vision.close()


def test_a_server_that_could_not_be_described_is_left_alone_for_a_while(paused: Paused) -> None:
    now = 100.0
    with ScriptedServer() as server:
        server.page("/v1/models", Reply(status=500))
        vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused, clock=lambda: now)
        for _ in range(3):
            with pytest.raises(VisionUnavailable, match="HTTP 500"):
                vision.describe()
        assert server.paths == ["/v1/models"]
        server.page("/v1/models", Reply(b'{"data": [{"id": "scripted"}]}'))
        now += 31
        assert vision.describe().max_model_len is None
        vision.close()


def test_a_server_of_another_model_is_refused(server: ScriptedServer, client: Client) -> None:
    with pytest.raises(VisionUnavailable, match=r"does not serve scout.*it serves scripted"):
        client(served_name="scout").describe()
    assert not server.asked


def test_whether_probabilities_are_over_the_options_alone_is_told(paused: Paused) -> None:
    def raw(asked: Asked) -> Reply:
        return choosing(dict.fromkeys(asked.options, 0.25) | {"the": 0.1})

    with ScriptedServer(raw) as server:
        vision = VisionClient(server.url, Profile("test", MODEL), sleep=paused)
        assert not vision.describe(("A", "B")).processed
        vision.close()


def test_a_page_that_is_no_server_of_models_is_named(
    server: ScriptedServer, client: Client
) -> None:
    with pytest.raises(VisionUnavailable, match="no OpenAI-compatible server"):
        client(url=server.url[:-3]).describe()
