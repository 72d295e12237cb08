"""Files of weights and training state: what was written comes back, and nothing else is taken for it."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nflows_core.runtime.tensors import load_tensors, read_tensors, write_tensors
from nflows_core.training import CheckpointError


def some_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(3, 4, generator=generator, dtype=torch.float64),
        "half": torch.randn(5, generator=generator).to(torch.bfloat16),
        "step": torch.tensor(12),
        "flag": torch.tensor(True),
        "empty": torch.zeros(0, 3),
    }


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file can grow beyond ``size``: the kernel's own way to fail in mid-write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def full_disk(call: str) -> Iterator[None]:
    """The system call fails as on a full disk."""

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, fail)
        yield


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    write_tensors(path, some_tensors(), "weights", note={"a": [1, 2.5]})
    tensors, header = read_tensors(path, "weights")
    assert header == {"kind": "weights", "version": 1, "note": {"a": [1, 2.5]}}
    assert tensors.keys() == some_tensors().keys()
    for name, tensor in some_tensors().items():
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0)


def test_shared_and_strided_memory_is_written(tmp_path: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)
    write_tensors(tmp_path / "file", {"tied": base, "too": base, "turned": base.T}, "weights")
    tensors, _ = read_tensors(tmp_path / "file", "weights")
    assert torch.equal(tensors["too"], base)
    assert torch.equal(tensors["turned"], base.T)


@pytest.mark.parametrize(
    "failure",
    [lambda: file_size_limit(300), lambda: full_disk("fsync"), lambda: full_disk("replace")],
    ids=["write", "fsync", "rename"],
)
def test_failed_write_leaves_the_previous_file(
    tmp_path: Path, failure: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "file.safetensors"
    write_tensors(path, {"a": torch.zeros(10)}, "weights")
    before = path.read_bytes()
    with failure(), pytest.raises(OSError, match=path.name):
        write_tensors(path, {"a": torch.ones(1000)}, "weights")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 4, 60, -1])
def test_cut_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "file.safetensors"
    write_tensors(path, some_tensors(), "weights")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"file\.safetensors \(\d+ bytes\) is cut short"):
        read_tensors(path, "weights")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(100), b"step,epoch\n1,2\n"])
def test_other_kinds_of_file_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"picture\.png \(\d+ bytes\) .* no safetensors file"):
        read_tensors(path, "weights")


def test_safetensors_of_another_program_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(CheckpointError, match="of another program"):
        read_tensors(tmp_path / "other", "weights")


def test_another_kind_and_a_newer_version_are_refused(tmp_path: Path) -> None:
    write_tensors(tmp_path / "old", {}, "weights")
    with pytest.raises(CheckpointError, match="is a file of kind 'weights', expected 'checkpoint'"):
        read_tensors(tmp_path / "old", "checkpoint")
    header = json.dumps({"kind": "weights", "version": 99})
    save_file({"a": torch.zeros(1)}, tmp_path / "new", {"nflows_core": header})
    with pytest.raises(CheckpointError, match=r"format 99, newer than 1.*update nflows-core"):
        read_tensors(tmp_path / "new", "weights")


def test_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        read_tensors(tmp_path / "absent", "weights")


def test_weights_of_another_model_are_named(tmp_path: Path) -> None:
    module = nn.Linear(3, 2)
    before = module.weight.detach().clone()
    others = {"weight": torch.zeros(3, 3), "scale": torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        load_tensors(module, others, tmp_path / "file")
    message = str(caught.value)
    assert "missing: bias" in message
    assert "unexpected: scale" in message
    assert "of another shape: weight (3, 3) instead of (2, 3)" in message
    assert torch.equal(module.weight, before)


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    others = {f"layer{i}": torch.zeros(1) for i in range(10)}
    with pytest.raises(CheckpointError, match="unexpected: layer0, layer1, layer2 and 7 more"):
        load_tensors(nn.Identity(), others, tmp_path / "file")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(OSError, match="is a folder, a device or a pipe, and no file"):
        read_tensors(tmp_path / "model.safetensors", "weights")
