"""What a categoriser says of each scene of a folder, from file to file, with a picture of what it looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nflows_core.runs.kind import WEIGHTS_FILE
from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.files import atomic_write, sha256
from nflows_core.runtime.foreign_text import read_json, to_json
from nflows_core.runtime.jobs import Batch, Job, further
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.ownership import refuse_foreign
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.running import run_files
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.runtime.pictures.work import is_told
from nflows_core.runtime.recipe import NO_MATTER, is_result_of, recipe_of, source_facts
from nflows_core.runtime.status import BATCH
from nflows_core.runtime.terminal import echo
from nflows_privacy.drives.frames import Frame
from nflows_privacy.drives.places import Judged
from nflows_privacy.missing.categoriser import Categoriser, Said, Thresholds
from nflows_privacy.missing.observing import pixels_of, plan_scenes, scene_at
from nflows_privacy.missing.reasons import shown_reasons
from nflows_privacy.missing.runs import load_categoriser, read_run
from nflows_privacy.missing.scenes import TABLE, Scene, read_scenes
from nflows_privacy.missing.surest import digest_of, surest_signs, tables_of
from nflows_privacy.regions import Region

SHOWN = ("-why.png",)
"""What the name of the picture of what was looked at ends in."""
_FORMAT, _VERSION = "nflows-missing-sign", 1
_alone = Lock()


@dataclass(frozen=True)
class JudgeFiles:
    """From erased scenes to files of what is said of them, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        folder: The folder of the scenes.
        run: The run of the categoriser.
        scenes_sha256: The SHA-256 of the table of the scenes.
        thresholds: From where on it speaks.
        weights: The SHA-256 of its weights, by name.
        found: The signs that a detector found in the scenes, if the run learned with such.
        found_sha256: Its SHA-256.
    """

    folder: Path = field(metadata=NO_MATTER)
    run: Path = field(metadata=NO_MATTER)
    scenes_sha256: str
    thresholds: Thresholds
    weights: Mapping[str, str]
    found: Path | None = field(default=None, metadata=NO_MATTER)
    found_sha256: str | None = None
    seed: int = 0

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes what is said of a scene and a picture of what was looked at, and returns what is known of it.

        Raises:
            ValueError: The picture is damaged, or none of the scenes.
            OSError: A file cannot be read or written.
        """
        scene, facts = scene_at(self.folder, self.scenes_sha256, source), source_facts(source)
        pixels = pixels_of(scene)
        classes = read_run(self.run).classes
        surest = (
            None if self.found is None else _surest((self.found, self.found_sha256, self.folder, self.scenes_sha256))
        )
        with _alone:
            categoriser = _kept((self.run, self.weights["categoriser"]))
            said = categoriser(pixels, scene.holes, 0.0 if surest is None else surest[scene.name])
            reasons = categoriser.reasons(pixels, int(said.classes.argmax()))
            is_known = categoriser.has_learned(facts["sha256"])
        answer = self.thresholds.answer(said, classes)
        (shown,) = further(target, SHOWN)
        with atomic_write(shown, "wb") as picture:
            picture.write(as_png(shown_reasons(pixels, scene.holes, said.holes, reasons)))
        with atomic_write(target, "w") as file:
            file.write(to_json(_content(scene, classes, said, answer, surest) | {"learned": is_known}, indent=1) + "\n")
        size = f"{scene.size[0]} x {scene.size[1]}"
        numbers = {
            "answer": answer,
            "missing": round(said.missing, 4),
            "certainty": round(float(said.classes.max()), 4),
            "context": scene.context or "",
            "lacks": scene.is_missing,
        }
        return {
            "recipe": self.recipe, **facts, "size": size, "new_size": size, "left_out": [], "numbers": numbers,
        }  # fmt: skip

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        return {"settings": {"missing": self.thresholds.missing, "certainty": self.thresholds.certainty}}

    @property
    def recipe(self) -> str:
        """By what a result of the same categoriser and scenes is known."""
        return recipe_of(self)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what would be said now."""
        return is_told(result) and is_result_of(self.recipe, job.source, result)


class Verdict(NamedTuple):
    """What was said of a scene, and what is known of it.

    Arguments:
        judged: What was said.
        classes: The names of the classes.
        context: The class that its road asks for; none if nobody knows.
        is_missing: Whether a sign is missing.
        source: The name of the original.
        signs: The signs that stand in the original.
        is_learned: Whether the categoriser learned from this very picture.
    """

    judged: Judged
    classes: tuple[str, ...]
    context: str | None
    is_missing: bool
    source: str
    signs: tuple[Region, ...] = ()
    is_learned: bool = False


def judge_scenes(
    scenes: Path,
    folder: Path,
    run: Path,
    *,
    found: Path | None = None,
    missing: float | None = None,
    certainty: float | None = None,
    skip_existing: bool = False,
    dask: str | None = None,
) -> ExitCode:
    """Judges all scenes of a folder into another: a file for each, and a page.

    Arguments:
        scenes: The folder, as ``missing_signs erase`` made it.
        folder: The folder of what is said.
        run: The run of the categoriser.
        found: The signs that a detector found in the scenes, where the run learned with such.
        missing: The probability from which on a sign is missing, instead of the run's own.
        certainty: The probability of a class below which nobody can say which one, likewise.
        skip_existing: Whether scenes that were judged by the same run are left out.
        dask: The address of a scheduler whose workers judge.

    Raises:
        ValueError: There are no scenes, the run has not learned, it knows none of the classes that they ask for, or
            nothing was found of some of them.
        FileExistsError: The folder is not ours.
    """
    refuse_foreign(folder, BATCH)
    batch = _planned(scenes, folder, run, found)
    own = read_run(run).thresholds
    thresholds = Thresholds(
        own.missing if missing is None else missing, own.certainty if certainty is None else certainty
    )
    load_categoriser(run)  # one that has not learned is known before a scene is read
    digests = {"categoriser": sha256(run / WEIGHTS_FILE)}
    looked = () if found is None else (found.absolute(), digest_of(found))
    process = JudgeFiles(scenes.absolute(), run.absolute(), sha256(scenes / TABLE), thresholds, digests, *looked)
    about = PictureReport(
        "Scenes judged", "certainty", {"categoriser": run / WEIGHTS_FILE, **_inputs(found)},
        ["nflows-privacy"], what="scenes", sheets=judged_sheets,
    )  # fmt: skip
    return run_files(batch, process, about, skip_existing=skip_existing, dask=dask)


def judged_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """What was looked at in some scenes, the surest and the least sure first."""
    shown = about.shown(done)
    rows: dict[str, list[bytes | str]] = {
        f"{outcome.job.source}: {(outcome.result or {})['numbers']['answer']}": [outcome.job.targets[1].read_bytes()]
        for outcome in shown
    }
    return [Sheet(f"{len(rows)} of {len(done)} scenes", ("what was looked at",), rows)] if rows else []


def read_verdict(path: Path) -> Verdict:
    """What `JudgeFiles` wrote of a scene.

    Raises:
        ValueError: The file is another, or damaged.
        OSError: It cannot be read.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path}: is damaged: {error}; judge the scene again") from error
    match content:
        case {
            "format": str(kind),
            "version": int(version),
            "picture": str(picture),
            "source": str(source),
            "drive": None | str() as drive,
            "frame": None | int() as number,
            "classes": list(classes),
            "probabilities": list(probabilities),
            "answer": str(answer),
            "context": None | str() as context,
            "lacks": bool(lacks),
            "signs": list(signs),
            "learned": bool(is_learned),
        } if (kind, version) == (_FORMAT, _VERSION):
            judged = Judged(Frame(picture, drive, number), np.array(probabilities, np.float64), answer)
            stood = tuple(Region.from_json(one) for one in signs)
            return Verdict(judged, tuple(classes), context, lacks, source, stood, is_learned)
    raise ValueError(f"{path}: is no file that categorise writes, or one of another version; judge the scene again")


