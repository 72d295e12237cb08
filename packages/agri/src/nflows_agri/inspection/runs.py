r"""The run folder of a classifier of crops: that of a classifier of pictures, and what agri leaves beside.

- ``unknown.safetensors``: what finds crops of no class, if that was wanted;
- ``model.onnx``, if it was exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from nflows_agri.crops.made import made_for
from nflows_agri.crops.parts import parts_of
from nflows_agri.inspection.settings import CropClassifierSettings
from nflows_agri.unknown import UNKNOWN_FILE
from nflows_core.classification import runs
from nflows_core.classification.settings import ClassifierSettings
from nflows_core.data import Images, LabelledFiles, images_of
from nflows_core.data.images import join
from nflows_core.data.parts import Parts
from nflows_core.runs.kind import RunKind

ONNX_FILE = "model.onnx"
KIND = RunKind("classifier run", (ONNX_FILE, UNKNOWN_FILE))


@dataclass(frozen=True)
class Run(runs.ClassifierRun):
    """How a classifier of crops was built and trained.

    Arguments:
        made: The folder of made crops that it learned from besides, if any.
    """

    kind: ClassVar[RunKind] = KIND
    packages: ClassVar[Sequence[str]] = ("nflows-agri", "timm")
    settings_type: ClassVar[type[ClassifierSettings]] = CropClassifierSettings

    settings: CropClassifierSettings
    made: str | None = None

    def parts(self, files: LabelledFiles) -> Parts:
        return parts_of(files, self.fold)

    def images(self, parts: Parts) -> dict[str, Images]:
        """The crops of the parts, and beside those that are learned from the made ones."""
        images = super().images(parts)
        if self.made is not None:
            made = made_for(self.made, self.data, self.fold, self.settings.classes)
            images["train"] = join([images["train"], images_of(made, self.settings.size)])
        return images

    @classmethod
    def parse(cls, content: Any) -> Self:
        run = super().parse(content)
        match content:
            case {"made": str() | None as made}:
                return replace(run, made=made)
        raise TypeError("its entry 'made' is missing or of another type")


def read_run(folder: Path) -> Run:
    """What a training wrote about a run.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return runs.read_run(folder, Run)
