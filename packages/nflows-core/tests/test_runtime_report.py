from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from nflows_core.runtime.curve import HEIGHT, WIDTH, Curve, draw
from nflows_core.runtime.files import sha256
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.page import Table, shown
from nflows_core.runtime.report import report_json, write_csv, write_report


class Page(HTMLParser):
    """What stands in a page: its text, its tags with their attributes, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1:] != ["style"]:
            self.text.append(data.strip())


@pytest.fixture
def png(tmp_path: Path) -> Path:
    write_picture(tmp_path / "picture.png", Picture(np.zeros((3, 3, 3), np.uint8)))
    return tmp_path / "picture.png"


def page_of(folder: Path) -> Page:
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


def test_json_holds_every_number_sorted(tmp_path: Path) -> None:
    report = {"seconds": 3.5, "bits_per_dim": 1.05, "settings": {"levels": 2, "sizes": (1, 2), "name": None}}
    table = Table("Models", [{"model": "Glow", "ratio": 0.5}])
    written = write_report(tmp_path, "Title", report, seed=3, tables=[table])
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert json.loads(text) == written
    assert text == "".join(report_json(written))
    assert list(json.loads(text)) == sorted(written)
    assert written["bits_per_dim"] == 1.05
    assert written["settings"] == {"levels": 2, "sizes": [1, 2], "name": None}
    assert (written["title"], written["seed"]) == ("Title", 3)
    assert written["tables"] == {"Models": [{"model": "Glow", "ratio": 0.5}]}


def test_json_says_where_the_numbers_are_from(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    written = write_report(tmp_path, "Title", {}, inputs={"images": tmp_path / "data"})
    assert written["inputs"] == {"images": {"sha256": sha256(tmp_path / "data")}}
    assert set(written["versions"]) == {"python", "torch", "numpy", "invconv", "nflows_core"}
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", written["versions"]["numpy"])
    assert written["machine"]["cpu_count"] == os.cpu_count()
    assert written["machine"]["processor"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match=r"settings\.rates\[1\] is (nan|-?inf)"):
        write_report(tmp_path / "out", "Title", {"settings": {"rates": [1.0, value]}})
    assert not (tmp_path / "out").exists()


def test_numbers_in_tables_are_checked_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tables\.Models\[0\]\.ratio is nan"):
        write_report(tmp_path, "Title", {}, tables=[Table("Models", [{"ratio": math.nan}])])


def test_other_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"settings\.path is a \w*Path; give a number"):
        write_report(tmp_path, "Title", {"settings": {"path": tmp_path}})


def test_reserved_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must not have the key 'seed'"):
        write_report(tmp_path, "Title", {"seed": 1})


def test_page_needs_nothing_else(tmp_path: Path, png: Path) -> None:
    curve = Curve("Loss.", "step", "bits", {"training": [(0, 2.0), (1, 1.0)]})
    write_report(tmp_path, "Title", {"a": 1}, curves=[curve], pictures={"Samples": png})
    page = page_of(tmp_path)
    references = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert references == ["data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()]
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search("https?:", html)
    assert "prefers-color-scheme: dark" in html


def test_page_shows_numbers_pictures_tables_curves_settings_in_this_order(tmp_path: Path, png: Path) -> None:
    write_report(
        tmp_path,
        "A title",
        {"bits_per_dim": 1.05, "bits_per_dim_interval_95": [1.0, 1.1], "settings": {"optimizer": {"name": "Adam"}}},
        tables=[Table("Models", [{"model": "Glow", "parameters": 1234567}])],
        curves=[Curve("Loss over time.", "step", "bits", {"training": [(0, 2.0), (1, 1.0)]})],
        pictures={"Samples": png, "Again": png.read_bytes()},
    )
    text = " ".join(page_of(tmp_path).text)
    order = ["A title", "bits per dim 1.05", "1 to 1.1", "Samples", "Again", "Models"]
    order += [
        "model parameters Glow 1,234,567",
        "training",
        "Loss over time.",
        "Parameters",
        "Settings",
        "optimizer, name Adam",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_an_interval_in_a_table_reads_as_one_and_other_lists_as_lists(tmp_path: Path) -> None:
    row = {"rate_interval_95": [0.25, 1], "no_interval": None, "box": [1, 2.5], "why": "a" * 61}
    write_report(tmp_path, "Title", {"a": 1}, tables=[Table("Rates", [row])])
    page = page_of(tmp_path)
    assert "0.25 to 1 – 1, 2.5 aaa" in " ".join(page.text)
    cells = [attributes.get("class") for tag, attributes in page.tags if tag == "td"]
    assert cells[2:6] == ["list", None, "list", "long"]  # after those of the number and the seed


def test_page_forbids_what_it_does_not_need(tmp_path: Path, png: Path) -> None:
    write_report(tmp_path, "Title", {"a": 1}, pictures={"Samples": png})
    (policy,) = [attributes for tag, attributes in page_of(tmp_path).tags if "http-equiv" in attributes]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert {"default-src 'none'", "img-src data:", "style-src 'unsafe-inline'"} <= set(policy["content"].split("; "))


@pytest.mark.parametrize("name", ["caf\udce9.png", "\x1b[31mred", "a\u202eb", "nul\0"])
def test_a_report_of_any_name(tmp_path: Path, png: Path, name: str) -> None:
    report = write_report(
        tmp_path,
        name,
        {name: name, "settings": {name: [name]}},
        inputs={name: png},
        tables=[Table(name, [{name: name}])],
        curves=[Curve(name, name, name, {name: [(0, 1.0)]})],
        pictures={name: png},
    )
    assert json.loads((tmp_path / "report.json").read_bytes().decode()) == report
    assert sum(visible(name) in text for text in page_of(tmp_path).text) >= 12


@pytest.mark.parametrize("file", ["report.json", "report.html"])
def test_a_report_of_somebody_else_stays(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("{}")
    with pytest.raises(FileExistsError, match=f"is no report of ours; move it.*{file}"):
        write_report(tmp_path, "Title", {"a": 1})
    assert [path.read_text() for path in tmp_path.iterdir()] == ["{}"]


def test_a_report_replaces_the_one_before(tmp_path: Path) -> None:
    for title in ("One", "Two"):
        write_report(tmp_path, title, {"a": 1})
        assert title in (tmp_path / "report.html").read_text()


def test_page_escapes(tmp_path: Path, png: Path) -> None:
    evil = "<script>alert('&')</script>"
    write_report(
        tmp_path,
        evil,
        {evil: evil, "settings": {evil: [evil]}},
        tables=[Table(evil, [{evil: evil}])],
        curves=[Curve(evil, evil, evil, {evil: [(0, 1.0)]})],
        pictures={evil: png},
    )
    page = page_of(tmp_path)
    assert "script" not in {tag for tag, _ in page.tags}
    assert sum(evil in text for text in page.text) >= 12


def test_a_picture_that_is_no_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'Samples' of the report is no PNG"):
        write_report(tmp_path, "Title", {}, pictures={"Samples": b"GIF89a"})


@pytest.mark.parametrize("rows", [[], [{"a": 1}, {"b": 2}]])
def test_ragged_tables(rows: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match="'Models' must have the same columns"):
        Table("Models", rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (1.0523123, "1.0523"),
        (1234.5678, "1,234.6"),
        (9876543.21, "9,876,543"),
        (0.00012345678, "0.00012346"),
        (3.2e-6, "3.2 × 10⁻⁶"),
        (-2.5e-12, "-2.5 × 10⁻¹²"),
        (0.0, "0"),
        (12, "12"),
        (-1234567, "-1,234,567"),
        (True, "yes"),
        (None, "–"),
        ("a_b", "a_b"),
        ([1, 0.5, "x"], "1, 0.5, x"),
    ],
)
def test_values_as_people_read_them(value: object, text: str) -> None:
    assert shown(value) == text


# Curves


def points_of(curve: Curve) -> list[tuple[float, float]]:
    ((_, points, _),) = draw(curve).lines
    return [(float(x), float(y)) for x, y in (point.split(",") for point in points.split())]


def make_curve(*values: float, start: int = 0) -> Curve:
    return Curve("", "", "", {"line": list(enumerate(values, start))})


def test_lines_fill_the_chart() -> None:
    assert points_of(make_curve(3.0, 1.0, 2.0)) == [(0, 0), (WIDTH / 2, HEIGHT), (WIDTH, HEIGHT / 2)]


def test_lines_share_the_axes() -> None:
    chart = draw(Curve("", "", "", {"a": [(0, 0.0), (10, 10.0)], "b": [(5, 5.0)]}))
    assert [last for _, _, last in chart.lines] == [(WIDTH, 0), (WIDTH / 2, HEIGHT / 2)]


def test_ticks_are_round_and_in_their_place() -> None:
    chart = draw(make_curve(1.05, 2.05, start=1000))
    assert [text for _, text in chart.y_ticks] == ["1.2", "1.4", "1.6", "1.8", "2"]
    assert chart.y_ticks[0][0] == pytest.approx(HEIGHT * (2.05 - 1.2), abs=0.1)
    assert {"1,000", "1,001"} <= {text for _, text in chart.x_ticks}


@pytest.mark.parametrize("values", [(5.0,), (5.0, 5.0), (0.0,), (-1e-9, 1e-9), (1e9, 1e9 + 1)])
def test_narrow_ranges(values: tuple[float, ...]) -> None:
    chart = draw(make_curve(*values))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points_of(make_curve(*values)))
    assert 1 <= len(chart.y_ticks) <= 9


def test_long_lines_are_drawn_by_means() -> None:
    curve = make_curve(*([1.0, 3.0] * 5000))
    assert points_of(curve)[0][1] == pytest.approx(HEIGHT / 2, abs=HEIGHT)
    assert len(points_of(curve)) == 500
    assert len({y for _, y in points_of(curve)}) == 1


def test_the_steep_beginning_is_cut_off() -> None:
    values = [8.0 * math.exp(-step / 5) + 1 for step in range(400)]
    chart = draw(make_curve(*values))
    assert chart.ceiling == pytest.approx(sorted(values)[380], rel=0.1)
    assert points_of(make_curve(*values))[0][1] < 0
    assert draw(make_curve(*range(400))).ceiling is None


@pytest.mark.parametrize("points", [[], [(0, math.nan)], [(math.inf, 1.0)]])
def test_lines_that_cannot_be_drawn(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"the line 'loss' of the chart has (no points|points that are not finite)"):
        draw(Curve("", "", "", {"loss": points}))


def test_a_table_for_programs(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", [{"model": "a, b", "interval": [0.5, 1]}, {"model": "c", "interval": None}])
    assert (tmp_path / "rows.csv").read_text() == 'model,interval\n"a, b","[0.5, 1]"\nc,\n'


def test_a_page_counts_the_values_of_a_long_setting_and_the_json_has_them(tmp_path: Path) -> None:
    loadings = [[0.5] * 20] * 10
    write_report(tmp_path, "Title", {"reduction": {"loadings": loadings, "few": [1.5, 2.5]}})
    page = Page((tmp_path / "report.html").read_text())
    assert "200 values, in report.json" in page.text
    assert "1.5, 2.5" in page.text
    assert json.loads((tmp_path / "report.json").read_text())["reduction"]["loadings"] == loadings


def test_an_input_whose_digest_is_known_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"abc")
    inputs = {"gone": tmp_path / "gone", "b": tmp_path / "b"}
    report = write_report(tmp_path, "Title", {}, inputs=inputs, digests={"gone": "00ff"})
    assert report["inputs"]["gone"] == {"sha256": "00ff"}
    assert report["inputs"]["b"] == {"sha256": hashlib.sha256(b"abc").hexdigest()}
