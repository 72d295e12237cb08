"""Geological maps from multispectral scenes, without labels.

A scene is opened, its units are learned from a part of it, and the map is drawn tile by tile:

    >>> from nflows_geo import Recipe, map_scene, open_scene
    >>> report = map_scene(open_scene(Path("scene.tif")), Recipe(units=3, smooth=False), Path("out"))
    >>> report["units"], report["recipe"]["reduction"]
    (3, 'leading-pca')

What is named here is what users import; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nflows_geo.anomaly import AnomalyRecipe as AnomalyRecipe
    from nflows_geo.anomaly import anomaly_scene as anomaly_scene
    from nflows_geo.comparison import compare as compare
    from nflows_geo.evaluation import Agreement as Agreement
    from nflows_geo.evaluation import internal_scores as internal_scores
    from nflows_geo.labels import Labels as Labels
    from nflows_geo.labels import read_labels as read_labels
    from nflows_geo.mapping import Recipe as Recipe
    from nflows_geo.mapping import UnitNames as UnitNames
    from nflows_geo.mapping import learn as learn
    from nflows_geo.mapping import map_scene as map_scene
    from nflows_geo.mapping import read_names as read_names
    from nflows_geo.mapping import vectorize as vectorize
    from nflows_geo.scene import Scene as Scene
    from nflows_geo.scene import open_scene as open_scene
    from nflows_geo.tiling import Tiling as Tiling

_ROOMS = {
    "Agreement": "evaluation",
    "AnomalyRecipe": "anomaly",
    "Labels": "labels",
    "Recipe": "mapping",
    "Scene": "scene",
    "Tiling": "tiling",
    "UnitNames": "mapping",
    "anomaly_scene": "anomaly",
    "compare": "comparison",
    "internal_scores": "evaluation",
    "learn": "mapping",
    "map_scene": "mapping",
    "open_scene": "scene",
    "read_labels": "labels",
    "read_names": "mapping",
    "vectorize": "mapping",
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
