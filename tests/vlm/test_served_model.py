"""What the analyser builds on, asked of a real vLLM: letters, JSON, refusals, caches."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest

from vlm import drills, squares
from vlm.asking import body, distribution, following, one_of, text
from vlm.serving import CONTEXT, MODEL, PICTURES, Server

NEVER_TRAINED_ON = 10_000
PROMPT = drills.prompt()
ORDER = PROMPT.orders[0]


def picture(truth: str, seed: int = NEVER_TRAINED_ON) -> bytes:
    return squares.jpeg(squares.tile(truth, seed))


def test_each_option_is_one_token(server: Server) -> None:
    for order in PROMPT.orders:
        for option in (*order.options, drills.YES, drills.NO):
            told = server.post(
                "/tokenize", {"model": MODEL, "prompt": option, "add_special_tokens": False}
            )
            assert told.status == 200
            assert told.body["count"] == 1, option


def test_letters_share_the_whole_probability(server: Server) -> None:
    reply = server.post(
        "/v1/chat/completions",
        body(ORDER.system, [picture("blue")], PROMPT.triage, **one_of(ORDER.options)),
    )
    told = distribution(reply)
    assert sum(told.get(letter, 0) for letter in ORDER.options) == pytest.approx(1, abs=1e-3)
    assert all(told[other] == 0 for other in told.keys() - set(ORDER.options))
    assert reply.body["usage"]["completion_tokens"] == 1


def test_triage_is_right_in_every_order(server: Server) -> None:
    asked = [
        (order, truth, seed)
        for order in PROMPT.orders
        for truth in squares.TRUTHS
        for seed in range(NEVER_TRAINED_ON, NEVER_TRAINED_ON + 5)
    ]

    def wrong(one: tuple[drills.Order, str, int]) -> str | None:
        order, truth, seed = one
        told = distribution(
            server.post(
                "/v1/chat/completions",
                body(order.system, [picture(truth, seed)], PROMPT.triage, **one_of(order.options)),
            )
        )
        best = max(order.options, key=lambda letter: told.get(letter, 0))
        meant = drills.LABEL_OF.get(truth)
        return None if order.letters.get(best) == meant else f"{order.number} {truth} {seed} {best}"

    with ThreadPoolExecutor(8) as pool:
        faults = [fault for fault in pool.map(wrong, asked) if fault]
    assert not faults


def test_yes_and_no_are_right_for_every_label(server: Server) -> None:
    asked = [
        (label, truth, order)
        for number, label in enumerate(PROMPT.labels)
        for truth in squares.TRUTHS
        for order in (PROMPT.orders[number % len(PROMPT.orders)],)
    ]

    def wrong(one: tuple[drills.Asked, str, drills.Order]) -> str | None:
        label, truth, order = one
        told = distribution(
            server.post(
                "/v1/chat/completions",
                body(
                    order.system,
                    [picture(truth)],
                    PROMPT.about(label),
                    **one_of((drills.YES, drills.NO)),
                ),
            )
        )
        yes = told.get(drills.YES, 0) > told.get(drills.NO, 0)
        meant = drills.LABEL_OF.get(truth) == label.label
        return None if yes == meant else f"{label.label} {truth} {order.number} {told}"

    with ThreadPoolExecutor(8) as pool:
        faults = [fault for fault in pool.map(wrong, asked) if fault]
    assert not faults


def test_detail_follows_its_schema(server: Server) -> None:
    schema = PROMPT.detail_schema(["violence", "weapons"])
    reply = server.post(
        "/v1/chat/completions",
        body(ORDER.system, [picture("red")], PROMPT.detail, **following(schema, 800)),
    )
    answer = text(reply)
    assert reply.body["choices"][0]["finish_reason"] == "stop"
    jsonschema.validate(json.loads(answer), schema)
    assert answer == json.dumps(json.loads(answer), separators=(",", ":"), ensure_ascii=False)


def test_an_answer_cut_short_is_told(server: Server) -> None:
    schema = PROMPT.detail_schema(["violence", "weapons"])
    reply = server.post(
        "/v1/chat/completions",
        body(ORDER.system, [picture("red")], PROMPT.detail, **following(schema, 3)),
    )
    assert reply.body["choices"][0]["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(text(reply))


@pytest.mark.parametrize(
    ("pictures", "after", "more", "word"),
    [
        ([picture("red")] * (PICTURES + 1), "Which?", {}, "image"),
        ([b"not a picture"], "Which?", {}, "image"),
        ([], "hate " * CONTEXT, {}, "context length"),
        ([], "Which?", following({"type": "nonsense"}), "nonsense"),
    ],
    ids=["too many pictures", "no picture", "too long", "no schema"],
)
def test_what_cannot_be_answered_is_refused(
    server: Server, pictures: list[bytes], after: str, more: dict[str, object], word: str
) -> None:
    reply = server.post("/v1/chat/completions", body("Look.", pictures, after, **more))
    assert reply.status == 400
    assert word in json.dumps(reply.body["error"]["message"])


def test_the_system_prompt_is_read_once(server: Server) -> None:
    question = one_of(ORDER.options)
    first = body(ORDER.system, [picture("red", 20_000)], PROMPT.triage, **question)
    server.post("/v1/chat/completions", first)
    before = server.counted()
    second = body(ORDER.system, [picture("red", 20_001)], PROMPT.triage, **question)
    reply = server.post("/v1/chat/completions", second)
    after = server.counted()
    hits = after["vllm:prefix_cache_hits_total"] - before["vllm:prefix_cache_hits_total"]
    system = server.post("/tokenize", {"model": MODEL, "prompt": ORDER.system}).body["count"]
    assert system * 0.8 < hits < system + 150  # whole blocks of the system prompt, no picture
    assert reply.body["usage"]["prompt_tokens_details"]["cached_tokens"] == hits


def test_another_question_about_a_picture_reads_it_once(server: Server) -> None:
    shown = [picture("green", 20_002)]
    server.post(
        "/v1/chat/completions", body(ORDER.system, shown, PROMPT.triage, **one_of(ORDER.options))
    )
    reply = server.post(
        "/v1/chat/completions",
        body(
            ORDER.system, shown, PROMPT.about(PROMPT.labels[0]), **one_of((drills.YES, drills.NO))
        ),
    )
    usage = reply.body["usage"]
    question = server.post(
        "/tokenize", {"model": MODEL, "prompt": PROMPT.about(PROMPT.labels[0])}
    ).body["count"]
    read = usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"]
    assert read < question + 144
