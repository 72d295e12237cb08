"""What is ours is known by its content: nothing of anybody else's is replaced, removed or written through."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nflows_core import shipped
from nflows_core.runtime.ownership import (
    MARK_FILE,
    claim_folder,
    is_ours,
    refuse_foreign,
    refuse_overwriting,
    refuse_results,
)
from nflows_core.runtime.tensors import write_tensors

OURS = json.dumps({"versions": {"nflows_core": "0.1.0"}})
FOREIGN = ["mine", "{}", "[]", "[" * 100_000, '{"versions": "1"}', '{"versions": {"torch": "2"}}', '{"kind": "run"}']


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["config.json", "report.json", "notes.txt", "samples.png"])
@pytest.mark.parametrize("text", FOREIGN)
def test_a_folder_that_we_did_not_make_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileExistsError, match=f"such as {name}; choose a new or an empty folder"):
        claim_folder(tmp_path, "run")
    assert contents(tmp_path) == {name: text.encode()}


@pytest.mark.parametrize("name", ["config.json", "report.json", MARK_FILE])
def test_ours_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(OURS)
    (tmp_path / "notes.txt").write_text("mine")
    claim_folder(tmp_path, "run")
    assert contents(tmp_path) == {name: OURS.encode(), "notes.txt": b"mine"}


def test_a_log_of_ours_is_enough(tmp_path: Path) -> None:
    line = {
        "input": "a",
        "output": "a",
        "status": "done",
        "seconds": 0.1,
        "error": None,
        "result": None,
        "written": None,
    }
    (tmp_path / "status.jsonl").write_text(f"damaged\n{json.dumps(line)}\n")
    assert is_ours(tmp_path)


def test_weights_are_known_by_their_header(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    assert not is_ours(tmp_path)
    write_tensors(tmp_path / "model.safetensors", {"a": torch.zeros(1)}, "weights")
    assert is_ours(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", bytes(8), b"\xff" * 20, b"\x02" + bytes(7) + b"[]", b"\x04" + bytes(7) + b"null"]
)
def test_what_is_no_header(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    assert not is_ours(tmp_path)


def test_a_run_that_comes_with_the_package_is_ours() -> None:
    assert all(is_ours(shipped.find_run(name)) for name in shipped.names())


@pytest.mark.parametrize(
    "left", [[], ["lost+found", ".DS_Store", "Thumbs.db", ".nflows-01234567-0123456789abcdef.tmp"]]
)
def test_an_empty_folder_becomes_ours(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        (tmp_path / name).touch()
    claim_folder(tmp_path, "batch")
    assert is_ours(tmp_path)
    (tmp_path / "result").touch()
    claim_folder(tmp_path, "batch")


def test_results_of_another_command_are_not_replaced(tmp_path: Path) -> None:
    claim_folder(tmp_path / "new" / "folder", "geological map")
    with pytest.raises(
        FileExistsError, match="holds another kind of result: geological map, not run; choose another folder"
    ):
        claim_folder(tmp_path / "new" / "folder", "run")


def test_a_folder_without_its_mark_is_nobodys(tmp_path: Path) -> None:
    claim_folder(tmp_path / "a", "batch")
    (tmp_path / "a" / "result.png").touch()
    shutil.copytree(tmp_path / "a", tmp_path / "b", ignore=lambda folder, names: [MARK_FILE])
    with pytest.raises(FileExistsError, match=r"such as result\.png"):
        refuse_foreign(tmp_path / "b", "batch")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
@pytest.mark.parametrize("name", ["report.html", MARK_FILE])
@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str, kind: str) -> None:
    folder, victim = tmp_path / "ours", tmp_path / "victim"
    claim_folder(folder, "run")
    (folder / "config.json").write_text(OURS)
    (folder / name).unlink(missing_ok=True)
    if kind == "folder":
        (folder / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(victim)
    if kind == "link":
        victim.write_text("mine")
    with pytest.raises(FileExistsError, match=f"is a link or no file, and is not written to.*{name}"):
        claim_folder(folder, "run", ["report.html"])
    assert victim.exists() == (kind == "link")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_link_to_a_folder_is_that_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to("theirs")
    with pytest.raises(FileExistsError, match=r"such as notes\.txt"):
        claim_folder(tmp_path / "link", "run")
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to("disk")
    claim_folder(tmp_path / "results", "run")
    assert is_ours(tmp_path / "disk"), "results may lie on another disk"
    assert (tmp_path / "results").is_symlink()


def test_an_input_is_no_output_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("mine")
    os.link(path, tmp_path / "hard.tif")
    names = ["a.tif", "hard.tif", "../" + tmp_path.name + "/a.tif"]
    if sys.platform != "win32":
        (tmp_path / "soft.tif").symlink_to(path)
        names.append("soft.tif")
    refuse_overwriting([tmp_path / "new.tif"], [path])
    refuse_overwriting([path], [tmp_path / "new.tif"])
    for name in names:
        with pytest.raises(FileExistsError, match=f"is an input, which is never changed.*{Path(name).name}"):
            refuse_overwriting([tmp_path / "new.tif", tmp_path / name], [path])


def test_a_part_of_results_is_refused_and_what_lies_beside_is_not(tmp_path: Path) -> None:
    claim_folder(tmp_path / "a", "map", ["map.tif"])
    (tmp_path / "a" / "mine.tif").write_text("mine")
    (tmp_path / "link.tif").symlink_to(tmp_path / "a" / "map.tif")
    for part in (tmp_path / "a" / "map.tif", tmp_path / "link.tif"):
        with pytest.raises(FileExistsError, match=r"a part of results \(map\) that belong together") as caught:
            refuse_results([part])
        assert caught.value.filename == str(part)
    refuse_results([tmp_path / "a" / "mine.tif", tmp_path / "a" / "new.tif", tmp_path / "map.tif"])


@pytest.mark.parametrize("name", ["report.json", "config.json"])
def test_where_no_mark_tells_the_parts_every_file_is_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(OURS)
    (tmp_path / "map.tif").write_text("map")
    with pytest.raises(FileExistsError, match="a part of results"):
        refuse_results([tmp_path / "map.tif"])
    refuse_results([tmp_path / "new.tif"])
