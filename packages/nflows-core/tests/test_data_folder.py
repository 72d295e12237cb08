from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nflows_core.data import DataError, read_images
from nflows_core.data.split import held_out

RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)


def save(path: Path, colour: int | tuple[int, ...] = RED, mode: str = "RGB", size: tuple[int, int] = (4, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def splits(folder: Path, count: int = 3) -> Path:
    """Folders train and test, so that a test decides which image is read."""
    for split in ("train", "test"):
        for index in range(count):
            save(folder / split / f"{index}.png")
    return folder


# What is read


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".webp", ".jpg", ".PNG"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = splits(tmp_path, 0) / "train" / f"picture{suffix}"
    save(tmp_path / "test" / "other.png")
    save(path, (200, 100, 50))
    pixel = read_images(tmp_path, "train").pixels[0, :, 2, 2].tolist()
    assert pixel == pytest.approx([200, 100, 50], abs=2 if suffix in (".jpg", ".webp") else 0)


def test_rows_and_columns(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    splits(tmp_path, 1)
    Image.fromarray(array).save(tmp_path / "train" / "0.png")
    images = read_images(tmp_path, "train")
    assert images.shape == (3, 5, 7)
    assert np.array_equal(images.pixels[0].permute(1, 2, 0).numpy(), array)


@pytest.mark.parametrize(("mode", "colour"), [("L", 77), ("1", 1), ("LA", (77, 255))])
def test_greyscale_stays_one_channel(tmp_path: Path, mode: str, colour: int | tuple[int, ...]) -> None:
    for split in ("train", "test"):
        save(tmp_path / split / "grey.png", colour, mode)
    images = read_images(tmp_path, "train")
    assert images.shape == (1, 4, 4)
    assert images.pixels.unique().tolist() == [255 if mode == "1" else 77]


def test_one_coloured_image_makes_all_rgb(tmp_path: Path) -> None:
    save(splits(tmp_path) / "train" / "0.png", 9, "L")
    assert read_images(tmp_path, "train").pixels[:, :, 0, 0].tolist() == [[9, 9, 9], [255, 0, 0], [255, 0, 0]]


def test_splits_have_the_same_channels(tmp_path: Path) -> None:
    save(tmp_path / "train" / "colour.png")
    save(tmp_path / "test" / "grey.png", 9, "L")
    assert read_images(tmp_path, "test").pixels[0, :, 0, 0].tolist() == [9, 9, 9]


@pytest.mark.parametrize("mode", ["P", "CMYK", "RGBA"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = splits(tmp_path, 1) / "train" / ("0.tiff" if mode == "CMYK" else "0.png")
    (tmp_path / "train" / "0.png").unlink()
    Image.new("RGB", (4, 4), GREEN).convert(mode).save(path)
    assert read_images(tmp_path, "train").pixels[0, :, 1, 1].tolist() == [0, 255, 0]


def test_orientation_is_applied_once(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 4), BLACK)
    picture.paste(RED, (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    splits(tmp_path, 1)
    picture.save(tmp_path / "train" / "0.png", exif=exif)
    images = read_images(tmp_path, "train")
    assert images.shape == (3, 8, 4)
    assert images.pixels[0, 0, :, 0].tolist() == [255] * 4 + [0] * 4


def test_junk_is_skipped(tmp_path: Path) -> None:
    splits(tmp_path)
    for junk in ("Thumbs.db", ".DS_Store", "._0.png", "desktop.ini", "__MACOSX/0.png", ".cache/0.png"):
        (tmp_path / "train" / junk).parent.mkdir(exist_ok=True)
        (tmp_path / "train" / junk).write_text("junk")
    images = read_images(tmp_path, "train")
    assert len(images) == 3
    assert images.classes == ()


def test_size_scales_the_shorter_side_and_crops_the_centre(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 8), RED)
    picture.paste(BLUE, (12, 0, 20, 8))
    splits(tmp_path)
    picture.save(tmp_path / "train" / "0.png")
    images = read_images(tmp_path, "train", size=4)
    assert images.shape == (3, 4, 4)
    assert images.pixels[0, :, 2, 2].tolist() == list(BLUE)


def test_names_are_the_paths(tmp_path: Path) -> None:
    names = tuple(f"train/b/{index}.png" for index in range(3))
    for name in (*names, "test/b/0.png"):
        save(tmp_path / name)
    assert read_images(tmp_path, "train").names == names


# Splits and classes


def test_classes_are_the_first_folders(tmp_path: Path) -> None:
    for index in range(30):
        save(tmp_path / "dog" / f"{index}.png")
        save(tmp_path / "cat" / "deeper" / f"{index}.png", BLUE)
    images = read_images(tmp_path, "train")
    assert images.classes == ("cat", "dog")
    assert images.labels is not None
    is_cat = images.pixels[:, 2, 0, 0] == 255
    assert torch.equal(images.labels == 0, is_cat)


def test_hash_of_the_path_splits(tmp_path: Path) -> None:
    names = [f"{split}/{index}.png" for split in ("a", "b") for index in range(20)]
    for shade, name in enumerate(names):
        save(tmp_path / name, shade, "L")
    test = read_images(tmp_path, "test").pixels[:, 0, 0, 0].tolist()
    train = read_images(tmp_path, "train").pixels[:, 0, 0, 0].tolist()
    assert test == [shade for shade, name in enumerate(names) if held_out(name)]
    assert sorted(test + train) == list(range(40))


def test_more_images_move_none_between_the_splits(tmp_path: Path) -> None:
    for shade in range(20):
        save(tmp_path / f"{shade}.png", shade, "L")
    before = set(read_images(tmp_path, "test").pixels[:, 0, 0, 0].tolist())
    for shade in range(20, 40):
        save(tmp_path / f"{shade}.png", shade, "L")
    after = set(read_images(tmp_path, "test").pixels[:, 0, 0, 0].tolist())
    assert after & set(range(20)) == before


@pytest.mark.parametrize("names", [("train", "test"), ("train", "val"), ("Train", "Validation")])
def test_folders_are_the_splits(tmp_path: Path, names: tuple[str, str]) -> None:
    for shade, folder in enumerate(names):
        for name in ("cat", "dog"):
            save(tmp_path / folder / name / "0.png", shade, "L")
    for shade, split in enumerate(("train", "test")):
        images = read_images(tmp_path, split)  # type: ignore[arg-type]
        assert images.classes == ("cat", "dog")
        assert images.pixels.unique().tolist() == [shade]


def test_test_comes_before_val(tmp_path: Path) -> None:
    for shade, folder in enumerate(("train", "test", "val")):
        save(tmp_path / folder / "0.png", shade, "L")
    assert read_images(tmp_path, "test").pixels.unique().tolist() == [1]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for index in range(10):
        for name in ("bus", "train"):
            save(tmp_path / name / f"{index}.png")
    assert read_images(tmp_path, "train").classes == ("bus", "train")


def test_classes_are_those_of_training(tmp_path: Path) -> None:
    for name in ("train/ant", "train/bee", "test/bee"):
        save(tmp_path / name / "0.png")
    test = read_images(tmp_path, "test")
    assert test.classes == ("ant", "bee")
    assert test.labels is not None
    assert test.labels.tolist() == [1]


def test_links_are_followed(tmp_path: Path) -> None:
    splits(tmp_path / "elsewhere")
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "real").mkdir()
    for split in ("train", "test"):
        (tmp_path / "real" / split).symlink_to(tmp_path / "elsewhere" / split)
    assert len(read_images(tmp_path / "data", "train")) == len(read_images(tmp_path / "real", "train")) == 3


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    splits(tmp_path)
    before = read_images(tmp_path, "train").names
    (tmp_path / "train" / "loop").symlink_to(tmp_path)
    assert read_images(tmp_path, "train").names == before


# What is refused


def bad_text(path: Path) -> None:
    path.write_text("this is no picture")


def bad_jpeg(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:-800])


def bad_png(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:6000])


def bad_empty(path: Path) -> None:
    path.touch()


def bad_depth(path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(path, "PNG")


def bad_alpha(path: Path) -> None:
    Image.new("RGBA", (4, 4), (1, 2, 3, 100)).save(path, "PNG")


def bad_pages(path: Path) -> None:
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 100)]
    frames[0].save(path, "TIFF", save_all=True, append_images=frames[1:])


def bad_format(path: Path) -> None:
    Image.new("L", (4, 4)).save(path, "PPM")


def bad_link(path: Path) -> None:
    path.symlink_to(path.with_name("missing.png"))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (bad_text, "not a picture"),
        (bad_jpeg, "truncated"),
        (bad_png, "truncated"),
        (bad_empty, "is empty"),
        (bad_depth, "16 bits a sample"),
        (bad_alpha, "transparent"),
        (bad_pages, "several pictures"),
        (bad_format, "not a picture"),
        (bad_link, "No such file"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    spoil(splits(tmp_path) / "train" / "bad.png")
    with pytest.raises(DataError, match=f"train/bad.png: .*{reason}.*; repair or remove it"):
        read_images(tmp_path, "train")


def test_several_bad_files_are_counted(tmp_path: Path) -> None:
    splits(tmp_path)
    for index in range(5):
        bad_text(tmp_path / "train" / f"bad{index}.png")
    with pytest.raises(
        DataError, match=r"5 files cannot .*bad0.png: not a picture.*; .*bad2.png: not a picture.*; \.\.\.$"
    ):
        read_images(tmp_path, "train")


def test_mixed_sizes_name_two_files_and_the_option(tmp_path: Path) -> None:
    save(splits(tmp_path) / "train" / "wide.png", size=(9, 4))
    with pytest.raises(DataError, match=r"train/0.png is 4x4, but train/wide.png is 9x4 pixels; give one size for all"):
        read_images(tmp_path, "train")
    assert read_images(tmp_path, "train", size=4).shape == (3, 4, 4)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path, "train")


def test_folder_of_junk(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path, "train")


def test_images_beside_class_folders(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "0.png")
    save(tmp_path / "loose.png")
    with pytest.raises(DataError, match=r"loose.png has no class, but cat is one; move it"):
        read_images(tmp_path, "train")


@pytest.mark.parametrize("split", ["", "train/"])
def test_class_without_images(tmp_path: Path, split: str) -> None:
    save(tmp_path / f"{split}cat" / "0.png")
    save(tmp_path / "test" / "cat" / "0.png")
    (tmp_path / f"{split}dog").mkdir()
    with pytest.raises(DataError, match="the folder dog holds no images; fill or remove it"):
        read_images(tmp_path, "train")


def test_class_unknown_to_training(tmp_path: Path) -> None:
    for name in ("train/cat", "test/cat", "test/dog"):
        save(tmp_path / name / "0.png")
    with pytest.raises(DataError, match=r"dog/0.png of the test split has none of the training classes"):
        read_images(tmp_path, "test")


def test_too_few_images_to_hold_one_out(tmp_path: Path) -> None:
    name = next(name for name in (f"{n}.png" for n in range(9)) if not held_out(name))
    save(tmp_path / name)
    with pytest.raises(DataError, match="none of 1 images is in the test split"):
        read_images(tmp_path, "test")


def test_a_folder_that_is_there_twice(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save(tmp_path / split / "cat" / "0.png")
    (tmp_path / "train" / "dog").symlink_to(tmp_path / "test" / "cat")
    with pytest.raises(DataError, match="train/dog: a link leads to a folder that is read already; remove it"):
        read_images(tmp_path, "train")
