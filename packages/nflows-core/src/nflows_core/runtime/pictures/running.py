"""A command over pictures: planned, run and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nflows_core.runtime.batch import BatchResult, conclude, run_batch
from nflows_core.runtime.cli import print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.inputs import EARLIER_RESULTS, listed
from nflows_core.runtime.jobs import Batch, plan_batch
from nflows_core.runtime.memory import give_back_freed_memory
from nflows_core.runtime.ownership import refuse_foreign
from nflows_core.runtime.pictures.options import LOSSLESS, READ, SAME, PictureOptions
from nflows_core.runtime.pictures.report import FileProcess, PictureReport, report_files
from nflows_core.runtime.pictures.work import PictureProcess, Work
from nflows_core.runtime.status import BATCH
from nflows_core.runtime.terminal import echo


def run_pictures(pictures: PictureOptions, batch: Batch, work: Work, about: PictureReport) -> ExitCode:
    """Does the work on every picture, writes the report, and tells people how it ended.

    Arguments:
        pictures: What a person said of the pictures.
        batch: The jobs that `plan_pictures` made of it.
        work: What is done with each.
        about: What the report says of it.

    Returns:
        The exit code of the command.

    Raises:
        CommandError: The run was interrupted.
        OSError: The results cannot be written.
    """
    process = PictureProcess(work, pictures.writing(batch), about.digests())
    return run_files(batch, process, about, skip_existing=pictures.skip_existing, dask=pictures.dask)


def run_files(
    batch: Batch,
    process: FileProcess,
    about: PictureReport,
    *,
    skip_existing: bool = False,
    dask: str | None = None,
    export: Callable[[BatchResult], None] = lambda result: None,
) -> ExitCode:
    """As `run_pictures`, for a process that takes whatever files.

    Arguments:
        batch: The jobs, as `plan_files` plans them.
        process: What is done with each.
        about: What the report says of it.
        skip_existing: Whether what an earlier run has done is left out.
        dask: The address of a Dask scheduler.
        export: What is written of all besides, before the report and before another run may write there.
    """

    def report(result: BatchResult) -> None:
        export(result)
        give_back_freed_memory()  # the report reads whole files
        print_report(report_files(about, batch, process, result))

    result = run_batch(
        batch,
        process,
        what=about.what,
        skip_existing=skip_existing,
        is_current=process.is_current,
        dask=dask,
        report=report,
    )
    exit_code = conclude(result, batch)
    if batch.folder is not None:
        echo(f"{batch.folder / 'report.html'} shows them", err=True)
    return exit_code


def plan_pictures(pictures: PictureOptions, beside: tuple[str, ...] = ()) -> Batch:
    """The jobs; tells what is found besides. What is wrong is known here, before a model is loaded.

    Arguments:
        pictures: What a person said of the pictures.
        beside: What the names of further pictures end in that the work makes of each, in the order of ``Made.beside``.

    Raises:
        ValueError: As `nflows_core.runtime.jobs.plan_batch` does, or the name of the only result is not that of a
            picture that is written, or a quality is given and no result has one.
        OSError: A folder cannot be read, or the folder of the results is not ours.
    """
    _check_name(pictures)
    batch = plan_files(pictures.inputs, pictures.output, pictures.suffixes, pictures.target_suffix, beside=beside)
    if pictures.quality is not None:
        _check_quality(batch)
    if pictures.format == SAME:
        _tell_changed(pictures, batch)
    return _advised(pictures, batch)


def plan_files(
    inputs: Sequence[Path],
    output: Path,
    suffixes: Collection[str],
    target_suffix: Mapping[str, str],
    *,
    beside: tuple[str, ...] = (),
    files: Iterable[str] = (),
) -> Batch:
    """As `nflows_core.runtime.jobs.plan_batch`, and tells what is not taken.

    Arguments:
        inputs: The files and folders that a person gave.
        output: The folder of the results, or the name of the only one.
        suffixes: The suffixes of the files that folders are searched for.
        target_suffix: The suffixes of the results by those of the inputs.
        beside: What is added to the stem of a result for each further file of it.
        files: The names of what else is written into the folder of the results.

    Raises:
        ValueError: As `plan_batch` does.
        OSError: A folder cannot be read, or the folder of the results is not ours.
    """
    batch = plan_batch(inputs, output, suffixes, target_suffix=target_suffix, beside=beside)
    if batch.folder is not None:
        refuse_foreign(batch.folder, BATCH, files)
    if batch.left_out:
        advice = "; give such a folder by itself to take it" if EARLIER_RESULTS in batch.left_out else ""
        echo(f"not taken: {listed(batch.left_out)}{advice}", err=True)
    return batch


def _advised(pictures: PictureOptions, batch: Batch) -> Batch:
    """The same, and where all that clashes would not in the formats of the inputs, this is said too."""
    same = replace(pictures, format=SAME).target_suffix
    kept = {job.target.with_suffix(suffix) for job in batch.clashes if (suffix := job.source.suffix.lower()) in same}
    if pictures.format == SAME or len(kept) < len(batch.clashes):
        return batch
    return replace(batch, clashes={job: f"{why}, or give --format same" for job, why in batch.clashes.items()})


def _check_quality(batch: Batch) -> None:
    lossless = sum(job.target.suffix.lower() in LOSSLESS for job in batch.jobs)
    if lossless == len(batch.jobs):
        raise ValueError("`quality`: PNG and TIFF lose nothing; leave it out, or give another `format`")
    if lossless:
        echo(f"{lossless} of {len(batch.jobs)} become PNG or TIFF, which lose nothing and have no quality", err=True)


def _tell_changed(pictures: PictureOptions, batch: Batch) -> None:
    """Which inputs become files of another format, because theirs is not written."""
    found = Counter(job.source.suffix.lower() for job in batch.jobs)
    changed = {suffix: count for suffix, count in found.items() if suffix not in pictures.target_suffix}
    if changed:
        suffixes = ", ".join(sorted(suffix or "no suffix" for suffix in changed))
        count = sum(changed.values())
        echo(f"{count} of {len(batch.jobs)} ({suffixes}) become PNG, since theirs is not written", err=True)


def _check_name(pictures: PictureOptions) -> None:
    """A result called by a suffix that is not written would be taken for a folder."""
    output, written = pictures.output, set(pictures.target_suffix.values())
    suffix = output.suffix.lower()
    if not output.is_dir() and suffix in READ | {".avif", ".heic", ".jxl", ".jp2"} and suffix not in written:
        raise ValueError(f"{output}: not written; give a folder, or a file ending in {' or '.join(sorted(written))}")
