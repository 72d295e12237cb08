"""Detectors by their names, and several as one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_privacy.detection import (
    DetectorSettings,
    Look,
    NamedDetector,
    choice,
    distinct,
    load_detector,
    names,
    names_for,
    resolve,
    weights_of,
)
from nflows_privacy.regions import FACE, PLATE, Box, Region, boxes_array, iou

PIXELS = np.zeros((8, 8, 3), np.uint8)


class Stub:
    """A detector that finds what it is told to."""

    def __init__(self, *found: Region) -> None:
        self.found = list(found)
        self.kinds = frozenset(region.kind for region in found)
        self.looks: list[Look] = []

    def __call__(self, pixels: NDArray[np.uint8], look: Look = Look.THOROUGH) -> list[Region]:
        self.looks.append(look)
        return self.found


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module of another package, whose objects are registered as detectors by their names."""
    module = SimpleNamespace(
        small=NamedDetector(lambda settings: Stub(Region(Box(0, 0, 4, 4), FACE, settings.threshold or 0.5))),
        large=NamedDetector(lambda _: Stub(Region(Box(0, 0, 4, 4), PLATE, 0.7), Region(Box(0, 0, 4, 4.2), FACE, 0.6))),
        none=7,
    )
    monkeypatch.setitem(sys.modules, "another_package", module)  # type: ignore[arg-type]
    points = [EntryPoint(name, f"another_package:{name}", choice.ENTRY_POINTS) for name in (*vars(module), "gone")]
    monkeypatch.setattr(choice, "entry_points", EntryPoints(points).select)
    return module


def test_another_package_adds_a_detector_by_an_entry_point(added: SimpleNamespace) -> None:
    assert {"yunet", "small", "large"} <= set(names())
    chosen = DetectorSettings(("small",), threshold=0.25)
    assert load_detector(chosen)(PIXELS) == [Region(Box(0, 0, 4, 4), FACE, 0.25)]
    assert load_detector(chosen) is load_detector(chosen)
    assert weights_of(chosen) == {}
    assert resolve(chosen) == chosen


def test_several_detectors_are_one_that_asks_all_and_tells_nothing_twice(added: SimpleNamespace) -> None:
    detector = load_detector(DetectorSettings(("small", "large")))
    assert detector.kinds == {FACE, PLATE}
    assert detector(PIXELS, Look.CHECK) == [Region(Box(0, 0, 4, 4), PLATE, 0.7), Region(Box(0, 0, 4, 4.2), FACE, 0.6)]
    assert [part.looks for part in detector.detectors] == [[Look.CHECK], [Look.CHECK]]  # type: ignore[attr-defined]


def test_what_another_package_registered_wrongly_is_named(added: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="`detectors` none: another_package:none is a int, not a NamedDetector"):
        load_detector(DetectorSettings(("none",)))
    with pytest.raises(ValueError, match="gone: another_package:gone cannot be imported"):
        load_detector(DetectorSettings(("gone",)))


@pytest.mark.parametrize("use", [load_detector, weights_of, resolve])
def test_an_unknown_name_is_answered_with_the_known_ones(use) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="there is none called 'yumet'; give one of yunet"):
        use(DetectorSettings(("yumet",)))


@pytest.mark.parametrize("use", [load_detector, weights_of, resolve])
def test_missing_weights_end_with_their_own_exit_code(  # type: ignore[no-untyped-def]
    use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    with pytest.raises(CommandError, match=r"yunet: the weights are missing.*\nPut face_detection_yunet_") as raised:
        use(DetectorSettings(("yunet",), threshold=0.123))
    assert raised.value.exit_code == ExitCode.WEIGHTS


def test_each_kind_has_its_default() -> None:
    assert names_for([FACE]) == ("yunet",)
    assert names_for([PLATE, FACE, PLATE]) == ("plates", "yunet")
    with pytest.raises(ValueError, match="no detector finds 'hat' by default; give one of face, plate"):
        names_for(["hat"])


def test_settings_survive_json_and_refuse_what_makes_no_sense() -> None:
    chosen = DetectorSettings(("yunet", "plates"), 0.4, "cpu")
    values = json.loads(json.dumps(asdict(chosen)))
    assert DetectorSettings(**{**values, "names": tuple(values["names"])}) == chosen
    assert chosen.place.type == "cpu"
    for names_, threshold in (((), None), (("yunet", "yunet"), None), (("yunet",), 1.5), (("yunet",), float("nan"))):
        with pytest.raises(ValueError, match=r"`names`|`threshold`"):
            DetectorSettings(names_, threshold)


corner = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
regions = st.lists(
    st.builds(
        lambda at, kind, score: Region(Box(at[0], at[1], at[0] + at[2], at[1] + at[3]), kind, score),
        corner,
        st.sampled_from([FACE, PLATE]),
        st.floats(0, 1),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(regions, st.randoms())
def test_what_is_distinct_covers_all_that_was_found_in_any_order(found: list[Region], random) -> None:  # type: ignore[no-untyped-def]
    kept = distinct(found)
    assert distinct(kept) == kept
    assert [region.score for region in kept] == sorted((region.score for region in kept), reverse=True)
    for kind in (FACE, PLATE):
        alike = [region for region in kept if region.kind == kind]
        table = iou(boxes_array(alike), boxes_array(alike))
        assert (table[~np.eye(len(alike), dtype=bool)] <= 0.4).all()
        of_all = iou(boxes_array([region for region in found if region.kind == kind]), boxes_array(alike))
        assert (of_all.max(axis=1, initial=0) > 0.4).all()
    random.shuffle(found)
    assert distinct(found) == kept


def test_the_cascade_for_smoke_tests_finds_a_face_and_warns() -> None:
    data = pytest.importorskip("skimage.data")
    with pytest.warns(UserWarning, match="lbp misses clear faces"):
        detector = load_detector(DetectorSettings(("lbp",)))
    face = np.array([[180, 60, 270, 175.0]])
    with Image.open(Path(data.__file__).with_name("astronaut.png")) as astronaut:
        pixels = np.array(astronaut.convert("RGB"))
    assert iou(face, boxes_array(detector(pixels))).max() > 0.5
    assert detector(PIXELS) == []
