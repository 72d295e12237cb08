"""What was found, written and read again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_privacy.annotations.folder import FoundFolder, found_folder, state_of
from nflows_privacy.annotations.found import Found, read_found, require_source, write_found
from nflows_privacy.regions import Box, Region

DIGEST = hashlib.sha256(b"a picture").hexdigest()
PLAIN: dict[str, Any] = {
    "format": "nflows-privacy-found",
    "version": 1,
    "sha256": DIGEST,
    "width": 4,
    "height": 3,
    "regions": [],
    "frames": None,
}
TWICE = json.dumps(PLAIN).replace('"frames"', '"regions": [], "frames"')

corner = st.floats(-1e5, 1e5)
side = st.floats(0.02, 1e5)
boxes = st.tuples(corner, corner, side, side).map(lambda n: Box(n[0], n[1], n[0] + n[2], n[1] + n[3]))
regions = st.lists(st.builds(Region, boxes, st.text(max_size=5), st.floats(0, 1)), max_size=4).map(tuple)
sides = st.integers(1, 10**6)
pictures = st.builds(Found, st.just(DIGEST), sides, sides, regions)
videos = st.builds(Found, st.just(DIGEST), sides, sides, st.just(()), st.lists(regions, max_size=4).map(tuple))


@settings(deadline=None)  # a disk keeps no time
@given(st.one_of(pictures, videos))
def test_what_is_read_again_is_what_was_written_and_no_box_shrinks(
    tmp_path_factory: pytest.TempPathFactory, found: Found
) -> None:
    path = tmp_path_factory.getbasetemp() / "found.json"
    write_found(path, found)
    again = read_found(path)
    assert (again.sha256, again.width, again.height) == (found.sha256, found.width, found.height)
    assert (again.frames is None) == (found.frames is None)
    for new, old in zip((again.regions, *(again.frames or ())), (found.regions, *(found.frames or ())), strict=True):
        assert [region.kind for region in new] == [region.kind for region in old]
        for one, other in zip(new, old, strict=True):
            assert one.box.left <= other.box.left
            assert one.box.top <= other.box.top
            assert one.box.right >= other.box.right
            assert one.box.bottom >= other.box.bottom
            assert np.abs(np.subtract(one.box, other.box)).max() <= 0.0101
            assert one.score == pytest.approx(other.score, abs=5.1e-5)
    content = path.read_bytes()
    write_found(path, again)
    assert path.read_bytes() == content, "edited and saved often, boxes would grow"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "coco"}, "is no file of regions"),
        ({"version": 2}, "version 2"),
        ({"sha256": "abc"}, "64 digits"),
        ({"width": 0}, "above 0"),
        ({"regions": [{"kind": "face", "box": [0, 0, 1], "score": 1}]}, "no region"),
        ({"regions": [{"kind": "face", "box": [0, 0, 0, 1], "score": 1}]}, "left < right"),
        ({"regions": {"kind": "face"}}, "damaged part"),
        ({"frames": [3]}, "list of regions in each frame, got int"),
        ({"regions": [{"kind": "face", "box": [0, 0, 1, 1], "score": 1}], "frames": []}, "in its `frames` only"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps({**PLAIN, **change}))
    with pytest.raises(ValueError, match=r"found\.json: .*" + message + ".*nflows privacy detect"):
        read_found(path)


@pytest.mark.parametrize(
    "text", ["", "[" * 100_000, "[1, 2]", TWICE, '{"format": "nflows-privacy-found", "version": 1}']
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"found\.json: "):
        read_found(path)


def test_regions_are_refused_for_another_file(tmp_path: Path) -> None:
    source = tmp_path / "street.jpg"
    source.write_bytes(b"a picture")
    require_source(Found(DIGEST, 4, 3), source)
    source.write_bytes(b"another one")
    with pytest.raises(ValueError, match=r"street\.jpg: its regions were found in another file.*detect again"):
        require_source(Found(DIGEST, 4, 3), source)


def test_a_folder_is_read_once_and_again_in_another_state(tmp_path: Path) -> None:
    one, other, picture = "ab" * 32, "cd" * 32, Path("street.jpg")
    write_found(tmp_path / "a.json", Found(one, 4, 3))
    before = tmp_path, state_of(tmp_path)
    with pytest.raises(ValueError, match="tells nothing of a file with these bytes; detect again"):
        found_folder(before).paths(picture, other)
    write_found(tmp_path / "sub.json", Found(other, 4, 3))
    with pytest.raises(ValueError, match="tells nothing of a file with these bytes"):
        found_folder(before).paths(picture, other)
    after = tmp_path, state_of(tmp_path)
    assert found_folder(after).paths(picture, other) == [tmp_path / "sub.json"]
    assert found_folder(after).paths(picture, one) == [tmp_path / "a.json"]
    assert state_of(tmp_path) == after[1] != before[1]


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{", json.dumps({**PLAIN, "sha256": None})])
def test_a_damaged_file_is_about_what_it_is_called_after_whatever_others_say(tmp_path: Path, text: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg.json").write_text(text)
    (tmp_path / "first.json").write_text(text)
    write_found(tmp_path / "other.json", Found(DIGEST, 4, 3))
    folder = FoundFolder(tmp_path)
    for picture in (Path("/in/sub/a.jpg"), Path("sub/a.jpg")):
        with pytest.raises(ValueError, match=r"sub.a\.jpg\.json: .*detect"):
            folder.found(picture, DIGEST)
    for picture in (Path("/in/a.jpg"), Path("/in/bus/a.jpg"), Path("/in/sub/b.jpg")):
        assert folder.found(picture, DIGEST) == Found(DIGEST, 4, 3)


@given(at=st.integers(1, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_file_that_was_cut_short_is_about_the_bytes_that_it_names(
    tmp_path_factory: pytest.TempPathFactory, at: int
) -> None:
    folder = tmp_path_factory.mktemp("found")
    write_found(folder / "a.json", Found(DIGEST, 40, 30, (Region(Box(1, 2, 3, 4), "face"),)))
    write_found(folder / "b.json", Found(DIGEST, 40, 30))
    whole = (folder / "a.json").read_bytes()
    start = whole.index(DIGEST.encode()) + 64
    (folder / "a.json").write_bytes(whole[: start + at % (len(whole) - start - 1)])  # the last byte ends a line
    with pytest.raises(ValueError, match=r"a\.json: .*detect"):
        FoundFolder(folder).found(Path("b.jpg"), DIGEST)


def test_what_cannot_be_understood_is_counted_and_named(tmp_path: Path) -> None:
    write_found(tmp_path / "a.json", Found(DIGEST, 4, 3))
    assert FoundFolder(tmp_path).warning() is None
    (tmp_path / "b.json").write_text("{")
    assert FoundFolder(tmp_path).warning() == "one file there cannot be understood: b.json"
    for name in "cde":
        (tmp_path / f"{name}.json").write_text("{")
    told = "4 files there cannot be understood: b.json, c.json, d.json, …"
    assert FoundFolder(tmp_path).warning() == told
    with pytest.raises(ValueError, match="tells nothing of a file with these bytes; detect again; " + told):
        FoundFolder(tmp_path).paths(Path("a.jpg"), "ab" * 32)
