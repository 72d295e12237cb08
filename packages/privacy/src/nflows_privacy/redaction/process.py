"""The process of ``nflows privacy redact``: from file to file, a picture or a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.jobs import Job
from nflows_core.runtime.pictures.work import Made, Writing, is_told, picture_seed
from nflows_core.runtime.recipe import is_result_of, recipe_of, source_facts
from nflows_privacy.annotations.folder import found_folder
from nflows_privacy.annotations.found import Found
from nflows_privacy.detection.narrowed import Sparing
from nflows_privacy.fills import load_fill
from nflows_privacy.masks import cover
from nflows_privacy.redaction.beside import BEHIND, lost, without_pictures
from nflows_privacy.redaction.pixels import seen_by
from nflows_privacy.redaction.settings import Redaction, loaded
from nflows_privacy.redaction.still import Redacted, redact_still
from nflows_privacy.regions import Region
from nflows_privacy.rgb import as_rgb
from nflows_privacy.video import Filling, redact_video
from nflows_privacy.video.formats import is_video


@dataclass(frozen=True)
class RedactFiles:
    """A redaction from file to file, as `nflows_core.runtime.batch.run_batch` takes it.

    Arguments:
        redaction: How things are found and filled.
        writing: How pictures are written.
        weights: The SHA-256 of the weights of detectors and fills, by their names.
        found: The folder of what was found and reviewed before, if that decides, and its `state_of` when the run began.
    """

    redaction: Redaction
    writing: Writing
    weights: Mapping[str, str] = field(default_factory=dict)
    found: tuple[Path, str] | None = None

    def __call__(self, source: Path, target: Path) -> dict[str, Any]:
        """Writes a redacted file, and returns what is known of it.

        Raises:
            ValueError: Nothing is known of the file where what was found decides; or something is left in it after all.
        """
        found = None if self.found is None else found_folder(self.found).found(source, sha256(source))
        redact = self._video if is_video(source) else self._picture
        told = redact(source, target, found)
        return {"recipe": self.recipe, **told, "found_sha256": self._found_digest(source, told["sha256"])}

    @property
    def seed(self) -> int:
        return self.writing.seed

    @property
    def settings(self) -> dict[str, Any]:
        """All that a person has set, but for the files."""
        return {"settings": asdict(self.redaction), "writing": self.writing.settings}

    @property
    def recipe(self) -> str:
        """By what a result of the same settings, weights and seed is known."""
        return recipe_of(self.redaction, self.writing.settings, self.weights, self.seed)

    def is_current(self, job: Job, result: Mapping[str, Any] | None) -> bool:
        """Whether a result is what the process would return now."""
        if result is None or not is_told(result) or not is_result_of(self.recipe, job.source, result):
            return False
        try:
            return bool(result.get("found_sha256") == self._found_digest(job.source, result["sha256"]))
        except ValueError:  # which the job itself will say
            return False

    def _picture(self, source: Path, target: Path, found: Found | None) -> dict[str, Any]:
        regions: list[Region] = []

        def make(picture: PictureFile, seed: int) -> Made:
            redacted = self._redacted(picture, seed, found)
            regions.extend(redacted.rungs)
            metadata = without_pictures(picture.about.metadata.under(self.writing.metadata))
            new = replace(picture.about, pixels=redacted.pixels, metadata=metadata)
            return Made(new, numbers=lambda: redacted.numbers(self.redaction.kinds))

        told = self.writing(make, source, target)
        left_out = [name for name in told["left_out"] if name != BEHIND] + lost(source)
        return {**told, "left_out": left_out, "regions": [region.to_json() for region in regions]}

    def _video(self, source: Path, target: Path, found: Found | None) -> dict[str, Any]:
        looks, settings = loaded(self.redaction), self.redaction
        if looks.keeping is not None:
            raise ValueError("`keep`: people are known again in pictures only; leave videos out")
        facts = source_facts(source)
        fills = [load_fill(rung) for rung in settings.ladder]
        seed = picture_seed(self.seed, facts["sha256"])
        filling = Filling(fills, looks.verify, settings.mask_scale, settings.left_score, seed)
        with looks.alone:
            numbers = redact_video(source, target, looks.find, filling, quality=self.writing.quality, found=found)
        return {**facts, **_told(numbers, settings.kinds)}

    def _redacted(self, picture: PictureFile, seed: int, found: Found | None) -> Redacted:
        height, width, _ = picture.shape
        pixels = picture.rows(0, height)
        looks = loaded(self.redaction)
        if found is not None:
            _check_found(found, width, height)
        with looks.alone:
            regions = seen_by(looks.find, pixels) if found is None else found.regions
            kept, regions = looks.keeping.split(as_rgb(pixels), regions) if looks.keeping else ([], regions)
            check = Sparing(looks.doubt, kept) if kept else looks.doubt
            return redact_still(pixels, regions, check, self.redaction, seed, is_final=found is not None)

    def _found_digest(self, source: Path, digest: str) -> str | None:
        """By what is known what was found in a file, which has this SHA-256."""
        if self.found is None:
            return None
        return " ".join(map(sha256, found_folder(self.found).paths(source, digest)))


def _check_found(found: Found, width: int, height: int) -> None:
    if found.frames is not None or (found.width, found.height) != (width, height):
        what = "a video" if found.frames is not None else f"a picture of {found.width} x {found.height} pixels"
        raise ValueError(f"what was found tells of {what}, and this is a picture of {width} x {height}; detect again")
    for region in found.regions:
        if min(region.box.width, region.box.height) < 1 or cover(region.box, height, width) is None:
            box = ", ".join(f"{value:g}" for value in region.box)
            raise ValueError(
                f"a box of {box} hides nothing of {width} x {height} pixels: give left, top, right and bottom in pixels"
            )


def _told(numbers: Mapping[str, Any], kinds: Sequence[str]) -> dict[str, Any]:
    """What is known of a video as the batch's report has it."""
    boxes = numbers["boxes"]
    columns = {
        **{f"{kind}s": boxes.get(kind, 0) for kind in sorted({*kinds, *boxes})},
        **{name: numbers[name] for name in ("masked_percent", "filled_more", "seen_again", "frames", "audio_streams")},
        "tracks": sum(numbers.get("tracks", {}).values()),
        "lossless": numbers["lossless"],
    }
    sides = {"size": numbers["size"], "new_size": numbers["size"]}
    return {**sides, "left_out": list(numbers["left_out"]), "numbers": columns}
