r"""What can be said of an image in one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nflows_core.data.images import DataError, Images
from nflows_core.latents.table import AttributeTable

Measure = Callable[[Tensor], Tensor]
"""Images with values in :math:`[0, 1]`, :math:`(B, C, H, W)`, to a number each, :math:`(B,)`."""

_BATCH = 1000


def brightness(x: Tensor) -> Tensor:
    """The mean of the pixels."""
    return x.flatten(1).mean(1)


def contrast(x: Tensor) -> Tensor:
    """The standard deviation of the pixels' grey."""
    return x.mean(1).flatten(1).std(1, correction=0)


def thickness(x: Tensor) -> Tensor:
    r"""The width of strokes in pixels: twice their area by their perimeter.

    .. math:: w = \frac{2 \sum u}{\sum \|\nabla u\|}

    with :math:`u` the `ink` and :math:`\nabla` the forward differences. A long stroke of width :math:`w` and length
    :math:`l` has the area :math:`w l` and the perimeter :math:`2 l`; by the coarea formula (Federer 1959, theorem
    3.1) the sums are area and perimeter of the sets where the ink is above a threshold, integrated over all
    thresholds, so that none has to be chosen, and paler ink is no thinner stroke. 0 without ink.
    """
    u = ink(x)
    # Beyond the border the ink goes on, so that a stroke that is cut off there has no end.
    padded = torch.nn.functional.pad(u.unsqueeze(1), (0, 1, 0, 1), mode="replicate").squeeze(1)
    down, right = padded[:, 1:, :-1] - u, padded[:, :-1, 1:] - u
    return _ratio(2 * u.sum((1, 2)), torch.hypot(down, right).sum((1, 2)))


def slant(x: Tensor) -> Tensor:
    r"""The tangent of the angle by which strokes lean to the right.

    .. math:: -\frac{\sum u \, (i - \bar i) (j - \bar j)}{\sum u \, (i - \bar i)^2}

    with :math:`u` the `ink` of row :math:`i` and column :math:`j`, and the means weighted by it: the shear that
    makes them upright. 0 without ink.
    """
    u = ink(x)
    rows = torch.arange(u.shape[1], device=x.device, dtype=x.dtype).unsqueeze(1)
    columns = torch.arange(u.shape[2], device=x.device, dtype=x.dtype)
    total = u.sum((1, 2))
    rows, columns = (place - _ratio((u * place).sum((1, 2)), total)[:, None, None] for place in (rows, columns))
    return -_ratio((u * rows * columns).sum((1, 2)), (u * rows.square()).sum((1, 2)))


def ink(x: Tensor) -> Tensor:
    """How much the grey differs from the background, the median of the border's: :math:`(B, H, W)`."""
    grey = x.mean(1)
    border = torch.cat([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], dim=1)
    return (grey - border.median(1).values[:, None, None]).abs()


MEASURES: dict[str, Measure] = {
    "brightness": brightness,
    "contrast": contrast,
    "slant": slant,
    "thickness": thickness,
}
"""The attributes that need no labels."""


def measured(measure: Measure, images: Images) -> Tensor:
    """The measure of each image, :math:`(N,)` in float64."""
    scale = images.quantization - 1
    return torch.cat([measure(part.double() / scale) for part in torch.split(images.pixels, _BATCH)])


def attribute_values(
    name: str, images: Images, table: AttributeTable | None = None, most: int | None = None
) -> tuple[Images, Tensor]:
    """The images that have an attribute, and its values.

    Arguments:
        name: The attribute: a column of the table, the name of a class, whose images have 1 and all others 0, or a name
            in `MEASURES`; it must not be two of these.
        images: The images that may have it.
        table: The attributes of a file, if there is one.
        most: The largest number of images to take, evenly spaced; all of them if not given.

    Returns:
        Those images, and the values, :math:`(N,)` in float64.

    Raises:
        DataError: There is no such attribute, or there are two, or the table does not fit the images.
    """
    meanings = _meanings(name, images, table)
    if len(meanings) > 1:
        raise DataError(f"{name} is {' and '.join(meanings)}; give the one that is meant in a column of another name")
    if table is not None and name in table.columns:
        indices, values = table.values_of(name, images)
        kept = spread(len(indices), most)
        return images[[indices[i] for i in kept]], values[kept]
    images = images[spread(len(images), most)]
    if images.labels is not None and name in images.classes:
        return images, (images.labels == images.classes.index(name)).double()
    if name in MEASURES:
        return images, measured(MEASURES[name], images)
    raise DataError(f"no attribute {name!r}; known here: {', '.join(_known(images, table))}")


def spread(n: int, most: int | None) -> list[int]:
    """At most so many of ``n`` indices, evenly spaced: the first images of a folder are all of one class."""
    count = n if most is None else min(n, most)
    return [i * n // count for i in range(count)]


def _known(images: Images, table: AttributeTable | None) -> list[str]:
    columns = filter(None, table.columns) if table is not None else ()
    return list(dict.fromkeys([*MEASURES, *_classes(images), *columns]))


def _meanings(name: str, images: Images, table: AttributeTable | None) -> list[str]:
    """What a name stands for, in words."""
    meanings = {
        "a column of the table": table is not None and name in table.columns,
        "a class of the images": name in _classes(images),
        "what is measured of their pixels": name in MEASURES,
    }
    return [words for words, is_meant in meanings.items() if is_meant]


def _classes(images: Images) -> Sequence[str]:
    return images.classes if images.labels is not None else ()


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """0 where there is nothing to divide by."""
    return torch.where(denominator > 0, numerator / denominator.clamp(min=torch.finfo(numerator.dtype).tiny), 0.0)
