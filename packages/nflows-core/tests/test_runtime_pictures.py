from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nflows_core.runtime.cli import Application, run
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import POLICIES, Metadata, Picture, PictureFile, read_picture, write_picture
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.ownership import MARK_FILE, STATUS_FILE
from nflows_core.runtime.pictures.options import POLICY_NAMES, PictureOptions, picture_options
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.running import plan_pictures, run_pictures
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.runtime.pictures.work import Made, picture_seed
from nflows_core.runtime.progress import progress, tell

# Pixels and tensors


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_comes_back(dtype: Any) -> None:
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(16, -1, 1)
    samples = to_tensor(levels)
    assert (samples.shape, samples.dtype) == ((1, 16, levels.shape[1]), torch.float32)
    assert (samples.min(), samples.max()) == (0, 1)
    np.testing.assert_array_equal(to_pixels(samples, dtype), levels)


@given(st.floats(-2, 2, width=32))
def test_a_value_becomes_the_nearest_level_of_those_there_are(value: float) -> None:
    level = int(to_pixels(torch.full((1, 1, 1), value), np.uint8)[0, 0, 0])
    assert abs(level - 255 * min(1, max(0, value))) <= 0.5 + 1e-4


# Seeds and models


def test_a_seed_is_of_the_content_and_the_seed_of_the_run() -> None:
    seeds = [picture_seed(seed, digest) for seed in (0, 1) for digest in ("ab" * 32, "cd" * 32)]
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_threads_that_want_a_model_at_once_get_one() -> None:
    loads: list[int] = []
    start = Barrier(8)

    @keeps_one
    def model(settings: int) -> object:
        loads.append(settings)
        return object()

    def want(_: int) -> object:
        start.wait()
        return model(1)

    with ThreadPoolExecutor(8) as threads:
        assert len({id(one) for one in threads.map(want, range(8))}) == 1
    assert (model(2) is model(2), loads) == (True, [1, 2])


# A command


@dataclass(frozen=True)
class Negative:
    """Turns levels round; refuses grey; draws a number."""

    most: int = 255

    def __call__(self, source: PictureFile, seed: int) -> Made:
        if source.shape[2] == 1:
            raise ValueError("is grey; give one in colour")
        total = 0

        def strips() -> Iterator[Any]:
            nonlocal total
            for top in range(source.shape[0]):
                row = self.most - source.rows(top, top + 1)
                total += int(row.sum())
                yield row

        return Made(source.about, strips(), lambda: {"sum": total, "drawn": seed % 1000})


NEGATIVE = Negative()


def application(work: Negative, weights: Mapping[str, Path]) -> Application:
    nflows = Application("nflows")

    @nflows.command()
    @picture_options("strip", is_random=True)
    def act(pictures: PictureOptions) -> int:
        return run_pictures(pictures, plan_pictures(pictures), work, PictureReport("Negatives", "sum", weights))

    return nflows


