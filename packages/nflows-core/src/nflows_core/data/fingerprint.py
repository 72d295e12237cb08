"""What tells a data set from another: how many images, their names, and what they were read from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
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
    def from_dict(cls, values: Any) -> Fingerprint:
        """The fingerprint that ``dataclasses.asdict`` gave.

        Raises:
            TypeError: It gave none of these.
        """
        match values:
            case {"images": int(images), "names": str(names), "content": str(content)}:
                return cls(images, names, content)
        raise TypeError("fingerprint must have images, names and content of each split")

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
    tensors = (one for one in (images.pixels, images.labels, images.vectors, images.maps) if one is not None)
    return replace(images, digest=tensor_digest(*tensors))


def tensor_digest(*tensors: Tensor) -> str:
    """The SHA-256 of the numbers of tensors."""
    return digest(one.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data for one in tensors)


def digest(parts: Iterable[bytes | memoryview]) -> str:
    """The SHA-256 of parts, which must be these and not their bytes in other pieces."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()
