"""Conditioning: the right context reaches the flow everywhere, and samples are of the class that was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nflows_core.cli import nflows
from nflows_core.data import DataError, Images, read_images
from nflows_core.evaluation import bits_per_dim
from nflows_core.models import Glow
from nflows_core.runs import Run, read_run
from nflows_core.runs.conditioning import class_rows, context_of
from nflows_core.testing import call_command, one_thread
from nflows_core.training import FlowLikelihood, Trainer, TrainingConfig

TINY = ["--levels", "1", "--depth", "1", "--width", "4", "--epochs", "1", "--batch-size", "100"]
CLASSES = ("ant", "bee", "cat")


call = partial(call_command, nflows)


def a_run(conditional: bool = True, classes: tuple[str, ...] = CLASSES) -> Run:
    config = TrainingConfig(epochs=1, conditional=conditional)
    return Run("glow", {"shape": (1, 8, 8)}, "digits", None, classes, config)


def some_images(labels: list[int] | None, classes: tuple[str, ...] = CLASSES) -> Images:
    pixels = torch.zeros(len(labels) if labels else 4, 1, 8, 8, dtype=torch.uint8)
    return Images(pixels, labels=None if labels is None else torch.tensor(labels), classes=classes if labels else ())


# Contexts


def test_the_context_of_images_is_their_label_or_their_vector() -> None:
    labelled = some_images([2, 0])
    assert labelled.context_features == 3
    assert torch.equal(labelled.context, torch.tensor([[0.0, 0, 1], [1, 0, 0]]))  # type: ignore[arg-type]
    vectors = torch.tensor([[0.5, -1], [2, 3]], dtype=torch.float64)
    both = replace(labelled, vectors=vectors)
    assert both.context_features == 2
    assert torch.equal(both[1:].context, vectors[1:].float())  # type: ignore[arg-type]
    plain = some_images(None)
    assert (plain.context, plain.context_features) == (None, 0)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.zeros(3, 2), r"floats of shape \(2, D\), got torch.float32 \(3, 2\)"),
        (torch.zeros(2), r"floats of shape \(2, D\), got torch.float32 \(2,\)"),
        (torch.zeros(2, 0), r"floats of shape \(2, D\)"),
        (torch.zeros(2, 1, dtype=torch.int64), r"got torch.int64 \(2, 1\)"),
        (torch.tensor([[0.0], [torch.nan]]), r"vector of image 1 is not finite: \[nan\]"),
    ],
)
def test_bad_vectors_are_refused(vectors: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(some_images([0, 1]), vectors=vectors)


def test_classes_are_matched_by_their_names() -> None:
    subset = some_images([0, 1], ("bee", "cat"))
    context = context_of(a_run(), subset)
    assert torch.equal(context, torch.tensor([[0.0, 1, 0], [0, 0, 1]]))  # type: ignore[arg-type]
    assert context_of(a_run(conditional=False), subset) is None


def test_images_that_do_not_fit_the_run_are_refused() -> None:
    with pytest.raises(DataError, match="conditioned on the classes ant, bee, cat, but these images have no labels"):
        context_of(a_run(), some_images(None))
    with pytest.raises(DataError, match="knows no class 'dog'; its classes are ant, bee, cat"):
        context_of(a_run(), some_images([0, 1], ("ant", "dog")))
    many = tuple(f"class {index}" for index in range(30))
    with pytest.raises(DataError, match="class 19 and 10 more, but"):
        context_of(a_run(classes=many), some_images(None))


def test_every_class_has_a_row_of_samples() -> None:
    context, columns = class_rows(a_run(), 7)
    assert context is not None
    assert (context.argmax(1).tolist(), columns) == ([0, 0, 0, 1, 1, 1, 2, 2, 2], 3)
    context, columns = class_rows(a_run(), 4, ["cat", "ant"])
    assert context is not None
    assert (context.argmax(1).tolist(), columns) == ([2, 2, 0, 0], 2)


def test_few_samples_are_of_the_first_classes_and_one_class_needs_no_rows() -> None:
    context, columns = class_rows(a_run(), 2)
    assert context is not None
    assert (context.argmax(1).tolist(), columns) == ([0, 1], None)
    context, columns = class_rows(a_run(), 5, ["bee"])
    assert context is not None
    assert (context.argmax(1).tolist(), columns) == ([1] * 5, None)
    assert class_rows(a_run(conditional=False), 5) == (None, None)


def test_samples_need_one_row_of_context_each_or_one_for_all() -> None:
    flow = Glow((1, 8, 8), levels=1, depth=1, width=4, context_features=2)
    one, generator = torch.tensor([[0.3, -1.0]]), torch.Generator()
    samples = [flow.sample(3, context=c, generator=generator.manual_seed(0)) for c in (one, one.expand(3, -1))]
    assert torch.equal(*samples)
    for wrong in (torch.zeros(2, 2), torch.zeros(4, 2), torch.zeros(2), torch.zeros(0, 2)):
        with pytest.raises(ValueError, match="3 samples need a context of 3 rows, or of one for all of them"):
            flow.sample(3, context=wrong)


# What conditioning is good for


@one_thread()
def test_a_conditional_flow_has_fewer_bits_and_samples_of_the_class() -> None:
    train, test = (images[images.labels < 3] for images in (read_images("digits", s) for s in ("train", "test")))  # type: ignore[operator]
    config = TrainingConfig(epochs=12, batch_size=50, learning_rate=1e-2, warmup_steps=20, ema_decay=0.97)
    bits = {}
    for conditional in (False, True):
        torch.manual_seed(0)
        features = train.context_features if conditional else 0
        flow = Glow(train.shape, levels=1, depth=4, width=48, quantization=17, context_features=features)
        settings = replace(config, conditional=conditional)
        flow = Trainer(FlowLikelihood(flow, train, settings)).fit()
        bits[conditional] = bits_per_dim(flow, test, context=test.context if conditional else None).mean
    assert bits[True] < bits[False] - 0.04
    labels = torch.arange(3).repeat_interleave(50)
    context = torch.nn.functional.one_hot(labels, 10).float()
    samples = flow.sample(150, 0.7, context, torch.Generator().manual_seed(0))
    means = torch.stack([train.pixels[train.labels == label].float().mean(0) / 17 for label in range(3)])
    nearest = (samples[:, None] - means).flatten(2).norm(dim=2).argmin(1)
    assert (nearest == labels).float().mean() > 0.75  # of the test images themselves, 0.89


@one_thread()
def test_vectors_condition_a_flow() -> None:
    # The vector is the image's brightness, which an unconditional flow cannot know.
    generator = torch.Generator().manual_seed(0)
    brightness = torch.rand(600, 1, generator=generator)
    noise = torch.rand(600, 1, 4, 4, generator=generator)
    pixels = (200 * brightness[:, :, None, None] + 50 * noise).to(torch.uint8)
    images = Images(pixels, vectors=brightness)
    flow = Glow(images.shape, levels=1, depth=2, width=16, context_features=1)
    config = TrainingConfig(epochs=10, batch_size=50, learning_rate=1e-2, ema_decay=0.9, conditional=True)
    flow = Trainer(FlowLikelihood(flow, images, config)).fit()
    means = flow.sample(100, context=torch.linspace(0.1, 0.9, 100)[:, None]).mean((1, 2, 3))
    assert torch.corrcoef(torch.stack([means, torch.arange(100.0)]))[0, 1] > 0.9


# The commands


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "digits"
    assert call("train", "digits", "-o", folder, *TINY, "--conditional", "--reversible") == 0
    return folder


def test_a_conditional_run_remembers_its_classes(trained: Path) -> None:
    stored = read_run(trained)
    assert stored.classes == tuple("0123456789")
    assert stored.arguments["context_features"] == 10
    assert (stored.training.conditional, stored.training.reversible) == (True, True)


def test_a_conditional_run_is_measured_in_its_context(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = json.loads((trained / "report.json").read_text())
    assert call("eval", trained, "--json") == 0
    assert json.loads(capfd.readouterr().out)["bits_per_dim"] == report["bits_per_dim"]
    assert call("reconstruct", trained, "-n", "50", "-o", trained / "r.png", "--json") == 0
    assert json.loads(capfd.readouterr().out)["max_reconstruction_error"] < 1e-4


def test_classes_are_sampled_by_name(trained: Path, tmp_path: Path) -> None:
    for name, more in {"all": [], "two": ["--class", "3", "--class", "7"], "one": ["--class", "3"]}.items():
        assert call("sample", trained, "-n", "20", "-o", tmp_path / f"{name}.png", *more) == 0
    sizes = {}
    for name in ("all", "two", "one"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            sizes[name] = tuple(side // 66 for side in picture.size)
    assert sizes == {"all": (2, 10), "two": (10, 2), "one": (5, 4)}


def test_an_unknown_class_is_refused(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("sample", trained, "-o", tmp_path / "s.png", "--class", "dog") == 2
    assert "no class 'dog'; its classes are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in capsys.readouterr().err
    assert not (tmp_path / "s.png").exists()


def test_classes_of_a_run_without_any_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = json.loads((trained / "config.json").read_text())
    settings["training"]["conditional"] = False
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert call("sample", tmp_path, "-o", tmp_path / "s.png", "--class", "3") == 2
    assert "it was not trained with conditional=True" in capsys.readouterr().err


def test_unlabelled_images_cannot_be_conditioned_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "plain.npy", np.zeros((60, 8, 8), dtype=np.uint8))
    assert call("train", tmp_path / "plain.npy", "-o", tmp_path / "run", *TINY, "--conditional") == 2
    error = capsys.readouterr().err
    assert "plain.npy: conditional training needs labels: put the images of each class into a folder" in error
    assert not (tmp_path / "run").exists()


def test_unlabelled_images_cannot_measure_a_conditional_flow(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "plain.npy", np.zeros((60, 8, 8), dtype=np.uint8))
    for command in ("eval", "reconstruct"):
        assert call(command, trained, tmp_path / "plain.npy") == 2
        assert "but these images have no labels" in capsys.readouterr().err


def test_folders_name_the_classes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name, brightness in (("dark", 0), ("bright", 180)):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for index in range(10):
                pixels = random.integers(brightness, brightness + 70, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{index}.png")
    command = ["train", tmp_path / "data", "-o", tmp_path / "run", *TINY, "--conditional", "--batch-size", "10"]
    assert call(*command) == 0
    assert read_run(tmp_path / "run").classes == ("bright", "dark")
    assert call("sample", tmp_path / "run", "-o", tmp_path / "s.png", "--class", "dark") == 0
