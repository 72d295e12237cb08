"""Where the folder of a model is that a hub publishes. Nothing is downloaded: a person is told what to get."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nflows_core.runtime.errors import CommandError, ExitCode

INDEX_FILE = "model_index.json"
"""What a folder in diffusers' layout has."""
DIFFUSERS = f"diffusers' layout ({INDEX_FILE} and a folder for each part)"
TRANSFORMERS = "transformers' layout (config.json and model.safetensors)"


def find_model_folder(name: str, published: str, mirrors: Sequence[str] = (), layout: str = DIFFUSERS) -> Path:
    """The folder of a model: a path, or a repository's name whose folder is in ``NFLOWS_MODELS`` or in the hub's cache.

    Arguments:
        name: The path or the name.
        published: The model that a person is told to download, by the name that its publisher gave it.
        mirrors: Other names of that model, of repositories that have copies.
        layout: What the folder has, in words: `DIFFUSERS` or `TRANSFORMERS`.

    Raises:
        CommandError: There is none; exit code 3.
    """
    if Path(name).exists():
        return Path(name)
    models = os.environ.get("NFLOWS_MODELS")
    names = (name, *mirrors) if name == published else (name,)
    folders = [Path(models, Path(one).name) for one in names] if models else []
    folders += [folder for one in names for folder in _cached(one)]
    if found := next((folder for folder in folders if folder.is_dir()), None):
        return found
    wanted = name if is_repository(name) else published
    copies = f", or a mirror of it such as {' or '.join(mirrors)}," if mirrors and wanted == published else ""
    raise CommandError(
        f"{name}: no such folder. Download {wanted}{copies} in {layout};\n"
        f"give its path, or put it as {Path(name).name} into {models or 'a folder that NFLOWS_MODELS names'}",
        ExitCode.WEIGHTS,
    )


def is_repository(name: str) -> bool:
    """Whether a word is written as the hub names repositories, ``owner/name``, and not as a path or a file."""
    path = Path(name)
    return name.count("/") == 1 and not path.is_absolute() and not path.suffix[1:].isalpha()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps diffusers and transformers, where they are imported, from drawing bars and from advice for their users."""
    names = ("diffusers.utils.logging", "transformers.utils.logging")
    loggers = [sys.modules[name] for name in names if name in sys.modules]
    before = [(logger.get_verbosity(), logger.is_progress_bar_enabled()) for logger in loggers]
    for logger in loggers:
        logger.set_verbosity_error()
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger, (verbosity, has_bar) in zip(loggers, before, strict=True):
            logger.set_verbosity(verbosity)
            if has_bar:
                logger.enable_progress_bar()


def _cached(name: str) -> list[Path]:
    """The newest snapshot of a repository in the cache of the hub, where diffusers has kept it."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return []
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return [Path(snapshot_download(name, local_files_only=True))]
    except (HFValidationError, LocalEntryNotFoundError):
        return []
