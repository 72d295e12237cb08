"""From folders to what is compared: segmenters by masks, detectors by boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nflows_core.training import EngineConfig
from nflows_privacy.training.data import Source, classes_of, read_scenes
from nflows_privacy.training.scenes import Scene
from nflows_privacy.training.settings import NetworkSettings
from nflows_privacy.utility.comparing import REAL, Compared
from nflows_privacy.utility.detection import BoxLearner
from nflows_privacy.utility.masks import count_classes, find_masked
from nflows_privacy.utility.segmentation import Segmenter
from nflows_privacy.utility.training import Trial, compare

Advance = Callable[[str], None]


@dataclass(frozen=True)
class Folders:
    """Where pictures and labels are.

    Arguments:
        real: The folder of the pictures as they were.
        anonymised: The folders of the same pictures anonymised.
        val: The folder of other real pictures.
        labels: The boxes, or the folder of the masks, of all but the last.
        val_labels: Those of the last.

    Raises:
        ValueError: Two folders of anonymised pictures have the same name, or one is called ``real``.
    """

    real: Path
    anonymised: Sequence[Path]
    val: Path
    labels: Path
    val_labels: Path

    def __post_init__(self) -> None:
        if len(self.by_name) < len(self.anonymised) or REAL in self.by_name:
            raise ValueError(f"`anonymised`: each folder needs a name of its own, and other than {REAL!r}")

    @property
    def by_name(self) -> Mapping[str, Path]:
        """The folders of anonymised pictures by their names."""
        return {folder.resolve().name: folder for folder in self.anonymised}

    def trainings(self) -> Iterator[tuple[str, Path]]:
        """The name and the folder of each set of pictures that a model is trained on."""
        yield REAL, self.real
        yield from self.by_name.items()

    @property
    def files(self) -> dict[str, Path]:
        """All of them, for the report."""
        return {**dict(self.trainings()), "val": self.val, "labels": self.labels, "val labels": self.val_labels}


def training_config(epochs: int, batch_size: int, learning_rate: float, seed: int) -> EngineConfig:
    """The settings of every training here: the weights as they are at the end, without an average of earlier ones."""
    return EngineConfig(
        epochs, batch_size, learning_rate=learning_rate, clip_norm=5.0, ema_decay=0.0, seed=seed, warmup_steps=20
    )


def compare_segmenters(
    folders: Folders,
    segmenters: Sequence[tuple[str, str]],
    size: int,
    config: EngineConfig,
    seeds: int,
    encoder_weights: Mapping[str, Path],
    advance: Advance,
) -> list[Compared]:
    """Compares segmentation networks.

    Arguments:
        folders: The pictures and masks.
        segmenters: The names of networks and losses; see `build_network` and `loss_of`.
        size: The sides to which pictures are brought.
        config: The settings of each training.
        seeds: How many times each is trained.
        encoder_weights: The files of encoders' weights by the encoders' names.
        advance: Called after each training, with a few words about it.

    Raises:
        ValueError: The folders do not fit, or there is no such network or loss.
    """
    found = {name: find_masked(folder, folders.labels) for name, folder in folders.trainings()}
    _require_same({name: [one.name for one in masked] for name, masked in found.items()})
    val = find_masked(folders.val, folders.val_labels)
    real = found.pop(REAL)
    classes = count_classes([*real, *val])
    learners = [Segmenter(network, loss, classes, size, encoder_weights) for network, loss in segmenters]
    return compare(learners, Trial(real, found, val, config, seeds), advance)


def compare_detectors(
    folders: Folders, size: int, config: EngineConfig, seeds: int, advance: Advance
) -> list[Compared]:
    """Compares detectors of boxes, of all classes that the real pictures have.

    Arguments:
        folders: The pictures and boxes.
        size: The sides of the crops that they are trained on.
        config: The settings of each training.
        seeds: How many times each is trained.
        advance: Called after each training, with a few words about it.

    Raises:
        ValueError: The folders do not fit.
    """
    classes = classes_of(Source(folders.labels, folders.real))
    settings = NetworkSettings(classes, classes, crop=size)
    found = {name: read_scenes(Source(folders.labels, folder), settings).scenes for name, folder in folders.trainings()}
    _require_same({name: _names(found[name], folder) for name, folder in folders.trainings()})
    val = read_scenes(Source(folders.val_labels, folders.val), settings).scenes
    learner = BoxLearner(settings)
    return compare([learner], Trial(found.pop(REAL), found, val, config, seeds), advance)


def _names(scenes: Sequence[Scene], folder: Path) -> list[str]:
    return [scene.path.relative_to(folder).with_suffix("").as_posix() for scene in scenes]


def _require_same(names: Mapping[str, Sequence[str]]) -> None:
    """Refuses anonymised pictures that are not those of the real ones: more or fewer would be compared, not others."""
    real = set(names[REAL])
    for name, others in names.items():
        if missing := sorted(real - set(others)):
            raise ValueError(f"`anonymised`: {name} lacks {len(missing)} of the real pictures, such as {missing[0]}")
        if more := sorted(set(others) - real):
            raise ValueError(f"`anonymised`: {name} has {len(more)} pictures that are not real, such as {more[0]}")
