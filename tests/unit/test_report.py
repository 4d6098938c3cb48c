"""The report: whole, harmless, and without what must not be in it."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from framegate.domain.captions import Captions, CaptionTrack
from framegate.domain.findings import AnalyserRun, Finding, Status
from framegate.domain.ladder import AudioRendition, Change
from framegate.domain.media import FieldOrder, Telecine
from framegate.domain.pertitle import TitleLadder
from framegate.domain.policy import Action, AudienceVerdict, Policy, Reason
from framegate.domain.policy_file import load_policy
from framegate.domain.report import ReportInput
from framegate.domain.span import Span
from framegate.errors import OutputNotWritable
from framegate.stages.report import write_report
from framegate.stages.report.caveats import caveats
from framegate.stages.report.evidence import BLUR_PX, blurred, contact_sheet, sensitive_samples
from framegate.stages.report.facts import rows
from framegate.stages.report.page import render
from framegate.stages.report.timeline import build
from framegate.stages.report.words import share
from framegate.stages.report.write import report_document, schemas, verdict_document
from framegate.testing.reports import asset, media_facts, report, screening, write_previews

HOSTILE = '"><script>alert(1)</script>\n<img src=x onerror=alert(2)>\u202e{{ 7*7 }}🎬'
VOID = {"meta", "img", "source", "br", "link", "input"}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy((files("framegate") / "policies" / "default.toml").read_bytes())


@pytest.fixture(scope="module")
def previews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_previews(folder, 24)
    return folder


@pytest.fixture
def full(previews: Path, policy: Policy) -> ReportInput:
    return report(previews, policy)


def page(folder: Path, given: ReportInput) -> str:
    write_report(folder, given)
    return (folder / "report.html").read_text("utf-8")


class Reader(HTMLParser):
    """Collects tags and checks that they nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_well_formed_and_tells_the_story(tmp_path: Path, full: ReportInput) -> None:
    reader = read(page(tmp_path, full))
    text = " ".join(reader.texts)
    for expected in (
        "Restricted to 18+",
        "A ride in the mountains",
        "sexual.explicit",
        "1080p",
        "No error guarantee",
        "network namespace: off",
        "claimed and measured",
    ):
        assert expected in text
    assert sum(tag == "img" for tag, _ in reader.tags) == 24
    assert [attrs["src"] for tag, attrs in reader.tags if tag == "source"] == ["preview.mp4"]
    assert [attrs["data-hls"] for tag, attrs in reader.tags if tag == "video"] == [
        "hls/master.m3u8"
    ]


def test_nothing_loads_from_elsewhere(tmp_path: Path, full: ReportInput) -> None:
    html = page(tmp_path, full)
    bare = re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", html)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", bare)
    reader = read(html)
    csp = next(a["content"] for t, a in reader.tags if "http-equiv" in a)
    assert csp is not None
    assert csp.startswith("default-src 'none'")
    assert "unsafe" not in csp
    for _, attrs in reader.tags:  # the policy would refuse them anyway: none may be there
        assert not [name for name in attrs if name.startswith("on") or name == "style"]


def test_hostile_names_are_text(tmp_path: Path, full: ReportInput) -> None:
    bad = asset(HOSTILE, HOSTILE)
    details = replace(bad.details, description=HOSTILE, creator=HOSTILE)
    found = replace(full.screening.findings[12], detail=HOSTILE, raw_score=1.0)
    given = replace(
        full,
        asset=replace(bad, details=details, duplicate_of=HOSTILE),
        screening=replace(full.screening, findings=(*full.screening.findings, found)),
    )
    html = page(tmp_path, given)
    reader = read(html)
    assert [tag for tag, _ in reader.tags if tag == "script"] == ["script"]
    assert html.count("<script>") == 1
    assert "onerror=alert(2)>" not in html
    assert any(HOSTILE.split("\n", maxsplit=1)[0] in text for text in reader.texts)
    assert "{{ 7*7 }}" in html  # a template in a title stays text


def test_a_lone_surrogate_in_a_name_does_not_stop_the_report(
    tmp_path: Path, full: ReportInput
) -> None:
    given = replace(full, asset=replace(full.asset, name="bad\udcff.mp4"))
    assert "bad" in page(tmp_path, given)
    json.loads((tmp_path / "report.json").read_text("utf-8"))


