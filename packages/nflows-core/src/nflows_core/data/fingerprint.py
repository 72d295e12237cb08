"""What tells a data set from another: how many images, their names, and what they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import Tensor

from nflows_core.data.images import Images


@dataclass(frozen=True)
class Fingerprint:
    """A part of a data set, in 64 letters or less each.

    Arguments:
        images: How many images it has.
        names: The SHA-256 of their names in order.
        content: The SHA-256 of what they were read from.
    """

    images: int
    names: str
    content: str

    @classmethod
    def of(cls, images: Images) -> Fingerprint:
        """The fingerprint of images."""
        names = digest(name.encode(errors="surrogateescape") for name in images.names)
        return cls(len(images), names, with_digest(images).digest)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Fingerprint:
        """Undoes `to_dict`."""
        return cls(int(values["images"]), str(values["names"]), str(values["content"]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON's own types."""
        return asdict(self)

    def difference(self, now: Fingerprint) -> str:
        """What differs in the images that are there now, in words; nothing if they are the same."""
        if self == now:
            return ""
        if self.images != now.images:
            return f"{self.images:,} then and {now.images:,} now"
        return f"as many ({now.images:,}), but {'of other names' if self.content == now.content else 'other ones'}"


def with_digest(images: Images) -> Images:
    """The same images with the digest of their pixels and labels, unless they have that of their files.

    Files are what counts: another decoder, or another processor that scales them, may give other pixels.
    """
    if images.digest:
        return images
    tensors = [images.pixels, *(one for one in (images.labels, images.vectors) if one is not None)]
    return replace(images, digest=digest(map(_bytes, tensors)))


def digest(parts: Iterable[bytes | memoryview]) -> str:
    """The SHA-256 of parts, which must be these and not their bytes in other pieces."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().contiguous().numpy().data.cast("B")
