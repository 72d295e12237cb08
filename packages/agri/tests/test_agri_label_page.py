"""The page of ``nflows agri label`` in a real browser: crops are labelled by keys alone, and a kill loses none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from label_pages import CLASSES, command, labelling, save_crops
from nflows_core.data import read_labelled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NAME = "tray_000<img src=x onerror=document.title='broken'>.png"


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
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    page.set_default_timeout(30_000)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_crops(tmp_path / "in", 30)
    return tmp_path


def enter(page: Page, address: str) -> None:
    page.goto(address)
    ready(page)
    assert page.context.cookies()[-1]["httpOnly"]
    assert "key" not in page.url


def ready(page: Page) -> None:
    page.locator("main[aria-busy=false]").wait_for()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        ready(page)


def label(page: Page, count: int) -> dict[str, str]:
    """Labels so many crops by the keys of their classes; returns what was said about each."""
    said = {}
    for _ in range(count):
        name = page.locator("#name").inner_text()
        place = int(name[5:8]) % 3
        press(page, "1g3"[place])
        assert page.locator("#saved").inner_text() == f"Saved: {CLASSES[place]}"
        said[name] = CLASSES[place]
    return said


def table(folder: Path) -> dict[str, str]:
    return {file.name: file.label for file in read_labelled(folder / "out.csv").files}


def test_twenty_crops_are_labelled_by_keys_and_a_kill_loses_none(page: Page, folder: Path) -> None:
    words = ("--by", "random", "--classes", ",".join(CLASSES), "--batch", "8")
    with command(folder, *words) as (running, address, _):
        enter(page, address)
        said = label(page, 20)
        assert page.locator("#progress").inner_text() == "20 of 30 labelled"
        running.kill()
    assert len(said) == 20
    assert table(folder) == said
    page.keyboard.press("1")
    page.locator("#saved", has_text="Not saved").wait_for()
    assert "start it again" in page.locator("#message").inner_text()
    with command(folder, *words) as (_, address, _):
        enter(page, address)
        assert page.locator("#progress").inner_text() == "20 of 30 labelled"
        said |= label(page, 10)
        assert page.locator("#message").inner_text() == "All crops have an answer."
    assert table(folder) == said == {f"tray_{number:03}.png": CLASSES[number % 3] for number in range(30)}


def test_undo_skip_and_changes_go_by_keys(page: Page, folder: Path) -> None:
    with labelling(folder) as (asked, _):
        enter(page, asked.address)
        first = page.locator("#name").inner_text()
        press(page, "1", "Space")
        assert page.locator("#progress").inner_text() == "1 of 30 labelled, 1 without a class"
        assert page.locator("#batch li").all_inner_texts() == ["broken", "cannot tell", "–", "–"]
        press(page, "Backspace", "Control+z")
        assert page.locator("#name").inner_text() == first
        assert page.locator("#undo").is_disabled()
        press(page, "2", "ArrowLeft")
        assert "grain" in page.locator("#classes [aria-pressed=true]").inner_text()
        page.evaluate(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '§', code: 'Digit3', bubbles: true}))"
        )
        ready(page)
        assert table(folder) == {first: "green"}, "a digit of a French keyboard, without Shift"
        press(page, "ArrowLeft", "b")
        assert table(folder) == {first: "broken"}
        page.keyboard.press("?")
        page.locator("#keys").wait_for()
        page.keyboard.press("1")
        page.keyboard.press("Escape")
        assert table(folder) == {first: "broken"}, "keys in the dialog are no answers"


def test_the_mouse_does_the_same_and_leaves_the_keys_alone(page: Page, folder: Path) -> None:
    with labelling(folder) as (asked, session):
        enter(page, asked.address)
        page.get_by_role("button", name="grain").click()
        ready(page)
        press(page, "Space")
        page.locator("#batch button").nth(0).click()
        ready(page)
        assert page.locator("#place").inner_text() == "crop 1 of 4"
        assert (session.state()["labelled"], session.state()["skipped"]) == (1, 1)


def test_names_of_files_and_classes_are_text(page: Page, folder: Path) -> None:
    (folder / "in" / "tray_000.png").rename(folder / "in" / NAME)
    with labelling(folder, classes=("<b>a</b>", "b"), batch=30) as (asked, _):
        enter(page, asked.address)
        page.get_by_title(NAME).click()
        ready(page)
        assert page.locator("#name").inner_text() == NAME
        assert "<b>a</b>" in page.locator("#classes").inner_text()
        assert page.title() == "Labels of crops"
