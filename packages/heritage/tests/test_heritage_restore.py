from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from made_up_art import pixels
from nflows_core.runtime.files import sha256
from nflows_core.runtime.images import Picture, PictureFile, read_picture, write_picture
from nflows_core.testing import call_command
from nflows_heritage.cli import heritage
from nflows_heritage.cli.restore import AUTO as AUTO_OPTION
from nflows_heritage.cli.restore import LOSS as LOSS_OPTION
from nflows_heritage.restoring import AUTO, LOSS, Restoration
from nflows_heritage.restoring.engines import load_engine
from nflows_heritage.restoring.record import RecordError, read_record
from nflows_heritage.restoring.tiling import restored, tiling_of
from nflows_heritage.views import InMemory


def restore(run: Path, source: Path, output: Path, *options: object) -> int:
    arguments = (source, "-o", output, "--engine", run, "--type", "gaussian")
    return call_command(heritage, "restore", *arguments, *options)


def test_the_command_names_what_the_settings_name() -> None:
    assert (AUTO_OPTION, LOSS_OPTION) == (AUTO, LOSS)


@pytest.mark.parametrize(
    ("channels", "dtype", "suffix"),
    [(3, np.uint8, ".png"), (3, np.uint16, ".tif"), (1, np.uint8, ".png"), (4, np.uint16, ".png")],
)
def test_a_strength_of_zero_is_the_picture_and_of_one_is_not(
    tmp_path: Path, run: Path, channels: int, dtype: Any, suffix: str
) -> None:
    source = pixels(40, 56, channels, dtype)
    write_picture(tmp_path / f"a{suffix}", Picture(source, dpi=(300, 300)))
    for strength in (0, 0.5, 1):
        assert restore(run, tmp_path / f"a{suffix}", tmp_path / str(strength), "--strength", strength) == 0
    none, half, full = (read_picture(tmp_path / str(each) / f"a{suffix}") for each in (0, 0.5, 1))
    np.testing.assert_array_equal(none.pixels, source)
    assert full.pixels.dtype == dtype
    assert full.dpi == pytest.approx((300, 300), abs=0.1)
    colours = 3 if channels >= 3 else 1
    assert (full.pixels[..., :colours] != source[..., :colours]).any()
    np.testing.assert_array_equal(full.pixels[..., colours:], source[..., colours:])
    middle = (source.astype(float) + full.pixels) / 2
    assert np.abs(half.pixels - middle).max() <= 1.01
    assert not read_picture(tmp_path / "0" / "a-change.png").pixels.any()


def test_the_change_is_marked_where_it_is_and_nowhere_else(tmp_path: Path, run: Path) -> None:
    source, mask = pixels(40, 56, dtype=np.uint16), np.zeros((40, 56, 1), np.uint8)
    mask[10:30, 20:40] = 255
    write_picture(tmp_path / "a.png", Picture(source))
    write_picture(tmp_path / "mask.png", Picture(mask))
    assert restore(run, tmp_path / "a.png", tmp_path / "out", "--mask", tmp_path / "mask.png") == 0
    after = read_picture(tmp_path / "out" / "a.png").pixels
    change = read_picture(tmp_path / "out" / "a-change.png").pixels
    differs = (after != source).any(2)
    np.testing.assert_array_equal(change[..., 0] > 0, differs)
    assert differs.any()
    assert not differs[mask[..., 0] == 0].any()
    record = read_record(tmp_path / "out" / "a.json")
    assert record.change_percent == pytest.approx(100 * differs.mean())
    assert record.mask_sha256 == sha256(tmp_path / "mask.png")


def test_a_folder_of_masks_has_one_for_each_picture(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("in", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b", "c"):
        write_picture(tmp_path / "in" / f"{name}.png", Picture(pixels(24, 24)))
    write_picture(tmp_path / "masks" / "a.tif", Picture(np.full((24, 24, 1), 9, np.uint8)))
    write_picture(tmp_path / "masks" / "b.png", Picture(np.full((24, 25, 1), 9, np.uint8)))
    assert restore(run, tmp_path / "in", tmp_path / "out", "--mask", tmp_path / "masks") == 1
    told = capsys.readouterr().err
    assert "the mask has 25 x 24 pixels, and the picture has 24 x 24" in told
    assert "no mask is named c" in told
    assert sorted(path.name for path in (tmp_path / "out").glob("a*")) == ["a-change.png", "a.json", "a.png"]
    assert not list((tmp_path / "out").glob("b*"))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_record_makes_the_same_file_again(
    tmp_path: Path, run: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / f"a{suffix}", Picture(pixels(40, 56, dtype=np.uint16)))
    options = ("--strength", 0.7, "--tile", 300, "--seed", 5, "--metadata", "strip")
    assert restore(run, tmp_path / f"a{suffix}", tmp_path / "out", *options) == 0
    again = tmp_path / f"again{suffix}"
    assert call_command(heritage, "replay", tmp_path / "out" / "a.json", "-o", again) == 0
    assert again.read_bytes() == (tmp_path / "out" / f"a{suffix}").read_bytes()
    assert "to the byte" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a" + suffix, "again" + suffix, "out"])


def test_what_was_cut_short_is_made_again_with_the_same_record(tmp_path: Path, run: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(24, 24)))
    assert restore(run, tmp_path / "a.png", tmp_path / "out") == 0
    result, record = tmp_path / "out" / "a.png", tmp_path / "out" / "a.json"
    before = result.read_bytes(), record.read_bytes()
    result.write_bytes(before[0][:99])
    assert restore(run, tmp_path / "a.png", tmp_path / "out", "--skip-existing") == 0
    assert (result.read_bytes(), record.read_bytes()) == before
    assert call_command(heritage, "replay", record, "-o", tmp_path / "again.png") == 0


def test_a_picture_that_moved_is_named_by_the_person(tmp_path: Path, run: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(24, 24)))
    assert restore(run, tmp_path / "a.png", tmp_path / "out") == 0
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    record, again = tmp_path / "out" / "a.json", tmp_path / "again.png"
    assert call_command(heritage, "replay", record, "-o", again) == 2
    assert call_command(heritage, "replay", record, "-o", again, "--source", tmp_path / "b.png") == 0
    assert again.read_bytes() == (tmp_path / "out" / "a.png").read_bytes()


