"""What a command works on, and where each result goes."""

from __future__ import annotations

import errno
import os
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path

from nflows_core.runtime.inputs import TakesFolder, find_inputs, listed
from nflows_core.runtime.lazy import LazySequence

TargetSuffix = str | Mapping[str, str] | None
"""The suffix of results: one for all, or by the input's suffix, or the input's own."""

_MADE_BESIDE = "made beside others"
"""The kind of inputs that an earlier run has made beside its results."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input and the place of its result.

    Arguments:
        source: The input: a file, or a folder that is one input.
        target: The file or folder of its result.
        was_changed: Whether the files of its result are no longer what was written there, so that only what is left of
            that may be replaced.
        beside: What is added to the stem of ``target`` for each further file of the result, as `further` says.
    """

    source: Path
    target: Path
    was_changed: bool = field(default=False, compare=False)
    beside: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[Path, ...]:
        """All files of the result, ``target`` first."""
        return (self.target, *further(self.target, self.beside))


@dataclass(frozen=True)
class Batch:
    """Jobs, none of whose results replaces an input.

    Arguments:
        jobs: The jobs, at least one, in the order of the command line, each folder's in the order of names. Paths are
            kept as texts, for there may be a million, and a job is made when it is asked for.
        folder: The folder of all results; nothing for one input whose result has a name of its own.
        clashes: The jobs that cannot be run, since their results would replace each other, and why.
        left_out: How many files and folders of the inputs are not taken, by their kind; see `find_inputs`.
    """

    jobs: Sequence[Job]
    folder: Path | None
    clashes: Mapping[Job, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


def further(target: str | Path, beside: Iterable[str]) -> list[Path]:
    """The further files of a result: what they are called ends in a word, which may bring a suffix of its own.

    Example:
        >>> [path.name for path in further("a.tif", ["-2", "-change.png", ".json"])]
        ['a-2.tif', 'a-change.png', 'a.json']
    """
    path = Path(target)
    return [path.with_name(f"{path.stem}{word}{'' if '.' in word else path.suffix}") for word in beside]


def plan_batch(
    inputs: Sequence[str | Path],
    output: str | Path,
    suffixes: Collection[str],
    *,
    target_suffix: TargetSuffix = None,
    takes_folder: TakesFolder = lambda folder: False,
    beside: tuple[str, ...] = (),
) -> Batch:
    """Finds the inputs, and says where each result goes.

    A folder is searched with the folders in it, and its structure is kept below ``output``; what `is_junk` names is
    skipped, and so are the output folder and folders of earlier results, unless they are given by themselves; links are
    followed as `walk` says. A file of the command line is taken whatever its suffix. If there is one input, which is no
    folder to search, and ``output`` has the suffix of a result, ``output`` is the result's name.

    Arguments:
        inputs: The files and folders that a person gave.
        output: The folder of the results, which need not exist, or the name of the only result.
        suffixes: The suffixes of the files that folders are searched for, as ``.png``, in small letters.
        target_suffix: The suffix of a result: it replaces that of an input if it is one of ``suffixes``, else follows
            its name; unchanged if not given. Empty where results are folders. Of several, by the input's suffix in
            small letters, that under ``""`` is for all others.
        takes_folder: The function that says whether a folder is one input as a whole.
        beside: What is added to the stem of a result for each further file of it; then ``output`` must be a folder. In
            folders, what such a run has made beside its results is left out.

    Raises:
        OSError: An input is missing, or a folder cannot be read.
        ValueError: There is no input, or a result would replace an input or what a link leads to.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    if missing := [path for path in paths if not path.exists()]:
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", str(missing[0]))
    wanted = _wanted(suffixes, target_suffix)
    if _is_one_result(paths, output, wanted, takes_folder):
        if beside:
            raise ValueError(f"`output` {output}: there are several files of each input; give a folder")
        job = Job(paths[0], output)
        _check([job], output.parent)
        return Batch([job], None)
    left_out: Counter[str] = Counter()
    given = set(paths)

    def named() -> Iterator[tuple[Path, Path]]:
        for path, name in find_inputs(paths, output, suffixes, takes_folder, left_out):
            if path not in given and _is_made_beside(path, beside, suffixes):
                left_out[_MADE_BESIDE] += 1
            else:
                yield path, _rename(name, suffixes, target_suffix)

    jobs = _jobs(named(), output, beside)
    if not jobs:
        raise ValueError(_no_input(paths, output, suffixes, left_out))
    _check(jobs, output)
    return Batch(jobs, output, _clashes(jobs), dict(sorted(left_out.items())))


def _is_made_beside(path: Path, beside: tuple[str, ...], suffixes: Collection[str]) -> bool:
    """Whether a file is a further file of another one, of which all are there: an earlier run has left them."""
    originals = (one for word in beside for one in _originals(path, word, suffixes))
    return any(all(one.exists() for one in (original, *further(original, beside))) for original in originals)


def _originals(path: Path, word: str, suffixes: Collection[str]) -> list[Path]:
    """What a file may be a further file of."""
    end = word if "." in word else f"{word}{path.suffix}"
    stem = path.name.removesuffix(end)
    if stem in ("", path.name):
        return []
    return [path.with_name(stem + suffix) for suffix in (suffixes if "." in word else [path.suffix])]


def _wanted(suffixes: Collection[str], target_suffix: TargetSuffix) -> Collection[str]:
    if target_suffix is None:
        return suffixes
    return {target_suffix} if isinstance(target_suffix, str) else set(target_suffix.values())


def _is_one_result(inputs: Sequence[Path], output: Path, suffixes: Collection[str], takes_folder: TakesFolder) -> bool:
    is_one = len(inputs) == 1 and (not inputs[0].is_dir() or takes_folder(inputs[0]))
    if is_one and output.suffix and output.suffix.lower() in suffixes and not output.is_dir():
        return True
    if output.exists() and not output.is_dir():
        found = "a file" if output.is_file() else "a device or a pipe"
        raise NotADirectoryError(errno.ENOTDIR, f"is {found}; give a folder", str(output))
    return False


def _rename(name: Path, suffixes: Collection[str], target_suffix: TargetSuffix) -> Path:
    if isinstance(target_suffix, Mapping):
        own = name.suffix.lower()
        target_suffix = target_suffix[own if own in target_suffix else ""]
    if target_suffix is None:
        return name
    stem = name.stem if name.suffix.lower() in suffixes else name.name
    return name.with_name(f"{stem}{target_suffix}")


def _jobs(named: Iterable[tuple[Path, Path]], output: Path, beside: tuple[str, ...]) -> Sequence[Job]:
    """The jobs of inputs and of what their results are called below the output, without files that were given twice."""
    sources: list[str] = []
    names: list[str] = []
    for source, name in named:
        sources.append(str(source))
        names.append(str(name))

    def job(number: int) -> Job:
        return Job(Path(sources[number]), output / names[number], beside=beside)

    return LazySequence(job, array("q", _once(sources, names)))


def _once(sources: Sequence[str], names: Sequence[str]) -> Iterator[int]:
    """The numbers of the files but for those that were given before, under whatever paths."""
    repeated = _repeated(names)
    seen: set[tuple[str, str]] = set()
    for number, name in enumerate(names):
        # One file has one result: where no other has the same, nothing need be asked of the disk.
        if hash(name) in repeated:
            file = name, os.path.realpath(sources[number])
            if file in seen:
                continue
            seen.add(file)
        yield number


def _repeated(texts: Iterable[str]) -> frozenset[int]:
    """The hashes of all texts that are there more than once, and maybe of a few others."""
    return frozenset(one for one, other in pairwise(sorted(map(hash, texts))) if one == other)


def _no_input(inputs: Sequence[Path], output: Path, suffixes: Collection[str], left_out: Mapping[str, int]) -> str:
    """Why there is nothing to do."""
    if os.path.realpath(output) in map(os.path.realpath, inputs):
        return f"`output`: {output} is the input, too; choose another folder for the results"
    missing = f"{', '.join(map(str, inputs))}: no file with {' or '.join(sorted(suffixes))}"
    return f"{missing}, but {listed(left_out)}" if left_out else f"{missing}; check the paths"


def _clashes(jobs: Sequence[Job]) -> dict[Job, str]:
    """The jobs whose results would replace those of others, with the reasons."""
    repeated = _repeated(map(os.path.normcase, _targets(jobs)))
    folders = set(map(os.path.normcase, _folders(jobs)))
    claims: dict[str, list[Job]] = {}
    inside: dict[Job, str] = {}
    for job in jobs:
        for path in job.targets:
            name = os.path.normcase(path)
            if hash(name) in repeated:
                claims.setdefault(name, []).append(job)
            if name in folders:
                inside[job] = f"would become {path}, which is a folder of other results; rename it"
    reasons = {job: _same(path, job, owners) for path, owners in claims.items() if len(owners) > 1 for job in owners}
    return reasons | inside


def _same(path: str, job: Job, owners: Sequence[Job]) -> str:
    other = next(one for one in owners if one != job)
    return f"would become {path}, and so would {other.source}; rename one, or give them folders of their own"


def _check(jobs: Sequence[Job], output: Path) -> None:
    existing = {hash(identity) for path in _targets(jobs) if (identity := _identity(path))}
    for job in jobs if existing else ():  # inputs are never changed, under whatever name
        if (identity := _identity(job.source)) and hash(identity) in existing:
            _refuse_result(jobs, job.source, identity)
    inner = (folder for folder in _folders(jobs) if folder.is_relative_to(output) and folder != output)
    if link := next((path for path in chain(_targets(jobs), inner) if path.is_symlink()), None):
        raise ValueError(f"{link} is a link, and what it leads to would be replaced; remove it")


def _refuse_result(jobs: Sequence[Job], source: Path, identity: tuple[int, int]) -> None:
    if path := next((path for path in _targets(jobs) if _identity(path) == identity), None):
        raise ValueError(f"{path} would replace the input {source}; choose another output")


def _targets(jobs: Sequence[Job]) -> Iterator[Path]:
    return (path for job in jobs for path in job.targets)


def _folders(jobs: Sequence[Job]) -> set[Path]:
    """The folders of the results, and those that they lie in."""
    inner = {job.target.parent for job in jobs}
    return inner.union(*(folder.parents for folder in inner))


def _identity(path: Path) -> tuple[int, int] | None:
    """By what a file is known whose paths may differ; nothing for one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
