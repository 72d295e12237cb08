r"""What runs of every kind share: a folder that is free, a beginning in all processes or in none, and weights."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.ownership import refuse_foreign
from nflows_core.runtime.report import REPORT_FILES, versions
from nflows_core.runtime.tensors import CheckpointError, load_tensors, read_tensors, under_prefix, write_tensors
from nflows_core.training.curve import METRICS_FILE, TEST_METRICS_FILE
from nflows_core.training.processes import processes, raise_together
from nflows_core.training.state import CHECKPOINT
from nflows_core.training.trainer import CHECKPOINT_FILE

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
R = TypeVar("R")
M = TypeVar("M", bound=nn.Module)
_FILES = (CONFIG_FILE, WEIGHTS_FILE, CHECKPOINT_FILE, METRICS_FILE, TEST_METRICS_FILE, *REPORT_FILES)
_WEIGHTS, _DIGEST = "weights", "weights_sha256"


class RunError(ValueError):
    """A folder that is no run, or a run whose model cannot be built."""


@dataclass(frozen=True)
class RunKind:
    """A kind of run, by which its folders are told from those of others.

    Arguments:
        name: The word for it, as ``config.json`` has it.
        own_files: What such a run leaves in its folder beside its configuration, weights, curves and report.
    """

    name: str
    own_files: Sequence[str] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All that a run leaves in its folder."""
        return (*_FILES, *self.own_files)

    def save(
        self, folder: Path, described: Mapping[str, Any], model: nn.Module | None = None, packages: Sequence[str] = ()
    ) -> None:
        """Writes ``config.json`` and, with the trained model, ``model.safetensors``, by the main process.

        The configuration has the SHA-256 of the weights, by which damaged ones are known.

        Arguments:
            folder: The folder of the run; made if it is missing.
            described: What its configuration says, in JSON's own types and tuples.
            model: The trained model, if it is.
            packages: Packages that decide the run besides nflows-core, for their versions.

        Raises:
            FileExistsError: The folder is not ours, or a file of the run is a link.
        """
        if not processes().is_main_process:
            return
        refuse_foreign(folder, self.name, self.files)
        folder.mkdir(parents=True, exist_ok=True)
        content = {"kind": self.name, **described, "versions": versions(packages)}
        _write_config(folder, content)
        if model is not None:
            write_tensors(folder / WEIGHTS_FILE, model.state_dict(), _WEIGHTS)
            _write_config(folder, {**content, _DIGEST: sha256(folder / WEIGHTS_FILE)})

    def read(self, folder: Path, parse: Callable[[Any], R], thing: str) -> R:
        """What `save` wrote about a run.

        Arguments:
            folder: The folder of the run.
            parse: Makes the run of the content of ``config.json``; it raises a TypeError or a ValueError that names
                the entry that is wrong.
            thing: What the configuration should describe, in words, as "a detector".

        Raises:
            RunError: The folder is no run, or its ``config.json`` is not one of ours.
        """
        path = folder / CONFIG_FILE
        if not path.is_file():
            raise RunError(f"{folder} is no run folder, it has no {CONFIG_FILE}: give the folder that training wrote")
        try:
            return parse(read_json(path))
        except (TypeError, ValueError) as error:
            raise RunError(f"{path} does not describe {thing} of this version: {error}") from error

    def refuse_taken(self, folder: Path, overwrite: bool = False) -> None:
        """Refuses to begin a run in a folder that has one, or that is not ours.

        Arguments:
            folder: The folder of the run, which need not exist.
            overwrite: Whether a run that is there may be replaced.

        Raises:
            FileExistsError: The folder is taken.
        """
        refuse_foreign(folder, self.name, self.files)
        # What a `Trainer` leaves alone has no configuration.
        if not overwrite and any((folder / name).exists() for name in (CONFIG_FILE, CHECKPOINT_FILE)):
            raise FileExistsError(
                errno.EEXIST, "a run is there; resume it, overwrite it or choose another folder", str(folder)
            )

    def begin(self, folder: Path, overwrite: bool, save: Callable[[], None]) -> None:
        """Removes a run that may be replaced, and saves the new one's configuration.

        Raises:
            FileExistsError: The folder is taken.
        """
        # Each must have found the folder free before a run is in it, and begin only with what is new.
        processes().wait_for_everyone()
        raise_together(self._clear(folder, overwrite) if processes().is_main_process else None)
        save()
        processes().wait_for_everyone()

    def remove(self, folder: Path) -> None:
        """Removes the files that a run leaves in its folder, and nothing else."""
        for name in self.files:
            # Without its configuration the folder would be nobody's; `save` replaces it.
            if name != CONFIG_FILE:
                (folder / name).unlink(missing_ok=True)

    def _clear(self, folder: Path, overwrite: bool) -> FileExistsError | None:
        """Makes way for a run, by what is found there now: only now can no other training begin there."""
        try:
            self.refuse_taken(folder, overwrite)
        except FileExistsError as error:
            return error
        if overwrite:
            self.remove(folder)
        return None


def is_finished(folder: Path) -> bool:
    """Whether the training of a run went to its end."""
    return (folder / WEIGHTS_FILE).exists()


def weights_file(folder: Path) -> Path:
    """The file that `read_weights` reads, which a run has from its first checkpoint on."""
    return folder / (WEIGHTS_FILE if is_finished(folder) else CHECKPOINT_FILE)


def read_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """The averaged weights of a run, and the file that they are from.

    A run that has not finished gives those of its last checkpoint, with a warning.

    Raises:
        RunError: Nothing was trained yet.
        CheckpointError: They cannot be read, or are not those that the run has saved.
    """
    config, file = folder / CONFIG_FILE, weights_file(folder)
    if is_finished(folder):
        weights, _ = read_tensors(file, _WEIGHTS)
        _check_digest(file, config)
        return file, weights
    if file.exists():
        if config.exists():  # what a Trainer alone leaves in a folder is a checkpoint
            warnings.warn(
                f"{folder} has no {WEIGHTS_FILE}, as its training has not finished: what its checkpoint has is used",
                RuntimeWarning,
                stacklevel=2,
            )
        return file, under_prefix("ema", read_tensors(file, CHECKPOINT)[0])
    raise RunError(
        f"{folder} has neither {WEIGHTS_FILE} nor {CHECKPOINT_FILE}: its training stopped at once; go on with it"
    )


def load_trained(folder: Path, build: Callable[[], M]) -> M:
    """The trained network of a run, on the CPU, in evaluation mode; see `read_weights`.

    Arguments:
        folder: The folder of the run.
        build: Makes the untrained network, once there are weights for it.

    Raises:
        RunError: Nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another network.
    """
    path, weights = read_weights(folder)
    network = build()
    load_tensors(network, weights, path)
    return network.eval()


def _write_config(folder: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(folder / CONFIG_FILE, "w") as file:
        file.write(to_json(content, indent=2))


def _check_digest(weights: Path, config: Path) -> None:
    """Refuses weights that are not those of which a configuration has the digest; older ones have none."""
    content = read_json(config) if config.is_file() else None
    expected = content.get(_DIGEST) if isinstance(content, dict) else None
    if expected is not None and (found := sha256(weights)) != expected:
        raise CheckpointError(
            f"{weights} is damaged, or of another run: its SHA-256 is {found[:8]}..., and {config.name} beside it says "
            f"{str(expected)[:8]}...; take an intact copy of both"
        )
