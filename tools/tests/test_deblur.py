"""`apps/deblur.py` undoes what it says it undoes, and its figures are those that the mathematics has."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import deblur as application
import numpy as np
import pytest
from deblurring import BOUNDED, EXACT, METHODS, WIENER, deblur, undo_blurred
from deblurring_blind import learn_taps
from deblurring_kernels import KERNELS, kernel, read_kernel
from deblurring_methods import (
    Pixels,
    amplification,
    blur,
    bounded,
    damped,
    expected_error,
    fitting,
    noise_gain,
    response,
    undo,
)
from deblurring_recording import Recording, read, read_blurred
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.images import Picture, write_picture

STABLE = {"echo": 6, "lag": 8, "half-gaussian": 5}
SIZE = (40, 48)

kernels = arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(0, 1)).map(
    lambda taps: np.asarray((taps + np.eye(*taps.shape) * 0.05) / (taps + np.eye(*taps.shape) * 0.05).sum())
)


@pytest.fixture
def picture() -> Pixels:
    """Random walks in both directions, as smooth as photographs, in three colours."""
    walks = np.random.default_rng(0).normal(size=(*SIZE, 3)).cumsum(0).cumsum(1)
    return np.asarray((255 * (walks - walks.min()) / np.ptp(walks)).round())


@pytest.fixture
def file(picture: Pixels, tmp_path: Path) -> Path:
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "walk.png")
    return tmp_path / "walk.png"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["deblur.py", *map(str, arguments)])
    run_script(application.main)


@pytest.mark.parametrize("name", STABLE)
@pytest.mark.parametrize("length", [4, 5])
def test_the_exact_inverse_recovers_what_was_not_rounded(name: str, length: int, picture: Pixels) -> None:
    taps = kernel(name, length)
    undone = undo(blur(picture, taps), taps)
    assert np.abs(undone - picture).max() <= 1e-14 * 255 * amplification(taps, SIZE) * taps.size


def test_a_blur_is_the_sum_of_the_light_from_above_and_from_the_left(picture: Pixels) -> None:
    taps = np.array([[0.6, 0.3], [0.0, 0.1]])
    expected = 0.6 * picture
    expected[:, 1:] += 0.3 * picture[:, :-1]
    expected[1:, 1:] += 0.1 * picture[:-1, :-1]
    np.testing.assert_allclose(blur(picture, taps), expected, atol=1e-10)


def test_an_echo_answers_in_powers_of_it() -> None:
    taps = kernel("echo", 4)
    expected = np.zeros(10)
    expected[::3] = (-0.6) ** np.arange(4) * 1.6
    np.testing.assert_allclose(response(taps, (3, 10))[0], expected, atol=1e-12)
    assert amplification(taps, (1, 1000)) == pytest.approx(1.6 / 0.4)


def test_the_response_to_uniform_motion_never_ends_and_its_noise_grows_as_the_root_of_the_row() -> None:
    taps = kernel("motion", 5)
    assert amplification(taps, (1, 100)) == pytest.approx(5 * 40)
    gains = [noise_gain(taps, (1, width)) for width in (1000, 4000)]
    assert gains[1] / gains[0] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("name", [*STABLE, "motion"])
def test_noise_grows_by_the_gain_that_is_foretold(name: str) -> None:
    taps = kernel(name, 5)
    noise = np.random.default_rng(1).normal(0, 1, (64, 64, 40))
    assert undo(noise, taps).std() == pytest.approx(noise_gain(taps, (64, 64)), rel=0.05)


@given(kernels, st.floats(1, 20), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_nothing_is_amplified_more_than_the_bound(taps: np.ndarray, most: float, seed: int) -> None:
    near = bounded(taps, (9, 11), most)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (9, 11, 1))
    worst = np.sign(response(near, (9, 11)))[::-1, ::-1, None]
    assert amplification(near, (9, 11)) <= most * (1 + 1e-9)
    assert max(np.abs(undo(noise, near)).max() for noise in (signs, worst)) <= most * (1 + 1e-9)
    assert near.sum() == pytest.approx(1)


@given(kernels, st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_damped_taps_have_the_damped_response(taps: np.ndarray, ratio: float) -> None:
    steps = np.add.outer(np.arange(5), np.arange(6))
    exact = response(taps, (5, 6)) * ratio**steps
    scale = response(damped(taps, ratio), (5, 6))[0, 0] * taps[0, 0]
    np.testing.assert_allclose(response(damped(taps, ratio), (5, 6)), exact * scale, atol=1e-9 * np.abs(exact).max())


def test_a_bound_that_the_kernel_keeps_changes_nothing_and_the_least_leaves_the_picture(picture: Pixels) -> None:
    taps = kernel("echo", 5)
    assert bounded(taps, SIZE, 4.1) is taps
    np.testing.assert_allclose(undo(picture, bounded(taps, SIZE, 1.0)), picture, atol=1e-2)
    with pytest.raises(ValueError, match="amplifies less than once"):
        bounded(taps, SIZE, 0.9)


LONG = {"echo": 30, "lag": 40, "motion": 33}
"""Kernels whose response is not over where the picture is."""


@pytest.mark.parametrize("ratio", [0.0, 0.7, 0.97, 1.0])
@pytest.mark.parametrize("name", LONG)
def test_the_expected_error_is_the_mean_of_what_is_measured(name: str, ratio: float, picture: Pixels) -> None:
    taps, draws = kernel(name, LONG[name]), np.random.default_rng(4).normal(0, 3, (200, *picture.shape))
    undone = damped(taps, ratio)
    errors = [((undo(blur(picture, taps) + noise, undone) - picture) ** 2).mean() for noise in draws]
    spread = np.std(errors) / np.sqrt(len(errors))
    assert abs(np.mean(errors) - expected_error(picture, taps, undone, 3.0)) <= 4 * spread


@pytest.mark.parametrize(("name", "length"), [*LONG.items(), *STABLE.items(), ("motion", 5), ("box", 5)])
def test_without_noise_the_bounded_inverse_is_the_exact_one(name: str, length: int, picture: Pixels) -> None:
    result = deblur(picture, kernel(name, length), Recording())
    rows = {row["method"]: row for row in result.rows}
    assert rows[BOUNDED]["amplification"] == pytest.approx(rows[EXACT]["amplification"])
    np.testing.assert_allclose(result.pictures[BOUNDED], picture, atol=1e-8)


@given(kernels, st.floats(0, 30), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_what_fits_is_never_expected_to_be_worse_than_the_exact_inverse_or_than_nothing(
    taps: np.ndarray, sigma: float, seed: int
) -> None:
    likely = np.random.default_rng(seed).uniform(0, 255, (9, 11, 1))
    fits, *others = (
        expected_error(likely, taps, one, sigma)
        for one in (fitting(likely, taps, sigma), taps, damped(taps, 0.0), damped(taps, 0.5))
    )
    assert fits <= min(others) * (1 + 1e-9) + 1e-18


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("sigma", [1.0, 5.0])
def test_with_noise_a_long_kernel_is_undone_as_well_as_by_any_bound(name: str, sigma: float, picture: Pixels) -> None:
    taps = kernel(name, LONG[name])

    def reached(most: float | None) -> float:
        rows = deblur(picture, taps, Recording(sigma), most).rows
        return next(float(str(row["psnr"])) for row in rows if row["method"] == BOUNDED)

    assert reached(None) >= max(map(reached, (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 15.0, 1e9))) - 0.5


def test_rounding_is_noise_of_one_twelfth(picture: Pixels) -> None:
    blurred = blur(picture, kernel("lag", 7))
    recording = Recording(is_rounded=True)
    assert (recording(blurred) - blurred).std() == pytest.approx(recording.expected_sigma, rel=0.05)


def test_wiener_is_nearer_than_the_exact_inverse_where_noise_is_amplified(picture: Pixels) -> None:
    found = deblur(picture, kernel("half-gaussian", 6), Recording(3.0)).rows
    rows: dict[object, Any] = {row["method"]: row for row in found}
    assert rows[WIENER]["psnr"] > rows["blurred"]["psnr"] > rows[EXACT]["psnr"]
    assert rows[BOUNDED]["psnr"] > rows[EXACT]["psnr"]
    assert rows[BOUNDED]["amplification"] < rows[EXACT]["amplification"]


def test_light_from_outside_of_the_frame_fades_as_the_response_does() -> None:
    original = np.random.default_rng(2).uniform(0, 255, (96, 96, 1))
    taps = kernel("echo", 4)
    wrong = np.abs(undo(blur(original, taps)[16:, 16:], taps) - original[16:, 16:]).max((0, 2))
    assert wrong[0] > 10
    # 26 echoes further the rest is that of the first times 0.6 to this power.
    assert wrong[78:].max() <= wrong[:3].max() * 0.6**26 * 1.01


def test_an_echo_is_found_in_the_blurred_picture_alone() -> None:
    squares = np.kron(np.random.default_rng(3).uniform(0, 255, (12, 12)), np.ones((6, 6)))[..., None]
    learned = learn_taps(blur(squares.astype(np.float64), kernel("echo", 8)), (1, 10))[0]
    assert learned[7] / learned[0] == pytest.approx(0.6, abs=0.02)


def test_the_report_tells_what_the_files_show(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results"
    run(monkeypatch, file, "-o", folder, "--kernel", "lag", "--length", 6, "--noise", 2, "--round", "--most", 3)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (rows,) = report["tables"].values()
    again = deblur(read(file), kernel("lag", 6), Recording(2.0, is_rounded=True), most=3.0)
    assert rows == again.rows
    assert [row["method"] for row in rows] == list(METHODS)
    for name in METHODS:
        saved = np.asarray(Image.open(folder / f"{name}.png"), np.float64)
        assert np.abs(saved - again.pictures[name].clip(0, 255)).max() <= 0.5
    assert rows[1]["expected_noise"] == pytest.approx(rows[1]["noise"], rel=0.1)
    assert all(
        caption.endswith("of noise that is not cut off at black and white, as it was") for caption in report["tables"]
    )
    assert rows[2]["amplification"] <= 3
    assert np.asarray(Image.open(folder / "sheet.png")).shape == (SIZE[0], 5 * SIZE[1] + 16, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_that_hides_nothing_changes_nothing(mode: str, file: Path, tmp_path: Path) -> None:
    with Image.open(file) as opaque:
        opaque.convert(mode).save(tmp_path / "alpha.png")
        opaque.convert(mode.removesuffix("A")).save(tmp_path / "plain.png")
    np.testing.assert_array_equal(read(tmp_path / "alpha.png"), read(tmp_path / "plain.png"))
    with Image.open(tmp_path / "alpha.png") as picture:
        picture.putpixel((3, 2), (*picture.getpixel((3, 2))[:-1], 254))  # type: ignore[index]
        picture.save(tmp_path / "alpha.png")
    with pytest.raises(ValueError, match=r"alpha\.png: is transparent in parts"):
        read(tmp_path / "alpha.png")


def test_what_was_blurred_elsewhere_is_undone_as_what_was_blurred_here(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = ("--kernel", "lag", "--length", 6)
    run(monkeypatch, file, "-o", tmp_path / "here", *how, "--round")
    run(monkeypatch, tmp_path / "here" / "blurred.png", "-o", tmp_path / "elsewhere", *how, "--blurred")
    for name in METHODS:
        here, elsewhere = (np.asarray(Image.open(tmp_path / one / f"{name}.png")) for one in ("here", "elsewhere"))
        np.testing.assert_array_equal(here, elsewhere)
    report, known = (
        json.loads((tmp_path / one / "report.json").read_text(encoding="utf-8")) for one in ("elsewhere", "here")
    )
    (rows,), (expected,) = report["tables"].values(), known["tables"].values()
    for row, other in zip(rows, expected, strict=True):
        assert row.keys() == {"method", "amplification", "noise_gain", "expected_noise", "residual"}
        for key in ("amplification", "noise_gain", "expected_noise"):
            assert row[key] == (other[key] if other[key] is None else pytest.approx(other[key]))
    assert report["seed"] is None
    assert np.asarray(Image.open(tmp_path / "elsewhere" / "sheet.png")).shape == (SIZE[0], 4 * SIZE[1] + 12, 3)


def test_the_residual_is_no_more_than_the_noise_where_kernel_and_border_fit_and_more_where_not(picture: Pixels) -> None:
    taps, sigma = kernel("echo", 9), 1.0
    blurred = blur(picture, taps) + np.random.default_rng(6).normal(0, sigma, picture.shape)
    part = blurred[:, 16:]

    def residual(given: Pixels, taken: np.ndarray, is_cut: bool = False) -> float:
        rows = undo_blurred(given, taken, sigma, is_cut=is_cut).rows
        return next(float(str(row["residual"])) for row in rows if row["method"] == EXACT)

    assert residual(blurred, taps) <= sigma
    assert residual(blurred[:, ::-1], taps) > 2 * sigma
    assert residual(blurred, kernel("echo", 12)) > 2 * sigma
    assert residual(part, taps) > 2 * sigma > 2 * residual(part, taps, is_cut=True)


def test_a_blurred_picture_of_16_bits_has_less_noise_of_its_own(tmp_path: Path) -> None:
    for dtype, levels in ((np.uint8, 255), (np.uint16, 65535)):
        write_picture(tmp_path / "one.png", Picture(np.full((12, 12, 1), levels, dtype)))
        pixels, sigma = read_blurred(tmp_path / "one.png", 0.0)
        assert (pixels == 255).all()
        assert sigma == pytest.approx(255 / levels / 12**0.5)
    assert read_blurred(tmp_path / "one.png", 3.0)[1] == pytest.approx(3)


def test_a_kernel_is_read_and_divided_by_its_sum(tmp_path: Path) -> None:
    (tmp_path / "taps.csv").write_text("2, 1\n\n1 0\n", encoding="utf-8")
    np.testing.assert_array_equal(read_kernel(tmp_path / "taps.csv"), [[0.5, 0.25], [0.25, 0.0]])
    (tmp_path / "taps.csv").write_text("1e308, 1e308", encoding="utf-8-sig")  # with the mark of spreadsheets
    np.testing.assert_array_equal(read_kernel(tmp_path / "taps.csv"), [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 1\n1 1", "the first tap, on the pixel itself, is 0"),
        ("1 2\n3", "expected rows of as many numbers each"),
        ("1 red", "expected rows of as many numbers each"),
        ("", "holds no taps"),
        ("1 -0.5", "taps of 0 or more, and finite ones; found -0.5"),
        ("1 nan", "finite ones; found nan"),
        ("inf,1", "finite ones; found inf"),
    ],
)
def test_what_is_no_kernel_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "taps.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_kernel(tmp_path / "taps.csv")


def test_a_kernel_that_is_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    np.save(tmp_path / "taps.npy", np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"taps\.npy: is no text in UTF-8; expected a line of numbers for each row"):
        read_kernel(tmp_path / "taps.npy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such.png"], "no-such.png: No such file"),
        (["--kernel", "disc"], f"none of {', '.join(KERNELS)}, and no file of taps"),
        (["--length", "1"], "a kernel of 1 taps blurs nothing"),
        (["--length", "60"], "too small for a kernel of 60 x 1"),
        (["--noise", "-1"], "noise: expected a standard deviation of 0 or more"),
        (["--jpeg", "0"], "jpeg: expected a quality of 1 to 100, got 0"),
        (["--noise", "1e200"], "noise: expected a standard deviation of 0 or more grey levels, up to 1,000,000"),
        (["--seed", "-5"], "seed: expected 0 or more, got -5"),
        (["--most", "0.5"], "amplifies less than once"),
        (["--most", "inf"], "most: expected a finite bound, got inf"),
        (["--crop", "-3"], "crop: expected 0 or more pixels that are cut off at every side, got -3"),
        (["--cut"], "cut: is for a picture that is blurred already"),
        (["--blurred", "--jpeg", "90"], "jpeg: says how a sharp picture is blurred"),
        (["--blurred", "--noise", "-1"], "noise: expected a standard deviation of 0 or more"),
        (["--blurred", "--most", "inf"], "most: expected a finite bound, got inf"),
        (["--blurred", "--length", "60"], "48 x 40 pixels is too small for a kernel of 60 x 1"),
        (["--crop", "18"], "18 of them cut off at every side"),
    ],
)
def test_bad_input_is_told_in_a_line_and_nothing_is_written(
    arguments: list[str],
    message: str,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = arguments if arguments[0].endswith(".png") else [str(file), *arguments]
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *given, "-o", tmp_path / "results")
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
