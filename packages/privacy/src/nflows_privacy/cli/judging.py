"""``nflows privacy evaluate --task detect``: boxes that were found beside those of a person."""

from __future__ import annotations

from pathlib import Path

from nflows_core.runtime.cli import print_report
from nflows_core.runtime.errors import ExitCode
from nflows_core.runtime.progress import progress
from nflows_core.runtime.terminal import echo
from nflows_core.runtime.text_table import table

_GROUPS = "groups"
_FAINT = 0.1
"""The score down to which boxes are needed for an average precision, about."""


def judge_boxes(
    pictures: Path,
    found: Path,
    boxes: Path,
    folder: Path,
    *,
    classes: tuple[str, ...],
    threshold: float,
    device: str,
) -> ExitCode:
    """Measures boxes, and tells of it.

    Arguments:
        pictures: The folder of the pictures.
        found: What found something there.
        boxes: What a person has marked.
        folder: The folder of the report.
        classes: What counts; "groups" are those of the classes, and without any all is counted.
        threshold: The score from which on a box counts where boxes are counted.
        device: The device on which a run looks.
    """
    from nflows_core.runtime.ownership import refuse_foreign
    from nflows_privacy.evaluation.detected import KIND, RESULTS, judge, marked_scenes, write_judgement
    from nflows_privacy.training.data import Source, meant_classes

    refuse_foreign(folder, KIND, RESULTS)
    groups = classes == (_GROUPS,)
    named = () if groups or not classes else meant_classes(Source(boxes), classes)
    counted, scenes = marked_scenes(pictures, boxes, named, groups)
    with progress("pictures", len(scenes)) as advance:
        judgement = judge(scenes, counted, found, groups=groups, device=device, told=advance)
    if (lowest := judgement.lowest) is not None and lowest > _FAINT:
        echo(
            f"no box has a score below {lowest:.2g}, and an average precision counts faint ones too: give detect"
            " --threshold .05",
            err=True,
        )
    for kind, count in judgement.others.items():
        echo(f"{count} boxes of {kind} do not count: nobody marked one", err=True)
    inputs = {"pictures": pictures, "found": found, "boxes": boxes}
    report = write_judgement(judgement, folder, threshold, inputs, {"task": "detect", "groups": groups})
    (rows,) = report["tables"].values()
    echo(f"found, false, precision and recall are of boxes of score {threshold} or more")
    echo(table(rows))
    print_report(report)
    return ExitCode.DONE
