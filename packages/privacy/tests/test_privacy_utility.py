"""What anonymised pictures are worth: made-up streets from files to the tables, through the command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.runtime.images import Picture, read_picture, write_picture
from nflows_core.runtime.report import read_csv
from nflows_core.testing import call_command
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.cli import privacy
from nflows_privacy.cli.utility import LOSSES, NETWORKS
from nflows_privacy.fills import FillSettings, load_fill
from nflows_privacy.masks import covers
from nflows_privacy.utility import networks, segmentation
from nflows_privacy.utility.masks import IGNORED, MaskedPictures, count_classes, find_masked
from nflows_privacy.utility.networks import build_network
from nflows_privacy.utility.report import SCORES
from nflows_privacy.utility.streets import CLASSES, draw_street, write_streets

Run = Callable[..., dict[str, Any]]
SIDES = (48, 64)
TINY = ("--network", "unet:resnet18", "--loss", "bce", "--size", 32, "--epochs", 1, "--batch-size", 2)


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six real streets with faces and plates, the same without, and four others."""
    folder = tmp_path_factory.mktemp("streets")
    real = write_streets(folder / "real", 6, 0, *SIDES)
    write_streets(folder / "val", 4, 1, *SIDES)
    (folder / "anonymised").mkdir()
    fill = load_fill(FillSettings("solid"))
    for name, street in real.items():
        secret = [region for region in street.regions if region.kind in ("face", "plate")]
        pixels = fill(street.pixels, covers(secret, *SIDES), 0)
        write_picture(folder / "anonymised" / name, Picture(pixels))
    return folder


@pytest.fixture
def utility(streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(task: str, *options: object) -> dict[str, Any]:
        folders = ("--real", streets / "real", "--anonymised", streets / "anonymised", "--val", streets / "val")
        arguments = ("utility", *folders, "--task", task, "-o", tmp_path / "out", *options, "--json")
        assert call_command(privacy, *arguments) == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    return run


def masks_of(streets: Path) -> tuple[object, ...]:
    return "--labels", streets / "real-masks", "--val-labels", streets / "val-masks"


def test_streets_are_those_of_their_seed_and_their_regions_lie_in_them() -> None:
    one, same, other = draw_street(3, *SIDES), draw_street(3, *SIDES), draw_street(4, *SIDES)
    np.testing.assert_array_equal(one.pixels, same.pixels)
    assert one.regions == same.regions
    assert (one.pixels != other.pixels).any()
    assert one.pixels.shape == (*SIDES, 3)
    assert one.mask.max() < len(CLASSES)
    kinds = [region.kind for region in one.regions]
    assert {"face", "person"} <= set(kinds)


def test_the_middle_of_what_is_in_front_has_its_class() -> None:
    for seed in range(5):
        street = draw_street(seed, 192, 256)
        nearest = next(region for region in reversed(street.regions) if region.kind in ("car", "person"))
        left, top, right, bottom = nearest.box
        place = int((top + bottom) / 2), min(int((left + right) / 2), 255)
        assert CLASSES[street.mask[place]] == nearest.kind


def test_written_streets_are_read_as_they_were(streets: Path) -> None:
    masked = find_masked(streets / "real", streets / "real-masks")
    assert [one.name for one in masked] == [f"{number:04d}" for number in range(6)]
    street = draw_street(int(np.random.SeedSequence(0).generate_state(6)[2]), *SIDES)
    np.testing.assert_array_equal(read_picture(masked[2].picture).pixels, street.pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(masked[2].mask)), street.mask)
    found = read_boxes(streets / "real.csv").regions("0002.png", SIDES[1], SIDES[0])
    assert [region.kind for region in found] == [region.kind for region in street.regions]
    np.testing.assert_allclose([region.box for region in found], [region.box for region in street.regions], atol=0.01)


def test_segmenters_are_compared_in_one_table_where_the_same_pictures_make_no_difference(
    streets: Path, utility: Run, tmp_path: Path
) -> None:
    shutil.copytree(streets / "real", tmp_path / "copies")
    report = utility("segment", *masks_of(streets), *TINY, "--anonymised", tmp_path / "copies")
    rows = {row["trained_on"]: row for row in report["tables"][SCORES]}
    assert list(rows) == ["real", "anonymised", "anonymised - real", "copies", "copies - real"]
    assert {row["model"] for row in rows.values()} == {"unet:resnet18, bce"}
    for name in ("miou", "dice", "dice_of_all_pixels", "loss"):
        difference = rows["anonymised"][name] - rows["real"][name]
        assert rows["anonymised - real"][name] == pytest.approx(difference)
        assert rows["real"][f"{name}_interval_95"][0] <= rows["real"][name] <= rows["real"][f"{name}_interval_95"][1]
        assert (rows["copies - real"][name], rows["copies - real"][f"{name}_interval_95"]) == (0, [0, 0])
    assert rows["anonymised - real"]["loss"] != 0
    assert report["mIoU of unet:resnet18, bce, copies - real"] == "+0.000 (95 %: +0.000 to +0.000)"
    assert len(read_csv(tmp_path / "out" / "scores.csv")) == 5


