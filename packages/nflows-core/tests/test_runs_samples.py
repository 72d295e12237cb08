"""Samples in batches: the same for a seed, as files and arrays, with what is not finite counted."""

from __future__ import annotations

import json
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.data.pictures import read_pictures
from nflows_core.distributions.dequantization import quantize, to_8_bits
from nflows_core.evaluation import crossed_out, image_grid
from nflows_core.flow import Flow
from nflows_core.runs import load_run
from nflows_core.runs.report import report_run
from nflows_core.runs.samples import BLOCK, draw, save_samples
from nflows_core.testing import call_command
from nflows_core.training import FlowLikelihood
from run_folders import untrained_run
from run_pictures import TINY

call = partial(call_command, nflows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conditional")
    assert call("train", "digits", "-o", folder, *TINY, "--batch-size", 50, "--conditional") == 0
    return folder


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every third image that is decoded at once is not finite."""
    decode = Flow.decode

    def spoil(self: Flow, *arguments: object) -> Tensor:
        images = decode(self, *arguments)  # type: ignore[arg-type]
        images[::3, 0, 0, 0] = torch.tensor([torch.nan, torch.inf]).repeat(len(images))[: len(images[::3])]
        return images

    monkeypatch.setattr(Flow, "decode", spoil)


def array(run: Path, path: Path, *options: object) -> np.ndarray:
    assert call("sample", run, "-o", path, *options) == 0
    return np.load(path)


# The same samples


def test_a_seed_gives_the_same_samples_in_any_batches(folder: Path, tmp_path: Path) -> None:
    wholes = array(folder, tmp_path / "a.npy", "-n", 250, "--seed", 3)
    assert wholes.shape == (250, 8, 8, 1)
    for size in (1, 7, 1000):
        parts = array(folder, tmp_path / "b.npy", "-n", 250, "--seed", 3, "--batch-size", size)
        assert np.abs(parts.astype(int) - wholes).max() <= 16, "one of 17 values, for sums are rounded in another order"
        assert (parts != wholes).mean() < 1e-3
    assert (array(folder, tmp_path / "c.npy", "-n", 250, "--seed", 4) != wholes).any()


def test_a_block_is_what_the_flow_samples(folder: Path) -> None:
    flow = load_run(folder)
    generator = torch.Generator().manual_seed(5)
    expected = torch.cat([flow.sample(n, 0.7, generator=generator) for n in (BLOCK, BLOCK, 30)])
    drawn = torch.cat(list(draw(flow, 2 * BLOCK + 30, temperature=0.7, seed=5, batch_size=40)))
    torch.testing.assert_close(drawn, expected)


def test_files_and_arrays_hold_the_same_pixels(folder: Path, tmp_path: Path) -> None:
    pixels = array(folder, tmp_path / "a.npy", "-n", 20)
    assert call("sample", folder, "-n", 20, "-o", tmp_path / "files") == 0
    names = sorted(path.name for path in (tmp_path / "files").iterdir())
    assert names == [f"{number:06d}.png" for number in range(20)]
    for number, name in enumerate(names):
        with Image.open(tmp_path / "files" / name) as picture:
            assert np.array_equal(np.asarray(picture), pixels[number, :, :, 0])


def test_samples_are_a_data_set(folder: Path, tmp_path: Path) -> None:
    flow = load_run(folder)
    array(folder, tmp_path / "s.npy", "-n", 30)
    assert call("sample", folder, "-n", 30, "-o", tmp_path / "files") == 0
    levels = quantize(next(draw(flow, 30)), 17)
    pictures = read_pictures(sorted((tmp_path / "files").iterdir()), flow.shape, 17, None)
    assert torch.equal(pictures.pixels, levels), "a flow that sees its samples sees what it drew"
    assert torch.equal(read_images(tmp_path / "s.npy", None).pixels, read_images(tmp_path / "files", None).pixels)


@given(quantization=st.integers(2, 256), level=st.integers(0, 255))
def test_a_level_written_as_a_picture_is_read_again(quantization: int, level: int) -> None:
    level = min(level, quantization - 1)
    pixel = int(to_8_bits(torch.tensor((level + 0.5) / quantization, dtype=torch.float64), quantization))
    assert pixel * quantization // 256 == level
    assert pixel == 255 or level < quantization - 1


def test_classes_are_folders(conditional: Path, tmp_path: Path) -> None:
    assert call("sample", conditional, "-n", 6, "-o", tmp_path / "s", "--class", "7", "--class", "3") == 0
    files = sorted(str(path.relative_to(tmp_path / "s")) for path in (tmp_path / "s").rglob("*.png"))
    assert files == [f"3/{n:06d}.png" for n in (3, 4, 5)] + [f"7/{n:06d}.png" for n in (0, 1, 2)]


def test_memory_does_not_grow_with_their_number(folder: Path, tmp_path: Path) -> None:
    def peak(n: int) -> int:
        tracemalloc.start()
        save_samples(load_run(folder), tmp_path / "s.npy", n)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(3000) < peak(300) + 100_000, "3,000 arrays of 64 bytes and what Python keeps of each would be more"


# Where they go


def test_a_folder_with_files_is_left_alone(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "000000.png").write_text("mine")
    assert call("sample", folder, "-o", tmp_path) == 2
    assert "is not empty; give a new folder for the samples" in capsys.readouterr().err
    assert (tmp_path / "000000.png").read_text() == "mine"


def test_other_names_are_refused_before_anything_is_drawn(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(Flow, "decode")
    assert call("sample", folder, "-o", tmp_path / "s.txt") == 2
    assert "s.txt: end it in .png for one picture, in .npy for an array, or without ." in capsys.readouterr().err


def test_an_array_is_whole_or_not_there(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "s.npy", np.zeros(3))
    decode, calls = Flow.decode, []

    def fail_at_last(self: Flow, *arguments: object) -> Tensor:
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError("no more")
        return decode(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Flow, "decode", fail_at_last)
    assert call("sample", folder, "-n", 300, "-o", tmp_path / "s.npy") == 1
    assert np.array_equal(np.load(tmp_path / "s.npy"), np.zeros(3))
    assert [path.name for path in tmp_path.iterdir()] == ["s.npy"]


def test_a_class_that_is_no_name_of_a_folder_is_refused(conditional: Path, tmp_path: Path) -> None:
    from nflows_core.runs.conditioning import ClassRows

    rows = ClassRows(torch.eye(10)[:1], None)
    for name in ("../x", "..", "a/b"):
        with pytest.raises(ValueError, match="cannot be the name of a folder"):
            save_samples(load_run(conditional), tmp_path / "s", 1, rows=rows, classes=[name] * 10)
    assert not (tmp_path / "x").exists()


# What is not finite


@pytest.mark.usefixtures("spoilt")
def test_what_is_not_finite_is_left_out_of_data(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for output in ("s.npy", "files"):
        assert call("sample", folder, "-n", 8, "-o", tmp_path / output) == 1
        assert "3 samples are not finite and are left out, counted from 0: 0, 3, 6" in capsys.readouterr().err
    assert np.load(tmp_path / "s.npy").shape == (5, 8, 8, 1)
    assert sorted(path.stem[-1] for path in (tmp_path / "files").iterdir()) == ["1", "2", "4", "5", "7"]


@pytest.mark.usefixtures("spoilt")
def test_what_is_not_finite_is_crossed_out_in_a_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("sample", folder, "-n", 4, "-o", tmp_path / "s.png") == 1
    assert "2 samples are not finite and have a cross in their place, counted from 0: 0, 3" in capsys.readouterr().err
    images, count = crossed_out(next(draw(load_run(folder), 4)))
    assert count == 2
    with Image.open(tmp_path / "s.png") as picture:
        assert np.array_equal(np.asarray(picture), image_grid(images).squeeze(-1))


def test_a_cross_has_two_diagonals_and_leaves_others_alone() -> None:
    images = torch.rand(3, 1, 9, 9)
    images[1, 0, 4, 7] = torch.nan
    crossed, count = crossed_out(images)
    assert count == 1
    assert torch.equal(crossed[[0, 2]], images[[0, 2]])
    cross = crossed[1, 0] > 0.5
    assert cross.diagonal().all()
    assert cross.flip(1).diagonal().all()
    assert cross.sum() == 17


@pytest.mark.usefixtures("spoilt")
def test_a_training_is_not_lost_for_samples_that_are_not_finite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FlowLikelihood, "fault", lambda task, model, batch: None)
    assert call("train", "digits", "-o", tmp_path / "run", *TINY, "--batch-size", 50) == 0
    shown = capsys.readouterr()
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["samples_not_finite"] == 22
    assert report["reconstructions_not_finite"] > 0
    assert report["max_reconstruction_error"] is None
    assert report["bits_per_dim"] > 0
    assert report["test_images_not_finite"] == 0
    assert "22 samples are not finite" in shown.err
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Samples, 22 of them not finite" in page
    assert call("reconstruct", tmp_path / "run", "-n", 9, "-o", tmp_path / "r.png") == 1
    assert "3 reconstructions are not finite" in capsys.readouterr().err


def test_a_flow_of_nothing_but_nan_has_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = ["bench", "digits", "-o", tmp_path, "--model", "glow", *TINY, "--rounds", 1]
    assert call(*bench) == 0
    with (tmp_path / "glow" / "metrics_test.csv").open("a") as file:
        file.write("333,2,nan\n334,3,inf\n")
    forward = Flow.forward

    def diverge(self: Flow, *arguments: object) -> tuple[list[Tensor], Tensor]:
        latents, logdet = forward(self, *arguments)  # type: ignore[arg-type]
        return [latent * torch.nan for latent in latents], logdet

    monkeypatch.setattr(Flow, "forward", diverge)
    report = report_run(tmp_path / "glow", "diverged")
    assert [report[key] for key in ("bits_per_dim", "bits_per_dim_interval_95", "max_reconstruction_error")] == [
        None
    ] * 3
    assert report["test_images"] == report["test_images_not_finite"] == report["reconstructions_not_finite"] == 177
    assert call("eval", tmp_path / "glow") == 1
    capsys.readouterr()
    assert call(*bench) == 1, "models that were trained long ago are in the table, whatever this one is"
    assert "glow: 177 densities of test images are not finite" in capsys.readouterr().err