def test_captions_that_no_model_judged_stand_under_the_verdict(full: ReportInput) -> None:
    track = CaptionTrack("de", "track 2", 2, "subrip", "de", "German", 5, "de.vtt", "0" * 64, 9)
    unheard = AnalyserRun(
        "text.captions", "1", "captions", Status.UNAVAILABLE, "not judged: de", ()
    )
    screening = replace(full.screening, runs=(*full.screening.runs, unheard))
    given = replace(full, screening=screening, captions=Captions(tracks=(track,)))
    assert full.package is not None
    assert [caveat.words for caveat in caveats(given)] == ["Not judged: de."]
    assert not caveats(replace(given, package=None)), "what is not published needs no warning"
    assert not caveats(replace(given, captions=Captions()))


@pytest.mark.parametrize(
    ("part", "words"),
    [(1.0, "100 %"), (0.508, "51 %"), (0.048, "4.8 %"), (0.004, "0.4 %"), (1e-5, "< 0.1 %")],
)
def test_a_share_is_never_written_with_an_exponent(part: float, words: str) -> None:
    assert share(part) == words


def test_a_field_order_that_contradicts_the_header_is_marked(full: ReportInput) -> None:
    video = replace(
        full.facts.video,
        field_order_claimed=FieldOrder.BOTTOM_FIRST,
        field_order_measured=FieldOrder.TOP_FIRST,
        telecine=Telecine.NONE,
    )
    for claimed, differs in (
        (FieldOrder.BOTTOM_FIRST, True),
        (FieldOrder.TOP_FIRST, False),
        (FieldOrder.UNKNOWN, False),
    ):
        given = replace(full.facts, video=replace(video, field_order_claimed=claimed))
        (row,) = (row for row in rows(given) if row.name == "Scan")
        assert row.differs is differs


def test_sensitive_pictures_lose_their_detail(full: ReportInput, previews: Path) -> None:
    reasons = sensitive_samples(full.screening)
    assert {12, 13, 14} <= reasons.keys()
    assert 0 not in reasons
    sheet = contact_sheet(full.screening, previews)
    for thumb in sheet.thumbs:
        jpeg = base64.b64decode(thumb.uri.partition(",")[2])
        pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.float64)
        coloured = np.ptp(pixels, axis=2).max() > 12
        fine = np.abs(np.diff(pixels.mean(axis=2), axis=1)).mean()
        assert coloured == (not thumb.why)
        assert (fine < 2.0) == bool(thumb.why), (thumb.sample.index, fine)


def test_a_blur_keeps_no_more_than_a_few_numbers() -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 255, (360, 640, 3), np.uint8))
    spectrum = np.abs(np.fft.rfft2(np.asarray(blurred(noise), np.float64)))
    keep = 4 * BLUR_PX
    assert spectrum[keep:-keep, keep:].max() < 0.01 * spectrum[0, 0] / 100


def test_no_original_bytes_are_in_the_page(
    tmp_path: Path, full: ReportInput, previews: Path
) -> None:
    html = page(tmp_path, full)
    for picture in previews.iterdir():
        whole = base64.b64encode(picture.read_bytes()).decode()
        assert whole[2000:2200] not in html


def test_a_shot_with_one_strong_finding_is_blurred_whole(full: ReportInput) -> None:
    strong = replace(full.screening.findings[0], raw_score=0.97, sample=3)
    reasons = sensitive_samples(replace(full.screening, findings=(strong,)))
    assert set(reasons) == {0, 1, 2, 3, 4, 5}


def test_where_no_detector_looked_everything_is_blurred(full: ReportInput) -> None:
    runs = tuple(replace(run, status=Status.UNAVAILABLE) for run in full.screening.runs)
    blind = replace(full.screening, runs=runs, findings=())
    assert len(sensitive_samples(blind)) == len(blind.samples)


@pytest.mark.parametrize("label", ["child-safety", "child-safety.match"])
def test_child_safety_evidence_is_never_in_a_report(
    tmp_path: Path, full: ReportInput, label: str
) -> None:
    match = Finding(
        "hash.pdq", "1", label, Status.OK, 0.99, sample=2, span=Span(Fraction(2), Fraction(2))
    )
    screened = replace(full.screening, findings=(match,))
    html = page(tmp_path, replace(full, screening=screened))
    assert "data:image" not in html
    assert "withheld" in html
    assert "poster=" not in html
    stored = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert {sample["pdq"] for sample in stored["screening"]["samples"]} == {""}