def call(*arguments: object, work: Negative = NEGATIVE, weights: Mapping[str, Path] | None = None) -> int:
    return run(application(work, weights or {}), ["act", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several formats, one of them grey, which fails."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.tif", "sub/c.webp"):
        pixels = rng.integers(0, 256, (6, 5, 3), np.uint8)
        write_picture(tmp_path / "in" / name, Picture(pixels, metadata=Metadata(text={"Author": "somebody"})))
    Image.new("L", (3, 4)).save(tmp_path / "in" / "d.bmp")
    Image.new("RGB", (3, 4), (9, 8, 7)).save(tmp_path / "in" / "e.bmp")
    return tmp_path


def report(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return content


def contents(folder: Path) -> dict[str, str]:
    names = (MARK_FILE, STATUS_FILE, "report.json", "report.html")
    return {str(p.relative_to(folder)): sha256(p) for p in folder.rglob("*.*") if p.name not in names}


def test_help_names_the_policies_there_are() -> None:
    assert POLICY_NAMES == POLICIES


def test_pictures_keep_their_formats_where_those_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(folder / "in", "-o", folder / "out") == 1
    assert sorted(contents(folder / "out")) == ["a.png", "b.tif", "e.png", "sub/c.webp"]
    for name in ("a.png", "b.tif", "sub/c.webp"):
        before, after = (read_picture(folder / side / name) for side in ("in", "out"))
        np.testing.assert_array_equal(after.pixels, 255 - before.pixels)
        assert after.metadata.text == {}
    told = capsys.readouterr().err
    assert "2 of 5 (.bmp) become PNG, since theirs is not written" in told
    assert f"{folder / 'in' / 'd.bmp'}: is grey; give one in colour" in told
    assert "\n4 done, 1 failed\n" in told
    assert told.endswith(f"{folder / 'out' / 'report.html'} shows them\n")


def test_a_format_that_is_asked_for_is_that_of_all(folder: Path) -> None:
    call(folder / "in", "-o", folder / "out", "--format", "tiff")
    assert sorted(contents(folder / "out")) == ["a.tif", "b.tif", "e.tif", "sub/c.tif"]


def test_the_report_has_numbers_of_each_and_what_failed(folder: Path) -> None:
    call(folder / "in", "-o", folder / "out", "--seed", 5)
    content = report(folder / "out")
    assert {key: content[key] for key in ("title", "pictures", "failed", "seed")} == {
        "title": "Negatives", "pictures": 5, "failed": 1, "seed": 5
    }  # fmt: skip
    assert content["settings"] == {"most": 255}
    assert content["writing"] == {"metadata": "strip", "quality": None}
    row = next(row for row in content["tables"]["Pictures"] if row["result"] == "e.png")
    assert (row["size"], row["new_size"], row["sum"]) == ("3 x 4", "3 x 4", 12 * (765 - 24))
    assert content["inputs"][str(folder / "in" / "e.bmp")] == {"sha256": sha256(folder / "in" / "e.bmp")}
    failure = {"picture": str(folder / "in" / "d.bmp"), "reason": "is grey; give one in colour"}
    assert content["tables"]["Failures"] == [failure]
    numbers = {row["number"]: row for row in content["tables"]["Numbers"]}
    sums = sorted(row["sum"] for row in content["tables"]["Pictures"])
    assert [numbers["sum"][key] for key in ("lowest", "median", "highest")] == [
        sums[0],
        (sums[1] + sums[2]) / 2,
        sums[3],
    ]
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4 * 4


def test_what_is_random_depends_on_the_file_alone(folder: Path) -> None:
    call(folder / "in", "-o", folder / "out")
    call(folder / "in" / "b.tif", "-o", folder / "alone")
    call(folder / "in" / "b.tif", "-o", folder / "other", "--seed", 1)
    drawn = [
        {row["result"]: row["drawn"] for row in report(folder / name)["tables"]["Pictures"]}["b.tif"]
        for name in ("out", "alone", "other")
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_json_is_the_report_and_of_one_result_nothing_else_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(folder / "in" / "a.png", "-o", folder / "new.webp", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["in", "new.webp"]


@pytest.mark.parametrize("name", ["b.gif", "b.heic"])
def test_a_name_whose_format_is_not_written_is_no_folder(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(folder / "in" / "a.png", "-o", folder / name) == 2
    assert f"{name}: not written; give a folder, or a file ending in " in capsys.readouterr().err
    assert not (folder / name).exists()


@pytest.mark.parametrize(("format_", "name"), [("jpeg", "b.jpeg"), ("jpeg", "b.JFIF"), ("tiff", "b.tiff")])
def test_every_suffix_of_a_format_is_one_of_it(folder: Path, format_: str, name: str) -> None:
    assert call(folder / "in" / "a.png", "-o", folder / name, "--format", format_) == 0
    with Image.open(folder / name) as image:
        assert image.format == format_.upper()


def test_a_quality_is_refused_or_told_where_nothing_has_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source, target in (("a.png", "b.png"), ("e.bmp", "out"), ("b.tif", "out")):
        assert call(folder / "in" / source, "-o", folder / target, "--quality", 90) == 2
        assert "--quality: PNG and TIFF lose nothing; leave it out, or give another --format" in capsys.readouterr().err
    call(folder / "in", "-o", folder / "out", "--quality", 90)
    assert "4 of 5 become PNG or TIFF, which lose nothing and have no quality" in capsys.readouterr().err


def test_what_is_not_taken_is_told_by_its_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x.heic", "y.HEIC", "z.ppm", "notes", ".hidden.png", ".DS_Store", "sub/Thumbs.db", ".cache/q.png"):
        (folder / "in" / name).parent.mkdir(exist_ok=True)
        (folder / "in" / name).touch()
    call(folder / "in" / "a.png", "-o", folder / "in" / "small")
    capsys.readouterr()
    call(folder / "in", "-o", folder / "out")
    told = capsys.readouterr().err
    kinds = "hidden files (1), hidden folders (1), without a suffix (1)"
    shown = f".heic (2), .ppm (1), folders of earlier results (1), {kinds}; give such a folder by itself to take it"
    assert f"not taken: {shown}\n" in told
    assert sum(report(folder / "out")["not_taken"].values()) == 7
    assert sorted(contents(folder / "out")) == ["a.png", "b.tif", "e.png", "sub/c.webp"]
    assert call(folder / "in" / "small", "-o", folder / "again") == 0
    assert report(folder / "again")["not_taken"] == {}


class Terminal(io.StringIO):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_a_picture_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    tell("nothing has a place for this")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress("pictures", 2) as advance:
        advance("a.png, 0.1 s")
        tell("b.png, 50%")
    shown = str(sys.stderr.getvalue())  # type: ignore[attr-defined]
    assert "1/2" in shown
    assert "b.png, 50%" in shown
    assert "nothing" not in shown


# Going on


def without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if key != "seconds"}
    return [without_times(value) for value in content] if isinstance(content, list) else content


@pytest.mark.parametrize("bytes_of_the_second_line", [0, 20, None])
def test_stopped_and_gone_on_with_is_the_report_of_a_run_that_was_not(
    folder: Path, bytes_of_the_second_line: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    call("in", "-o", "out")
    whole, files = report(Path("out")), contents(Path("out"))
    log = Path("out", STATUS_FILE)
    first, second, *_ = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first + second[:bytes_of_the_second_line])
    for name in ("report.json", "report.html", "sub/c.webp"):
        Path("out", name).unlink()
    assert call("in", "-o", "out", "--skip-existing") == 1
    assert without_times(report(Path("out"))) == without_times(whole)
    assert contents(Path("out")) == files


def last_status(folder: Path) -> str:
    return str(json.loads((folder / STATUS_FILE).read_text(encoding="utf-8").splitlines()[-1])["status"])


def test_results_of_other_settings_are_not_there(folder: Path) -> None:
    source, target = folder / "in" / "a.png", folder / "out"
    call(source, "-o", target)
    for options, work in (([], Negative(most=254)), (["--seed", 3], Negative()), (["--metadata", "keep"], Negative())):
        call(source, "-o", target, "--skip-existing", *options, work=work)
        assert last_status(target) == "done"
    call(source, "-o", target, "--skip-existing", "--metadata", "keep")
    assert last_status(target) == "skipped"


def test_results_of_other_weights_are_not_there(folder: Path) -> None:
    source, target, weights = folder / "in" / "a.png", folder / "out", folder / "model.pth"
    for content, status in (("one", "done"), ("one", "skipped"), ("two", "done")):
        weights.write_text(content)
        assert call(source, "-o", target, "--skip-existing", weights={"model": weights}) == 0
        assert last_status(target) == status
        assert report(target)["inputs"]["model"] == {"sha256": sha256(weights)}


def test_a_source_that_has_changed_is_done_again_and_one_that_is_only_newer_is_not(folder: Path) -> None:
    source, target = folder / "in" / "e.bmp", folder / "out"
    call(source, "-o", target)
    later = (target / "e.png").stat().st_mtime + 10
    os.utime(source, (later, later))
    call(source, "-o", target, "--skip-existing")
    assert last_status(target) == "skipped"
    Image.new("RGB", (3, 4), (1, 2, 3)).save(source)
    os.utime(source, (later, later))
    call(source, "-o", target, "--skip-existing")
    assert last_status(target) == "done"
    assert (read_picture(target / "e.png").pixels == (254, 253, 252)).all()


@pytest.mark.parametrize("has_its_time", [False, True])
def test_an_older_picture_in_the_place_of_a_source_is_done_again(folder: Path, has_its_time: bool) -> None:
    source, target = folder / "in" / "e.bmp", folder / "out"
    call(source, "-o", target)
    time = source.stat().st_mtime_ns if has_its_time else 10**18
    Image.new("RGB", (30, 40), (1, 2, 3)).save(source)
    os.utime(source, ns=(time, time))
    call(source, "-o", target, "--skip-existing")
    assert read_picture(target / "e.png").pixels.shape == (40, 30, 3)


@pytest.mark.parametrize("name", ["recipe", "sha256", "size", "new_size", "left_out", "numbers"])
def test_a_line_that_lacks_a_part_of_its_result_is_not_believed(folder: Path, name: str) -> None:
    source, target = folder / "in" / "e.bmp", folder / "out"
    call(source, "-o", target)
    whole = without_times(report(target))
    line = json.loads((target / STATUS_FILE).read_text(encoding="utf-8"))
    line["result"][f"{name}s"] = line["result"].pop(name)
    (target / STATUS_FILE).write_text(f"{json.dumps(line)}\n", encoding="utf-8")
    assert call(source, "-o", target, "--skip-existing") == 0
    assert last_status(target) == "done"
    assert without_times(report(target)) == whole


def test_a_picture_cut_short_is_made_again_and_one_that_somebody_has_edited_stays(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(folder / "in", "-o", folder / "out")
    files = contents(folder / "out")
    cut, edited = folder / "out" / "a.png", folder / "out" / "b.tif"
    cut.write_bytes(cut.read_bytes()[:100])
    write_picture(edited, Picture(np.zeros((9, 9, 3), np.uint8)))
    assert call(folder / "in", "-o", folder / "out", "--skip-existing") == 1
    assert f"{folder / 'in' / 'b.tif'}: {edited}: is not what was written there, and stays" in capsys.readouterr().err
    assert read_picture(edited).pixels.shape == (9, 9, 3)
    edited.unlink()
    call(folder / "in", "-o", folder / "out", "--skip-existing")
    assert contents(folder / "out") == files


# On a cluster


def test_a_cluster_writes_what_one_process_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.chdir(folder)
    call("in", "-o", "out")
    whole, files = report(Path("out")), contents(Path("out"))
    Path("out").rename("here")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        assert call("in", "-o", "out", "--dask", cluster.scheduler_address) == 1
    assert without_times(report(Path("out"))) == without_times(whole)
    assert contents(Path("out")) == files
