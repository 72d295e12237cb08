r"""Whether a redacted face still points to the person: re-identification from embeddings.

An attacker has the picture's faces as they were, the gallery, and takes each redacted face for a probe. Embeddings are
compared by their cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Reidentified:
    """How often redacted faces are told apart.

    Arguments:
        faces: The number of faces n.
        top_1: Whether each probe is nearest to the face that it was made of; by chance that is the case for 1 / n.
        tar: The true accept rate by each false accept rate; nothing for a rate that so few pairs cannot tell.
    """

    faces: int
    top_1: tuple[bool, ...]
    tar: dict[float, float | None]


RATES = (1e-2, 1e-3)
"""False accept rates that are reported."""


def reidentify(gallery: Vectors, probes: Vectors) -> Reidentified | None:
    """Compares each redacted face with all faces as they were.

    Arguments:
        gallery: The embeddings of the faces before, :math:`(n, d)`.
        probes: Those of the same faces after.

    Returns:
        What came of it; nothing for fewer than two faces, among which there is nothing to choose.
    """
    if len(gallery) < 2:
        return None
    similar = cosines(probes, gallery)
    impostors = cosines(gallery, gallery)[np.triu_indices(len(gallery), 1)]
    top_1 = tuple((similar.argmax(1) == np.arange(len(gallery))).tolist())
    tar = {far: tar_at_far(similar.diagonal(), impostors, far) for far in RATES}
    return Reidentified(len(gallery), top_1, tar)


def cosines(first: Vectors, second: Vectors) -> NDArray[np.float64]:
    """The cosine of each of n vectors with each of m, :math:`(n, m)`; that of a vector of zeros is 0."""
    one, other = (_unit(np.asarray(vectors, np.float64)) for vectors in (first, second))
    similar: NDArray[np.float64] = one @ other.T
    return similar


def tar_at_far(genuine: NDArray[np.float64], impostors: NDArray[np.float64], far: float) -> float | None:
    r"""The share of genuine pairs above the threshold that lets through a share ``far`` of the impostors.

    The threshold is the lowest value that at most :math:`\lfloor far \cdot m \rfloor` of m impostors exceed.

    Arguments:
        genuine: The similarities of pairs of the same person.
        impostors: Those of pairs of different persons.
        far: The false accept rate.

    Returns:
        The rate; nothing where there are fewer than 1 / ``far`` impostors, whose threshold would be a guess.
    """
    allowed = int(far * len(impostors) * (1 + 1e-12))
    if allowed < 1:
        return None
    threshold = np.sort(impostors)[len(impostors) - allowed - 1] if allowed < len(impostors) else -np.inf
    return float((genuine > threshold).mean())


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
