"""``nflows geo anomaly``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nflows_core.runtime.cli import json_option, print_report
from nflows_core.runtime.options import Number, dask_option, memory_option, output_folder_option, seed_option
from nflows_core.runtime.ownership import refuse_foreign
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table
from nflows_geo.cli.options import (
    DETECTORS,
    GeoCommand,
    opened,
    rgb_option,
    scene_options,
    view_of,
    watched,
)

if TYPE_CHECKING:
    from nflows_geo.scene import Scene


@click.command(cls=GeoCommand)
@scene_options
@output_folder_option
@click.option(
    "--detector", type=click.Choice(DETECTORS), default=DETECTORS[0], show_default=True, help="What scores spectra."
)
@click.option(
    "--false-alarm-rate",
    type=Number(0, 1, min_open=True, max_open=True),
    default=0.001,
    show_default=True,
    help="The part of the scene that is above the threshold.",
)
@seed_option
@click.option(
    "--planted", is_flag=True, help="Also plant minerals in the scene, and see how often each detector finds them."
)
@rgb_option
@memory_option
@dask_option
@json_option
def anomaly(
    paths: tuple[Path, ...],
    folder: Path,
    detector: str,
    false_alarm_rate: float,
    seed: int,
    planted: bool,
    rgb: tuple[str, ...],
    memory: int,
    dask: str | None,
    **options: Any,
) -> None:
    """Find what is rare in SCENE: scores, a list of places to look at and a report in the folder OUTPUT.

    No detector is told what to look for: plants in a desert, roofs and the edges of clouds are rare as well as altered
    rock.
    """
    from nflows_geo.anomaly import ANOMALIES_FILE, HOW_TO_READ, KIND, RESULTS, AnomalyRecipe, anomaly_scene
    from nflows_geo.tiling import Tiling

    refuse_foreign(folder, KIND, RESULTS)
    recipe = AnomalyRecipe(detector, false_alarm_rate, seed)
    scene = opened(paths, outputs=[folder / name for name in RESULTS], dask=dask, **options)
    view = view_of(scene, rgb)
    report = anomaly_scene(
        scene,
        recipe,
        folder,
        tiling=Tiling(memory, dask=dask, watch=watched),
        view=view,
        planted=_check(scene, seed) if planted else {},
    )
    for caption, rows in report["tables"].items():
        if caption not in (HOW_TO_READ, "Bands"):
            echo(f"{caption}\n{table(rows)}\n")
    if reason := report["not_compared_with_minerals"]:
        echo(f"not compared with minerals: {reason}\n")
    echo(f"{folder / ANOMALIES_FILE}: {report['listed_anomalies']} of {report['anomalies']:,} anomalies")
    print_report(report)


def _check(scene: Scene, seed: int) -> dict[str, list[dict[str, Any]]]:
    from nflows_geo.anomaly import FRACTIONS, planted_check

    with progress("checks", len(FRACTIONS)) as advance:
        return planted_check(scene, seed, advance=advance)
