"""A map, and all that is known of it when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from nflows_geo.evaluation import Agreement
from nflows_geo.mapping.drawing import Drawing
from nflows_geo.mapping.learning import Learned, Recipe
from nflows_geo.mapping.names import UnitNames
from nflows_geo.mapping.suggestions import labelled, suggested_by_labels, suggested_by_spectra
from nflows_geo.mapping.unit_sums import UnitSums
from nflows_geo.raster import PixelAreas, pixel_areas
from nflows_geo.scene import Band, Scene
from nflows_geo.spectra import are_reflectances


@dataclass(frozen=True)
class DrawnMap:
    """A map, and all that is known of it.

    Arguments:
        scene: The scene that was mapped.
        recipe: How the map was made.
        learned: The mapper, and what it was learned from.
        scores: The scores without labels, as `score_rows` gives them.
        drawing: What was gathered on the way.
        names: What a person calls the units.
        made: The day on which it was made.
        minimum_pixels: Polygons of fewer pixels become part of their neighbour; the map has them all.
    """

    scene: Scene
    recipe: Recipe
    learned: Learned
    scores: Sequence[Mapping[str, Any]]
    drawing: Drawing
    names: UnitNames
    made: date
    minimum_pixels: int = 1

    @property
    def bands(self) -> list[Band]:
        return self.scene.bands

    @property
    def sums(self) -> UnitSums:
        return self.drawing.sums

    @property
    def present(self) -> list[int]:
        """The units that have pixels."""
        return [int(unit) for unit in np.flatnonzero(self.sums.pixels[1:]) + 1]

    @property
    def areas(self) -> PixelAreas:
        """The areas of its pixels."""
        return pixel_areas(self.scene.grid)

    @cached_property
    def agreement(self) -> Agreement | str | None:
        """The map against the labels, or why that says nothing; nothing without labels."""
        labels = self.drawing.labels
        if labels is None:
            return None
        try:
            return Agreement.of_maps(labels.classes, self.drawing.at_labels, labels.polygons, self.recipe.seed)
        except ValueError as error:  # the map is made, and is not lost by labels outside of it
            return str(error)

    @cached_property
    def no_ratios(self) -> str:
        """Why ratios of bands tell nothing about the units; nothing where they do."""
        if not any(self.scene.wavelengths):
            return "the wavelengths of the bands are not known; `sensor` or the product folder says them"
        if not are_reflectances(self.sums.means[np.array(self.present) - 1]):
            return "the values are no reflectances from 0 to 1; give the product folder, or scale the raster"
        return ""

    @cached_property
    def suggestions(self) -> dict[int, str]:
        """What the units without a name may be: by the labels in them, or else by their spectra of reflectances."""
        found = {}
        if not self.no_ratios:
            found = suggested_by_spectra(self.sums.means, self.sums.pixels[1:], self.scene.wavelengths)
        if isinstance(self.agreement, Agreement) and self.drawing.labels is not None:
            labels = [self.drawing.labels.names[int(label)] for label in self.agreement.labels]
            found |= suggested_by_labels(self.agreement.confusion, labels, self.agreement.units.tolist())
        return {unit: found[unit] for unit in sorted(found) if unit not in self.names.names}

    def label(self, unit: int) -> str:
        """What a unit is called, with what it may be."""
        return labelled(self.names.of(unit), self.suggestions.get(unit))
