"""The page of ``nflows privacy review`` in a real browser: what mouse and keys do, and what is on the disk then."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import read_picture
from nflows_privacy.annotations.found import Found, read_found, write_found
from nflows_privacy.regions import Box, Region
from nflows_privacy.review import Redacting
from review_pages import Review, reviewed, save, scene
from square_detector import RED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NAME = "b<img src=x onerror=document.title='broken'>&amp;.png"
REDACT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from nflows_core.runtime.cli import run
from nflows_privacy.cli import privacy
from nflows_privacy.detection import choice
choice._OWN, choice._DEFAULTS = {"squares": "square_detector:SQUARES"}, {"face": "squares"}
sys.exit(run(privacy, sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])  # its sandbox refuses root
        yield browser
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels = scene(200, 300)
    pixels[60:80, 100:120] = RED
    save(tmp_path / "in" / "a.png", pixels)
    save(tmp_path / "in" / NAME, scene(120, 160))
    return tmp_path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 700})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert errors == []


def enter(page: Page, review: Review, picture: str = "a.png") -> None:
    page.goto(review.page.address)
    page.locator("#name", has_text=picture).wait_for()
    assert page.context.cookies()[0]["httpOnly"]
    assert "key" not in page.url


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From a place of the picture to another, in its pixels."""
    (x, y), (to_x, to_y) = (on_screen(page, *place) for place in (start, end))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move((x + to_x) / 2, (y + to_y) / 2)
    page.mouse.move(to_x, to_y)
    page.mouse.up()


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    script = """([x, y]) => {
      const stage = document.getElementById("stage");
      const place = new DOMPoint(x, y).matrixTransform(stage.getScreenCTM());
      return [place.x, place.y];
    }"""
    return tuple(page.evaluate(script, [x, y]))


def boxes(page: Page, folder: Path, name: str = "a.png") -> list[tuple[str, list[int]]]:
    """What is on the disk once the page says that it is saved: kinds, and boxes in whole pixels."""
    page.locator("#saved", has_text=re.compile("^Saved$")).wait_for()
    found = read_found(folder / "found" / f"{name}.json")
    assert found.sha256 == sha256(folder / "in" / name)
    return [(region.kind, [round(side) for side in region.box]) for region in found.regions]


def test_boxes_are_drawn_moved_stretched_named_and_deleted_and_stay_so(page: Page, folder: Path) -> None:
    with reviewed(folder) as review:
        enter(page, review)
        assert page.locator("#untouched").is_visible()
        drag(page, (100, 60), (130, 90))
        assert boxes(page, folder) == [("face", [100, 60, 130, 90])]
        drag(page, (110, 70), (130, 60))
        assert boxes(page, folder) == [("face", [120, 50, 150, 80])]
        drag(page, (150, 80), (170, 100))
        assert boxes(page, folder) == [("face", [120, 50, 170, 100])]
        drag(page, (240, 150), (200, 120))
        page.locator("#boxes select").nth(1).select_option("plate")
        second = ("plate", [200, 120, 240, 150])
        assert boxes(page, folder) == [("face", [120, 50, 170, 100]), second]
        with page.expect_download() as coco:
            page.locator("#coco").click()
        assert len(json.loads(coco.value.path().read_bytes())["annotations"]) == 2
        page.reload()
        page.locator("#boxes li").nth(1).wait_for()
        assert page.locator("#boxes select").nth(1).input_value() == "plate"
        page.get_by_role("button", name="Delete box 1").click()
        assert boxes(page, folder) == [second]
        assert page.locator("#progress").inner_text() == "1 of 2 seen, 1 changed"


def test_all_of_it_goes_by_keys(page: Page, folder: Path) -> None:
    with reviewed(folder) as review:
        enter(page, review)
        page.keyboard.press("2")
        page.keyboard.press("a")
        [(kind, [left, top, right, bottom])] = boxes(page, folder)
        assert (kind, (left + right) / 2, (top + bottom) / 2) == ("plate", 150, 100)
        for key in ("ArrowRight", "Shift+ArrowUp", "Alt+ArrowDown", "1"):
            page.keyboard.press(key)
        moved = ("face", [left + 1, top - 10, right + 1, bottom - 9])
        assert boxes(page, folder) == [moved]
        page.keyboard.press("Delete")
        assert boxes(page, folder) == []
        page.keyboard.press("Control+z")
        assert boxes(page, folder) == [moved]
        page.keyboard.press("Control+Shift+z")
        assert boxes(page, folder) == []
        page.keyboard.press("n")
        page.locator("#name", has_text=NAME).wait_for()
        page.keyboard.press("Enter")
        assert boxes(page, folder, NAME) == []
        page.keyboard.press("ArrowLeft")
        page.locator("#name", has_text="a.png").wait_for()
        assert page.locator("#progress").inner_text() == "2 of 2 seen, 2 changed"


