"""A trained autoencoder as the beginning of another: every weight that survives is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.weights import load_state
from nflows_sr.autoencoders.coupling import CouplingBlock
from nflows_sr.autoencoders.shapes import Shape, build_autoencoder, coupling_blocks

Trained = Literal["everything", "couplings"]
"""Which weights of an autoencoder a training changes: all, as table 4.1 of the thesis counts, or those of the coupling
blocks, as its text says."""

CONFIG_FILE = "config.json"
WEIGHT_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
_CLASSES = {"AutoencoderKL": False, "VQModel": True}


@dataclass(frozen=True)
class Loaded:
    """What an autoencoder has of another one's weights.

    Arguments:
        kept: The names of the weights that were taken over.
        new: The names of the weights that it alone has, which are as they were.
        left: The names of the weights that only the other one had.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.kept)} tensors kept, {len(self.new)} new, {len(self.left)} of replaced blocks left out"


def load_pretrained(path: str | Path, shape: Shape | None = None, *, coupled: bool = True) -> tuple[Any, Loaded]:
    """An autoencoder that begins with the weights of a trained one, on the CPU in float32.

    Arguments:
        path: A folder in diffusers' layout (``config.json`` and weights as safetensors), or a file of weights with
            diffusers' names.
        shape: The shape that a file is of, as a file says none; of a folder it is read.
        coupled: Whether blocks of equal size become couplings; those that already are remain so.

    Returns:
        The autoencoder, and which of its weights were taken over.

    Raises:
        CommandError: There is no such file or folder; exit code 3.
        ValueError: The weights are damaged, or those of another shape.
    """
    path = Path(path)
    file = find_weight_file(path)
    shape = replace(_shape_of(path) if path.is_dir() else shape or Shape(coupled=False), coupled=coupled)
    weights = load_state(file)
    with torch.device("meta"):
        _compare(build_autoencoder(shape), weights, file)  # before a configuration may ask for all memory
    autoencoder = build_autoencoder(shape)
    return autoencoder, take_over(autoencoder, weights, file)


def find_weight_file(path: Path) -> Path:
    """The file of weights that a path names: itself, or that of a folder in diffusers' layout.

    Raises:
        CommandError: There is none; exit code 3.
    """
    if not path.exists():
        raise CommandError(
            f"{path}: no such weights; give the folder of an AutoencoderKL in diffusers' layout ({CONFIG_FILE}, "
            f"{WEIGHT_FILES[0]}), such as vae/ of a Stable Diffusion, or a file of its weights",
            ExitCode.WEIGHTS,
        )
    files = [path / name for name in WEIGHT_FILES] if path.is_dir() else [path]
    if found := next((file for file in files if file.exists()), None):
        return found
    raise CommandError(
        f"{path}: the weights are missing; put {WEIGHT_FILES[0]} there, as diffusers names it", ExitCode.WEIGHTS
    )


def take_over(autoencoder: Any, weights: Mapping[str, Tensor], source: str | Path) -> Loaded:
    """Gives an autoencoder the weights that have its names.

    Arguments:
        autoencoder: The autoencoder, changed in place.
        weights: The weights of another one.
        source: Where they are from, for errors.

    Raises:
        ValueError: A weight outside of the coupling blocks is missing, has another shape, or is of no use.
    """
    loaded = _compare(autoencoder, weights, source)
    autoencoder.load_state_dict({name: weights[name] for name in loaded.kept}, strict=False)
    return loaded


def choose_trained(autoencoder: Any, trained: Trained) -> Any:
    """Lets a training change only some weights of an autoencoder, which is given back.

    Raises:
        ValueError: There is no such choice, or only couplings are to be trained, and it has none.
    """
    if trained not in get_args(Trained):
        raise ValueError(f"trained: expected one of {', '.join(get_args(Trained))}, got {trained!r}")
    blocks = coupling_blocks(autoencoder)
    if trained == "couplings" and not blocks:
        raise ValueError("trained: this autoencoder has no coupling blocks; train everything, or choose an affine one")
    autoencoder.requires_grad_(trained == "everything")
    for block in blocks:
        block.requires_grad_(True)
    return autoencoder


def _compare(autoencoder: Any, weights: Mapping[str, Tensor], source: str | Path) -> Loaded:
    own = autoencoder.state_dict()
    blocks = {name for name, part in autoencoder.named_modules() if isinstance(part, CouplingBlock)}
    kept = [name for name in weights if name in own]
    new, left = ([name for name in one if name not in other] for one, other in ((own, weights), (weights, own)))
    wrong = [name for name in (*new, *left) if not _is_inside(name, blocks)]
    wrong += [name for name in kept if weights[name].shape != own[name].shape]
    if wrong:
        raise ValueError(
            f"{source} holds the weights of an autoencoder of another shape: {len(wrong)} do not fit, such as "
            f"{wrong[0]}; give those of this shape, with diffusers' names"
        )
    return Loaded(tuple(kept), tuple(new), tuple(left))


def _shape_of(folder: Path) -> Shape:
    """The shape that a configuration of diffusers describes."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{folder} has no {CONFIG_FILE}; give a folder in diffusers' layout")
    try:
        config = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; take an intact copy") from error
    kind = config.get("_class_name") if isinstance(config, dict) else None
    if kind not in _CLASSES:
        raise ValueError(f"{path} describes a {kind}; an autoencoder is one of {', '.join(_CLASSES)}")
    try:
        return Shape(
            coupled=False,
            widths=config["block_out_channels"],
            layers=config["layers_per_block"],
            groups=config["norm_num_groups"],
            latent_channels=config["latent_channels"],
            codes=config["num_vq_embeddings"] if _CLASSES[kind] else 0,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} says no {error}; take an intact copy") from error


def _is_inside(name: str, modules: set[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)
