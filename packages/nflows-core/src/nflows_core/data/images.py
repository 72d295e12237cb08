"""The data set that everything else takes: quantized images held in memory."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot


class DataError(ValueError):
    """Data that cannot be used as it is; the message says what, where and what to do."""


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size, with labels, conditioning vectors or maps if they have any.

    Each may be a torch tensor or a NumPy array, whose memory is shared where both sides can write to it.

    Arguments:
        pixels: Integers in :math:`[0, n)` as uint8, :math:`(N, C, H, W)`.
        quantization: The number :math:`n` of values that a pixel can take.
        labels: The index of each image's class as int64, :math:`(N,)`, or nothing.
        classes: The names of the classes.
        names: The path of each image inside its data set, if it has one.
        vectors: The conditioning vectors that stand in for the classes, such as attributes: floats, :math:`(N, D)`.
        maps: What stands in for both and has a value at each place, such as another picture of the same: uint8, which
            become [0, 1], or floats, :math:`(N, D, H', W')`, of any height and width.
        digest: The SHA-256 of what the images were read from, if they were; empty for some of them, or changed ones.

    Example:
        >>> import numpy
        >>> images = Images(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))
        >>> len(images), images.shape
        (10, (1, 8, 8))
        >>> len(images[:3])
        3
        >>> Images(numpy.zeros((10, 1, 8, 8), numpy.uint8)).pixels.dtype
        torch.uint8
    """

    pixels: Tensor
    quantization: int = 256
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    vectors: Tensor | None = None
    maps: Tensor | None = None
    digest: str = ""

    def __post_init__(self) -> None:
        for name in ("pixels", "labels", "vectors", "maps"):
            if isinstance(value := getattr(self, name), np.ndarray):
                object.__setattr__(self, name, _as_tensor(name, value))
        self._check_pixels()
        if self.quantization < 256 and len(self) and self.pixels.max() >= self.quantization:
            raise DataError(f"a pixel is {int(self.pixels.max())}, but quantization is {self.quantization}")
        if self.labels is not None:
            self._check_labels(self.labels)
        if self.names and len(self.names) != len(self):
            raise DataError(f"{len(self)} images have {len(self.names)} names; give each one, or none")
        if self.vectors is not None:
            self._check_vectors(self.vectors)
        if self.maps is not None:
            self._check_maps(self.maps)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width of an image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    @property
    def context(self) -> Tensor | None:
        """What a conditional flow is given, float32: the maps, or the vectors, or else the labels, one-hot."""
        if self.maps is not None:
            return self.maps.float() / (1 if self.maps.is_floating_point() else 255)
        if self.vectors is not None:
            return self.vectors.float()
        return None if self.labels is None else one_hot(self.labels, len(self.classes)).float()

    @property
    def context_features(self) -> int:
        """The entries :math:`D` of a context; 0 for images that have neither maps nor vectors nor labels."""
        if self.maps is not None:
            return self.maps.shape[1]
        if self.vectors is not None:
            return self.vectors.shape[1]
        return 0 if self.labels is None else len(self.classes)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, indices: slice | Sequence[int] | Tensor) -> Images:
        """The images at ``indices``: a slice, a list, or an integer or boolean tensor."""
        if not isinstance(indices, slice):
            indices = _as_index(indices)
        labels, vectors, maps = (
            None if part is None else part[indices] for part in (self.labels, self.vectors, self.maps)
        )
        names = tuple(self.names[i] for i in torch.arange(len(self))[indices].tolist()) if self.names else ()
        pixels = self.pixels[indices]
        return replace(self, pixels=pixels, labels=labels, names=names, vectors=vectors, maps=maps, digest="")

    def _check_pixels(self) -> None:
        if not isinstance(self.pixels, Tensor):
            raise DataError(f"pixels must be a tensor or an array of uint8, got {type(self.pixels).__name__}")
        shape = tuple(self.pixels.shape)
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4:
            advice = "; grey images x are x[:, None]" if self.pixels.ndim == 3 else ""
            raise DataError(
                f"pixels must be uint8 of shape (N, C, H, W), got {self.pixels.dtype} of shape {shape}{advice}"
            )
        if shape[3] in (1, 3, 4) and min(shape[1:3]) > 4:
            # Else they would be taken for images of as many channels as they have rows.
            raise DataError(f"pixels of shape {shape} have their channels last; give x.transpose(0, 3, 1, 2)")
        if 0 in shape[1:]:
            raise DataError(f"an image has at least one channel, row and column, got shape {shape}")
        if isinstance(self.quantization, bool) or not isinstance(self.quantization, int) or self.quantization < 2:
            raise DataError(f"quantization must be an integer, at least 2, got {self.quantization!r}")

    def _check_labels(self, labels: Tensor) -> None:
        if labels.dtype != torch.int64 or labels.shape != (len(self),):
            raise DataError(f"labels must be int64 of shape ({len(self)},), got {labels.dtype} {tuple(labels.shape)}")
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise DataError(
                f"labels run from {int(labels.min())} to {int(labels.max())}, but there are {len(self.classes)} classes"
            )

    def _check_vectors(self, vectors: Tensor) -> None:
        if not vectors.is_floating_point() or vectors.ndim != 2 or len(vectors) != len(self) or not vectors.shape[1]:
            raise DataError(
                f"vectors must be floats of shape ({len(self)}, D), got {vectors.dtype} {tuple(vectors.shape)}"
            )
        if not vectors.isfinite().all():
            bad = int((~vectors.isfinite()).any(1).nonzero()[0])
            raise DataError(f"the vector of image {bad} is not finite: {vectors[bad].tolist()[:5]}")

    def _check_maps(self, maps: Tensor) -> None:
        is_number = maps.dtype == torch.uint8 or maps.is_floating_point()
        if not is_number or maps.ndim != 4 or len(maps) != len(self) or 0 in maps.shape[1:]:
            raise DataError(
                f"maps must be uint8 or floats of shape ({len(self)}, D, H, W), got {maps.dtype} {tuple(maps.shape)}"
            )
        if maps.is_floating_point() and not maps.isfinite().all():
            bad = int((~maps.isfinite()).flatten(1).any(1).nonzero()[0])
            raise DataError(f"the map of image {bad} has values that are not finite")


