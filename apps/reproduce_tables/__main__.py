"""Train and time the models of the thesis's tables, and set the rows beside the thesis's in docs/reproduction.md; those
of table 3.2 stand in the README too.

    python apps/reproduce_tables run 3.2 3.3 --mnist MNIST --cifar10 CIFAR --epochs 3
    python apps/reproduce_tables fill

`run` keeps the runs in a folder: one that was stopped goes on, one that is finished is only timed again. Models of a
table that is about times alone are not trained. It writes a JSON file for each table, and `fill` writes the documents
from them. What is compared stands in tables.toml.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nflows_core.data import read_images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.evaluation import parameters
from nflows_core.flow import Flow
from nflows_core.models import ModelChoice, build
from nflows_core.runs.comparison import arguments_of, compare, rows_of, time_flows
from nflows_core.runtime.errors import run_script
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.page import Table
from nflows_core.runtime.report import write_report
from nflows_core.training import StepMetrics, TrainingConfig

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "packages" / "nflows-core" / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "reproduction.md"
README = ROOT / "README.md"
DATA_SETS = ("mnist", "cifar10")
TIMES = {"sampling": "sampling", "forward": "density", "training": "training step"}
HEADER = ("", "bits per dimension", "nats an image", *(f"{name}, ms for 100" for name in TIMES.values()), "parameters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="train and time the models of tables")
    run.add_argument("tables", nargs="+", choices=[table["id"] for table in tables()], metavar="TABLE")
    for name in DATA_SETS:
        run.add_argument(f"--{name}", metavar="DATA", help=f"where {name} is")
    run.add_argument("-o", "--output", type=Path, default=ROOT / "runs", help="folder of the runs (%(default)s)")
    run.add_argument("--epochs", type=int, default=100)
    run.add_argument("--width", type=int, help="of the couplings, instead of the table's")
    run.set_defaults(command=run_tables)
    fill = commands.add_parser("fill", help="write the rows of docs/reproduction.md and the README from the results")
    fill.set_defaults(command=fill_documents)
    options = parser.parse_args()
    options.command(options)


def tables() -> list[dict[str, Any]]:
    return list(tomllib.loads(Path(__file__).with_name("tables.toml").read_text(encoding="utf-8"))["tables"])


def run_tables(options: argparse.Namespace) -> None:
    for table in tables():
        if table["id"] in options.tables:
            run_table(table, options)


def run_table(table: dict[str, Any], options: argparse.Namespace) -> None:
    data = getattr(options, table["data"])
    if data is None:
        raise ValueError(f"table {table['id']} is about {table['data']}: give its folder by --{table['data']}")

    folder = options.output / f"table-{table['id']}"
    arguments = table["arguments"] if options.width is None else {**table["arguments"], "width": options.width}
    candidates = [ModelChoice.parse(text) for text in table["models"]]
    if table.get("times_only", False):
        time_untrained(table["title"], data, folder, candidates, arguments)
    else:
        train_and_time(table["id"], data, folder, candidates, arguments, options.epochs)
    shutil.copyfile(folder / "report.json", results(table["id"]))


def train_and_time(
    table_id: str, data: str, folder: Path, candidates: list[ModelChoice], arguments: dict[str, Any], epochs: int
) -> None:
    def progress(model: str, metrics: StepMetrics, total: int) -> None:
        if metrics.step * epochs % total == 0:
            print(f"{table_id}  {model}  epoch {metrics.epoch}  {metrics.loss:.3f}", flush=True)

    config = TrainingConfig(epochs=epochs, warmup_steps=100, checkpoint_steps=200)
    compare(data, folder, candidates, arguments, config, progress=progress)


def time_untrained(
    title: str, data: str, folder: Path, candidates: list[ModelChoice], arguments: dict[str, Any]
) -> None:
    images = read_images(data, "train")
    batch = dequantize(images[:100].pixels, images.quantization, torch.Generator().manual_seed(0))
    flows: dict[str, Flow] = {}
    for candidate in candidates:
        torch.manual_seed(0)
        own = arguments_of(candidate, arguments)
        fitting = {"shape": images.shape, "quantization": images.quantization}
        flows[candidate.text] = build(candidate.model, {**fitting, **own})
        flows[candidate.text].initialize(batch)
    counts = [{"model": text, "parameters": parameters(flow)} for text, flow in flows.items()]
    tables = [Table("Models", counts), Table("Times, and their ratios to those of the first", time_flows(flows))]
    write_report(folder, title, {"settings": {"data": Path(data).name, **arguments}}, seed=0, tables=tables)


def results(table_id: str) -> Path:
    return RESULTS / f"table-{table_id}.json"


def fill_documents(options: argparse.Namespace) -> None:
    fill(DOCUMENT, {table["id"]: beside_the_thesis(table) for table in tables()})
    fill(README, {"3.2": overview("3.2")})


def fill(document: Path, texts: Mapping[str, str]) -> None:
    """Puts each text between the marks of its table."""
    text = document.read_text(encoding="utf-8")
    for table_id, rows in texts.items():
        start, end = f"<!-- table {table_id} -->\n", f"<!-- end of table {table_id} -->"
        if start not in text or end not in text:
            raise ValueError(f"{document} has no place for table {table_id}: put {start.strip()} and {end} there")
        before, _, rest = text.partition(start)
        text = before + start + rows + end + rest.partition(end)[2]
    with atomic_write(document, "w") as file:
        file.write(text)


def beside_the_thesis(table: Mapping[str, Any]) -> str:
    """The table's rows, ours first, and the conditions of ours."""
    report = read_results(table["id"])
    ours = [] if report is None else rows_of(report)
    return markdown([HEADER, *map(our_row, ours), *map(thesis_row, table["thesis"])], conditions(report))


