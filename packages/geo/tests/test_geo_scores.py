from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from nflows_core.runtime.intervals import wilson
from nflows_geo.evaluation import Agreement, confusion_rows, internal_scores, over_seeds, score_rows
from nflows_geo.evaluation.agreement import accuracy, adjusted_rand_index, normalized_mutual_information
from nflows_geo.spectra import PercentileScaling


def agreement(labels: NDArray[np.uint8], units: NDArray[np.uint8]) -> Agreement:
    """Of pixels each of which stands for itself."""
    return Agreement.of_maps(labels, units, np.arange(labels.size).reshape(labels.shape))


MAPS = arrays(np.uint8, 40, elements=st.integers(0, 5))


@settings(deadline=None)
@given(MAPS, MAPS)
def test_scores_against_labels_are_those_of_scikit_learn(labels: NDArray[np.uint8], units: NDArray[np.uint8]) -> None:
    both = (labels > 0) & (units > 0)
    if len(np.unique(labels[both])) < 2:
        return
    confusion = agreement(labels, units).confusion
    truth, mapped = labels[both], units[both]
    assert confusion.sum() == both.sum()
    assert adjusted_rand_index(confusion) == pytest.approx(adjusted_rand_score(truth, mapped), abs=1e-9)
    assert normalized_mutual_information(confusion) == pytest.approx(
        normalized_mutual_info_score(truth, mapped), abs=1e-9
    )


@settings(deadline=None)
@given(MAPS, st.permutations(range(1, 6)), st.permutations(range(1, 6)))
def test_names_do_not_matter(labels: NDArray[np.uint8], label_names: list[int], unit_names: list[int]) -> None:
    labels[:2] = 1, 2
    units = np.random.default_rng(0).integers(1, 6, 40).astype(np.uint8)
    first = agreement(labels, units).confusion
    renamed_labels = np.array([0, *label_names], np.uint8)[labels]
    again = agreement(renamed_labels, np.array([0, *unit_names], np.uint8)[units]).confusion
    for measure in (accuracy, adjusted_rand_index, normalized_mutual_information):
        assert measure(again) == pytest.approx(measure(first), abs=1e-12)


def test_each_unit_goes_to_the_label_that_most_pixels_have() -> None:
    labels = np.array([1] * 6 + [2] * 4 + [7] * 2, np.uint8)
    units = np.array([3] * 5 + [1] + [1] * 4 + [2, 3], np.uint8)
    compared = agreement(labels, units)
    assert compared.label_of_unit == {3: 1, 1: 2, 2: 7}
    scores = compared.scores()
    assert scores["overall_accuracy"] == pytest.approx(10 / 12)
    assert scores["label_of_unit"] == {"1": 2, "2": 7, "3": 1}
    assert (scores["labels"], scores["units"]) == ([1, 2, 7], [1, 2, 3])
    assert scores["confusion"] == [[1, 0, 5], [4, 0, 0], [0, 1, 1]]
    assert confusion_rows({1: "granite", 2: "gabbro", 7: "basalt"}, scores)[2] == {
        "label": "basalt", "unit 1": 0, "unit 2": 1, "unit 3": 1
    }  # fmt: skip


def test_a_unit_too_many_has_no_label() -> None:
    compared = agreement(np.array([1, 1, 1, 2], np.uint8), np.array([1, 1, 2, 3], np.uint8))
    assert compared.label_of_unit == {1: 1, 3: 2}
    assert compared.scores()["overall_accuracy"] == pytest.approx(3 / 4)


def test_polygons_are_resampled_as_a_whole() -> None:
    labels = np.zeros((20, 40), np.uint8)
    labels[:, :18], labels[:, 22:] = 1, 2
    units = np.where(np.arange(40) < 20, 1, 2).astype(np.uint8)[None].repeat(20, axis=0)
    units[:2] = 1
    scores = Agreement.of_maps(labels, units, labels).scores()
    assert scores["groups"] == 2
    low, high = scores["overall_accuracy_interval_95_by_groups"]
    assert (low, high) == (pytest.approx(0.9), 1.0)
    wilson_low, wilson_high = scores["overall_accuracy_interval_95_wilson"]
    assert wilson_high - wilson_low < high - low


def test_one_group_has_no_interval() -> None:
    labels, group = np.array([[1, 1, 2]], np.uint8), np.ones((1, 3), np.uint8)
    scores = Agreement.of_maps(labels, labels, group).scores()
    assert scores["adjusted_rand_index_interval_95_by_groups"] is None
    assert scores["adjusted_rand_index"] == 1


def test_wilson_gives_known_values() -> None:
    # Newcombe (1998), table I, method 3: 81 of 263, and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def test_maps_that_do_not_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        agreement(np.ones((2, 2), np.uint8), np.ones((2, 3), np.uint8))
    with pytest.raises(ValueError, match="no pixel has both"):
        agreement(np.array([0, 1], np.uint8), np.array([1, 0], np.uint8))


def test_one_label_agrees_with_any_map() -> None:
    with pytest.raises(ValueError, match="all labelled pixels with a unit are of label 3; agreement needs two labels"):
        agreement(np.array([3, 3, 0, 1], np.uint8), np.array([1, 2, 1, 0], np.uint8))


def test_scores_without_labels_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 900).astype(np.uint8)
    features = (rng.normal(size=(900, 3)) + classes[:, None]).astype(np.float32)
    scores = internal_scores(features, classes, 0)
    used = classes > 0
    assert scores["n"] == scores["silhouette_n"] == used.sum()
    assert scores["calinski_harabasz"] == pytest.approx(calinski_harabasz_score(features[used], classes[used]))
    assert scores["davies_bouldin"] == pytest.approx(davies_bouldin_score(features[used], classes[used]))
    assert scores["silhouette"] == pytest.approx(silhouette_score(features[used], classes[used]), rel=1e-5)
    low, high = scores["silhouette_interval_95"]
    assert low < scores["silhouette"] < high


def test_rows_are_of_the_method_s_own_space_and_of_the_scaled_bands() -> None:
    rng = np.random.default_rng(0)
    units = rng.integers(1, 4, 300).astype(np.uint8)
    spectra = rng.random((300, 4), np.float32) + units[:, None]
    own, bands = score_rows(spectra, spectra[:, :2], units, 0)
    assert (own["space"], own["dimensions"], bands["space"], bands["dimensions"]) == ("own", 2, "bands", 4)
    assert own["davies_bouldin"] == pytest.approx(davies_bouldin_score(spectra[:, :2], units))
    scaled = PercentileScaling.fit(spectra).transform(spectra)
    assert bands["davies_bouldin"] == pytest.approx(davies_bouldin_score(scaled, units))


def test_one_unit_has_no_scores() -> None:
    with pytest.raises(ValueError, match="only one"):
        internal_scores(np.eye(4, dtype=np.float32), np.array([1, 1, 1, 0], np.uint8), 0)


def test_the_interval_over_seeds_is_student_s() -> None:
    summary = over_seeds([0.6, 0.7, 0.8])
    # The 97.5 % quantile of Student's t with two degrees of freedom is 4.302653.
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert summary["mean"] == pytest.approx(0.7)
    assert summary["interval_95"] == pytest.approx([0.7 - half, 0.7 + half])


def test_one_seed_has_no_interval() -> None:
    assert over_seeds([0.5])["interval_95"] is None
    with pytest.raises(ValueError, match="one run or more"):
        over_seeds([])
