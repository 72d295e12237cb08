"""Directions kept with a run, for those who have the model and not its training images."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.latents.attributes import MEASURES, attribute_values
from nflows_core.latents.directions import AttributeDirection, attribute_direction
from nflows_core.runtime.tensors import CheckpointError, read_tensors, write_tensors

DIRECTIONS_FILE = "directions.safetensors"
_KIND = "directions"


def save_directions(folder: str | Path, flow: Flow, training: Images, most: int | None = None) -> None:
    """Writes the directions of every attribute that the images have without a table: measures and classes.

    Arguments:
        folder: The folder of the run.
        flow: The flow of the run.
        training: The training images of the run.
        most: The largest number of them to take; all of them if not given.
    """
    folder = Path(folder)
    classes = training.classes if training.labels is not None else ()
    directions = {
        name: _direction(flow, *attribute_values(name, training, most=most)) for name in (*MEASURES, *classes)
    }
    described = {
        name: {"mean": one.mean, "standard_deviation": one.standard_deviation, "images": one.images}
        for name, one in directions.items()
    }
    vectors = {name: one.vector for name, one in directions.items()}
    write_tensors(folder / DIRECTIONS_FILE, vectors, _KIND, attributes=described)


def _direction(flow: Flow, images: Images, values: Tensor) -> AttributeDirection:
    return attribute_direction(flow, images, values, images.context if flow.context_features else None)


def stored_directions(folder: str | Path) -> dict[str, AttributeDirection]:
    """The directions kept in the folder of a run, by attribute; none if there is no such file.

    Raises:
        CheckpointError: The file cannot be used.
    """
    folder = Path(folder)
    path = folder / DIRECTIONS_FILE
    if not path.exists():
        return {}
    vectors, header = read_tensors(path, _KIND)
    try:
        return {name: AttributeDirection(vectors[name], **header["attributes"][name]) for name in vectors}
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not describe the directions that it holds; remove it") from error