def test_without_a_package_there_is_no_player(tmp_path: Path, full: ReportInput) -> None:
    blocked = replace(full.verdict, action=Action.BLOCK)
    html = page(tmp_path, replace(full, package=None, plan=None, renditions=(), verdict=blocked))
    assert "<video" not in html
    assert "Nothing was published" in html
    assert "stops before encoding" in html


def test_what_is_missing_of_the_file_stands_under_the_verdict(
    tmp_path: Path, full: ReportInput
) -> None:
    whole = page(tmp_path, full)
    assert 'class="caveat"' not in whole
    cut = replace(full.facts, truncated=True, readable_share=0.55, duration_claimed=Fraction(40))
    coverage = replace(full.screening.coverage, undecodable_frames=7)
    damaged = replace(full.screening, coverage=coverage)
    reason = Reason("framegate.truncated", Action.ALLOW, "The file ends early.")
    verdict = replace(full.verdict, reasons=(reason, *full.verdict.reasons))
    given = replace(full, facts=cut, screening=damaged, verdict=verdict)
    html = page(tmp_path, given)
    text = " ".join(" ".join(read(html).texts).split())
    assert "24 s of the 40 s that it claims could be read (55 %)" in text
    assert "7 of 719 frames could not be decoded" in text
    assert "in part:" in html[: html.index("</title>")]
    assert html.index('class="caveat"') < html.index('class="headline"')
    assert "The file ends early." not in text  # said once, at more length
    only_damaged = " ".join(read(page(tmp_path, replace(full, screening=damaged))).texts)
    assert "Parts of this file are damaged" in only_damaged


def test_what_was_changed_is_listed(tmp_path: Path, full: ReportInput) -> None:
    assert full.plan is not None
    sound = AudioRendition("a2", 2, "aac", 1, 48_000, 2, "de", "German")
    plan = replace(
        full.plan,
        audio=(*full.plan.audio, sound),
        changes=(Change("Sound, English", "5.1(side)", "stereo"),),
    )
    dropped = "track 3: xsub, French: pictures of text"
    given = replace(full, plan=plan, captions=Captions(dropped=(dropped,)))
    changed = page(tmp_path, given).split('id="changed"')[1].split("</section>")[0]
    lines = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in changed.split("<tr")[2:]]
    assert lines == [
        'role="row"> Sound, English 5.1(side) stereo',
        'role="row"> Sound, German cannot be decoded left out',
        'role="row"> Captions track 3: xsub, French: pictures of text left out',
        'role="row"> Other tracks data track 2 (timed metadata) was not screened left out',
    ]
    assert 'id="changed"' not in page(tmp_path, replace(full, plan=None, renditions=()))
    plain = replace(full.facts, dropped=())
    assert "nothing was converted" in page(tmp_path, replace(full, facts=plain))


def test_words_of_the_trade_are_explained(tmp_path: Path, full: ReportInput) -> None:
    reader = read(page(tmp_path, full))
    asked = {
        a["popovertarget"] for tag, a in reader.tags if tag == "button" and "popovertarget" in a
    }
    there = {a["id"] for tag, a in reader.tags if tag == "div" and "popover" in a}
    assert asked <= there
    assert {"word-vmaf", "word-gop", "word-signals", "word-gap", "word-raw"} <= asked


def test_colours_that_are_not_said_have_one_wording(full: ReportInput) -> None:
    colour = replace(full.facts.video.colour, range_claimed="limited")
    said = {
        "not said": full.facts.video.colour,
        "not said, limited range": colour,
        "not said / not said / bt709, limited range": replace(colour, matrix_claimed="bt709"),
    }
    for words, given in said.items():
        facts = replace(full.facts, video=replace(full.facts.video, colour=given))
        (row,) = [row for row in rows(facts) if row.name == "Colour"]
        assert row.claimed == words


def test_tables_on_a_phone_name_their_cells(tmp_path: Path, full: ReportInput) -> None:
    html = page(tmp_path, full)
    for table in re.findall(r'<table role="table".*?</table>', html, re.DOTALL):
        for cell in re.findall(r"<td [^>]*>", table):
            assert "data-label=" in cell or 'class="bar"' in cell or cell == '<td role="cell">'