def test_boxes_of_a_detector_are_there_and_small_ones_are_reached_by_zoom(page: Page, folder: Path) -> None:
    found = Found(sha256(folder / "in" / "a.png"), 300, 200, (Region(Box(20, 20, 24.5, 25), "face", 0.61),))
    (folder / "found").mkdir()
    write_found(folder / "found" / "a.png.json", found)
    with reviewed(folder) as review:
        enter(page, review)
        assert "score 0.61" in page.locator("#boxes li").inner_text()
        page.locator(".box").focus()
        page.keyboard.press("z")
        assert int(page.locator("#zoom").inner_text().split()[0]) > 1000
        drag(page, (24.5, 22.5), (27.5, 22.5))
        page.locator("#boxes", has_text="by hand").wait_for()
        assert boxes(page, folder) == [("face", [20, 20, 28, 25])]
        page.mouse.move(*on_screen(page, 23, 23))
        page.mouse.wheel(0, -300)
        page.keyboard.press("0")
        drag(page, (150, 150), (150, 151))
        assert page.locator("#boxes li").count() == 1, "a click is no box"


def test_names_of_files_and_kinds_are_text(page: Page, folder: Path) -> None:
    kind = "<b onclick=alert()>"
    (folder / "found").mkdir()
    regions = (Region(Box(20, 20, 60, 60), kind),)
    write_found(folder / "found" / "a.json", Found(sha256(folder / "in" / NAME), 160, 120, regions))
    with reviewed(folder) as review:
        page.goto(review.page.address)
        page.locator("#pictures button", has_text=NAME).click()
        page.locator("#boxes li").wait_for()
        assert page.locator("#name").inner_text() == NAME
        assert page.locator(".box text").text_content() == kind
        assert page.locator("img").count() == 0
        assert page.title() == "Review of boxes"


def test_what_cannot_be_saved_stays_on_the_screen_and_says_why(page: Page, folder: Path) -> None:
    with reviewed(folder) as review:
        enter(page, review)
        other = page.context.new_page()
        other.goto(page.url)
        other.locator("#name", has_text="a.png").wait_for()
        drag(other, (10, 10), (40, 40))
        assert boxes(other, folder) == [("face", [10, 10, 40, 40])]
        other.close()
        with page.expect_response(lambda answer: answer.status == 400):
            drag(page, (100, 100), (140, 140))
        page.locator("#saved", has_text="Not saved: these boxes were changed in another window").wait_for()
        page.keyboard.press("n")
        assert page.locator("#name").inner_text() == "a.png"
        page.locator("#discard").click()
        page.locator(".box").wait_for()
        assert boxes(page, folder) == [("face", [10, 10, 40, 40])]


def test_the_button_redacts_what_is_marked_and_shows_it(page: Page, folder: Path) -> None:
    words = [
        "redact",
        str(folder / "in"),
        "-o",
        str(folder / "out"),
        "--found",
        str(folder / "found"),
        "--what",
        "face",
    ]
    command = [sys.executable, "-c", REDACT, str(Path(__file__).parent), *words]
    with reviewed(folder, Redacting(command, "nflows privacy redact", folder / "out")) as review:
        enter(page, review)
        drag(page, (98, 58), (122, 82))
        assert boxes(page, folder) == [("face", [98, 58, 122, 82])]
        page.keyboard.press("n")
        page.locator("#name", has_text=NAME).wait_for()
        page.locator("#nothing").click()
        assert boxes(page, folder, NAME) == []
        page.locator("#redact").click()
        page.locator("#outcome", has_text="Done").wait_for(timeout=60_000)
        page.get_by_role("button", name="Close").click()
        assert page.locator("#after").get_attribute("aria-pressed") == "true"
        page.keyboard.press("p")
        page.locator("#preview[href='/pictures/0/redacted']").wait_for(state="attached")
    before, after = (read_picture(folder / name / "a.png").pixels for name in ("in", "out"))
    assert not (after[60:80, 100:120] == RED).all(axis=2).any()
    assert (after[:40] == before[:40]).all()
