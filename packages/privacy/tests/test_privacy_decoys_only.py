"""Scenes with decoys and nothing else: signs stand, and the number of holes is that of scenes that were erased."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from nflows_core.runtime.images import read_picture
from nflows_core.testing import call_command
from nflows_privacy.annotations.annotated import Annotations, Marked
from nflows_privacy.annotations.reading import read_boxes
from nflows_privacy.cli import privacy
from nflows_privacy.masks import MASK_SCALE, Rectangle, cover, mask_of
from nflows_privacy.redaction.decoys import Holes, Plan, decoy_seed
from nflows_privacy.redaction.erasing import is_hole
from nflows_privacy.regions import Box, Region

WIDTH, HEIGHT = 160, 120
SIGNS = {
    "a.png": [(20, 20, 30, 30, "bend"), (100, 40, 112, 52, "bend")],
    "b.png": [(60, 30, 74, 42, "works")],
    "c.png": [],
}


@pytest.fixture(autouse=True)
def _scenes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    lines = ["image,left,top,right,bottom,name"]
    for seed, (name, found) in enumerate(SIGNS.items()):
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(f"in/{name}")
        lines += [",".join(map(str, (name, *sign))) for sign in found]
    Path("boxes.csv").write_text("\n".join(lines) + "\n")


def redact(*arguments: object) -> int:
    return call_command(privacy, "redact", "in", *arguments)


def filled(box: Box, width: int = WIDTH, height: int = HEIGHT) -> Rectangle:
    place = cover(box.grown(MASK_SCALE), height, width)
    assert place is not None
    return place


def changed(name: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (read_picture(f"in/{name}").pixels != read_picture(f"out/{name}").pixels).any(axis=2)
    return found


def test_outside_of_decoys_every_pixel_is_what_it_was_and_every_sign_stands() -> None:
    assert redact("--boxes", "boxes.csv", "--what", "sign", "--decoys", 2, "--decoys-only", "-o", "out") == 0
    for name, marked in read_boxes("out/boxes.csv").pictures.items():
        holes = [filled(one.box) for one in marked.regions if is_hole(one)]
        mask = mask_of(holes, HEIGHT, WIDTH)
        assert not changed(name)[~mask].any()
        assert changed(name)[mask].mean() > 0.9
        standing = [one for one in marked.regions if not is_hole(one)]
        assert [(*one.box, one.kind) for one in standing] == SIGNS[name]
        assert not any(mask[filled(one.box).slices].any() for one in standing)
    assert json.loads(Path("out", "report.json").read_text())["settings"]["plan"]["decoys_only"] is True


def test_there_are_as_many_holes_as_in_scenes_that_were_erased() -> None:
    options = ("--boxes", "boxes.csv", "--what", "sign", "--decoys", 2)
    for out, more in (("standing", "--decoys-only"), ("erased", "--same-number")):
        assert redact(*options, more, "-o", out) == 0
        found = read_boxes(f"{out}/boxes.csv").pictures
        assert Counter(map(len, ([one for one in each.regions if is_hole(one)] for each in found.values()))) == {6: 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--boxes", "boxes.csv", "--what", "sign", "--decoys-only"),
            "--decoys-only: says not how many; give --decoys",
        ),
        (
            ("--boxes", "boxes.csv", "--what", "sign", "--decoys", 0, "--decoys-only"),
            "--decoys-only: says not how many",
        ),
        (("--decoys-only",), "belong to --boxes: give a file of boxes"),
        (("--boxes", "boxes.csv", "--decoys", 1, "--decoys-only"), "faces and plates would stay as they are"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    arguments: tuple[Any, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert redact(*arguments, "-o", "out") == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


corners = st.tuples(st.integers(0, 700), st.integers(0, 500), st.integers(8, 60), st.integers(8, 60))
sets = st.lists(st.lists(corners, max_size=3, unique=True), min_size=2, max_size=5).filter(any)


@given(sets, st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_no_decoy_touches_a_sign_or_another_whatever_the_signs_are(found: list[Any], count: int, seed: int) -> None:
    signs = {
        f"{n}.jpg": Marked(tuple(Region(Box(x, y, x + w, y + h), f"class {x % 2}") for x, y, w, h in boxes))
        for n, boxes in enumerate(found)
    }
    holes, most = Holes.of(Annotations("memory", signs), ("sign",)), max(map(len, found))
    for name, marked in signs.items():
        kept = [one.box for one in marked.regions]
        plan = Plan(count, MASK_SCALE, decoys_only=True)
        decoys = [
            filled(box, 800, 600) for box in holes.decoys(name, [], kept, (800, 600), plan, decoy_seed(seed, name))
        ]
        assert len(decoys) == most * (count + 1)
        taken = [filled(box, 800, 600) for box in kept]
        for at, decoy in enumerate(decoys):
            assert not any(decoy.shares_pixels(other) for other in (*taken, *decoys[:at]))


def test_decoys_alone_are_never_none() -> None:
    with pytest.raises(ValueError, match="`decoys`: expected 1 or more"):
        Plan(0, MASK_SCALE, decoys_only=True)
