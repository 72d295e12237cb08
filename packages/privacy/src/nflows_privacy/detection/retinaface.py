"""RetinaFace: faces, by the public checkpoints of biubug6/Pytorch_Retinaface (MIT).

Deng et al., RetinaFace: Single-shot Multi-level Face Localisation in the Wild, CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.weights import Weights, find_weights, load_state
from nflows_privacy.detection.arrays import regions_of, scaled
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.passes import TILE, resized
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import FACE, Region

if TYPE_CHECKING:
    from nflows_privacy.detection.retinaface_network import RetinaFace

_FACEXLIB = "https://github.com/xinntao/facexlib/releases/download/v0.1.0"
_CODEFORMER = "https://github.com/sczhou/CodeFormer/releases/download/v0.1.0"


def _weights(name: str, file: str, sha256: str, size: int) -> Weights:
    return Weights(name, file, "v0.1.0", sha256, (f"{_FACEXLIB}/{file}", f"{_CODEFORMER}/{file}"), size)


RESNET50_WEIGHTS = _weights(
    "retinaface",
    "detection_Resnet50_Final.pth",
    "6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
    109497761,
)
MOBILENET_WEIGHTS = _weights(
    "retinaface-mobilenet",
    "detection_mobilenet0.25_Final.pth",
    "2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220",
    1789735,
)

_LONG_SIDES = {
    Look.QUICK: (640,),
    Look.THOROUGH: (640, 1280),
    Look.CHECK: (900, 1800),
    Look.QUICK_CHECK: (900,),
}
_THRESHOLD = 0.6  # that from which the published demonstration shows faces
_MEAN = np.array([104, 117, 123], np.float32)
"""Of ImageNet's pictures, blue, green and red."""
_SIDES = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
"""The sides of the anchors by the stride of their features, in pixels."""
_VARIANCES = 0.1, 0.2


def _long_sides(side: int, look: Look) -> list[int]:
    """The longer sides at which a picture is looked at; a thorough look is at its own size too, up to a tile."""
    own = [min(side, TILE)] if look == Look.THOROUGH and side > 1280 else []
    return [*_LONG_SIDES[look], *own]


def anchors(height: int, width: int) -> NDArray[np.float32]:
    """The anchors :math:`(N, 3)` of a picture: the middles and the side of each, in pixels."""
    found = []
    for stride, sides in _SIDES.items():
        rows, columns = (np.arange(ceil(length / stride)) + 0.5 for length in (height, width))
        y, x, side = np.meshgrid(rows * stride, columns * stride, sides, indexing="ij")
        found.append(np.stack([x, y, side], axis=-1).reshape(-1, 3))
    return np.concatenate(found).astype(np.float32)


def decode(offsets: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""The boxes :math:`(N, 4)` in pixels, their middles :math:`c + 0.1\, s\, d`, their sides :math:`s\, e^{0.2 t}`.

    Arguments:
        offsets: What the network says of each anchor, :math:`(N, 4)`, :math:`d` and :math:`t`.
        known: The anchors :math:`(N, 3)`, :math:`c` and :math:`s`.
    """
    middles = known[:, :2] + _VARIANCES[0] * known[:, 2:] * offsets[:, :2]
    halves = known[:, 2:] * np.exp(_VARIANCES[1] * offsets[:, 2:]) / 2
    return np.concatenate([middles - halves, middles + halves], axis=1)


class RetinaFaces:
    """Faces by RetinaFace.

    Arguments:
        network: The network.
        threshold: The score from which a face counts.
        device: The device that it is on.
    """

    kinds = frozenset({FACE})

    def __init__(self, network: RetinaFace, threshold: float, device: Any) -> None:
        self._network, self._threshold, self._device = network.to(device).eval(), threshold, device

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        found = []
        for side in _long_sides(max(pixels.shape[:2]), look):
            small = resized(pixels, side / max(pixels.shape[:2]))
            found += scaled(self._look(small), small.shape, pixels.shape)
        return distinct(found)

    def _look(self, pixels: NDArray[np.uint8]) -> list[Region]:
        import torch

        bgr = pixels[..., ::-1].astype(np.float32) - _MEAN
        picture = torch.from_numpy(np.ascontiguousarray(bgr.transpose(2, 0, 1)))[None].to(self._device)
        with torch.inference_mode():
            offsets, scores = (part[0].cpu().numpy() for part in self._network(picture))
        likely = scores >= self._threshold
        boxes = decode(offsets[likely], anchors(*pixels.shape[:2])[likely])
        return distinct(regions_of(boxes, scores[likely], FACE, self._threshold))


def load_checkpoint(network: RetinaFace, path: Path) -> RetinaFace:
    """The network with the parameters of a public checkpoint, whose names may begin with ``module.``.

    Raises:
        ValueError: The file is damaged, or of another network.
        OSError: It cannot be read.
    """
    state: Mapping[str, Any] = load_state(path)
    named = {name.removeprefix("module."): value for name, value in state.items()}
    try:
        network.load_state_dict(named)
    except (RuntimeError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: is of another network: {said}; take the published file") from error
    return network


def _load(build: str, weights: Weights, settings: DetectorSettings) -> RetinaFaces:
    from nflows_privacy.detection import retinaface_network

    make: Callable[[], RetinaFace] = getattr(retinaface_network, build)
    threshold = _THRESHOLD if settings.threshold is None else settings.threshold
    return RetinaFaces(load_checkpoint(make(), find_weights(weights)), threshold, settings.place)


RETINAFACE = NamedDetector(partial(_load, "resnet50", RESNET50_WEIGHTS), RESNET50_WEIGHTS)
RETINAFACE_MOBILENET = NamedDetector(partial(_load, "mobilenet", MOBILENET_WEIGHTS), MOBILENET_WEIGHTS)
