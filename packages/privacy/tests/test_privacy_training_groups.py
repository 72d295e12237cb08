"""Detectors of groups of classes: which box counts as what, which picture has a mirror image, a learned backbone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.data import DataError
from nflows_core.testing import call_command
from nflows_privacy.annotations.groups import GTSDB_CLASSES, group_of
from nflows_privacy.annotations.mirrors import mirror_of
from nflows_privacy.cli import privacy
from nflows_privacy.regions import Box, Region
from nflows_privacy.training.cells import IGNORED
from nflows_privacy.training.data import Source, classes_of, meant_classes, read_scenes
from nflows_privacy.training.experiment import architecture, engine_for
from nflows_privacy.training.network import STRIDES, PretrainedBoxNetwork, fused
from nflows_privacy.training.runs import load_network, read_run
from nflows_privacy.training.settings import LITE, RESIDUAL, NetworkSettings
from nflows_privacy.training.views import NO_MIRROR

GROUPED = NetworkSettings(("mandatory", "prohibitory"), groups=True)


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    """A table of two pictures with two signs each."""
    folder = tmp_path / "signs"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(folder / name)
    rows = [
        "image,left,top,right,bottom,class,name",
        "a.png,0,0,20,20,38,keep right (mandatory)",
        "a.png,30,0,50,20,2,speed limit 50 (prohibitory)",
        "b.png,0,0,20,20,39,keep left (mandatory)",
        "b.png,30,0,50,20,13,give way (other)",
    ]
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    return folder / "boxes.csv"


def test_a_mirror_image_of_a_mirror_image_is_the_class_itself_and_of_its_group() -> None:
    found = {name: mirror_of(name) for name in GTSDB_CLASSES}
    known = {name: mirror for name, mirror in found.items() if mirror}
    assert {name: known[mirror] for name, mirror in known.items()} == {name: name for name in known}
    for name, mirror in known.items():
        groups = {group_of(Region(Box(0, 0, 1, 1), one)) for one in (name, mirror)}
        assert len(groups) == 1
    assert found["keep left (mandatory)"] == "keep right (mandatory)"
    assert found["speed limit 50 (prohibitory)"] is None


def test_a_box_counts_as_its_group_and_is_mirrored_as_its_class(signs: Path) -> None:
    assert classes_of(Source(signs), groups=True) == ("mandatory", "other", "prohibitory")
    first, second = read_scenes(Source(signs), GROUPED).scenes
    assert first.labels.tolist() == [0, 1]
    assert first.mirrored.tolist() == [0, NO_MIRROR]
    assert second.labels.tolist() == [0], "give way is of no group that is looked for"
    assert second.mirrored.tolist() == [0]


def test_a_class_is_mirrored_as_the_settings_say(signs: Path) -> None:
    left, right = "keep left (mandatory)", "keep right (mandatory)"
    settings = NetworkSettings((left, right, "give way (other)"), (right, left, ""))
    first, second = read_scenes(Source(signs), settings).scenes
    assert (first.labels.tolist(), first.mirrored.tolist()) == ([1], [0])
    assert (second.labels.tolist(), second.mirrored.tolist()) == ([0, 2], [1, NO_MIRROR])


def test_what_is_to_be_ignored_stands_in_the_way_of_no_mirror(signs: Path) -> None:
    signs.write_text(signs.read_text().replace("speed limit 50 (prohibitory)", "ignore"))
    scene = read_scenes(Source(signs), replace(GROUPED, groups=False, classes=("keep right (mandatory)",))).scenes[0]
    assert scene.labels.tolist() == [0, IGNORED]
    assert scene.mirrored.tolist() == [NO_MIRROR, IGNORED]


def test_classes_of_no_group_are_named_with_their_places(
    signs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = signs.read_text().replace("give way (other)", "lamp")
    signs.write_text(text + "a.png,60,0,80,20,,\na.png,60,30,80,50,12,\n")
    with pytest.raises(DataError, match="class 12, lamp, unnamed: classes of no group; give the table a column"):
        classes_of(Source(signs), groups=True)
    assert call_command(privacy, "train", signs, "--classes", "groups", "-o", tmp_path / "run") == 2
    told = capsys.readouterr().err
    assert "They are class 12 in a.png, lamp in b.png, unnamed in a.png; 2 boxes are of a class without a name" in told
    assert f"unnamed ({signs}, line 6), class 12 ({signs}, line 7)" in told


@pytest.mark.filterwarnings("ignore:.*cut off there")
def test_the_boxes_of_a_turned_picture_turn_with_it(signs: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, shown upright: 64 x 96
    Image.open(signs.parent / "a.png").save(signs.parent / "a.png", exif=exif)
    signs.write_text(signs.read_text().replace("a.png,30,0,50,20", "a.png,70,0,90,20"))
    with pytest.warns(RuntimeWarning, match="1 pictures are turned by their EXIF, and so are their boxes"):
        scene = read_scenes(Source(signs), GROUPED).scenes[0]
    assert (scene.height, scene.width) == (96, 64)
    assert scene.boxes.tolist() == [[44, 0, 64, 20], [44, 70, 64, 90]]


def test_a_learned_backbone_keeps_what_it_knows_of_edges_and_of_light() -> None:
    torch.manual_seed(0)
    network = PretrainedBoxNetwork(2, 8).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.SGD([one for one in network.parameters() if one.requires_grad], lr=0.1)
    sum(one.square().sum() for one in network(torch.rand(2, 3, 64, 96))).backward()  # type: ignore[union-attr]
    optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert not [name for name in changed if name.startswith(("backbone.0.", "backbone.1.", "backbone.2."))]
    assert not [name for name in changed if name.startswith("backbone.") and "running" in name]
    assert [name for name in changed if name.startswith("backbone.5.")]


@pytest.mark.parametrize("size", [(64, 96), (37, 50)])
def test_levels_of_a_learned_backbone_have_the_cells_of_the_others(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = PretrainedBoxNetwork(3, 8).eval()
    x = torch.rand(1, 3, *(-(-side // STRIDES[-1]) * STRIDES[-1] for side in size))
    with torch.no_grad():
        maps = network(x)
        expected = [(1, 7, x.shape[2] // stride, x.shape[3] // stride) for stride in STRIDES]
        assert [tuple(one.shape) for one in maps] == expected
        for one, other in zip(maps, fused(network)(x), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_command_finds_groups_with_the_learned_backbone(
    signs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(signs.parent, tmp_path / "other") / "boxes.csv"
    groups = (privacy, "train", other, "--classes", "groups")
    options = ("--test", signs, "--epochs", 1, "--batch-size", 1, "--size", 64)
    assert call_command(*groups, *options, "-o", tmp_path / "run") == 0
    capsys.readouterr()
    run = read_run(tmp_path / "run")
    assert run.settings.classes == ("mandatory", "other", "prohibitory")
    assert (run.settings.groups, run.settings.backbone, run.augment) == (True, LITE, "pasted")
    assert isinstance(load_network(tmp_path / "run", run), PretrainedBoxNetwork)
    weights = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert call_command(*groups, "--test", signs, "-o", tmp_path / "run", "--resume") == 0, "the same words go on"
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == weights
    capsys.readouterr()
    assert call_command(*groups, "-o", tmp_path / "run", "--resume", "--augment", "none") == 2
    assert "--augment is none, but the run to resume has pasted" in capsys.readouterr().err
    assert call_command(*groups, "--mirror", "a", "-o", tmp_path / "no") == 2
    assert "--mirror: groups have no mirror classes" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_class_is_meant_by_its_name_by_one_word_and_by_its_number(
    signs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(signs.parent, tmp_path / "other") / "boxes.csv"
    options = ("--test", signs, "--epochs", 1, "--batch-size", 1, "--size", 64, "--backbone", "residual")
    meant = "give way (other), keep-right,2"
    assert call_command(privacy, "train", other, "-o", tmp_path / "run", "--classes", meant, *options) == 0
    names = ("give way (other)", "keep right (mandatory)", "speed limit 50 (prohibitory)")
    assert read_run(tmp_path / "run").settings.classes == names
    again = ("-o", tmp_path / "run", "--resume", "--test", signs)
    assert call_command(privacy, "train", other, *again, "--classes", "13,38,2") == 0, "the same classes go on"
    capsys.readouterr()
    assert call_command(privacy, "train", other, *again, "--classes", "13") == 2
    assert "--classes is ('give way (other)',), but the run to resume has" in capsys.readouterr().err
    assert call_command(privacy, "train", other, "-o", tmp_path / "no", "--classes", "give way", *options) == 2
    assert "--classes: no box of give way in " in capsys.readouterr().err, "a space divides no names"


def test_a_number_that_is_the_name_of_a_class_means_that_one(signs: Path) -> None:
    signs.write_text("image,left,top,right,bottom,class,name\na.png,0,0,9,9,2,1\na.png,9,9,20,20,1,one of (two)\n")
    assert meant_classes(Source(signs), ["1"]) == ("1",)
    assert meant_classes(Source(signs), ["2", "one-of-two", "three"]) == ("1", "one of (two)", "three")


def test_what_begins_with_a_run_has_its_architecture(signs: Path, tmp_path: Path) -> None:
    chosen = {"classes": ("a",), "crop": 64}
    usual = architecture(None, None, **chosen)
    assert (usual.backbone, set(usual.widths)) == (LITE, {64})
    assert architecture(RESIDUAL, None, **chosen) == NetworkSettings(("a",), crop=64)
    assert engine_for(Source(signs), usual, 1)["epochs"] == 450, "two crops an epoch"
    rates = [engine_for(Source(signs), one)["learning_rate"] for one in (usual, NetworkSettings(("a",)))]
    assert rates[0] < rates[1], "what has learned already learns slower"
