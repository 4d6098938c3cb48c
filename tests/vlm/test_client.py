"""framegate's client of a vision model against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import jsonschema
import pytest

from framegate.domain.vision import Choice, Profile, Question, Structured
from framegate.errors import VisionUnavailable
from framegate.models.vision.client import VisionClient
from vlm import drills, squares
from vlm.serving import CONTEXT, MODEL, Server

PROMPT = drills.prompt()
ORDER = PROMPT.orders[2]
PROFILE = Profile(
    name="tiny-scout",
    model=MODEL,
    max_model_len=CONTEXT,
    p95_ms=5000,
    deadline_s=60,
    most_in_flight=8,
)


def triage(truth: str, seed: int = 40_000) -> Question:
    picture = squares.jpeg(squares.tile(truth, seed))
    return Question(ORDER.system, (picture,), PROMPT.triage, Choice(ORDER.options))


@pytest.fixture
def client(server: Server) -> Iterator[VisionClient]:
    client = VisionClient(server.url, PROFILE)
    yield client
    client.close()


def test_it_finds_out_what_a_real_server_can_do(client: VisionClient) -> None:
    served = client.describe((*ORDER.options, drills.YES, drills.NO))
    assert served.model == MODEL
    assert served.max_model_len == CONTEXT
    assert served.version.startswith("0.32")
    assert served.tokenizer_checked
    assert served.processed
    assert served.priorities


def test_a_wrong_model_name_is_told_before_any_question(server: Server) -> None:
    client = VisionClient(server.url, replace(PROFILE, model="another"))
    try:
        with pytest.raises(VisionUnavailable, match="does not serve another"):
            client.describe()
    finally:
        client.close()


def test_letters_come_back_as_probabilities(client: VisionClient) -> None:
    client.describe()
    asked = {truth: client.ask(triage(truth)) for truth in squares.TRUTHS}
    for truth, future in asked.items():
        answer = future.result(60)
        assert answer.mass == pytest.approx(1, abs=1e-3)
        assert sum(answer.chosen.values()) == pytest.approx(1)
        best = max(answer.chosen, key=lambda letter: answer.chosen[letter])
        assert ORDER.letters.get(best) == drills.LABEL_OF.get(truth)
    again = client.ask(triage("red")).result(60)
    assert again.tokens_cached > again.tokens_in * 0.8  # the whole prompt was read before
    assert client.use().failed == 0


def test_detail_comes_back_as_data_and_probabilities(client: VisionClient) -> None:
    schema = PROMPT.detail_schema(["violence.graphic", "weapons.firearms"])
    picture = squares.jpeg(squares.tile("red", 40_001))
    question = Question(
        ORDER.system, (picture,), PROMPT.detail, Structured("frame", schema, max_tokens=800)
    )
    answer = client.ask(question).result(120)
    jsonschema.validate(dict(answer.data), schema)
    severities = answer.token_probabilities["/seen/violence.graphic"]
    assert sum(severities.values()) == pytest.approx(1)
    said = answer.data["seen"]["violence.graphic"]
    assert severities[said] == max(severities.values())


def test_a_picture_that_is_none_is_that_question_s_error(client: VisionClient) -> None:
    broken = replace(triage("red"), pictures=(b"not a picture",))
    with pytest.raises(VisionUnavailable):
        client.ask(broken).result(60)
    assert client.ask(triage("red")).result(60).chosen  # the next one is answered
