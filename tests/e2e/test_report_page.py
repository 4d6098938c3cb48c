"""The report in a real browser: it fits, it explains itself, it loads nothing from elsewhere, and
its player plays or says why not.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import players
from framegate.domain.policy_file import load_policy
from framegate.stages.report import write_report
from framegate.testing.reports import asset, report, write_previews

pytestmark = pytest.mark.e2e

SECONDS = 10  # bikes.mp4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Path:
    """A published report with a video beside it, opened as a file: no server."""
    out = tmp_path_factory.mktemp("report")
    write_previews(out / "samples", SECONDS)
    policy = load_policy((files("framegate") / "policies" / "default.toml").read_bytes())
    given = report(out / "samples", policy, samples=SECONDS)
    long = "a name without any space " + "x" * 200 + " العربية <b>"
    write_report(out, replace(given, asset=asset(long, long)))
    shutil.copy(clips / "bikes.mp4", out / "preview.mp4")
    return out


def visit(browser: Browser, folder: Path, width: int = 1280) -> tuple[Page, list[str], list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((folder / "report.html").as_uri())
    return page, asked, said


@pytest.mark.parametrize("width", [390, 768, 820, 1280])
def test_it_fits_the_screen(browser: Browser, folder: Path, width: int) -> None:
    page, _, said = visit(browser, folder, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert not [line for line in said if "Content Security Policy" in line]
    page.close()


def test_no_table_is_cut_on_a_phone(browser: Browser, folder: Path) -> None:
    page, _, _ = visit(browser, folder, 390)
    for summary in page.locator("summary").all():
        summary.click()
    cut = page.locator(".scroll").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText.slice(0, 40))"
    )
    assert cut == []
    first = page.locator(".ladder tbody tr").first
    assert "Lowest" in first.locator("td").evaluate_all(
        "all => all.map(e => getComputedStyle(e, '::before').content.replaceAll('\"', ''))"
    )
    page.close()


def test_a_table_that_scrolls_shows_that_it_does(browser: Browser, folder: Path) -> None:
    page, _, _ = visit(browser, folder, 650)
    box = page.locator(".scroll:has(.ladder)")
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")
    assert "gradient" in box.evaluate("e => getComputedStyle(e).backgroundImage")
    page.close()


def test_a_word_is_explained_by_the_keyboard(browser: Browser, folder: Path) -> None:
    page, _, _ = visit(browser, folder, 390)
    page.locator("#ladder .term", has_text="VMAF").first.focus()
    page.keyboard.press("Enter")
    word = page.locator("#word-vmaf")
    assert word.is_visible()
    box = word.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.keyboard.press("Escape")
    assert not word.is_visible()
    page.close()


def test_a_hard_video_loads_only_when_someone_presses_play(browser: Browser, folder: Path) -> None:
    page, asked, said = visit(browser, folder)
    page.wait_for_load_state("load")
    assert not [url for url in asked if url.endswith("preview.mp4")]
    assert "hard to watch" in page.locator(".curtain").inner_text()
    page.locator(".curtain").click()
    wait_until(page, "document.querySelector('video').currentTime > 0")
    assert not page.locator(".curtain").is_visible()
    assert page.evaluate("document.querySelector('video').currentSrc").endswith("/preview.mp4")
    assert page.locator("#from-disk").is_visible()
    assert said == []
    page.close()


def test_a_report_without_its_folder_says_why_it_does_not_play(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "report.html", tmp_path)
    page, _, _ = visit(browser, tmp_path)
    assert not page.locator("#gone").is_visible()
    page.locator(".curtain").click()
    page.locator("#gone").wait_for(state="visible")
    assert "preview.mp4" in page.locator("#gone").inner_text()
    assert not page.locator("video").is_visible()
    page.close()


def test_over_http_the_preview_stands_in_for_a_stream_that_fails(
    browser: Browser, folder: Path
) -> None:
    with players.served(folder) as url:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/report.html")
        assert not [url for url in asked if not url.endswith(("report.html", "favicon.ico"))]
        page.locator(".curtain").click()
        wait_until(page, "document.querySelector('video').currentTime > 0")
        assert page.evaluate("document.querySelector('video').currentSrc").endswith("/preview.mp4")
        assert not page.locator("#gone").is_visible()
        plays_hls = page.evaluate(
            "document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== ''"
        )
        assert any(url.endswith("master.m3u8") for url in asked) == plays_hls
        page.close()


def test_it_asks_for_nothing_but_its_own_folder(browser: Browser, folder: Path) -> None:
    page, asked, said = visit(browser, folder)
    page.wait_for_load_state("load")
    own = folder.as_uri()
    assert all(url.startswith(("data:", own)) for url in asked)
    assert said == []
    page.close()


def wait_until(page: Page, condition: str) -> None:
    """`wait_for_function` looks again by `eval`, which the page's own policy forbids."""
    page.evaluate(
        f"() => new Promise(done => {{ const look = () =>"
        f" {condition} ? done() : requestAnimationFrame(look); look(); }})"
    )


def test_a_click_on_the_timeline_goes_there(browser: Browser, folder: Path) -> None:
    page, _, _ = visit(browser, folder)
    lane = page.locator(".lane.score svg[data-lane]").first
    box = lane.bounding_box()
    assert box is not None
    lane.click(position={"x": box["width"] / 2, "y": 4})
    wait_until(page, "document.querySelector('video').currentTime > 4")
    time = page.evaluate("document.querySelector('video').currentTime")
    assert time == pytest.approx(SECONDS / 2, abs=0.2)
    wait_until(page, "document.querySelector('.head').getAttribute('x1') !== '-1'")
    page.close()


def test_the_policy_of_the_page_refuses_other_scripts(browser: Browser, folder: Path) -> None:
    page, _, said = visit(browser, folder)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
        " document.body.append(s); }"
    )
    assert page.evaluate("window.bad") is None
    assert any("Content Security Policy" in line for line in said)
    page.close()
