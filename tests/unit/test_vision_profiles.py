"""Profiles of vision models: that they ship whole, fit as computed, and are served as they say."""

from __future__ import annotations

import itertools
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from framegate import settings, wiring
from framegate.cli.app import app
from framegate.cli.options import Looking
from framegate.domain.vision import Profile, Quantisation
from framegate.errors import SettingsInvalid
from framegate.models.vision import profiles
from framegate.planner import catalogue
from framegate.planner.fit import GIB
from framegate.planner.serve import command
from framegate.testing.vision import MODEL, ScriptedServer

SHIPPED = dict(profiles.shipped())
SERVED = [profile for profile in SHIPPED.values() if profile.model]
REFERENCE = SHIPPED["scout-int4-1x80"]


def test_what_the_issue_names_ships() -> None:
    assert set(SHIPPED) == {
        "any",
        "llama-guard-4-12b",
        "qwen3-vl-8b",
        "scout-fp8-1x141",
        "scout-fp8-2x80",
        "scout-int4-1x80",
        "scout-int4-4x24",
    }


@pytest.mark.parametrize("profile", SERVED, ids=lambda one: one.name)
def test_a_shipped_profile_fits_its_cards(profile: Profile) -> None:
    fit = catalogue.fit_of(profile)
    assert fit is not None
    assert fit.fits, fit.why
    assert fit.margin_bytes > GIB, "room for what is not counted"


@pytest.mark.parametrize("profile", SERVED, ids=lambda one: one.name)
def test_a_shipped_profile_keeps_to_its_load(profile: Profile) -> None:
    """120 one-minute videos a minute are two minutes of video a second."""
    assert profile.source
    assert profile.licence
    assert bool(profile.licence_warning) == profile.licence.startswith("Llama")
    if profile.triage_calls_s is not None and profile.detail_calls_s is not None:
        busy = 2 * (
            profile.triage_calls / profile.triage_calls_s
            + profile.detail_calls / profile.detail_calls_s
        )
        assert busy <= profile.load


@pytest.mark.parametrize(
    ("name", "parameters", "active"),
    [
        ("llama4-scout", 109e9, 17e9),
        ("llama-guard-4", 12e9, 12e9),
        ("qwen3-vl-8b", 8.77e9, 8.77e9),
    ],
)
def test_parameters_come_out_as_published(name: str, parameters: float, active: float) -> None:
    architecture = catalogue.shipped().architectures[name]
    assert architecture.parameters == pytest.approx(parameters, rel=0.005)
    assert architecture.active == pytest.approx(active, rel=0.08)


def test_measured_servers_come_out() -> None:
    """One H100 80 GB: 60.6 GiB of weights and KV cache for 56,000 tokens; one H200: 106.9 GiB."""
    int4 = catalogue.fit_of(REFERENCE)
    fp8 = catalogue.fit_of(SHIPPED["scout-fp8-1x141"])
    assert int4 is not None
    assert fp8 is not None
    assert int4.weights_bytes / GIB == pytest.approx(60.6, rel=0.01)
    assert int4.kv_tokens == pytest.approx(56_000, rel=0.02)
    assert fp8.weights_bytes / GIB == pytest.approx(106.9, rel=0.01)
    scout = catalogue.shipped().architectures["llama4-scout"]
    assert scout.weights_bytes(Quantisation.BF16) / 1e9 == pytest.approx(218, rel=0.01)


def test_scout_in_8_bits_does_not_fit_two_24_gb_cards() -> None:
    plan = replace(
        REFERENCE,
        quantisation=Quantisation.INT8,
        gpu="rtx4090",
        gpus=2,
        tensor_parallel=2,
    )
    fit = catalogue.fit_of(plan)
    assert fit is not None
    assert not fit.fits
    assert fit.kv_tokens == 0
    assert fit.why == (
        "it cannot fit on 2 x RTX 4090: the weights alone take 53.4 GiB a card, "
        "and a card has 23.6 GiB"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"gpu": "l40s", "gpus": 2, "tensor_parallel": 2, "memory_share": 0.6}, "no room to work"),
        ({"max_model_len": 100_000}, "for the KV cache"),
        ({"max_num_seqs": 512, "most_in_flight": 512}, "for the KV cache"),
        ({"gpus": 2}, "split over 1 of 2"),
        ({"gpus": 3, "tensor_parallel": 3}, "cannot be split over 3"),
    ],
)
def test_what_does_not_fit_says_what_is_missing(change: dict[str, object], why: str) -> None:
    fit = catalogue.fit_of(replace(REFERENCE, **change))  # type: ignore[arg-type]
    assert fit is not None
    assert not fit.fits
    assert why in fit.why


