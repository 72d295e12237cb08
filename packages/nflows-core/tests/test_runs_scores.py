"""``nflows score`` and ``nflows latents``: what the flow of a run finds of each picture."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.cli import nflows
from nflows_core.data import read_images
from nflows_core.distributions.dequantization import dequantize_by
from nflows_core.evaluation import bits_per_dim, log_probs
from nflows_core.evaluation.scores import shared_noise
from nflows_core.flow import Flow, density_to_bits_per_dim
from nflows_core.latents import encode_vectors
from nflows_core.runs import load_run
from nflows_core.runs.scores import unlikely_first
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command
from run_pictures import TINY, noise

call = partial(call_command, nflows)
ODD = "odd one.png"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on dark noise, and pictures of which one is bright."""
    folder = tmp_path_factory.mktemp("home")
    noise(folder / "dark", 200, most=40)
    assert call("train", folder / "dark", "-o", folder / "run", *TINY, "--epochs", 5) == 0
    noise(folder / "pictures" / "a", 12, seed=1, most=40)
    Image.fromarray(np.random.default_rng(0).integers(180, 256, (8, 8), np.uint8)).save(folder / "pictures" / "a" / ODD)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def score(home: Path, *words: object) -> int:
    return call("score", home / "run", *words)


# Scores


def test_the_outlier_is_the_least_likely(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = [home / "pictures", "-o", tmp_path / "s.csv", "--sheet", tmp_path / "sheet.png"]
    assert score(home, *command, "--json") == 0
    report = json.loads(capfd.readouterr().out)
    table = rows(tmp_path / "s.csv")
    assert [row["image"] for row in table] == [f"a/{n:03d}.png" for n in range(12)] + [f"a/{ODD}"]
    assert min(table, key=lambda row: float(row["log_prob"]))["image"] == f"a/{ODD}"
    assert report["least_likely"][0] == f"a/{ODD}"
    assert report["least_likely_bits_per_dim"][0] == pytest.approx(max(float(row["bits_per_dim"]) for row in table))
    assert (report["images"], report["images_not_finite"]) == (13, 0)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet)[2:66, 2:66].mean() > 170, "the first is the least likely"
    assert score(home, *command, "--sort") == 0
    scores = [float(row["log_prob"]) for row in rows(tmp_path / "s.csv")]
    assert scores == sorted(scores)


def test_a_score_is_the_mean_over_draws_of_the_density(home: Path, tmp_path: Path) -> None:
    assert score(home, home / "pictures", "-o", tmp_path / "s.csv", "--draws", 3, "--seed", 5) == 0
    flow, images = load_run(home / "run"), read_images(home / "pictures", None)
    with torch.no_grad():
        expected = torch.stack(
            [flow.log_prob(dequantize_by(u.expand(13, -1, -1, -1), images.pixels)) for u in shared_noise(flow, 3, 5)]
        ).mean(0)
    bits = density_to_bits_per_dim(expected, flow.shape, 256)
    for row, log_prob, bit in zip(rows(tmp_path / "s.csv"), expected.tolist(), bits.tolist(), strict=True):
        assert float(row["log_prob"]) == pytest.approx(log_prob, rel=1e-5)
        assert float(row["bits_per_dim"]) == pytest.approx(bit, rel=1e-5)


def test_scores_are_bits_per_dimension(home: Path) -> None:
    flow, images = load_run(home / "run"), read_images(home / "dark", "test")
    bits = density_to_bits_per_dim(log_probs(flow, images, draws=20), flow.shape, 256)
    expected = bits_per_dim(flow, images)
    assert bits.mean().item() == pytest.approx(expected.mean, abs=0.05)


def test_a_score_depends_on_the_picture_and_the_seed_alone(home: Path, tmp_path: Path) -> None:
    whole, alone = tmp_path / "whole.csv", tmp_path / "alone.csv"
    assert score(home, home / "pictures", "-o", whole) == 0
    chosen = [home / "pictures" / "a" / name for name in ("003.png", ODD)]
    assert score(home, *chosen, "-o", alone, "--batch-size", 1) == 0
    expected = {row["image"]: float(row["log_prob"]) for row in rows(whole)}
    found = {row["image"]: float(row["log_prob"]) for row in rows(alone)}
    assert list(found) == [str(path) for path in chosen]
    for path in chosen:
        assert found[str(path)] == pytest.approx(expected[f"a/{path.name}"], rel=1e-5)
    before = whole.read_bytes()
    assert score(home, home / "pictures", "-o", whole) == 0
    assert whole.read_bytes() == before
    assert score(home, home / "pictures", "-o", whole, "--seed", 1) == 0
    assert whole.read_bytes() != before


def test_arrays_have_their_names_beside_them(home: Path, tmp_path: Path) -> None:
    for output in ("s.csv", "s.npy"):
        assert score(home, home / "pictures", "-o", tmp_path / output, "--sort") == 0
    table = rows(tmp_path / "s.csv")
    assert np.load(tmp_path / "s.npy").tolist() == [float(row["log_prob"]) for row in table]
    assert rows(tmp_path / "s.images.csv") == [{"image": row["image"]} for row in table]


