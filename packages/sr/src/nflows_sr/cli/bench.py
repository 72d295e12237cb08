"""``nflows sr bench``."""

from __future__ import annotations

from pathlib import Path

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table

MODELS = ("affine-ae", "ae-kl", "affine-vqgan", "vqgan", "vq-vae")
_COLUMNS = {
    "model": "model",
    "encode, s": "encode_seconds",
    "encode ratio": "encode_ratio",
    "encode FLOPs ratio": "encode_flop_ratio",
    "latent, s": "latent_seconds",
    "latent ratio": "latent_ratio",
    "decode, s": "decode_seconds",
    "decode ratio": "decode_ratio",
    "decode FLOPs ratio": "decode_flop_ratio",
    "peak, MB": "peak_megabytes",
}
_PACKAGES = ("nflows-sr", "diffusers")
_REPORT_FOLDER = "benchmark of autoencoders"


@click.command(cls=Command)
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Choice(MODELS),
    default=MODELS,
    show_default=True,
    help="Repeatable; all are compared with ae-kl.",
)
@click.option(
    "--size",
    type=click.IntRange(8),
    default=256,
    show_default=True,
    help="Height and width of the picture, a multiple of 8.",
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often times are measured.")
@click.option("-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="For a report.")
@json_option
def bench(models: tuple[str, ...], size: int, rounds: int, folder: Path | None) -> None:
    """Time the autoencoders of full size, in turn: seconds to encode a picture, to make its latent, and to decode it.

    Their weights are random, which costs the same. On a CPU, OMP_NUM_THREADS is the number of threads.
    """
    import torch

    from nflows_core.runtime.ownership import claim_folder
    from nflows_core.runtime.page import Table
    from nflows_core.runtime.report import REPORT_FILES, machine, versions, write_report
    from nflows_sr.autoencoders import SHAPES
    from nflows_sr.evaluation.autoencoder_costs import compare_costs

    shapes = {name: SHAPES[name] for name in dict.fromkeys(("ae-kl", *models))}
    if folder is not None:
        claim_folder(folder, _REPORT_FOLDER, REPORT_FILES)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with progress("measurements", len(shapes) + rounds + 1) as advance:
        rows = compare_costs(shapes, size, rounds, device, advance)
    settings = {"size": size, "rounds": rounds, "device": str(device), "threads": torch.get_num_threads()}
    echo(table([{title: row[key] for title, key in _COLUMNS.items()} for row in rows]))
    if folder is None:
        added = {"versions": versions(_PACKAGES), "machine": machine()}
        print_report({"settings": settings, "tables": {"costs": rows}} | added)
        return
    tables = [Table("costs", rows)]
    print_report(write_report(folder, "Autoencoders", {"settings": settings}, tables=tables, packages=_PACKAGES))
