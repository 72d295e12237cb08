"""Splits are found whatever they are called, and where names leave them open, a person is asked."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nflows_core.data import DataError, read_images
from nflows_core.data.split_folders import check_classes, split_folders

TRAINING = ("train", "training", "trn")
HELD_OUT = ("test", "testing", "tst", "val", "valid", "validation", "dev", "eval", "evaluation", "holdout", "held-out")


def save(folder: Path, name: str, shade: int) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), shade).save(folder / name)


@st.composite
def spellings(draw: st.DrawFn, words: tuple[str, ...]) -> str:
    """A word as people write it: in capitals, with numbers, with words that change nothing."""
    word = draw(st.sampled_from(words))
    word = draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    return word + draw(st.sampled_from(["", "_set", "-images", " Data", "2017", "_01", "Set"])) * (not word.isupper())


@given(training=spellings(TRAINING), held_out=spellings(HELD_OUT), more=st.sets(st.sampled_from(["cat", "Images"])))
def test_splits_are_found_in_every_spelling(training: str, held_out: str, more: set[str]) -> None:
    folders = [training, held_out, *more, f"{training}/cat"]
    assert split_folders("here", folders) == {"train": training, "test": held_out}


@pytest.mark.parametrize("names", [("training", "testing"), ("Train", "dev"), ("trainset", "VALIDATION")])
def test_their_classes_are_below_them(tmp_path: Path, names: tuple[str, str]) -> None:
    for shade, folder in enumerate(names):
        for kind in ("bee", "ant"):
            save(tmp_path, f"{folder}/{kind}/0.png", shade)
    for shade, split in enumerate(("train", "test")):
        images = read_images(tmp_path, split)  # type: ignore[arg-type]
        assert images.classes == ("ant", "bee")
        assert images.pixels.unique().tolist() == [shade]


@pytest.mark.parametrize(
    "folders",
    [
        ["training", "cat"],
        ["train2017", "cat"],
        ["test", "cat"],
        ["val"],
        ["train", "test", "testing"],
        ["train", "training", "test"],
        ["trainA", "trainB", "testA", "testB"],
        ["train_left", "valid_left"],
    ],
)
def test_what_may_be_either_is_asked_about(folders: list[str]) -> None:
    assert split_folders("here", folders) is None
    with pytest.raises(DataError, match=r"here: the folders \S+.* may be splits or classes; say by `splits` which two"):
        check_classes("here", folders)


@pytest.mark.parametrize("below", [["bottle/train", "bottle/test"], ["images/Training", "images/val", "labels/val"]])
def test_splits_below_a_class_are_asked_about(below: list[str]) -> None:
    folders = [*below, *(name.split("/")[0] for name in below)]
    top = below[0].split("/")[0]
    with pytest.raises(DataError, match=f"{below[0]} and {below[1]} look like splits, .*: give here/{top}, "):
        check_classes("here", folders)


@pytest.mark.parametrize("folders", [["bus", "train"], ["cat", "dog"], ["testudo", "valley"], ["trains"], []])
def test_classes_stay_classes(folders: list[str]) -> None:
    assert split_folders("here", folders) is None
    check_classes("here", folders)


def test_a_person_settles_it(tmp_path: Path) -> None:
    for shade, folder in enumerate(("trainA", "testA", "trainB", "testB")):
        for index in range(20):
            save(tmp_path, f"{folder}/{index}.png", shade)
    for shade, split in enumerate(("train", "test")):
        images = read_images(tmp_path, split, splits="trainA,testA")  # type: ignore[arg-type]
        assert images.pixels.unique().tolist() == [shade]
        assert images.classes == ()
    assert read_images(tmp_path, "train", splits="none").classes == ("testA", "testB", "trainA", "trainB")
    with pytest.raises(DataError, match="has no folder trainC; its folders are testA, testB, trainA, trainB"):
        read_images(tmp_path, "train", splits="trainC,testA")
    for words in ("trainA", "trainA,trainA", ",", "trainA,"):
        with pytest.raises(ValueError, match="splits must be two folders, as in train,test, or none; got"):
            read_images(tmp_path, "train", splits=words)


def test_archives_have_splits_too(tmp_path: Path) -> None:
    for name in ("training/0.png", "testing/0.png"):
        save(tmp_path, name, 7)
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for name in ("training", "testing"):
            archive.add(tmp_path / name, name)
    assert read_images(tmp_path / "data.tar", "test").names == ("testing/0.png",)
