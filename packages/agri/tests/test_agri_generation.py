"""Generators of crops: only the training side is seen, the same seed gives the same bytes, and what is made says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn.functional import avg_pool2d

from generator_runs import CLASSES, FLOW, GAN
from nflows_agri.cli import agri
from nflows_agri.cli.gan import SIDES
from nflows_agri.crops.made import made_among
from nflows_agri.crops.parts import parts_of
from nflows_agri.generation import biggan
from nflows_agri.generation.data import training_crops
from nflows_agri.generation.gate import copies, unlikely
from nflows_agri.generation.generators import GanGenerator
from nflows_agri.generation.interpolation import interpolation
from nflows_agri.generation.quality import quality
from nflows_agri.generation.runs import load_generator, read_run
from nflows_core.cli import nflows
from nflows_core.data import DataError, Images, read_labelled
from nflows_core.runs import load_run
from nflows_core.runs.kind import RunError
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command, kill_at_call, one_thread


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(params=["gan", "flow"])
def run(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


# What a generator sees


def test_only_the_training_side_is_read(split: Path) -> None:
    images = training_crops(split, 8).images
    assert len(images) == 4 + 28 + 7
    assert images.names == tuple(file.name for file in parts_of(read_labelled(split)).train.files)


@pytest.mark.parametrize("command", [GAN, FLOW])
def test_a_class_of_one_crop_is_refused_by_its_name(
    command: tuple[object, ...], split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crops = tmp_path / "crops"
    for name in CLASSES:
        (crops / name).mkdir(parents=True)
    for index in range(3):
        shutil.copy(split.parent / "pure" / f"tray{index}_{index}.png", crops / "pure")
        shutil.copy(split.parent / "silkcut" / f"tray{index}_{index}.png", crops / "silkcut")
    shutil.copy(split.parent / "broken" / "tray0_0.png", crops / "broken")
    assert call_command(agri, *command, crops, "-o", tmp_path / "run") == 2
    assert "the class 'broken' has 1 picture, and" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--size", 48, "--size"),
        ("--augment", "mirror,sepia", "--augment: there is no 'sepia'; there are colour, mirror"),
        ("--lecam", -1, "--lecam: expected a finite number, 0 or more"),
        ("--latent", 3, "--latent: each of 4 blocks"),
    ],
)
def test_impossible_settings_are_named_as_options(
    option: str, value: object, message: str, split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(agri, *GAN, option, value, split, "-o", tmp_path / "run") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_batch_that_classes_cannot_share_is_refused_before_there_is_a_run(
    split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_command(agri, *GAN, split, "-o", tmp_path / "run", "--batch-size", 16) == 2
    assert "16 cannot have as many items of each of 3 classes; give 18" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_sides_that_the_command_knows_are_those_of_the_networks() -> None:
    assert tuple(biggan.SIDES) == SIDES


# Training


def test_a_run_reports_its_crops_beside_the_real_ones(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    rows = report["tables"]["Made crops beside real ones"]
    assert [row["class"] for row in rows] == list(CLASSES)
    assert [row["crops"] for row in rows] == [2, 14, 3]
    assert report["run"]["classes"] == list(CLASSES)


def test_killed_and_resumed_is_the_run_that_was_not(split: Path, gan: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kill_at_call("os.replace", 5, "nflows_core.cli", "agri", *GAN, split, "-o", folder)
    assert not (folder / "model.safetensors").exists()
    assert call_command(agri, "gan", "train", split, "-o", folder, "--resume") == 0
    assert (folder / "model.safetensors").read_bytes() == (gan / "model.safetensors").read_bytes()


def test_resumed_with_another_setting_it_is_refused(split: Path, gan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(agri, "gan", "train", split, "-o", gan, "--resume", "--width", 2) == 2
    assert "--width is 2, but the run to resume has 1" in capsys.readouterr().err


def test_resumed_on_other_crops_it_is_refused(
    split: Path, gan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crops = shutil.copytree(split.parent, tmp_path / "crops")
    shutil.copy(crops / "pure" / "tray0_0.png", crops / "pure" / "tray1_1.png")
    assert call_command(agri, "gan", "train", crops / "split.csv", "-o", gan, "--resume") == 2
    assert "its training crops are as many (39), but other ones" in capsys.readouterr().err


def test_an_unfinished_run_makes_crops_by_statistics_of_its_own(gan: Path, tmp_path: Path) -> None:
    unfinished = shutil.copytree(gan, tmp_path / "run")
    (unfinished / "model.safetensors").unlink()
    labels = torch.tensor([0, 1, 2])
    with pytest.warns(RuntimeWarning, match="has not finished"):
        made = load_generator(unfinished).sample(labels, 0)
    assert torch.equal(made, load_generator(gan).sample(labels, 0))


def test_a_flow_is_a_run_of_the_core_too(flow: Path, split: Path, tmp_path: Path) -> None:
    own = load_run(flow)
    assert own.shape == (3, 8, 8)
    assert own.context_features == len(CLASSES)
    for file in read_labelled(split).files:
        if file.part == "train":
            (tmp_path / file.name).parent.mkdir(exist_ok=True)
            shutil.copy(split.parent / file.name, tmp_path / file.name)
    assert call_command(nflows, "score", flow, tmp_path, "-o", tmp_path.parent / "scores.csv") == 0
    scores = {row["image"]: float(row["log_prob"]) for row in read_csv(tmp_path.parent / "scores.csv")}
    assert len(scores) == 39


# Samples


def test_the_same_seed_gives_the_same_bytes_and_names_say_class_and_seed(run: Path, tmp_path: Path) -> None:
    kind = "gan" if read_run(run).is_gan else "flow"
    for name in ("first", "again"):
        assert call_command(agri, kind, "sample", run, "-n", 3, "--seed", 7, "-o", tmp_path / name) == 0
    first = files_of(tmp_path / "first")
    assert sorted(first) == sorted(f"{name}/{name}-{seed:08d}.png" for name in CLASSES for seed in (7, 8, 9))
    assert first == files_of(tmp_path / "again")
    assert call_command(agri, kind, "sample", run, "-n", 1, "--class", "pure", "--seed", 8, "-o", tmp_path / "one") == 0
    (name,) = files_of(tmp_path / "one")
    one, other = (read_picture(tmp_path / folder / name).pixels.astype(int) for folder in ("one", "first"))
    assert abs(one - other).max() <= 1  # a batch of another size rounds otherwise


def test_samples_say_whose_training_side_they_are_of(run: Path, split: Path, tmp_path: Path) -> None:
    kind = "gan" if read_run(run).is_gan else "flow"
    assert call_command(agri, kind, "sample", run, "-n", 1, "-o", tmp_path / "made") == 0
    for place in (tmp_path / "made", tmp_path / "made" / "pure"):
        said = made_among(place)
        assert said is not None
        assert (said["split"], said["split_sha256"], said["fold"]) == (str(split), sha256(split), None)
        assert (said["run"], said["seed"]) == (str(run), 0)
    assert made_among(split.parent) is None
    with pytest.raises(DataError, match="holds crops that a generator made"):
        parts_of(read_labelled(tmp_path / "made"))
    (tmp_path / "made" / "generated.json").write_text('{"kind": "generated crops"}')
    with pytest.raises(DataError, match="does not say whose"):
        made_among(tmp_path / "made")


def test_other_samples_are_not_mixed_into_a_folder(
    gan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("gan", "sample", gan, "-n", 1, "-o", tmp_path / "made")
    assert [call_command(agri, *command), call_command(agri, *command)] == [0, 0]
    assert call_command(agri, *command, "--seed", 1) == 2
    assert "holds other made crops" in capsys.readouterr().err


def test_a_class_that_is_not_known_is_named(gan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call_command(agri, "gan", "sample", gan, "--class", "rye", "-o", tmp_path / "made") == 2
    assert "no class 'rye'; the generator knows broken, pure, silkcut" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_truncated_latents_are_within_the_bound(gan: Path) -> None:
    plain, truncated = load_generator(gan), load_generator(gan, truncation=0.8)
    latents = truncated.latents(range(200))
    assert latents.abs().max() <= 0.8
    assert latents.abs().max() > 0.75
    assert plain.latents(range(200)).abs().max() > 2
    with pytest.raises(ValueError, match="`truncation`"):
        GanGenerator(plain.network, CLASSES, truncation=0)


@pytest.mark.parametrize(("kind", "option", "value"), [("flow", "--temperature", 0.5), ("gan", "--truncation", 0.5)])
def test_what_belongs_to_the_other_kind_of_generator_is_refused(
    kind: str,
    option: str,
    value: float,
    gan: Path,
    flow: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = gan if kind == "flow" else flow
    assert call_command(agri, kind, "sample", other, option, value, "-o", tmp_path / "made") == 2
    assert option in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


# Interpolation


def test_the_ends_of_an_interpolation_are_the_samples(run: Path) -> None:
    generator = load_generator(run)
    rows = interpolation(generator, 0, 2, 5, seed=3)
    assert rows.shape[:2] == (3, 5)
    ends = {(0, 0): (0, 3), (0, -1): (0, 4), (1, 0): (0, 3), (1, -1): (2, 3), (2, 0): (0, 3), (2, -1): (2, 4)}
    for (row, place), (label, seed) in ends.items():
        sample = generator.sample(torch.tensor([label]), seed)[0]
        assert (rows[row, place].int() - sample.int()).abs().max() <= 1
    with pytest.raises(ValueError, match="`steps`"):
        interpolation(generator, 0, 2, 1, seed=3)


def test_an_interpolation_is_one_picture_of_three_rows(run: Path, tmp_path: Path) -> None:
    kind = "gan" if read_run(run).is_gan else "flow"
    strip, classes = tmp_path / "strip.png", ("--class", "pure", "--to", "broken")
    assert call_command(agri, kind, "interpolate", run, *classes, "--steps", 4, "-o", strip) == 0
    with Image.open(strip) as picture:
        width, height = picture.size
    assert (width - 2) / 4 == (height - 2) / 3 == 66  # 64 pixels each, and a margin


# The gate


def test_what_is_unlike_its_class_is_unlikely_and_a_share_of_the_real_ones_is(flow: Path, split: Path) -> None:
    real = training_crops(split, 8).images
    assert real.labels is not None
    rejected = unlikely(real.pixels, real.labels, flow, share=0.25)
    for number, count in enumerate((4, 28, 7)):
        own = rejected[real.labels == number]
        assert own.sum() == pytest.approx(0.25 * (count - 1), abs=1)
    noise = torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8)
    assert unlikely(noise, torch.full((8,), 1), flow, share=0.05).all()
    assert not unlikely(real.pixels, real.labels, flow, share=0.0).any()


def test_a_gan_has_no_likelihood(gan: Path, split: Path) -> None:
    real = training_crops(split, 32).images
    assert real.labels is not None
    with pytest.raises(RunError, match=r"likelihoods\.csv"):
        unlikely(real.pixels, real.labels, gan)


def test_a_mirrored_crop_is_a_copy_and_another_one_of_its_class_is_none() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 128, (16, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.arange(16) % 2
    pixels[labels == 1] += 128
    real = Images(pixels, labels=labels, classes=("dark", "bright"))
    assert copies(pixels.flip(3), labels, real).all()
    assert copies((pixels ^ 1).flip(2), labels, real).all()
    assert not copies(255 - pixels, labels, real).any()
    assert not copies(pixels, 1 - labels, real).any()  # of the other class they are no copies
    with pytest.raises(ValueError, match="`share`"):
        copies(pixels, labels, real, share=1.0)


def test_a_collapsed_generator_has_no_recall(gan: Path) -> None:
    generator = load_generator(gan)
    pixels = torch.randint(0, 256, (40, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    real = Images(pixels, labels=torch.arange(40) // 20, classes=CLASSES[:2])

    def features(crops: torch.Tensor) -> torch.Tensor:
        return avg_pool2d(crops.double(), 16).flatten(1)

    rows = quality(real, generator, features)
    assert [(row["class"], row["crops"]) for row in rows] == [("broken", 10), ("pure", 10)]
    for row in rows:
        assert row["recall"] == 0  # noise is not what the generator has learned
        assert row["recall_real"] > 0.5  # type: ignore[operator]
        assert row["frechet"] > row["frechet_real"]  # type: ignore[operator]
