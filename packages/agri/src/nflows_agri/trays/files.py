"""The process of ``nflows agri segment``: from the photograph of a tray to a folder of its seeds."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nflows_agri.trays.colours import Pixels
from nflows_agri.trays.drawing import Around, as_mask, crops, overlay
from nflows_agri.trays.measuring import columns, crop_name, measured, write_table
from nflows_agri.trays.photographs import read_photograph
from nflows_agri.trays.plausibility import doubt, is_flat
from nflows_agri.trays.segmenting import Segmentation, segment
from nflows_core.runtime.attempt import Outcome
from nflows_core.runtime.files import errors_naming
from nflows_core.runtime.images import Picture, PictureFile, write_picture
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.page import Sheet
from nflows_core.runtime.pictures.report import PictureReport
from nflows_core.runtime.pictures.thumbnails import as_png, thumbnail
from nflows_core.runtime.pictures.work import is_told
from nflows_core.runtime.recipe import is_result_of, recipe_of, source_facts
from nflows_core.runtime.report import read_csv
from nflows_core.runtime.temporary import temporary_folder

OVERLAY, LABELS, TABLE, CROPS = "overlay.jpg", "labels.png", "seeds.csv", "crops"
_SHOWN_SIDE = 1400
_MOST_SEEDS = 2**16 - 1


@dataclass(frozen=True)
class Segmenting:
    """How trays are segmented.

    Arguments:
        touching: Whether seeds that touch are told apart.
        min_area: The least area of a seed in pixels.
        background: What is around the seed in a crop.
        px_per_mm: The pixels a millimetre.
        mm_width: The width of what the photograph shows in millimetres, instead.

    Raises:
        ValueError: There are both scales, or a number is not positive.
    """

    touching: bool = True
    min_area: float | None = None
    background: Around = "black"
    px_per_mm: float | None = None
    mm_width: float | None = None

    def __post_init__(self) -> None:
        if self.px_per_mm is not None and self.mm_width is not None:
            raise ValueError("`px_per_mm` and `mm_width` say the same; give one of them")
        for name in ("min_area", "px_per_mm", "mm_width"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"`{name}`: {value} is not positive")

    def scale(self, width: int) -> float | None:
        """The pixels a millimetre of a photograph of this width."""
        return self.px_per_mm if self.mm_width is None else width / self.mm_width


@dataclass(frozen=True)
class SegmentTrays:
    """From a photograph to a folder of its seeds, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        how: How trays are segmented.
    """

    how: Segmenting
    weights: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes the crops, the label mask, the overlay and the table of a tray; returns what is known of it.

        Raises:
            ValueError: The file is damaged, or the mask cannot be right; the overlay of that is `refused_overlay`.
            OSError: A file cannot be read or written.
        """
        facts = source_facts(source)
        pixels = read_photograph(source)
        found = segment(pixels, touching=self.how.touching, min_area=self.how.min_area)
        _refuse_doubtful(found, pixels, target, self.how)
        rows = self._write(found, pixels, target)
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        numbers: dict[str, Any] = {"seeds": found.count, "left_out_as_small": len(found.specks), **_typical(rows)}
        numbers |= {"channel": None if found.channel is None else found.channel.name}
        numbers |= {"flat_colours": bool(rows) and is_flat(found, pixels)}
        return {"recipe": self.recipe, **facts, "size": size, "new_size": size, "left_out": [], "numbers": numbers}

    def _write(self, found: Segmentation, pixels: Pixels, target: Path) -> list[dict[str, Any]]:
        rows = list(measured(pixels, found.labels, target.name, self.how.scale(pixels.shape[1])))
        with errors_naming(target), temporary_folder(target.parent) as folder:
            new = folder / target.name
            (new / CROPS).mkdir(parents=True)
            for number, crop in crops(pixels, found.labels, self.how.background):
                Image.fromarray(crop).save(new / CROPS / crop_name(target.name, number))
            write_picture(new / LABELS, Picture(as_mask(found.labels)))
            write_picture(new / OVERLAY, Picture(overlay(pixels, found.labels)), 92)
            write_table(new / TABLE, table_columns(self.how), rows)
            _replace(target, new, folder)
        refused_overlay(target).unlink(missing_ok=True)
        return rows

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        return {"settings": asdict(self.how)}

    @property
    def recipe(self) -> str:
        """By what a result of the same settings is known."""
        return recipe_of(self.how)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        return is_told(result) and is_result_of(self.recipe, job.source, result)


def refused_overlay(target: Path) -> Path:
    """Where the overlay of a mask lies that cannot be right, beside the folder that there is not."""
    return target.with_name(f"{target.name}-refused.jpg")


def table_columns(how: Segmenting) -> list[str]:
    """The columns of the tables of trays."""
    return columns(is_scaled=how.px_per_mm is not None or how.mm_width is not None)


def all_rows(done: Sequence[Outcome], folder: Path) -> Iterator[dict[str, str]]:
    """The rows of the tables of all trays, each with its tray's name below the folder of the results."""
    for outcome in done:
        name = outcome.job.target.relative_to(folder).as_posix()
        yield from ({"tray": name, **row} for row in read_csv(outcome.job.target / TABLE))


def tray_sheets(about: PictureReport, done: Sequence[Outcome], refused: Sequence[Outcome]) -> list[Sheet]:
    """The overlays of the trays, and those of the masks that were refused."""
    shown = about.shown(done) if done else []
    accepted = {str(one.job.source): _shown(one.job.target / OVERLAY) for one in shown}
    doubtful = {
        f"{one.job.source}: {one.error}": _shown(path)
        for one in refused
        if (path := refused_overlay(one.job.target)).exists()
    }
    captions = (f"Seeds: {len(accepted)} of {len(done)} trays", "Refused: no number is told of these")
    sheets = zip(captions, (accepted, doubtful), strict=True)
    return [Sheet(caption, ("overlay",), rows) for caption, rows in sheets if rows]


def _shown(path: Path) -> list[bytes | str]:
    with PictureFile(path) as picture:
        return [as_png(thumbnail(picture, _SHOWN_SIDE))]


def _refuse_doubtful(found: Segmentation, pixels: Pixels, target: Path, how: Segmenting) -> None:
    reason = doubt(found, heaps=not how.touching, sizes_differ=how.min_area is not None)
    if reason is None and found.count > _MOST_SEEDS:
        reason = f"{found.count} pieces are more than a mask of 16 bits can number"
    if reason is not None:
        path = refused_overlay(target)
        write_picture(path, Picture(overlay(pixels, found.labels)), 92)
        raise ValueError(f"refused: {reason} ({path.name} shows what was found)")


def _replace(target: Path, new: Path, folder: Path) -> None:
    """Puts a folder in the place of an earlier one of ours; what else somebody has put there stays, and is an error."""
    if target.exists():
        known = re.compile(rf"{OVERLAY}|{LABELS}|{TABLE}|{CROPS}|{CROPS}/{re.escape(target.name)}_\d+\.png")
        names = (path.relative_to(target).as_posix() for path in target.rglob("*"))
        if foreign := next((name for name in names if not known.fullmatch(name)), None):
            advice = "was not written there by this command, and stays; move it, or choose another folder"
            raise FileExistsError(errno.EEXIST, advice, str(target / foreign))
        target.rename(folder / "earlier")
    new.rename(target)


def _typical(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    names = [name for name in ("area_px", "area_mm2") if rows and name in rows[0]]
    return {f"median_{name}": float(np.median([row[name] for row in rows])) for name in names}
