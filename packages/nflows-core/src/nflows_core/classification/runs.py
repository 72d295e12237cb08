r"""The run folder of a classifier: what a training leaves behind, and all that is needed to use it or to go on with it.

- ``config.json``: the classifier's settings, the data, the engine's settings, the versions;
- ``model.safetensors``: the averaged weights with the best macro-F1, or those that were solved for;
- ``checkpoint.safetensors`` and the curves, written by the `Trainer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from nflows_core.classification.settings import ClassifierSettings
from nflows_core.classifiers import Classifier
from nflows_core.data.fingerprint import Fingerprint
from nflows_core.data.images import Images
from nflows_core.data.labelled import LabelledFiles, read_labelled
from nflows_core.data.labelled_images import images_of
from nflows_core.data.parts import Parts, parts_of
from nflows_core.runs.kind import RunKind, load_trained
from nflows_core.training import EngineConfig


@dataclass(frozen=True)
class ClassifierRun:
    """How a classifier was built and trained. A package whose runs say more has a subclass.

    Arguments:
        settings: The classifier's settings.
        training: The settings of the engine.
        data: The folder or table of the pictures, as `read_labelled` takes it.
        group: The regular expression of their groups, if one was given.
        fold: The fold that it is tested on, if they are split into folds.
        fingerprint: What the pictures of each part are known by, once they were read.
    """

    kind: ClassVar[RunKind] = RunKind("picture classifier run")
    """By which the folders of such runs are known."""
    packages: ClassVar[Sequence[str]] = ("timm",)
    """What decides such a run besides nflows-core."""
    settings_type: ClassVar[type[ClassifierSettings]] = ClassifierSettings

    settings: ClassifierSettings
    training: EngineConfig
    data: str
    group: str | None = None
    fold: str | None = None
    fingerprint: Mapping[str, Fingerprint] = field(default_factory=dict)

    def files(self) -> LabelledFiles:
        """The pictures that lie there now.

        Raises:
            DataError: They cannot be used.
        """
        return read_labelled(self.data, self.group)

    def parts(self, files: LabelledFiles) -> Parts:
        """What of the pictures is learned from, decides, and is the test.

        Raises:
            DataError: They cannot be used.
            ValueError: There is no such fold.
        """
        return parts_of(files, self.fold)

    def images(self, parts: Parts) -> dict[str, Images]:
        """The pictures of the parts that are there, in squares, by the names of the parts.

        Raises:
            DataError: Some cannot be decoded.
        """
        return read_parts(parts, self.settings.size)

    @classmethod
    def parse(cls, content: Any) -> Self:
        """The run that a configuration describes.

        Raises:
            TypeError: An entry is missing or of another type; the error names it.
            ValueError: A setting is out of its range.
        """
        match content:
            case {
                "kind": cls.kind.name,
                "settings": dict(settings),
                "data": str(data),
                "group": str() | None as group,
                "fold": str() | None as fold,
                "training": dict(training),
                "fingerprint": dict(fingerprint),
            }:
                return cls(
                    cls.settings_type.from_dict(settings),
                    EngineConfig.from_dict(training),
                    data,
                    group,
                    fold,
                    {part: Fingerprint.from_dict(known) for part, known in fingerprint.items()},
                )
        raise TypeError(f"its kind is not {cls.kind.name!r}, or an entry is missing or of another type")


R = TypeVar("R", bound=ClassifierRun)


def read_parts(parts: Parts, side: int) -> dict[str, Images]:
    """The pictures of the parts that are there, in squares."""
    return {name: images_of(files, side) for name, files in parts.named().items()}


def save_run(folder: Path, run: ClassifierRun, network: Classifier | None = None) -> None:
    """Writes ``config.json`` and, with the trained network, ``model.safetensors``; of several processes, the main one.

    Raises:
        FileExistsError: The folder is not ours, or a file of the run is a link.
    """
    run.kind.save(folder, asdict(run), network, run.packages)


def read_run(folder: Path, of: type[R]) -> R:
    """What `save_run` wrote about a run.

    Arguments:
        folder: The folder of the run.
        of: The kind of run that it should be, such as `ClassifierRun`.

    Raises:
        RunError: The folder is no run, or its ``config.json`` is not one of ours.
    """
    return of.kind.read(folder, of.parse, "a classifier")


def load_network(folder: Path, run: ClassifierRun) -> Classifier:
    """The trained network of a run, on the CPU, in evaluation mode.

    A run that has not finished gives the averaged weights of its last checkpoint.

    Raises:
        RunError: Nothing was trained yet.
        CheckpointError: The weights cannot be read, or are of another network.
    """
    return load_trained(folder, run.settings.build)
