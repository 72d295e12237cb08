"""A data set is known again by its files, and told from others."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nflows_core.data import Images, read_images
from nflows_core.data.fingerprint import Fingerprint


def pictures(folder: Path, seed: int = 0, n: int = 20) -> Path:
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for index in range(n):
        Image.fromarray(generator.integers(0, 256, (6, 6), np.uint8)).save(folder / f"{index:02d}.png")
    return folder


def fingerprint(data: Path, size: int | None = None) -> Fingerprint:
    return Fingerprint.of(read_images(data, "train", size))


def test_the_same_files_elsewhere_scaled_or_packed_are_the_same(tmp_path: Path) -> None:
    here = fingerprint(pictures(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for path in sorted((tmp_path / "a").iterdir()):
            archive.add(path, path.name)
    assert here == fingerprint(tmp_path / "b") == fingerprint(tmp_path / "a.tar") == fingerprint(tmp_path / "a", size=4)
    assert here.difference(fingerprint(tmp_path / "b")) == ""


def test_what_differs_is_said(tmp_path: Path) -> None:
    here = fingerprint(pictures(tmp_path / "a"))
    other = fingerprint(pictures(tmp_path / "b", seed=1))
    assert here.difference(other) == f"as many ({other.images}), but other ones"
    more = fingerprint(pictures(tmp_path / "c", n=40))
    assert here.difference(more) == f"{here.images} then and {more.images} now"
    renamed = replace(here, names="other")
    assert here.difference(renamed) == f"as many ({here.images}), but of other names"


def test_one_bit_of_an_array_is_seen(tmp_path: Path) -> None:
    pixels = np.zeros((30, 4, 4), np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    pixels[:, 3, 3] = 1
    np.save(tmp_path / "b.npy", pixels)
    assert fingerprint(tmp_path / "a.npy").difference(fingerprint(tmp_path / "b.npy")).endswith("but other ones")


def test_labels_and_order_count() -> None:
    pixels, labels = torch.arange(32, dtype=torch.uint8).reshape(2, 1, 4, 4), torch.tensor([0, 1])
    images = Images(pixels, labels=labels, classes=("a", "b"))
    others = [replace(images, labels=labels.flip(0)), images[[1, 0]], replace(images, labels=None)]
    assert len({Fingerprint.of(one).content for one in [images, *others]}) == 4


def test_a_part_has_a_fingerprint_of_its_own(tmp_path: Path) -> None:
    images = read_images(pictures(tmp_path / "a"), "train")
    assert Fingerprint.of(images[:5]) != Fingerprint.of(images[1:6])
    assert Fingerprint.of(images[:]).images == len(images)