@pytest.mark.filterwarnings("ignore:.*are cut off there")
def test_detectors_trained_on_both_are_compared_in_the_form_of_the_thesis(streets: Path, utility: Run) -> None:
    labels = ("--labels", streets / "real.csv", "--val-labels", streets / "val.csv")
    report = utility("detect", *labels, "--size", 64, "--epochs", 1, "--batch-size", 2)
    rows = report["tables"][SCORES]
    assert [row["trained_on"] for row in rows] == ["real", "anonymised", "anonymised - real"]
    for name in ("precision", "recall", "map50", "map50_95", "box_loss", "objectness_loss"):
        assert rows[2][name] == pytest.approx(rows[1][name] - rows[0][name])
    assert 0 < rows[0]["box_loss"] < 2


def test_pictures_that_are_missing_among_the_anonymised_are_named(
    streets: Path, utility: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "0001.png").write_bytes((streets / "anonymised" / "0001.png").read_bytes())
    folders = ("--real", streets / "real", "--anonymised", tmp_path / "some", "--val", streets / "val")
    arguments = ("utility", *folders, "--task", "segment", *masks_of(streets), "-o", tmp_path / "out")
    assert call_command(privacy, *arguments) == 2
    assert "--anonymised: some lacks 5 of the real pictures, such as 0000" in capsys.readouterr().err


def test_a_picture_without_a_mask_is_named(streets: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no mask 0004\.png for .*real"):
        find_masked(streets / "real", streets / "val-masks")
    tmp_path.joinpath("empty").mkdir()
    with pytest.raises(ValueError, match="no pictures"):
        find_masked(tmp_path / "empty", streets / "real-masks")


def test_masks_of_cityscapes_belong_to_its_pictures(tmp_path: Path) -> None:
    for name in ("leftImg8bit/ulm/u_1_leftImg8bit.png", "gtFine/ulm/u_1_gtFine_labelTrainIds.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        mask = np.array([[0, 3], [255, 1]], np.uint8)
        write_picture(tmp_path / name, Picture(mask[..., None]))
    masked = find_masked(tmp_path / "leftImg8bit", tmp_path / "gtFine")
    assert [one.name for one in masked] == ["ulm/u_1"]
    assert count_classes(masked) == 4
    _, classes = MaskedPictures(masked, 4, flipped=False).read(0, 0)
    assert classes[0].tolist() == [0, 0, 3, 3]
    assert classes[3].tolist() == [IGNORED, IGNORED, 1, 1]


def test_a_flip_moves_picture_and_mask_together(streets: Path) -> None:
    pictures = MaskedPictures(find_masked(streets / "real", streets / "real-masks"), 32)
    straight = MaskedPictures(pictures.masked, 32, flipped=False).read(0, 0)
    read = [pictures.read(0, seed) for seed in range(12)]
    flipped = [torch.equal(picture, straight[0].flip(-1)) for picture, _ in read]
    assert 0 < sum(flipped) < 12
    for (picture, mask), is_flipped in zip(read, flipped, strict=True):
        assert torch.equal(picture, straight[0].flip(-1) if is_flipped else straight[0])
        assert torch.equal(mask, straight[1].flip(-1) if is_flipped else straight[1])


@pytest.mark.parametrize("name", ["unet:resnet18", "deeplabv3:resnet18", "fcn:resnet50"])
def test_networks_give_logits_of_each_class_for_each_pixel(name: str) -> None:
    with torch.inference_mode():
        assert build_network(name, 3).eval()(torch.zeros(1, 3, 32, 64)).shape == (1, 3, 32, 64)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net:resnet34", "no architecture 'net'"),
        ("unet:net", "no encoder 'net'"),
        ("fcn:resnet18", "fcn has the encoders"),
    ],
)
def test_networks_that_are_not_there_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network(name, 2)


def test_an_encoder_begins_with_the_weights_of_a_file_in_the_form_of_torchvision(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    published = resnet18(weights=None)
    torch.save(published.state_dict(), tmp_path / "resnet18.pth")
    network: Any = build_network("unet:resnet18", 2, {"resnet18": tmp_path / "resnet18.pth"})
    assert torch.equal(network.encoder.layer4[1].conv2.weight, published.layer4[1].conv2.weight)
    with pytest.raises(ValueError, match="does not hold the weights of the encoder resnet34"):
        build_network("unet:resnet34", 2, {"resnet34": tmp_path / "resnet18.pth"})


def test_the_defaults_of_the_command_are_those_of_its_rooms() -> None:
    assert (NETWORKS, LOSSES) == (networks.DEFAULT, segmentation.LOSSES)