@pytest.mark.parametrize("profile", SERVED, ids=lambda one: one.name)
def test_the_page_tells_what_is_computed(profile: Profile) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "vision-models.md"
    (row,) = (
        line
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{profile.name}`")
    )
    fit = catalogue.fit_of(profile)
    assert fit is not None
    assert f"| {fit.weights_bytes / GIB:.1f} GiB |" in row
    assert f"| {fit.kv_tokens:,} ({fit.kv_tokens_needed:,}) |" in row
    assert f"| {fit.margin_bytes / GIB:.1f} GiB |" in row


def test_more_cards_leave_more_room() -> None:
    one = catalogue.fit_of(REFERENCE)
    two = catalogue.fit_of(replace(REFERENCE, gpus=2, tensor_parallel=2))
    assert one is not None
    assert two is not None
    assert two.kv_tokens > 2 * one.kv_tokens


def test_the_command_says_every_option_that_an_answer_depends_on() -> None:
    words = command(REFERENCE)
    assert words[:3] == ("vllm", "serve", REFERENCE.model)
    said = dict(itertools.pairwise(words))
    assert said["--logprobs-mode"] == "processed_logprobs"
    assert json.loads(said["--mm-processor-kwargs"]) == {"max_patches": 1}
    assert json.loads(said["--limit-mm-per-prompt"]) == {"image": REFERENCE.frames_per_request}
    assert json.loads(said["--structured-outputs-config"]) == {
        "backend": "xgrammar",
        "disable_any_whitespace": True,
    }
    assert said["--generation-config"] == "vllm"
    assert said["--scheduling-policy"] == "priority"
    assert said["--tensor-parallel-size"] == "1"
    assert said["--host"] == "127.0.0.1"


def test_the_printed_command_is_that_command() -> None:
    answer = CliRunner().invoke(app, ["models", "serve", REFERENCE.name])
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert any("European Union" in line for line in lines if line.startswith("#"))
    shell = "\n".join(line for line in lines if not line.startswith("#"))
    assert tuple(shlex.split(shell.replace("\\\n", " "))) == command(REFERENCE)


PLAN = """
name = "plan"
model = "Scout-INT8"
architecture = "llama4-scout"
quantisation = "int8-w8a16"
gpu = "rtx4090"
gpus = 2
tensor_parallel = 2
"""


def test_a_plan_that_cannot_work_is_told_and_not_served(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(PLAN)
    listed = CliRunner().invoke(app, ["models", "profiles", str(file)])
    assert listed.exit_code == 0
    assert "NO: it cannot fit on 2 x RTX 4090" in listed.stdout
    assert CliRunner().invoke(app, ["models", "serve", str(file)]).exit_code == 78
    told = json.loads(CliRunner().invoke(app, ["models", "profiles", "--json"]).stdout)
    assert [row["name"] for row in told["profiles"]] == list(SHIPPED)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('name = "x"', "model"),
        ('name = "x"\nmodel = "m"\ntiles = 2', "nothing is called tiles"),
        ('name = "x"\nmodel = "m"\nload = nan', "share"),
        ('name = "x"\nmodel = "m"\nload = 1.5', "share"),
        ('name = "x"\nmodel = "m"\ndeadline_s = inf', "deadline_s"),
        ('name = "x"\nmodel = "m"\ntriage_calls = -1', "under 0"),
        ('name = "x"\nmodel = "m"\ntriage_calls_s = 0', "triage_calls_s"),
        ('name = "x"\nmodel = "m"\nquantisation = "int3"', "quantisation"),
        ('name = "x"\nmodel = "m"\ngpus = 0', "gpus"),
        ("name = ", "TOML"),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match=why):
        profiles.named(str(file))


def test_a_name_of_the_catalogue_that_is_not_there_is_told() -> None:
    with pytest.raises(SettingsInvalid, match="no card is named tpu"):
        catalogue.fit_of(replace(REFERENCE, gpu="tpu"))
    with pytest.raises(SettingsInvalid, match="no profile is named scout"):
        profiles.named("scout")


def test_the_fingerprint_is_of_what_an_answer_depends_on() -> None:
    slower = replace(REFERENCE, p95_ms=900, triage_calls_s=1.0, gpu="a100-80", name="mine")
    assert slower.fingerprint == REFERENCE.fingerprint
    for change in (
        {"served_name": "other"},
        {"quantisation": Quantisation.FP8},
        {"prompt": "2"},
        {"tiles_per_frame": 4},
        {"processor": {"max_patches": 4}},
    ):
        assert replace(REFERENCE, **change).fingerprint != REFERENCE.fingerprint


@pytest.fixture
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRAMEGATE_CONFIG", "FRAMEGATE_HOME", "FRAMEGATE_VLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_bare")
def test_the_command_line_names_the_model(tmp_path: Path) -> None:
    def said(
        vlm: str | None = None, vlm_model: str | None = None, vlm_profile: str | None = None
    ) -> Profile | None:
        looking = Looking(vlm=vlm, vlm_model=vlm_model, vlm_profile=vlm_profile)
        return wiring.vision_profile(settings.load(vlm=looking.vision()))

    assert said() is None
    (tmp_path / "framegate.toml").write_text('[vlm]\nurl = "http://h/v1"\nmodel = "m"\n')
    found = said()
    assert found is not None
    assert (found.name, found.asked_as) == ("any", "m")
    assert said(vlm="") is None, "none is asked in this run"
    found = said(vlm_profile="scout-fp8-2x80")
    assert found is not None
    assert (found.name, found.asked_as) == ("scout-fp8-2x80", "m")
    (tmp_path / "framegate.toml").unlink()
    with pytest.raises(SettingsInvalid, match="no server"):
        said(vlm_model="m")
    with pytest.raises(SettingsInvalid, match="no model"):
        said(vlm="http://h/v1")
    (tmp_path / "framegate.toml").write_text('[vlm]\napi_key = "secret"\n')
    with pytest.raises(SettingsInvalid, match="api_key"):
        said()


@pytest.mark.usefixtures("_bare")
def test_a_result_belongs_to_its_vision_model() -> None:
    without = wiring.process_options(settings.load())
    assert without.screen.vlm == ""
    asked = {"url": "http://h/v1", "profile": "scout-int4-1x80"}
    options = wiring.process_options(settings.load(vlm=asked))
    assert options.screen.vlm == REFERENCE.identity
    elsewhere = wiring.process_options(settings.load(vlm=asked | {"url": "http://other/v1"}))
    assert elsewhere == options, "where it is served changes nothing"


@pytest.mark.usefixtures("_bare")
def test_the_doctor_warns_of_the_licence_and_asks_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from framegate.ops import doctor

    with ScriptedServer(models=("llama-4-scout",)) as server:
        monkeypatch.setenv("FRAMEGATE_VLM__URL", server.url)
        monkeypatch.setenv("FRAMEGATE_VLM__PROFILE", "scout-int4-1x80")
        checks = {one.name: one for one in doctor._vision(settings.load())}
    assert checks["licence"].state is doctor.State.LIMITED
    assert "European Union" in checks["licence"].detail
    assert checks["fit"].state is doctor.State.OK
    assert checks["server"].state is doctor.State.OK
    assert checks["server"].detail == "llama-4-scout, version 0.0-scripted"
    monkeypatch.setenv("FRAMEGATE_VLM__PROFILE", "qwen3-vl-8b")
    checks = {one.name: one for one in doctor._vision(settings.load())}
    assert "licence" not in checks
    assert checks["server"].state is doctor.State.FAILED, "nobody listens there any more"
    assert MODEL not in checks["server"].detail
