"""``nflows agri export``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command
from nflows_core.runtime.options import OutputFile
from nflows_core.runtime.terminal import echo

_FolderPath = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=Command)
@click.argument("run", type=_FolderPath)
@click.option("-o", "--output", type=OutputFile(".onnx"), help="The file.  [default: model.onnx in RUN]")
def export(run: Path, output: Path | None) -> None:
    """Write the classifier of RUN as ONNX, which needs neither torch nor this package, and which `predict` takes too.

    Its input "pixels" are crops in bytes, (N, 3, S, S), its output are probabilities. It is written only if it judges
    crops of the run as torch does, to 0.0001.
    """
    from nflows_agri.inspection.export import export_run
    from nflows_agri.inspection.runs import ONNX_FILE
    from nflows_agri.unknown import UNKNOWN_FILE

    path = run / ONNX_FILE if output is None else output
    difference = export_run(run, path)
    echo(f"{path}: differs from torch by {difference:.1e} at most")
    if (run / UNKNOWN_FILE).exists():
        echo("it judges every crop: what is like none of the training is put aside by RUN alone", err=True)
