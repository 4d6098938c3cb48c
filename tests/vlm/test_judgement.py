"""`framegate process --vlm` from end to end: coloured squares, judged by a real server."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import av
import pytest

from framegate.testing.clips import passed_on
from vlm import drills, squares
from vlm.serving import Server
from vlm.showing import SHARING, Job, clip, report_of

ANSWERED = "vllm:request_success_total"


def answered(server: Server) -> float:
    return server.counted()[ANSWERED]


def judged(report: dict[str, Any]) -> dict[int, dict[str, float]]:
    """Give the model's P(yes) by label, for each shot."""
    screening = report["screening"]
    shots: dict[int, dict[str, float]] = {shot["index"]: {} for shot in screening["shots"]}
    for finding in screening["findings"]:
        if finding["analyser"] == "vlm.tiny-scout":
            shot = screening["samples"][finding["sample"]]["shot"]
            best = shots[shot].get(finding["label"], 0.0)
            shots[shot][finding["label"]] = max(best, finding["raw_score"])
    return shots


def run_of(report: dict[str, Any]) -> dict[str, Any]:
    (run,) = (run for run in report["screening"]["runs"] if run["level"] == "vlm")
    return dict(run)


def check(report: dict[str, Any], truths: tuple[str, ...]) -> None:
    """Each shot was found to show what it shows and nothing else."""
    assert run_of(report)["status"] == "ok", run_of(report)
    shots = judged(report)
    assert len(shots) == len(truths)
    for said, truth in zip(shots.values(), truths, strict=True):
        meant = drills.LABEL_OF.get(truth)
        sure = {label for label, score in said.items() if score >= 0.5}
        assert sure == ({meant} if meant else set()), (truth, said)


def test_each_shot_is_judged_by_what_it_shows(server: Server, tmp_path: Path) -> None:
    truths = ("red", squares.NONE, "blue", "cyan", squares.NONE, "magenta")
    video = clip(tmp_path / "squares.mp4", truths, seed=50_000)
    report = Job(tmp_path, server.url).run(video)
    check(report, truths)
    assert {level["level"] for level in report["screening"]["coverage"]["levels"]} >= {"vlm"}


def test_what_was_judged_before_is_not_asked_again(server: Server, tmp_path: Path) -> None:
    truths = ("green", squares.NONE, "yellow")
    video = clip(tmp_path / "first.mp4", truths, seed=51_000, kind="busy")
    job = Job(tmp_path, server.url)
    before = answered(server)
    check(job.run(video), truths)
    asked = answered(server) - before
    assert asked > len(truths)

    before = answered(server)
    job.run(video)
    assert answered(server) == before  # the same file

    repacked = tmp_path / "second.mkv"
    with av.open(str(video)) as source, av.open(str(repacked), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    again = job.run(repacked)  # other bytes, same pictures
    check(again, truths)
    # a picture too plain for a sure hash is asked about again, and the server what it can do
    assert dict(run_of(again)["counts"])["remembered"] >= 2
    assert answered(server) - before <= 2


def test_a_real_video_and_its_small_copy_are_asked_about_once(
    server: Server, clips: Path, tmp_path: Path
) -> None:
    """Sport in fast motion, with faces: all frames decoded, or the copy's would be others."""
    video, shots = clips / "bikes.mp4", 6
    job = Job(tmp_path, server.url, mode="full")
    before = answered(server)
    first = job.run(video)
    asked = answered(server) - before
    assert len(first["screening"]["shots"]) == shots
    assert asked > shots  # each shot, and the server what it can do

    before = answered(server)
    assert job.run(video)["verdict"] == first["verdict"]
    assert answered(server) == before  # the same file

    copy = job.run(passed_on(video, tmp_path / "copy.mp4"))
    run = run_of(copy)
    assert run["status"] == "ok", run
    assert dict(run["counts"])["remembered"] >= shots
    assert answered(server) - before <= 1  # almost none of what the original took


def test_neighbours_share_a_question_and_details_are_asked_for(
    server: Server, tmp_path: Path
) -> None:
    """Several pictures in one request, and JSON asked for beside letters. What the tiny model says
    of them means nothing: it has learnt neither, and writes words without end.
    """
    truths = ("red", squares.NONE, "green", "blue", squares.NONE, "cyan", "yellow", "magenta")
    video = clip(tmp_path / "squares.mp4", truths, seed=54_000, shot_s=1, kind="busy")
    run = run_of(Job(tmp_path, server.url, allowance=SHARING).run(video))
    counts = dict(run["counts"])
    assert run["status"] == "ok", run
    assert run["samples_seen"] >= len(truths)
    assert counts["detail"] >= 1
    # each frame is either cleared with its neighbours or asked about alone after them
    assert counts["triage"] != run["samples_seen"]


def test_a_server_killed_in_mid_run_allows_nothing(server: Server, tmp_path: Path) -> None:
    truths = ("red", squares.NONE, "green", squares.NONE, "blue", squares.NONE) * 2
    video = clip(tmp_path / "squares.mp4", truths, seed=52_000, shot_s=1, kind="busy")
    job = Job(tmp_path, server.url, deadline_s=5, most_in_flight=1)
    before = answered(server)
    process = job.start(video)
    ticks = Event()
    while answered(server) < before + 4:
        assert process.poll() is None, "it ended before the server could be killed"
        ticks.wait(0.02)
    server.kill()
    report = report_of(process)
    assert run_of(report)["status"] == "unavailable"
    assert report["verdict"]["action"] not in ("allow", "restrict")
    assert any(reason["rule"] == "framegate.vision" for reason in report["verdict"]["reasons"])

    server.start()
    anew = tmp_path / "anew"
    anew.mkdir()
    check(Job(anew, server.url).run(video), truths)


def test_no_server_at_all_allows_nothing(tmp_path: Path) -> None:
    video = clip(tmp_path / "grey.mp4", (squares.NONE,), seed=53_000)
    report = Job(tmp_path, "http://127.0.0.1:9/v1", deadline_s=2).run(video)
    assert run_of(report)["status"] == "unavailable"
    assert report["verdict"]["action"] == "review"
    assert pytest.approx(0) == run_of(report)["samples_seen"]
