"""D-FINE: persons and vehicles, in and on which faces and plates are, by transformers.

Peng et al., D-FINE: Redefine Regression Task of DETRs as Fine-grained Distribution Refinement, ICLR 2025 (arXiv
2410.13842), Apache-2.0. Any folder of such a model will do that names these classes of COCO or Objects365.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.foreign_text import read_json
from nflows_core.runtime.model_folders import TRANSFORMERS, find_model_folder, is_repository, quiet_libraries
from nflows_privacy.detection.arrays import regions_of
from nflows_privacy.detection.base import Look, NamedDetector
from nflows_privacy.detection.joined import distinct
from nflows_privacy.detection.settings import DetectorSettings
from nflows_privacy.regions import Box, Region

PERSON = "person"
VEHICLE = "vehicle"
PUBLISHED = "ustc-community/dfine-small-coco"
_MIRRORS = ("ustc-community/dfine_s_coco", "vladislavbro/dfine_s_coco")

_CLASSES = {
    PERSON: frozenset({"person"}),
    VEHICLE: frozenset(
        {"bicycle", "bus", "car", "motorbike", "motorcycle", "pickup truck", "suv", "train", "truck", "van"}
    ),
}
_THRESHOLD = 0.5  # that of transformers
_TYPE = "d_fine"


class DFine:
    """Persons and vehicles by D-FINE, which sees every picture at the size that its folder says.

    Arguments:
        folder: The folder of the model.
        threshold: The score from which a region counts.
        device: The device by torch's name.

    Raises:
        ValueError: The folder is damaged, or of another model.
        ModuleNotFoundError: transformers is not installed.
    """

    def __init__(self, folder: Path, threshold: float, device: Any) -> None:
        model, self._processor = _loaded(folder)
        self._model, self._threshold, self._device = model.to(device).eval(), threshold, device
        self._kinds = {number: kind for number, name in model.config.id2label.items() if (kind := _kind(name))}
        if not self._kinds:
            raise ValueError(
                f"{folder}: has no class of persons or vehicles; take a model of COCO, such as {PUBLISHED}"
            )
        self.kinds = frozenset(self._kinds.values())

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        if not look.is_check:
            return distinct(self._look(pixels))
        # It sees all pictures at one size, so it checks by looking at another picture: the mirrored one.
        return distinct(_mirrored(region, pixels.shape[1]) for region in self._look(pixels[:, ::-1].copy()))

    def _look(self, pixels: NDArray[np.uint8]) -> list[Region]:
        import torch

        seen = self._processor(images=pixels, return_tensors="pt", input_data_format="channels_last")
        with torch.inference_mode():
            found = self._model(pixel_values=seen["pixel_values"].to(self._device))
        (one,) = self._processor.post_process_object_detection(found, self._threshold, [pixels.shape[:2]])
        boxes, scores, labels = (one[name].float().cpu().numpy() for name in ("boxes", "scores", "labels"))
        return [
            region
            for number, kind in self._kinds.items()
            for region in regions_of(boxes[labels == number], scores[labels == number], kind, self._threshold)
        ]


def of_name(name: str) -> NamedDetector | None:
    """The detector of such a folder, by its path or by the name of a repository that says D-FINE; nothing else."""
    is_named = is_repository(name) and "dfine" in name.lower().replace("_", "").replace("-", "")
    return _named(name) if is_named or _type_of(Path(name)) == _TYPE else None


def _named(name: str) -> NamedDetector:
    def find() -> Path:
        return find_model_folder(name, PUBLISHED, _MIRRORS, TRANSFORMERS)

    return NamedDetector(partial(_load, find), find)


def _load(find: Any, settings: DetectorSettings) -> DFine:
    threshold = _THRESHOLD if settings.threshold is None else settings.threshold
    return DFine(find(), threshold, settings.place)


def _type_of(folder: Path) -> object:
    config = folder / "config.json"
    try:
        content = read_json(config) if config.is_file() else None
    except ValueError:
        return None
    return content.get("model_type") if isinstance(content, dict) else None


def _loaded(folder: Path) -> tuple[Any, Any]:
    transformers = _transformers()
    if _type_of(folder) != _TYPE:
        raise ValueError(f"{folder} is no D-FINE: config.json says another type or is missing; take {PUBLISHED}")
    try:
        with quiet_libraries():
            model = transformers.DFineForObjectDetection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
            return model, transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    # On damaged files transformers fails with any error.
    except Exception as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(f"{folder} is damaged: {said}; take an intact copy") from error


def _transformers() -> ModuleType:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "`detectors` dfine needs transformers: pip install 'nflows-privacy[diffusion]'", name=error.name
        ) from error
    return transformers


def _kind(name: str) -> str | None:
    return next((kind for kind, names in _CLASSES.items() if name.lower() in names), None)


def _mirrored(region: Region, width: int) -> Region:
    left, top, right, bottom = region.box
    return Region(Box(width - right, top, width - left, bottom), region.kind, region.score)


DFINE = _named(PUBLISHED)
