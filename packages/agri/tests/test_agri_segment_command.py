"""``nflows agri segment``: folders of seeds, tables and a report; what is damaged, empty or cannot be right."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_up_trays import KINDS, make_tray
from nflows_agri.cli import agri
from nflows_agri.labelling.found import Crops
from nflows_core.data.labelled import read_labelled
from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command

TRAY = make_tray(KINDS["dark on white paper"], 5, size=(240, 320), minor=18, count=6)
EMPTY = make_tray(KINDS["dark on white paper"], 5, size=(160, 200), count=0)
SALT = np.where(np.random.default_rng(0).random((120, 160, 1)) < 0.03, 255, 30).astype(np.uint8).repeat(3, 2)


@pytest.fixture(autouse=True)
def _beside_a_tray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    write_picture("in/tray_7.png", Picture(TRAY.pixels))


def segment(*arguments: object) -> int:
    return call_command(agri, "segment", "in", "-o", "out", *arguments)


def test_a_tray_becomes_crops_a_mask_an_overlay_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert segment("--json") == 0
    told = capsys.readouterr()
    assert f"{TRAY.count} seeds in 1 trays" in told.err
    (row,) = json.loads(told.out)["tables"]["Trays"]
    assert (row["result"], row["seeds"], row["size"]) == ("tray_7", TRAY.count, "320 x 240")
    labels = read_picture("out/tray_7/labels.png").pixels
    assert (labels.itemsize, labels.shape) == (2, (240, 320, 1))
    seeds = read_csv("out/tray_7/seeds.csv")
    assert [int(one["id"]) for one in seeds] == list(range(1, TRAY.count + 1))
    for one in seeds:
        assert (labels == int(one["id"])).sum() == int(one["area_px"])
        crop = read_picture(f"out/tray_7/crops/{one['crop']}").pixels
        assert crop.any(2).sum() == int(one["area_px"])
    assert read_picture("out/tray_7/overlay.jpg").pixels.shape == TRAY.pixels.shape
    assert read_csv("out/seeds.csv") == [{"tray": "tray_7", **one} for one in seeds]
    assert "data:image/png" in Path("out/report.html").read_text()


def test_sorted_crops_know_their_tray() -> None:
    assert segment() == 0
    for number, crop in enumerate(sorted(Path("out/tray_7/crops").iterdir())):
        target = Path("sorted", ("whole", "broken")[number % 2], crop.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        crop.rename(target)
    assert {file.group for file in read_labelled("sorted").files} == {"tray_7"}


def test_a_folder_of_trays_stands_for_its_crops() -> None:
    write_picture("in/salt.png", Picture(SALT))
    assert segment() == 1
    assert Path("out/salt-refused.jpg").exists()
    crops = Crops(Path("out")).names
    assert crops == sorted(path.relative_to("out").as_posix() for path in Path("out/tray_7/crops").iterdir())
    Path("elsewhere").mkdir()
    Path("out/tray_7/overlay.jpg").rename("elsewhere/overlay.jpg")
    assert Crops(Path("elsewhere")).names == ["overlay.jpg"]


def test_a_full_disk_is_told_of_with_what_it_cut_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "save", full)  # of a crop; a picture's own writer goes by another way
        assert segment() == 1
    said = f"in/tray_7.png: {Path('out/tray_7')}: No space left on device; free some space or choose another place"
    assert said in capsys.readouterr().err.splitlines()
    assert not list(Path("out").glob("*/"))
    assert segment("--skip-existing") == 0
    assert len(read_csv("out/tray_7/seeds.csv")) == TRAY.count


def test_a_scale_adds_millimetres() -> None:
    assert segment("--mm-width", "64") == 0
    one = read_csv("out/seeds.csv")[0]
    assert float(one["area_mm2"]) == pytest.approx(float(one["area_px"]) / 25, abs=1e-4)
    assert float(one["minor_axis_mm"]) == pytest.approx(float(one["minor_axis_px"]) / 5, abs=2e-3)


def test_crops_keep_what_is_around_them_on_request() -> None:
    assert segment("--background", "kept") == 0
    crops = [read_picture(path).pixels for path in Path("out/tray_7/crops").iterdir()]
    assert all((crop.min(2) > 15).mean() > 0.9 for crop in crops)


def test_damaged_files_are_named_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    assert segment() == 1
    assert "in/cut.jpg: damaged: a JPEG without a picture" in capsys.readouterr().err
    assert {one["tray"] for one in read_csv("out/seeds.csv")} == {"tray_7"}


def test_a_tray_without_a_seed_gives_an_empty_table() -> None:
    write_picture("in/tray_7.png", Picture(EMPTY.pixels))
    assert segment("--px-per-mm", "10") == 0
    for table in ("out/tray_7/seeds.csv", "out/seeds.csv"):
        assert read_csv(table) == []
        assert "id,crop,x,y" in Path(table).read_text()
    assert not any(Path("out/tray_7/crops").iterdir())
    assert not read_picture("out/tray_7/labels.png").pixels.any()


def test_a_mask_that_cannot_be_right_is_refused_with_its_overlay(capsys: pytest.CaptureFixture[str]) -> None:
    write_picture("in/salt.png", Picture(SALT))
    assert segment() == 1
    assert "salt.png: refused: there are" in capsys.readouterr().err
    assert not Path("out/salt").exists()
    assert read_picture("out/salt-refused.jpg").pixels.shape == SALT.shape
    assert "Refused: no number is told of these" in Path("out/report.html").read_text()
    write_picture("in/salt.png", Picture(TRAY.pixels))
    assert segment("--skip-existing") == 0
    assert len(read_csv("out/salt/seeds.csv")) == TRAY.count
    assert not Path("out/salt-refused.jpg").exists()


def test_a_run_goes_on_and_does_again_what_was_set_otherwise() -> None:
    assert segment() == 0
    before = Path("out/tray_7/seeds.csv").stat().st_mtime_ns
    assert segment("--skip-existing") == 0
    assert Path("out/tray_7/seeds.csv").stat().st_mtime_ns == before
    assert segment("--skip-existing", "--no-touching") == 0
    assert Path("out/tray_7/seeds.csv").stat().st_mtime_ns != before


def test_what_a_person_has_put_beside_the_crops_stays(capsys: pytest.CaptureFixture[str]) -> None:
    assert segment() == 0
    mine = Path("out/tray_7/crops/broken/tray_7_0001.png")
    mine.parent.mkdir()
    Path("out/tray_7/crops/tray_7_0001.png").rename(mine)
    assert segment() == 1
    assert "crops/broken: was not written there by this command, and stays" in capsys.readouterr().err
    assert mine.exists()


def test_a_photograph_that_lies_on_its_side_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(TRAY.pixels))).save("in/tray_7.png", exif=exif)
    assert segment() == 0
    assert read_picture("out/tray_7/labels.png").pixels.shape == (240, 320, 1)


def test_a_mask_among_the_trays_is_told_to_be_flat(capsys: pytest.CaptureFixture[str]) -> None:
    colours = np.random.default_rng(0).integers(80, 255, (TRAY.count + 1, 3), np.uint8)
    colours[0] = 0
    write_picture("in/mask.png", Picture(colours[TRAY.truth]))
    assert segment() == 0
    told = capsys.readouterr().err
    assert "mask.png: no texture; if this is a mask and no photograph, leave it out" in told
    assert "tray_7.png: no texture" not in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--px-per-mm", "3", "--mm-width", "100"), "--px-per-mm and --mm-width say the same; give one of them"),
        (("--px-per-mm", "0"), "--px-per-mm: 0.0 is not positive"),
        (("--mm-width", "nan"), "--mm-width: nan is not positive"),
        (("--min-area", "-4"), "--min-area: -4.0 is not positive"),
    ],
)
def test_bad_options_are_refused(options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert segment(*options) != 0
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.real_data
def test_wheat_on_a_green_sheet_is_counted(data_folder: Path) -> None:
    assert call_command(agri, "segment", data_folder / "agri/trays/test_2.jpg", "-o", "out") == 0
    assert abs(len(read_csv("out/seeds.csv")) - 102) <= 3