def overview(table_id: str) -> str:
    """Our rows alone, with how exactly each model inverts."""
    report = read_results(table_id)
    ours = [] if report is None else rows_of(report)
    header = (*HEADER, "largest error of decode(encode(x))")
    return markdown(
        [header, *((*our_row(row), f"{row['max_reconstruction_error']:.1e}") for row in ours)], conditions(report)
    )


def read_results(table_id: str) -> dict[str, Any] | None:
    path = results(table_id)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def markdown(rows: Sequence[Sequence[str]], below: str) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"\n{table}\n\n{below}\n\n"


def our_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"**{row['model']}**",
        *(our_quality(row) if "bits_per_dim" in row else ("", "")),
        *(f"{row[f'{name}_ms_per_100']:,.1f} ({row[f'{name}_ratio']:.2f})" for name in TIMES),
        f"{row['parameters'] / 1e6:.3f} M",
    )


def our_quality(row: Mapping[str, Any]) -> tuple[str, str]:
    low, high = row["bits_per_dim_interval_95"]
    return f"{row['bits_per_dim']:.3f} ± {(high - low) / 2:.3f}", f"{row['nats_per_image']:,.0f}"


def thesis_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    cells = [f"{row[key]:,}" if key in row else "" for key in ("bits_per_dim", "nats", "sampling", "density")]
    return f"thesis: {row['model']}", *cells, "", f"{row['parameters']} M" if "parameters" in row else ""


def conditions(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "Ours: not run yet."
    training, machine = report["settings"].get("training"), report["machine"]
    how = f"epochs: {training['epochs']}, batch {training['batch_size']}" if training else "not trained"
    diverged = "".join(f" {model} diverged." for model in report.get("diverged", ()))
    return (
        f"Ours, in bold: seed {report['seed']}, {how}, "
        f"{machine['cpu_count']} cores of an {machine['processor']}, torch {report['versions']['torch']}. "
        f"In brackets, the times as ratios to the first row's.{diverged}"
    )


if __name__ == "__main__":
    run_script(main)
