"""The parts of crops that nobody has split: checked first, and no made ones among them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crop_folders import crops
from nflows_agri.crops.parts import parts_of
from nflows_core.data import DataError, LabelledFile, LabelledFiles, read_labelled


def test_what_nobody_has_split_is_checked_and_shared_out_as_split_does(tmp_path: Path) -> None:
    photographs = {f"photo{number}": 3 for number in range(5)}
    folder = crops(tmp_path / "crops", {"a": photographs, "b": {f"other{number}": 2 for number in range(5)}})
    parts = parts_of(read_labelled(folder))
    assert {name: len(set(part.groups)) for name, part in parts.named().items()} == {"train": 6, "val": 2, "test": 2}
    twice = shutil.copy(next((folder / "a").iterdir()), folder / "b" / "other9_0.png")
    with pytest.raises(DataError, match="1 pairs of one picture stand in two classes"):
        parts_of(read_labelled(folder))
    Path(twice).write_text("no picture")
    with pytest.raises(DataError, match=r"1 files cannot be read, such as b/other9_0.png"):
        parts_of(read_labelled(folder))


def test_a_photograph_in_two_parts_is_refused_with_the_command_that_splits() -> None:
    rows = (("a", "train"), ("a", "train"), ("b", "train"), ("b", "test"))
    files = tuple(LabelledFile(f"{at}.png", label, "tray", str(at), part) for at, (label, part) in enumerate(rows))
    with pytest.raises(DataError, match=r"pictures of tray are in train and in test.*split by nflows agri split"):
        parts_of(LabelledFiles(Path("crops"), files))