def test_what_a_record_does_not_fit_is_refused_and_stays(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(24, 24)))
    write_picture(tmp_path / "other.png", Picture(pixels(24, 24, seed=3)))
    assert restore(run, tmp_path / "a.png", tmp_path / "out") == 0
    result, record = tmp_path / "out" / "a.png", tmp_path / "out" / "a.json"
    before = result.read_bytes()
    wrong = [
        (("-o", tmp_path / "n.png", "--source", tmp_path / "other.png"), "is not the picture of the record"),
        (("-o", tmp_path / "n.tif"), "give a name with its suffix"),
        (("-o", result), "would replace the picture or what was recorded of it"),
        (("-o", tmp_path / "a.png"), "would replace the picture or what was recorded of it"),
    ]
    for arguments, message in wrong:
        assert call_command(heritage, "replay", record, *arguments) == 2
        assert message in capsys.readouterr().err
    assert result.read_bytes() == before
    assert not (tmp_path / "n.png").exists()
    replace(read_record(record), result_sha256=64 * "0", versions={"python": "2.7"}).write(record)
    assert call_command(heritage, "replay", record, "-o", tmp_path / "n.png") == 1
    assert "instead of 2.7" in capsys.readouterr().err
    assert call_command(heritage, "replay", record, "-o", tmp_path / "other.png") == 2
    assert "give a name that is free" in capsys.readouterr().err
    assert (read_picture(tmp_path / "other.png").pixels == pixels(24, 24, seed=3)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strength": 3}, "strength must be from 0 to 1"),
        ({"result": "../../a.png"}, "must be the name of a file"),
        ({"source_sha256": "abc"}, "source_sha256 is no SHA-256"),
        ({"kind": 4}, "kind must be a word"),
    ],
)
def test_what_is_no_record_is_told(tmp_path: Path, run: Path, change: dict[str, Any], message: str) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(16, 16)))
    assert restore(run, tmp_path / "a.png", tmp_path / "out") == 0
    record = tmp_path / "out" / "a.json"
    content = json.loads(record.read_text())
    replace(read_record(record), **change).write(record)
    with pytest.raises(RecordError, match=message):
        read_record(record)
    for edited in (content | change, content | {"chosen": {}}, {**content, "seed": 1}):
        record.write_text(json.dumps(edited))
        with pytest.raises(RecordError, match="is not as it was written"):
            read_record(record)
    record.write_text(json.dumps(content | {"record": "letter"}))
    with pytest.raises(RecordError, match="no record of a restoration"):
        read_record(record)
    record.write_text(json.dumps(dict(reversed(content.items()))))
    assert read_record(record).result == "a.png"
    record.write_text("{")
    with pytest.raises(RecordError, match="is no JSON"):
        read_record(record)


def test_bad_files_are_named_and_the_rest_is_done(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        write_picture(tmp_path / "in" / f"{name}.png", Picture(pixels(24, 24)))
    whole = (tmp_path / "in" / "a.png").read_bytes()
    (tmp_path / "in" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "empty.tif").write_bytes(b"")
    (tmp_path / "in" / "text.jpg").write_text("no picture")
    assert restore(run, tmp_path / "in", tmp_path / "out") == 1
    told = capsys.readouterr().err
    for name in ("cut.png", "empty.tif", "text.jpg"):
        assert name in told
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        "a-change.png",
        "a.png",
        "b-change.png",
        "b.png",
    ]


