r"""Tensors and what describes them in one safetensors file, written whole or not at all, read without pickle.

Next to the tensors, the header holds one JSON text with the kind of the file, the version of its format and
what the writer adds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from nflows_core.runtime.files import atomic_write, require_regular, unicode_name
from nflows_core.runtime.foreign_text import parse_json

FORMAT_VERSION = 1
_HEADER_KEY = "nflows_core"


class CheckpointError(ValueError):
    """A file of weights or training state that cannot be used; the message says why and what to do."""


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], kind: str, **description: Any) -> None:
    """Writes a file that `read_tensors` reads; until that is done, a previous file stays as it was.

    Arguments:
        path: The file to write.
        tensors: The tensors by name, on any device.
        kind: A word for what the file is, which `read_tensors` asks for.
        description: The further entries of its header, as JSON's own types.

    Raises:
        OSError: The file could not be written.
    """
    header = json.dumps({"kind": kind, "version": FORMAT_VERSION, **description})
    # Copies, because safetensors refuses tensors that share memory, as tied weights do.
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    # One entry only: several would stand in another order every time, and the same run must give the same bytes.
    content = save(copies, {_HEADER_KEY: header})
    with atomic_write(path, "wb") as file:
        file.write(content)


def read_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the header of a file that `write_tensors` wrote.

    Raises:
        OSError: There is no such file, or it is a folder, a device or a pipe.
        CheckpointError: The file is cut short, of another program, of another kind or of a newer version.
    """
    with _opened(path, kind) as (file, header):
        return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 - not a mapping


def read_header(path: str | Path, kind: str) -> dict[str, Any]:
    """The header alone of a file that `read_tensors` reads, with the same errors."""
    with _opened(path, kind) as (_, header):
        return header


@contextmanager
def _opened(path: str | Path, kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    path = require_regular(path)
    try:
        with unicode_name(path) as name, safe_open(name, framework="pt") as file:
            yield file, _header(path, file.metadata() or {}, kind)
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes) is cut short or no safetensors file: {error}. Take an intact copy."
        ) from error


def load_tensors(module: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Loads the parameters and buffers of a module.

    Arguments:
        module: The module, which is changed.
        tensors: Its tensors by name.
        path: The file that they are from, named in errors.

    Raises:
        CheckpointError: Some are missing, unexpected or of another shape; the message names them.
    """
    own = module.state_dict()
    problems = [
        _named("missing", own.keys() - tensors.keys()),
        _named("unexpected", tensors.keys() - own.keys()),
        _named("of another shape", _reshaped(own, tensors)),
    ]
    if any(problems):
        raise CheckpointError(
            f"{path} holds the weights of another model than this {type(module).__name__}: "
            f"{'; '.join(filter(None, problems))}. Build the model with the arguments it was trained with."
        )
    module.load_state_dict(tensors)


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under ``prefix.name``."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undoes `with_prefix`, dropping everything under other prefixes."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _header(path: Path, metadata: Mapping[str, str], kind: str) -> dict[str, Any]:
    if _HEADER_KEY not in metadata:
        raise CheckpointError(f"{path} is a safetensors file, but of another program than nflows-core")
    try:
        header = parse_json(metadata[_HEADER_KEY])
    except ValueError as error:
        raise CheckpointError(f"{path} has a header that is no JSON; take an intact copy") from error
    match header:
        case {"kind": str(), "version": int(version)}:
            pass
        case _:
            raise CheckpointError(f"{path} has a header without a kind and a version; take an intact copy")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {version}, newer than {FORMAT_VERSION}, the last known here: update nflows-core"
        )
    if header["kind"] != kind:
        raise CheckpointError(f"{path} is a file of kind {header['kind'][:60]!r}, expected {kind!r}")
    return dict(header)


def _reshaped(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> list[str]:
    return [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]


def _named(problem: str, names: Iterable[str]) -> str:
    """At most three names, because a wrong model lacks hundreds."""
    names = sorted(names)
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{problem}: {', '.join(names[:3])}{rest}" if names else ""
