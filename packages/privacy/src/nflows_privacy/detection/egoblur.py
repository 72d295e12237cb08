"""EgoBlur: faces and plates, by the networks of Meta (Raina et al. 2023, arXiv 2308.13093; Apache-2.0).

The files of its first generation, ``ego_blur_face.jit`` and ``ego_blur_lp.jit``, are TorchScript: what loads one runs
code that is in it. No SHA-256 of them is published, so none is fetched, and only a file is loaded that a person names
by its path. They want BGR in eight bits and give boxes, labels,
scores and sizes.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_privacy.detection.arrays import regions_of, scaled
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.passes import resized
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import FACE, PLATE, Region

SUFFIX = ".jit"
PUBLISHED = "https://www.projectaria.com/tools/egoblur"

_KINDS = {"face": FACE, "lp": PLATE, "plate": PLATE}
_THRESHOLD = 0.9  # that of the published demonstration
_OTHER_SIZE = 0.75
"""The share of the picture's sides by which it is checked: the network enlarges and shrinks by itself."""


class EgoBlur:
    """Faces or plates by EgoBlur.

    Arguments:
        path: The TorchScript file.
        kind: What it finds.
        threshold: The score from which a region counts.
        device: The device by torch's name.

    Raises:
        ValueError: The file is damaged, or something else.
    """

    def __init__(self, path: Path, kind: str, threshold: float, device: Any) -> None:
        import torch

        self.kinds = frozenset({kind})
        self._kind, self._threshold, self._device, self._path = kind, threshold, device, path
        try:
            with warnings.catch_warnings(action="ignore"):  # that TorchScript is old: the files are what they are
                self._network = torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            said = str(error).strip().partition("\n")[0]
            raise ValueError(f"{path}: is damaged or no TorchScript: {said}; take an intact copy") from error

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        shape = pixels.shape
        if look.is_check:
            pixels = resized(pixels, _OTHER_SIZE)
        return distinct(scaled(self._look(pixels), pixels.shape, shape))

    def _look(self, pixels: NDArray[np.uint8]) -> list[Region]:
        import torch

        bgr = np.ascontiguousarray(pixels[..., ::-1].transpose(2, 0, 1))
        with torch.inference_mode():
            found = self._network(torch.from_numpy(bgr).to(self._device))
        # The files exported later have the masks' place between labels and scores.
        if not isinstance(found, tuple) or len(found) not in (4, 5):
            raise ValueError(
                f"{self._path}: gives no boxes, labels, scores and sizes; take a file of EgoBlur's first kind"
            )
        boxes, scores = (part.float().cpu().numpy() for part in (found[0], found[-2]))
        return regions_of(boxes.reshape(-1, 4), scores.reshape(-1), self._kind, self._threshold)


def _missing() -> Path:
    raise CommandError(
        "egoblur: no SHA-256 of its files is published, and what loads one runs code in it. Get ego_blur_face.jit or"
        f" ego_blur_lp.jit\nof the first generation from {PUBLISHED}, and give its path instead of the name",
        ExitCode.WEIGHTS,
    )


def of_name(name: str) -> NamedDetector | None:
    """The detector of such a file; nothing if its name is none.

    Raises:
        ValueError: The name does not say what it finds.
    """
    path = Path(name)
    if path.suffix != SUFFIX:
        return None
    kinds = [kind for word, kind in _KINDS.items() if word in path.stem.lower()]
    if not kinds:
        raise ValueError(f"{path}: is it of faces or of plates? Call it ego_blur_face.jit or ego_blur_lp.jit")

    def load(settings: DetectorSettings) -> EgoBlur:
        threshold = _THRESHOLD if settings.threshold is None else settings.threshold
        return EgoBlur(path, kinds[0], threshold, settings.place)

    return NamedDetector(load, path)


EGOBLUR = NamedDetector(lambda settings: EgoBlur(_missing(), FACE, _THRESHOLD, settings.place), _missing)
"""What a person is told who gives the name alone."""