def test_scores_that_are_not_finite_are_counted_and_come_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log_prob = Flow.log_prob

    def spoil(self: Flow, *arguments: object) -> torch.Tensor:
        values = log_prob(self, *arguments)  # type: ignore[arg-type]
        return torch.where(torch.arange(len(values)) == 4, torch.nan, values)

    monkeypatch.setattr(Flow, "log_prob", spoil)
    assert score(home, home / "pictures", "-o", tmp_path / "s.csv", "--sort") == 1
    shown = capfd.readouterr()
    assert "1 of 13 scores are not finite" in shown.err
    assert "a/004.png, " in shown.out
    first, *others = rows(tmp_path / "s.csv")
    assert (first["image"], first["log_prob"]) == ("a/004.png", "nan")
    assert all(math.isfinite(float(row["log_prob"])) for row in others)


def test_the_order_of_the_unlikely() -> None:
    scores = torch.tensor([1.0, -math.inf, 0.5, math.nan, 2.0], dtype=torch.float64)
    assert unlikely_first(scores) == [1, 3, 2, 0, 4]


def test_classes_are_the_context(tmp_path: Path) -> None:
    for kind, most in (("dark", 40), ("light", 255)):
        noise(tmp_path / "data" / kind, 60, most=most)
    assert call("train", tmp_path / "data", "-o", tmp_path / "run", *TINY, "--conditional") == 0
    assert call("score", tmp_path / "run", tmp_path / "data", "-o", tmp_path / "s.csv") == 0
    flow, images = load_run(tmp_path / "run"), read_images(tmp_path / "data", None)
    expected = log_probs(flow, images, context=images.context).tolist()
    assert [float(row["log_prob"]) for row in rows(tmp_path / "s.csv")] == pytest.approx(expected, rel=1e-5)


# Latents


def test_latents_are_those_of_the_flow(home: Path, tmp_path: Path) -> None:
    for output in ("z.npy", "z.csv"):
        assert call("latents", home / "run", home / "pictures", "-o", tmp_path / output, "--batch-size", 5) == 0
    flow, images = load_run(home / "run"), read_images(home / "pictures", None)
    with torch.no_grad():
        z = encode_vectors(flow, dequantize_by(shared_noise(flow, 1, 0).expand(13, -1, -1, -1), images.pixels))
    found = np.load(tmp_path / "z.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, z.numpy(), atol=1e-4)
    assert [row["image"] for row in rows(tmp_path / "z.images.csv")] == list(images.names)
    table = rows(tmp_path / "z.csv")
    assert [row["image"] for row in table] == list(images.names)
    np.testing.assert_allclose([[float(row[f"z{i}"]) for i in range(64)] for row in table], found, atol=1e-6)


def test_archives_and_the_demo_set(home: Path, trained: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "p.tar", "w") as archive:
        for path in sorted((home / "pictures" / "a").iterdir()):
            archive.add(path, path.name)
    assert call("latents", home / "run", tmp_path / "p.tar", "-o", tmp_path / "z.npy") == 0
    assert np.load(tmp_path / "z.npy").shape == (13, 64)
    assert call("latents", trained, "digits", "-o", tmp_path / "d.npy") == 0
    assert np.load(tmp_path / "d.npy").shape == (1797, 64)
    assert rows(tmp_path / "d.images.csv")[-1] == {"image": "image 1796"}


# What is refused


@pytest.mark.parametrize("command", ["score", "latents"])
def test_what_cannot_be(home: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    wide = noise(tmp_path / "wide", 3, side=16)
    cases = {
        "must end in": ["pictures", "-o", "s.txt"],
        "lies in the data": [home / "pictures", "-o", home / "pictures" / "s.csv"],
        "no such file or folder": [tmp_path / "missing", "-o", tmp_path / "s.csv"],
        "images of shape (1, 8, 8) with 256 values a pixel, these have (1, 16, 16)": [wide, "-o", tmp_path / "s.csv"],
        "16x16 pixels, but the flow takes 8x8; give size 8": [wide / "000.png", "-o", tmp_path / "s.csv"],
    }
    for message, words in cases.items():
        assert call(command, home / "run", *words) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()
    assert call(command, home / "run", wide, "-o", tmp_path / "s.csv", "--size", 8) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="such names are on Linux only")
@pytest.mark.parametrize("command", ["score", "latents"])
def test_no_name_is_a_formula_and_each_comes_back(home: Path, tmp_path: Path, command: str) -> None:
    noise(tmp_path / "pictures", 3)
    names = ["+1.png", "=1+1.png", os.fsdecode(b"caf\xe9.png")]
    for path, name in zip(sorted((tmp_path / "pictures").iterdir()), names, strict=True):
        path.rename(path.with_name(name))
    assert call(command, home / "run", tmp_path / "pictures", "-o", tmp_path / "t.csv") == 0
    assert not any(row["image"].startswith(("=", "+")) for row in rows(tmp_path / "t.csv"))
    assert [row["image"] for row in read_csv(tmp_path / "t.csv")] == names


@pytest.mark.parametrize("command", ["score", "latents"])
def test_a_file_of_the_run_itself_is_not_replaced(
    command: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = (trained / "metrics.csv").read_bytes()
    assert call_command(nflows, command, trained, "digits", "-o", trained / "metrics.csv") == 2
    assert "is a file of the run itself" in capsys.readouterr().err
    assert (trained / "metrics.csv").read_bytes() == curve
