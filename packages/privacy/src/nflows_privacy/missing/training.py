"""Learns a categoriser from a folder of scenes into a run folder, with its audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nflows_core.runs.kind import RunError, is_finished
from nflows_core.runtime.batch import run_batch
from nflows_core.runtime.files import sha256
from nflows_core.runtime.ownership import refuse_foreign
from nflows_core.runtime.status import BATCH
from nflows_privacy.missing.audit import SEEDS, Audit, audit
from nflows_privacy.missing.categoriser import Thresholds
from nflows_privacy.missing.learning import learn
from nflows_privacy.missing.looks import sides_for
from nflows_privacy.missing.material import Material, check_groups
from nflows_privacy.missing.observing import SUFFIX, Observed, ObserveFiles, looks_of, plan_scenes, read_observed
from nflows_privacy.missing.runs import KIND, OBSERVED, Run, read_run, save_run
from nflows_privacy.missing.scenes import TABLE, Scene, read_scenes
from nflows_privacy.missing.surest import digest_of, surest_signs

Tell = Callable[[str], None]


def train(
    scenes: Path,
    folder: Path,
    *,
    found: Path | None = None,
    seed: int = 0,
    overwrite: bool = False,
    resume: bool = False,
    dask: str | None = None,
    tell: Tell = lambda line: None,
) -> tuple[Run, Audit]:
    """Learns from scenes as `read_scenes` reads them, and says how much is known of those that were left out.

    All scenes are held in memory while it learns, some 350 kB each.

    Arguments:
        scenes: The folder of the scenes.
        folder: The folder of the run.
        found: The signs that a detector which has not learned from these scenes found in them, as `surest_signs` reads
            them: one that stands is not missing.
        seed: The seed of the folds by which it is calibrated.
        overwrite: Whether a run that is in the folder is replaced.
        resume: Whether a run that was stopped goes on: what was seen of its scenes is not looked at again.
        dask: The address of a scheduler whose workers look at the scenes.
        tell: Gets what went wrong with single scenes, which are left out.

    Raises:
        FileExistsError: The folder has a run, or files that are not ours.
        ValueError: The scenes cannot be learned from, nothing was found of some, or they are others than those of the
            run that goes on.
    """
    known = read_scenes(scenes)
    run = _started(scenes, known, found, folder, seed, resume)
    check_learnable(known)
    surest = None if found is None else surest_signs(found, known)
    refuse_foreign(folder / OBSERVED, BATCH)  # before what is there is replaced
    if not resume:
        KIND.begin(folder, overwrite, lambda: save_run(folder, run))
    failed: list[str] = []
    seen = dict(_observed(scenes, known, folder / OBSERVED, run, dask, failed.append))
    try:
        material = _material([scene for scene in known if scene.name in seen], seen, surest)
    except ValueError as error:
        if not failed:
            raise
        raise ValueError(f"{error}; {len(failed)} could not be looked at, such as {failed[0]}") from error
    for line in failed:
        tell(line)
    audited = audit(material, tuple(seed + number for number in SEEDS))
    categoriser, thresholds, _ = learn(material, looks_of(run.sides), seed)
    categoriser.remember([sha256(scene.path) for scene in material.scenes])
    run = replace(
        run,
        classes=material.classes,  # all scenes of a class may be damaged
        thresholds=thresholds,
        holes=len(categoriser.hole_where),
        learned=len(categoriser.learned),
    )
    save_run(folder, run, categoriser)
    return run, audited


def audit_again(folder: Path, seeds: Sequence[int]) -> tuple[Run, Audit]:
    """The audit of a run that has learned, by other folds, of what was seen of its scenes then.

    Raises:
        RunError: The folder is no run, or it has not learned.
        ValueError: Its scenes, or the signs that were found in them, are not there any more, or are others.
    """
    run = read_run(folder)
    if not is_finished(folder):
        raise RunError(f"{folder} has not learned yet; go on with it by `missing_signs categorise --resume`")
    scenes = Path(run.scenes)
    known = read_scenes(scenes)
    if sha256(scenes / TABLE) != run.scenes_sha256:
        raise ValueError(f"{scenes}: has other scenes than those that {folder} learned from; learn anew")
    found = None if run.found is None else Path(run.found)
    if found is not None and digest_of(found) != run.found_sha256:
        raise ValueError(f"{found}: is not what {folder} learned with; learn anew")
    paths = {scene.name: (folder / OBSERVED / scene.name).with_suffix(SUFFIX) for scene in known}
    left = [scene for scene in known if paths[scene.name].exists()]
    seen = {scene.name: read_observed(paths[scene.name]) for scene in left}
    return run, audit(_material(left, seen, None if found is None else surest_signs(found, known)), seeds)


def check_learnable(scenes: Sequence[Scene]) -> None:
    """Refuses scenes that nothing can be learned from, before they are looked at.

    Raises:
        ValueError: As `Material` and `check_groups` do.
    """
    check_groups(Material(scenes, ()))


def _material(scenes: Sequence[Scene], seen: Mapping[str, Observed], surest: Mapping[str, float] | None) -> Material:
    scores = None if surest is None else [surest[scene.name] for scene in scenes]
    return Material(scenes, [seen[scene.name] for scene in scenes], scores)


def _started(scenes: Path, known: Sequence[Scene], found: Path | None, folder: Path, seed: int, resume: bool) -> Run:
    run = Run(
        Material.classes_of(known),
        sides_for([scene.size for scene in known]),
        Thresholds(),
        str(scenes.absolute()),
        sha256(scenes / TABLE),
        seed,
        found=None if found is None else str(found.absolute()),
        found_sha256=None if found is None else digest_of(found),
    )
    if not resume:
        return run
    earlier = read_run(folder)
    if any(getattr(earlier, name) != getattr(run, name) for name in ("scenes_sha256", "seed", "found_sha256")):
        raise ValueError(
            f"{folder} was begun on other scenes than {scenes}, with another seed or another --found; give those, or "
            "begin a new run"
        )
    return run


def _observed(
    folder: Path, scenes: Sequence[Scene], target: Path, run: Run, dask: str | None, tell: Tell
) -> Iterator[tuple[str, Observed]]:
    """What is seen of each scene that can be looked at, by its name."""
    process, batch = ObserveFiles.of(folder, run.sides), plan_scenes(folder, scenes, target, SUFFIX)
    result = run_batch(batch, process, what="scenes", skip_existing=True, is_current=process.is_current, dask=dask)
    for outcome in result.failed:
        tell(f"{outcome.job.source}: {outcome.error}")
    for outcome in result.told:
        yield outcome.job.source.relative_to(folder).as_posix(), read_observed(outcome.job.target)
