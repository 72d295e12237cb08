"""What a command works on: the files and folders of its command line, and where each result goes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nflows_core.runtime.files import LEFT_BEHIND
from nflows_core.runtime.folders import walk

TakesFolder = Callable[[Path], bool]
"""Whether a folder is one input as a whole, as the product of a satellite is."""

TargetSuffix = str | Mapping[str, str] | None
"""The suffix of results: one for all, or by the input's suffix, or the input's own."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input and the place of its result.

    Arguments:
        source: The input: a file, or a folder that is one input.
        target: The file or folder of its result.
        was_changed: Whether the file of its result is no longer what was written there, so that only what is left of
            that may be replaced.
    """

    source: Path
    target: Path
    was_changed: bool = False


@dataclass(frozen=True)
class Batch:
    """Jobs that can be run: no result of theirs replaces an input or the result of another one.

    Arguments:
        jobs: The jobs, at least one, in the order of the command line, each folder's in the order of names.
        folder: The folder of all results; nothing for one input whose result has a name of its own.
    """

    jobs: Sequence[Job]
    folder: Path | None


def plan_batch(
    inputs: Sequence[str | Path],
    output: str | Path,
    suffixes: Collection[str],
    *,
    target_suffix: TargetSuffix = None,
    takes_folder: TakesFolder = lambda folder: False,
) -> Batch:
    """Finds the inputs, and says where each result goes.

    A folder is searched with the folders in it, and its structure is kept below ``output``; what `is_junk` names is
    skipped, and so is the output folder; links are followed as `walk` says. A file of the command line is taken
    whatever its suffix. If there is one input, which is no folder to search, and ``output`` has the suffix of a result,
    ``output`` is the result's name.

    Arguments:
        inputs: The files and folders that a person gave.
        output: The folder of the results, which need not exist, or the name of the only result.
        suffixes: The suffixes of the files that folders are searched for, as ``.png``, in small letters.
        target_suffix: The suffix of a result: it replaces that of an input if it is one of ``suffixes``, else follows
            its name; unchanged if not given. Empty where results are folders. Of several, by the input's suffix in
            small letters, that under ``""`` is for all others.
        takes_folder: The function that says whether a folder is one input as a whole.

    Raises:
        OSError: An input is missing, or a folder cannot be read.
        ValueError: There is no input, or results would replace each other, an input, or what a link leads to.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    if missing := [path for path in paths if not path.exists()]:
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", str(missing[0]))
    wanted = _wanted(suffixes, target_suffix)
    if _is_one_result(paths, output, wanted, takes_folder):
        jobs = [Job(paths[0], output)]
    else:
        named = _inputs(paths, output, suffixes, takes_folder)
        jobs = list(dict.fromkeys(Job(path, output / _rename(name, suffixes, target_suffix)) for path, name in named))
    _check(jobs, paths, output, suffixes)
    return Batch(jobs, None if jobs[0].target == output else output)


def _wanted(suffixes: Collection[str], target_suffix: TargetSuffix) -> Collection[str]:
    if target_suffix is None:
        return suffixes
    return {target_suffix} if isinstance(target_suffix, str) else set(target_suffix.values())


def _is_one_result(inputs: Sequence[Path], output: Path, suffixes: Collection[str], takes_folder: TakesFolder) -> bool:
    is_one = len(inputs) == 1 and (not inputs[0].is_dir() or takes_folder(inputs[0]))
    if is_one and output.suffix and output.suffix.lower() in suffixes and not output.is_dir():
        return True
    if output.is_file():
        raise NotADirectoryError(errno.ENOTDIR, "is a file; give a folder", str(output))
    return False


def _inputs(
    inputs: Sequence[Path], output: Path, suffixes: Collection[str], takes_folder: TakesFolder
) -> Iterator[tuple[Path, Path]]:
    """Every input and its path below the folder that was given."""
    closed = os.path.realpath(output)
    for path in inputs:
        # A shell's * finds what systems leave behind; it does not find hidden files, which a person must mean.
        if path.name.lower() in LEFT_BEHIND or os.path.realpath(path) == closed:
            continue
        if not path.is_dir() or takes_folder(path):
            yield path, Path((path.resolve() if path.name in ("", "..") else path).name)
        else:
            yield from ((inner, inner.relative_to(path)) for inner in _below(path, closed, suffixes, takes_folder))


def _below(root: Path, closed: str, suffixes: Collection[str], takes_folder: TakesFolder) -> Iterator[Path]:
    """Every input below a folder but those in the folder ``closed``."""
    for folders, files in walk(root):
        inner = [folder for folder in folders if os.path.realpath(folder) != closed]
        whole = {folder for folder in inner if takes_folder(folder)}
        folders[:] = [folder for folder in inner if folder not in whole]
        yield from sorted(whole.union(file for file in files if file.suffix.lower() in suffixes))


def _rename(name: Path, suffixes: Collection[str], target_suffix: TargetSuffix) -> Path:
    if isinstance(target_suffix, Mapping):
        own = name.suffix.lower()
        target_suffix = target_suffix[own if own in target_suffix else ""]
    if target_suffix is None:
        return name
    stem = name.stem if name.suffix.lower() in suffixes else name.name
    return name.with_name(f"{stem}{target_suffix}")


def _check(jobs: Sequence[Job], inputs: Sequence[Path], output: Path, suffixes: Collection[str]) -> None:
    if not jobs:
        raise ValueError(
            f"{', '.join(map(str, inputs))}: no file with {' or '.join(sorted(suffixes))} outside the output folder "
            f"{output}; check the paths"
        )
    by_target: dict[str, Job] = {}
    for job in jobs:
        other = by_target.setdefault(os.path.normcase(job.target), job)
        if other is not job:
            raise ValueError(f"{other.source} and {job.source} would both become {job.target}; run them one by one")
    folders = {job.target.parent for job in jobs}
    for folder in folders.union(*(folder.parents for folder in folders)):
        if taken := by_target.get(os.path.normcase(folder)):
            raise ValueError(f"{taken.source} would become {folder}, which is a folder of other results; rename it")
    _check_inputs(jobs)
    if link := next((job.target for job in jobs if job.target != output and job.target.is_symlink()), None):
        raise ValueError(f"{link} is a link, and what it leads to would be replaced; remove it")


def _check_inputs(jobs: Sequence[Job]) -> None:
    """Inputs are never changed, under whatever name."""
    existing: dict[tuple[int, int] | None, Job] = {identity: job for job in jobs if (identity := _identity(job.target))}
    for job in jobs if existing else ():
        identity = _identity(job.source)
        if identity in existing:
            raise ValueError(f"{existing[identity].target} would replace the input {job.source}; choose another output")


def _identity(path: Path) -> tuple[int, int] | None:
    """By what a file is known whose paths may differ; nothing for one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
