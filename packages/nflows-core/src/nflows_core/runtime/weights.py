"""Trained weights: named by a setting, fetched once, checked every time, read without running anything in them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nflows_core.runtime.download import DownloadError, download, is_local
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.files import sha256, unicode_name


@dataclass(frozen=True)
class Weights:
    """A file of weights that is published somewhere.

    Arguments:
        name: The name by which a person asks for the model.
        file: The name of the file on a person's disk; of all weights, it alone has this name.
        revision: The version of what was published.
        sha256: The SHA-256 of the file, in small letters.
        mirrors: The places where it is published, as ``https:`` or ``file:``, the first one first.
        size: The size of the file in bytes, if it is known.

    Raises:
        ValueError: A name is no name of a file, or the hash is none.
    """

    name: str
    file: str
    revision: str
    sha256: str
    mirrors: tuple[str, ...]
    size: int | None = None

    def __post_init__(self) -> None:
        for part in (self.name, self.file, self.revision):
            if part in ("", ".", "..") or Path(part).name != part:
                raise ValueError(f"weights {self.name!r}: {part!r} is no name of a file or folder; choose another one")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"weights {self.name!r}: {self.sha256!r} is no SHA-256; give 64 digits in small letters")

    @property
    def cached(self) -> Path:
        """Where the file is kept once it was downloaded."""
        return cache_folder() / "weights" / self.name / self.revision / self.file


def choose_weights(text: str, known: Iterable[Weights]) -> Weights | Path:
    """The weights that a person names: a file or folder of that path, or else weights of that name.

    Arguments:
        text: The word that the person wrote.
        known: The weights that have names.

    Raises:
        CommandError: There is neither; exit code 3.
    """
    by_name = {weights.name: weights for weights in known}
    if Path(text).exists():
        return Path(text)
    if text not in by_name:
        raise CommandError(
            f"{text}: no such weights; give the path of a file, or one of {', '.join(by_name)}", ExitCode.WEIGHTS
        )
    return by_name[text]


def find_weights(weights: Weights | Path) -> Path:
    """The file: a path as it is, or weights that are right by their SHA-256.

    These are looked for in the folder of ``NFLOWS_MODELS`` and in the cache, and else downloaded into the cache; with
    ``NFLOWS_OFFLINE=1`` from no mirror but one on this machine's disk.

    Raises:
        CommandError: The file cannot be had, or is another one; the message says what to put where. Exit code 3.
    """
    if isinstance(weights, Path):
        if not weights.exists():
            raise CommandError(f"{weights}: no such weights; check the path", ExitCode.WEIGHTS)
        return weights
    return _find_own(weights) or _find_cached(weights)


def cache_folder() -> Path:
    """Where downloads are kept: ``NFLOWS_CACHE``, or the place that this system has for such.

    Raises:
        CommandError: The system does not say where.
    """
    if folder := os.environ.get("NFLOWS_CACHE"):
        return Path(folder)
    try:
        return _caches() / "nflows"
    except RuntimeError as error:
        raise CommandError("there is no home folder for downloads; set NFLOWS_CACHE to a folder") from error


def load_state(path: str | Path) -> dict[str, Any]:
    """Tensors by name, on the CPU, from a safetensors file or one of `torch.save`; nested as they were saved.

    Raises:
        ValueError: The file is damaged, or needs Python code that is in it to be run.
        OSError: The file cannot be read.
    """
    path = Path(path)
    return _load_safetensors(path) if path.suffix == ".safetensors" else _load_pickle(path)


def _find_own(weights: Weights) -> Path | None:
    """The file that a person put into the folder of ``NFLOWS_MODELS``, if there is one."""
    folder = os.environ.get("NFLOWS_MODELS")
    if not folder or not (path := Path(folder, weights.file)).exists():
        return None
    if problem := _problem(path, weights):
        raise CommandError(f"{weights.name}: {problem}; replace or remove it", ExitCode.WEIGHTS)
    return path


def _find_cached(weights: Weights) -> Path:
    path = weights.cached
    problem = _problem(path, weights) if path.exists() else None
    if path.exists() and problem is None:
        return path
    if path.is_symlink():
        raise CommandError(f"{weights.name}: {problem or path}, and is a link; remove it", ExitCode.WEIGHTS)
    _fetch(weights, [] if problem is None else [problem])
    return path


def _problem(path: Path, weights: Weights) -> str | None:
    digest = sha256(path)
    return None if digest == weights.sha256 else f"{path} has the SHA-256 {digest} instead of {weights.sha256}"


def _fetch(weights: Weights, problems: list[str]) -> None:
    """Downloads a file into the cache; ``problems`` is what was wrong so far."""
    offline = os.environ.get("NFLOWS_OFFLINE", "") not in ("", "0")
    if offline:
        problems.append("NFLOWS_OFFLINE forbids a download")
    for url in weights.mirrors:
        if offline and not is_local(url):
            continue
        try:
            download(url, weights.cached, weights.sha256, weights.size)
        except DownloadError as error:
            problems.append(str(error))
        except OSError as error:
            raise CommandError(
                f"{weights.name}: {weights.cached}: {error.strerror}; set NFLOWS_CACHE to a folder to write to",
                ExitCode.WEIGHTS,
            ) from error
        else:
            return
    raise CommandError(_missing(weights, problems), ExitCode.WEIGHTS)


def _missing(weights: Weights, problems: list[str]) -> str:
    size = "" if weights.size is None else f"{weights.size:,} bytes, "
    source = f" from {weights.mirrors[0]}" if weights.mirrors else ""
    models = os.environ.get("NFLOWS_MODELS") or "a folder that NFLOWS_MODELS names"
    return (
        f"{weights.name}: the weights are missing: {'; '.join(problems) or 'they are published nowhere'}\n"
        f"Put {weights.file} ({size}SHA-256 {weights.sha256}){source} at {weights.cached}, "
        f"or into {models}."
    )


def _caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    name = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    folder = Path(os.environ.get(name, ""))
    # The XDG specification says that relative paths are to be ignored.
    return folder if folder.is_absolute() else Path.home() / ".cache"


def _load_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with unicode_name(path) as name:
            tensors: dict[str, Any] = load_file(name)
    except SafetensorError as error:
        raise ValueError(f"{path} is cut short or no safetensors file: {error}; take an intact copy") from error
    return tensors


def _load_pickle(path: Path) -> dict[str, Any]:
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors, or is damaged; it is refused because such a file can run any code. "
            "Convert it to safetensors where you trust it."
        ) from error
    except OSError:
        raise
    except Exception as error:
        # On damaged bytes torch's reader fails with nearly every error that there is.
        raise ValueError(f"{path} is damaged or no file of torch.save; take an intact copy") from error
    if not isinstance(state, dict):
        raise ValueError(  # noqa: TRY004 - the file does not fit, no caller is wrong
            f"{path} holds a {type(state).__name__} instead of tensors by name; save a state_dict"
        )
    return state