def join(parts: Sequence[Images]) -> Images:
    """The images of several parts of a data set, which have the same shape and classes, as one."""
    first, *rest = parts
    if not rest:
        return first
    if any(part.shape != first.shape or part.classes != first.classes for part in rest):
        raise DataError("the training and the test images have other shapes or classes; read one of them")
    pixels, labels = (
        torch.cat([part.pixels for part in parts]),
        [part.labels for part in parts if part.labels is not None],
    )
    names = tuple(name for part in parts for name in part.names)
    return replace(first, pixels=pixels, labels=torch.cat(labels) if labels else None, names=names, digest="")


def keep_bits(images: Images, bits: int) -> Images:
    r"""The same images with the upper :math:`b` bits of each pixel alone, :math:`\lfloor x / 2^{8 - b} \rfloor`.

    Raises:
        DataError: The pixels do not have 8 bits.
    """
    if images.quantization != 256:
        raise DataError(f"these images have {images.quantization} values a pixel, and not 8 bits; leave `bits` out")
    return replace(images, pixels=images.pixels >> (8 - bits), quantization=2**bits)


def _as_tensor(name: str, array: NDArray[Any]) -> Tensor:
    """A tensor of the array's numbers; labels of any type of integer are as good as int64."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} must be numbers, got an array of {array.dtype}")
    if name == "labels" and array.dtype.kind in "iu":
        array = array.astype(np.int64)
    native = array.astype(array.dtype.newbyteorder("="), copy=not array.flags.writeable)
    return torch.from_numpy(np.ascontiguousarray(native))


def _as_index(indices: Sequence[int] | Tensor) -> Tensor:
    if isinstance(indices, Tensor):
        return indices
    try:
        return torch.tensor([operator.index(index) for index in indices], dtype=torch.int64)
    except TypeError:
        raise TypeError(f"take images by a slice or a list, as in images[3:4]; got {indices!r}") from None
