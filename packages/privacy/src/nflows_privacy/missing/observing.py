"""What is seen of each scene of a set, kept in a file of its own: the part of learning that takes long, done once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import read_picture
from nflows_core.runtime.jobs import Batch, Job, plan_batch
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.pictures.options import READ
from nflows_core.runtime.recipe import NO_MATTER, is_result_of, recipe_of, source_facts
from nflows_core.runtime.tensors import read_tensors, write_tensors
from nflows_privacy.evaluation.sharpness import neighbour, sharpness
from nflows_privacy.masks import Rectangle
from nflows_privacy.missing.looks import Looks, Pixels
from nflows_privacy.missing.scenes import ERASED_PART, STANDING_PART, TABLE, Scene, read_scenes
from nflows_privacy.rgb import as_rgb

SUFFIX = ".safetensors"
_KIND = "observed scene"
_LEAST = 64  # pixels: the shortest side of a part that is looked at
_alone = Lock()


@dataclass(frozen=True, eq=False)
class Observed:
    """What is seen of a scene.

    Arguments:
        road: The features of its road, :math:`(D,)`.
        places: Those of its holes, :math:`(n, F)`.
        part: The features of the largest part beside which all erased signs lie; of zeros where there is none.
        around: Where that part lies, left, top, right, bottom in shares of the sides, :math:`(4,)`.
        sharp: The sharpness of each hole, :math:`(n, 3)`.
        beside: That of the untouched place beside each erased sign, :math:`(n', 3)`.
    """

    road: Tensor
    places: Tensor
    part: Tensor
    around: Tensor
    sharp: Tensor
    beside: Tensor


@dataclass(frozen=True)
class ObserveFiles:
    """From scenes to files of what is seen of them, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        folder: The folder of the scenes, as `read_scenes` reads it.
        scenes_sha256: The SHA-256 of their table.
        sides: The sizes at which roads are looked at.
    """

    folder: Path = field(metadata=NO_MATTER)
    scenes_sha256: str
    sides: tuple[int, ...]

    @classmethod
    def of(cls, folder: Path, sides: Sequence[int]) -> ObserveFiles:
        return cls(folder.absolute(), sha256(folder / TABLE), tuple(sides))

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes what is seen of a scene.

        Raises:
            ValueError: The picture is damaged, or none of the scenes.
            OSError: A file cannot be read or written.
        """
        scene = scene_at(self.folder, self.scenes_sha256, source)
        pixels = pixels_of(scene)
        with _alone:
            observed = observe(scene, pixels, looks_of(self.sides))
        facts = source_facts(source)
        tensors = {name: value.half() if value.ndim < 2 else value for name, value in vars(observed).items()}
        write_tensors(target, {name: value.contiguous() for name, value in tensors.items()}, _KIND)
        return {"recipe": self._recipe(scene), **facts}

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether what was seen would be seen now."""
        try:
            scene = scene_at(self.folder, self.scenes_sha256, job.source)
        except ValueError:
            return False
        return is_result_of(self._recipe(scene), job.source, result)

    def _recipe(self, scene: Scene) -> str:
        return recipe_of(self, [list(hole) for hole in scene.holes], list(scene.is_erased))


def plan_scenes(
    folder: Path, scenes: Iterable[Scene], target: Path, suffix: str, beside: tuple[str, ...] = ()
) -> Batch:
    """The jobs of scenes, and of no other picture that lies beside them.

    Arguments:
        folder: The folder of the scenes.
        scenes: The scenes.
        target: The folder of the results.
        suffix: The suffix of a result.
        beside: What the names of further files of a result end in.
    """
    known = {scene.path for scene in scenes}
    parts = [
        plan_batch([folder / part], target / part, READ, target_suffix=suffix, beside=beside)
        for part in (ERASED_PART, STANDING_PART)
        if (folder / part).is_dir()
    ]
    jobs = [job for part in parts for job in part.jobs if job.source in known]
    return Batch(jobs, target, {job: why for part in parts for job, why in part.clashes.items() if job.source in known})


def pixels_of(scene: Scene) -> Pixels:
    """The picture of a scene, RGB, :math:`(H, W, 3)`.

    Raises:
        ValueError: It is damaged, or of another size than its holes were counted in.
        OSError: It cannot be read.
    """
    pixels = as_rgb(read_picture(scene.path).pixels)
    height, width = pixels.shape[:2]
    if (width, height) != scene.size:
        across, down = scene.size
        raise ValueError(
            f"has {width} x {height} pixels, and its holes are counted in {across} x {down}; erase it again"
        )
    return pixels


def observe(scene: Scene, pixels: Pixels, looks: Looks) -> Observed:
    """What is seen of a scene with these pixels, :math:`(H, W, 3)`."""
    height, width = pixels.shape[:2]
    road = looks.road(pixels)
    part = largest_part(
        [hole for hole, is_sign in zip(scene.holes, scene.is_erased, strict=True) if is_sign], scene.size
    )
    sharp = [sharpness(pixels, hole) for hole in scene.holes]
    return Observed(
        road,
        looks.places(pixels, scene.holes).half(),
        torch.zeros_like(road) if part is None else looks.road(pixels[part.slices]),
        torch.zeros(4) if part is None else _shares(part, scene.size),
        _rows(sharp),
        _rows([sharpness(pixels, place) for place in _beside(scene, height, width)]),
    )


def read_observed(path: Path) -> Observed:
    """What `ObserveFiles` wrote of a scene.

    Raises:
        CheckpointError: The file cannot be read, or is another.
    """
    return Observed(**read_tensors(path, _KIND)[0])


def largest_part(signs: Sequence[Rectangle], size: tuple[int, int]) -> Rectangle | None:
    """The largest part of a picture beside which all these signs lie: left or right of them, above or below.

    Example:
        >>> largest_part([Rectangle(100, 50, 120, 70)], (500, 300))
        Rectangle(top=0, left=70, bottom=300, right=500)
    """
    width, height = size
    if not signs:
        return None
    top, left = min(sign.top for sign in signs), min(sign.left for sign in signs)
    bottom, right = max(sign.bottom for sign in signs), max(sign.right for sign in signs)
    parts = (
        Rectangle(0, 0, height, left), Rectangle(0, right, height, width),
        Rectangle(0, 0, top, width), Rectangle(bottom, 0, height, width),
    )  # fmt: skip
    best = max(parts, key=lambda part: (part.bottom - part.top) * (part.right - part.left))
    return best if min(best.bottom - best.top, best.right - best.left) >= _LEAST else None


@keeps_one
def looks_of(sides: tuple[int, ...]) -> Looks:
    """What scenes are looked at with, kept by each process of a cluster."""
    return Looks.pretrained(sides).eval()


def scene_at(folder: Path, digest: str, source: Path) -> Scene:
    """The scene of a picture in a folder of them whose table has this SHA-256.

    Raises:
        ValueError: There is none.
    """
    name = source.absolute().relative_to(folder).as_posix()
    if (scene := _scenes((folder, digest)).get(name)) is None:
        raise ValueError(f"{folder / TABLE} says nothing of it; erase the scenes again, or remove it")
    return scene


@keeps_one
def _scenes(source: tuple[Path, str]) -> dict[str, Scene]:
    return {scene.name: scene for scene in read_scenes(source[0])}


def _beside(scene: Scene, height: int, width: int) -> list[Rectangle]:
    found = (
        neighbour(hole, scene.holes, height, width)
        for hole, is_sign in zip(scene.holes, scene.is_erased, strict=True)
        if is_sign
    )
    return [place for place in found if place is not None]


def _shares(part: Rectangle, size: tuple[int, int]) -> Tensor:
    width, height = size
    return torch.tensor([part.left / width, part.top / height, part.right / width, part.bottom / height])


def _rows(numbers: Sequence[NDArray[np.float64]]) -> Tensor:
    return torch.from_numpy(np.stack(numbers)) if numbers else torch.zeros(0, 3, dtype=torch.float64)
