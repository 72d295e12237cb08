"""People who are spared are known again, and in doubt nobody is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_privacy.detection import keeping
from nflows_privacy.detection.keeping import WEIGHTS, Keeping, load_keeping
from nflows_privacy.regions import FACE, PLATE, Box, Region

Pixels = NDArray[np.uint8]


def _face(red: int, green: int) -> Pixels:
    return np.full((8, 8, 3), (red, green, 0), np.uint8)


def _find(pixels: Pixels) -> list[Region]:
    return [Region(Box(0, 0, 8, 8), FACE)] if pixels.any() else []


def _embed(pixels: Pixels, region: Region) -> NDArray[np.float64] | None:
    """A person's colour; none of what is black."""
    left, top, right, bottom = (round(value) for value in region.box)
    colour = pixels[top:bottom, left:right].reshape(-1, 3).mean(axis=0)
    length = float(np.linalg.norm(colour))
    return colour / length if length > 0 else None


@settings(deadline=None)
@given(st.floats(0, 90), st.floats(0.05, 1))
def test_who_is_kept_is_decided_by_the_cosine(degrees: float, similarity: float) -> None:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    anna = Keeping({"anna.jpg": _face(200, 0)}, _find, lambda *_: np.array([1.0, 0.0]), similarity)
    anna.embed = lambda *_: np.array([cosine, sine])
    kept, others = anna.split(_face(1, 1), _find(_face(1, 1)))
    assert (len(kept), len(others)) == ((1, 0) if cosine >= similarity else (0, 1))


def test_only_the_faces_of_known_people_are_kept() -> None:
    people = Keeping({"anna.jpg": _face(200, 0), "ben.jpg": _face(0, 90)}, _find, _embed, similarity=0.99)
    picture = np.concatenate([_face(100, 0), _face(100, 100), _face(0, 30), _face(0, 0), _face(50, 0)], axis=1)
    found = [Region(Box(8 * index, 0, 8 * index + 8, 8), FACE) for index in range(4)]
    found.append(Region(Box(32, 0, 40, 8), PLATE))
    kept, others = people.split(picture, found)
    assert kept == [found[0], found[2]]
    assert others == [found[1], found[3], found[4]]


@pytest.mark.parametrize(
    ("find", "embed", "problem"),
    [
        (lambda _: [], _embed, r"`keep` anna.jpg: 0 faces; give a picture with one face"),
        (lambda pixels: 2 * _find(pixels), _embed, r"`keep` anna.jpg: 2 faces"),
        (_find, lambda *_: None, r"`keep` anna.jpg: the face is too small"),
    ],
)
def test_a_reference_must_show_one_clear_face(find, embed, problem: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=problem):
        Keeping({"anna.jpg": _face(200, 0)}, find, embed)


@pytest.mark.parametrize(
    ("references", "similarity"), [({}, 0.5), ({"a": _face(1, 1)}, 0.0), ({"a": _face(1, 1)}, 1.1)]
)
def test_what_would_keep_everybody_is_refused(references: dict[str, Pixels], similarity: float) -> None:
    with pytest.raises(ValueError, match="`keep`: expected a picture or more and a similarity"):
        Keeping(references, _find, _embed, similarity)


def test_missing_weights_end_with_their_own_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NFLOWS_CACHE", str(tmp_path))
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    monkeypatch.setenv("NFLOWS_OFFLINE", "1")
    monkeypatch.setattr(keeping, "YuNet", lambda _: None)
    monkeypatch.setattr(keeping, "YUNET_WEIGHTS", tmp_path)
    with pytest.raises(CommandError, match=rf"sface: the weights are missing.*\nPut {WEIGHTS.file}") as raised:
        load_keeping({"anna.jpg": _face(200, 0)})
    assert raised.value.exit_code == ExitCode.WEIGHTS
