"""Runs: the folder that a training leaves, and what is done with it: train, measure, report, compare."""

from nflows_core.runs.folder import Run, load_run, read_run, save_run
from nflows_core.runs.kind import RunError

__all__ = ["Run", "RunError", "load_run", "read_run", "save_run"]