def test_twenty_minutes_fit_in_three_megabytes(tmp_path: Path, policy: Policy) -> None:
    folder = tmp_path / "samples"
    write_previews(folder, 200)
    for index in range(200, 1200):
        (folder / f"{index:06}.jpg").hardlink_to(folder / f"{index % 200:06}.jpg")
    html = page(tmp_path, report(folder, policy, samples=1200))
    assert len(html.encode()) < 3_000_000
    text = "".join(read(html).texts)
    assert re.search(r"\d+ of 1.200 samples, evenly spread; [\d\W]+ are left out", text)


def test_documents_follow_the_checked_in_schemas(full: ReportInput) -> None:
    stored = files("framegate.stages.report") / "schemas"
    for name, text in schemas().items():
        assert (stored / name).read_text("utf-8") == text, (
            f"write framegate.stages.report.write.schemas() to schemas/{name}"
        )
    for document, name in (
        (report_document(full), "report.schema.json"),
        (verdict_document(full), "verdict.schema.json"),
    ):
        schema = json.loads((stored / name).read_text("utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        plain = json.loads(json.dumps(document))
        jsonschema.validate(plain, schema, cls=jsonschema.Draft202012Validator)


def test_seconds_are_named_and_ratios_stay_exact(full: ReportInput) -> None:
    document = report_document(full)
    assert document["facts"]["duration_measured_s"] == 24.0
    assert document["facts"]["video"]["frame_rate"]["measured"] == "30000/1001"
    assert document["facts"]["video"]["frame_rate"]["longest_interval_s"] == pytest.approx(
        0.0333667
    )
    assert document["screening"]["shots"][1]["start_s"] == 6.0
    assert "samples" not in document


def test_every_exact_number_that_is_named_as_seconds_is_a_time() -> None:
    """A new ratio belongs into `RATIOS`, or it is told as seconds; a new time, into this list."""
    schema = schemas()["report.schema.json"]
    exact = set(re.findall(r'"(\w+)_s": \{\s+"(?:type": "number"|anyOf)', schema))
    assert exact == {
        *("start", "end", "time", "duration_claimed", "duration_measured"),
        *("shortest_interval", "longest_interval", "face_time"),
    }


def test_the_timeline_stays_inside_its_lane() -> None:
    line = build(screening(samples=7), media_facts(7))
    for lane in line.lanes:
        for bar in lane.bars:
            assert 0 <= bar.x <= 100
            assert bar.x + bar.width <= 100.01
    names = [lane.name for lane in line.lanes]
    assert names[:3] == ["Shots", "Samples", "sexual.explicit"]
    assert {"Black", "Frozen", "Silence", "Brightness"} <= set(names)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, full: ReportInput) -> None:
    with pytest.raises(OutputNotWritable):
        write_report(tmp_path / "missing", full)


def test_the_page_says_how_the_ladder_was_fitted(full: ReportInput) -> None:
    page = render(full)
    assert "2 trial encodes of 2 short stretches" in page
    assert "1080p 4.1 Mbit/s and VMAF 94.2." in page
    assert "480p was left out: other sizes look better for the same bitrate." in page
    assert full.plan is not None
    skipped = replace(full.plan, title=TitleLadder(skipped="the video is too short"))
    assert "of this size: the video is too short." in render(replace(full, plan=skipped))
    assert "trial encodes" not in render(replace(full, plan=replace(full.plan, title=None)))


def test_the_page_says_which_audiences_may_see_it(full: ReportInput) -> None:
    assert 'id="audiences"' not in render(
        replace(full, verdict=replace(full.verdict, audiences=()))
    )
    told = (
        AudienceVerdict("general", 0, (), may_see=False, rules=("r",)),
        AudienceVerdict("adult", 18, (), may_see=True),
    )
    limited = replace(full.verdict, action=Action.RESTRICT, audience="18+", audiences=told)
    page = render(replace(full, verdict=limited))
    assert "<b>general</b> may not; <b>adult</b> may see it." in page


def test_what_is_blurred_is_told(full: ReportInput, tmp_path: Path) -> None:
    length = full.facts.duration_measured
    hidden = (Span(Fraction(2), Fraction(7, 2)),)
    verdict = replace(full.verdict, action=Action.ALLOW, blur=hidden)
    html = page(tmp_path, replace(full, verdict=verdict))
    assert f"Allowed, 1.5 s of {float(length):.1f} s blurred" in html
    assert "compares with the source blurred alike" in html
    everything = replace(verdict, blur=(Span(Fraction(0), length),))
    assert "Allowed, all of it blurred" in page(tmp_path, replace(full, verdict=everything))
    assert 'id="blurred"' not in page(tmp_path, full)