def test_what_is_done_is_left_out_until_its_mask_changes(tmp_path: Path, run: Path) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(24, 24)))
    mask = np.zeros((24, 24, 1), np.uint8)
    mask[:9] = 1
    options = ("--mask", tmp_path / "m.png", "--skip-existing")
    times = []
    for _ in range(2):
        write_picture(tmp_path / "m.png", Picture(mask))
        assert restore(run, tmp_path / "a.png", tmp_path / "out", *options) == 0
        times.append((tmp_path / "out" / "a.png").stat().st_mtime_ns)
    assert times[0] == times[1]
    mask[:20] = 1
    write_picture(tmp_path / "m.png", Picture(mask))
    assert restore(run, tmp_path / "a.png", tmp_path / "out", *options) == 0
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns != times[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_give_what_the_whole_picture_gives(tmp_path: Path, run: Path, dtype: Any) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(333, 421, dtype=dtype)))
    engine = load_engine(str(run))
    with PictureFile(tmp_path / "a.png") as picture:
        prepared = engine.prepare(picture, "gaussian", 0)
        whole, tiles = (
            np.concatenate(list(restored(picture, prepared, 1.0, None, side))).astype(float) for side in (512, 224)
        )
    assert whole.shape == (333, 421, 3)
    assert np.abs(whole - tiles).max() <= np.iinfo(dtype).max / 255


def test_tiles_that_are_too_small_are_told(run: Path) -> None:
    with pytest.raises(ValueError, match="`tile` 200: this engine sees 96 pixels around; give more than 200"):
        tiling_of(load_engine(str(run)).prepare(_Even(), "blur", 0), 200)


class _Even:
    shape = (9, 9, 3)

    def rows(self, top: int, bottom: int) -> NDArray[np.uint8]:
        return np.zeros((bottom - top, 9, 3), np.uint8)


@pytest.mark.parametrize(
    ("settings", "message"), [({"kind": "smoke"}, "none called 'smoke'"), ({"strength": 2}, "0 to 1")]
)
def test_settings_out_of_range_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restoration(**settings)


def test_an_engine_that_is_not_there_ends_with_its_own_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", Picture(pixels(16, 16)))
    assert restore(tmp_path / "nowhere", tmp_path / "a.png", tmp_path / "out") == 3
    assert "no such engine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class _Places:
    """An engine that draws where each tile lies."""

    halo, unit, side = 3, 4, 32
    described: Mapping[str, Any] = {}

    def __call__(self, tile: Tensor, corner: tuple[int, int]) -> Tensor:
        rows, columns = (torch.arange(n) + start for n, start in zip(tile.shape[1:], corner, strict=True))
        return torch.stack([rows[:, None].expand(-1, len(columns)), columns.expand(len(rows), -1), tile[2] * 0]) / 255


@pytest.mark.parametrize("side", [None, 25])
def test_every_tile_knows_its_place(side: int | None) -> None:
    source = np.zeros((91, 70, 3), np.uint8)
    made = np.concatenate(list(restored(InMemory(source), _Places(), 1.0, None, side)))
    down, across = np.indices((91, 70))
    np.testing.assert_array_equal(made[..., 0], down)
    np.testing.assert_array_equal(made[..., 1], across)


def test_what_is_lost_is_filled_where_the_mask_says_and_replays(tmp_path: Path) -> None:
    stripes = (np.indices((60, 80))[1] // 6 % 2 * 200 + 20).astype(np.uint8)[..., None].repeat(3, 2)
    damaged, mask = stripes.copy(), np.zeros((60, 80, 1), np.uint8)
    damaged[24:28, 20:60], mask[24:28, 20:60] = 255, 255
    write_picture(tmp_path / "a.png", Picture(damaged))
    write_picture(tmp_path / "m.png", Picture(mask))
    arguments = (tmp_path / "a.png", "-o", tmp_path / "out", "--type", "loss", "--mask", tmp_path / "m.png")
    assert call_command(heritage, "restore", *arguments) == 0
    after = read_picture(tmp_path / "out" / "a.png").pixels
    outside = mask[..., 0] == 0
    np.testing.assert_array_equal(after[outside], damaged[outside])
    assert np.abs(after[~outside].astype(int) - stripes[~outside]).mean() < 30
    assert call_command(heritage, "replay", tmp_path / "out" / "a.json", "-o", tmp_path / "again.png") == 0
    assert call_command(heritage, "restore", *arguments[:-2]) == 2


def test_the_engine_without_weights_says_what_it_chose_and_replays(tmp_path: Path) -> None:
    source = pixels(96, 128)
    source[::7, ::5] = 255
    source[3::7, 2::5] = 0
    write_picture(tmp_path / "a.png", Picture(np.concatenate([source, source[..., :1]], axis=2)))
    arguments = ("restore", tmp_path / "a.png", "-o", tmp_path / "out", "--type", "salt-and-pepper")
    assert call_command(heritage, *arguments) == 0
    record = read_record(tmp_path / "out" / "a.json")
    assert record.engine == "classic"
    assert record.weights_sha256 is None
    assert call_command(heritage, "replay", tmp_path / "out" / "a.json", "-o", tmp_path / "again.png") == 0
    result = tmp_path / "out" / "a.png"
    assert (tmp_path / "again.png").read_bytes() == result.read_bytes()
    after = read_picture(result).pixels
    clean = pixels(96, 128)
    assert np.abs(after[..., :3].astype(int) - clean).mean() < 0.5 * np.abs(source.astype(int) - clean).mean()
