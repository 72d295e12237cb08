"""The process of ``nflows heritage inspect``: from a picture to what it suffers from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.sheets import contact_sheet
from nflows_core.runtime.pictures.work import is_told
from nflows_core.runtime.recipe import is_result_of, recipe_of, source_facts
from nflows_heritage.distortions import CLEAN
from nflows_heritage.inspection.inspector import SHIPPED, load_inspector


@dataclass(frozen=True)
class InspectFiles:
    """Says of each picture what it suffers from, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        weights: The SHA-256 of the inspector's weights.
        seed: Nothing is drawn.
    """

    weights: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes what is found as JSON, and returns what is known of the picture."""
        facts = source_facts(source)
        with PictureFile(source) as picture:
            found = load_inspector(SHIPPED)(picture)
            size = f"{picture.shape[1]} x {picture.shape[0]}"
        with atomic_write(target, "w") as file:
            file.write(to_json({"sha256": facts["sha256"], **asdict(found)}, indent=2))
        numbers = {
            "kind": found.kind,
            "level": found.level,
            "probability": found.probabilities[found.kind],
            "probability_clean": found.probabilities[CLEAN],
        }
        return {"recipe": self.recipe, **facts, "size": size, "new_size": size, "left_out": [], "numbers": numbers}

    @property
    def settings(self) -> dict[str, Any]:
        """There is nothing to set."""
        return {}

    @property
    def recipe(self) -> str:
        """By what a result of the same weights is known."""
        return recipe_of(self)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        return is_told(result) and is_result_of(self.recipe, job.source, result)


def inspected_sheets(about: PictureReport, done: Sequence[Outcome]) -> list[Sheet]:
    """The pictures, each with what was found."""
    if not done:
        return []
    shown = about.shown(done)
    return [contact_sheet(f"{len(shown)} of {len(done)} pictures", ((_words(one), one.job.source) for one in shown))]


def _words(outcome: Outcome) -> str:
    numbers = (outcome.result or {})["numbers"]
    level = "" if numbers["level"] is None else f" {numbers['level']:.1f}"
    return f"{outcome.job.source}: {numbers['kind']}{level} ({numbers['probability']:.0%})"
