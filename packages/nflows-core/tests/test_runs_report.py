"""What is measured of the flow of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from nflows_core.data import read_images
from nflows_core.data.images import DataError, Images
from nflows_core.evaluation import bits_per_dim, reconstruction_error
from nflows_core.runs import load_run
from nflows_core.runs.report import headlines, measure, measure_run, reconstruct_run
from run_folders import untrained_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("run"))


def test_a_run_is_measured_on_its_own_test_images(folder: Path) -> None:
    numbers, test = measure_run(folder), read_images("digits", "test")
    expected = bits_per_dim(load_run(folder), test)
    assert numbers["test_images"] == len(test)
    assert numbers["bits_per_dim"] == pytest.approx(expected.mean, rel=1e-6)
    assert numbers["bits_per_dim_interval_95"] == pytest.approx(expected.interval, rel=1e-6)
    assert numbers["max_reconstruction_error"] < 1e-4


def test_images_of_another_shape_are_refused(folder: Path) -> None:
    images = Images(torch.zeros(4, 1, 16, 16, dtype=torch.uint8), quantization=17)
    with pytest.raises(DataError, match=r"shape \(1, 8, 8\), these have \(1, 16, 16\); give a size, or other images"):
        measure(load_run(folder), images)


def test_as_many_images_are_reconstructed_as_there_are(folder: Path, tmp_path: Path) -> None:
    test = read_images("digits", "test")
    few, all_of_them = reconstruct_run(folder, n=20, path=tmp_path / "r.png"), reconstruct_run(folder, n=10**6)
    assert (few["images"], all_of_them["images"]) == (20, len(test))
    expected = reconstruction_error(load_run(folder), test, 20)
    assert few["max_reconstruction_error"] == pytest.approx(expected, rel=1e-3)
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.size == (2 + 10 * 66, 2 + 3 * 66)


def test_headlines_leave_out_what_was_not_measured() -> None:
    lines = headlines({"parameters": 1234, "bits_per_dim": 1.5, "title": "x"}).splitlines()
    assert [line.split() for line in lines] == [["bits", "per", "dim", "1.5"], ["parameters", "1,234"]]