def _planned(scenes: Path, folder: Path, run: Path, found: Path | None) -> Batch:
    """The jobs of all scenes, if the run knows what they ask for, and all is known of them that it asks for."""
    known = read_scenes(scenes)
    _check_classes(scenes, known, run)
    _check_found(known, run, found)
    return plan_scenes(scenes, known, folder, ".json", SHOWN)


def _check_classes(folder: Path, scenes: Iterable[Scene], run: Path) -> None:
    """Tells, or refuses where there is nothing else, what roads ask for that a run has not learned."""
    classes = read_run(run).classes
    asked = {scene.context for scene in scenes if scene.context is not None}
    if not (others := sorted(asked.difference(classes))):
        return
    unknown = f"{folder} asks for {', '.join(others)}, which {run} has not learned; it knows {', '.join(classes)}"
    if asked.isdisjoint(classes):
        raise ValueError(f"{unknown}: give the run of these classes")
    echo(f"{unknown}, and says one of these or nothing", err=True)


def _inputs(found: Path | None) -> dict[str, Path]:
    tables = {} if found is None else tables_of(found)
    return {f"found {start}".strip(): table for start, table in tables.items()}


def _check_found(scenes: Sequence[Scene], run: Path, found: Path | None) -> None:
    if (read_run(run).found is None) != (found is None):
        has, other = ("with", "give --found") if found is None else ("without", "leave --found out")
        raise ValueError(f"{run} learned {has} what a detector finds in scenes; {other}, or another run")
    if found is not None:
        surest_signs(found, scenes)


@keeps_one
def _surest(source: tuple[Path, str | None, Path, str]) -> dict[str, float]:
    """The scores in a file and of scenes of these SHA-256, kept by each process of a cluster."""
    return surest_signs(source[0], read_scenes(source[2]))


@keeps_one
def _kept(run: tuple[Path, str]) -> Categoriser:
    """The categoriser of a run with weights of this SHA-256, kept by each process of a cluster."""
    return load_categoriser(run[0])


def _content(
    scene: Scene, classes: tuple[str, ...], said: Said, answer: str, surest: Mapping[str, float] | None
) -> dict[str, Any]:
    frame = scene.frame
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "picture": scene.name,
        "source": scene.source,
        "drive": frame.drive,
        "frame": frame.number,
        "classes": list(classes),
        "probabilities": _rounded(said.probabilities),
        "answer": answer,
        "holes": [[*hole, round(float(held), 4)] for hole, held in zip(scene.holes, said.holes, strict=True)],
        "surest_sign": None if surest is None else surest[scene.name],
        "context": scene.context,
        "lacks": scene.is_missing,
        "signs": [sign.to_json() for sign in scene.signs],
    }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    """Six digits: the last bits of float32 differ between machines."""
    return [round(float(value), 6) for value in values]
