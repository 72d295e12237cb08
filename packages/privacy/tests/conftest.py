"""What the tests of this package share."""

from __future__ import annotations

from pathlib import Path

import pytest

from nflows_core.runtime.errors import CommandError
from nflows_core.runtime.weights import find_weights
from nflows_core.testing import data_folder
from nflows_privacy.detection.yunet import WEIGHTS

__all__ = ["data_folder", "yunet_weights"]


@pytest.fixture(scope="session")
def yunet_weights(request: pytest.FixtureRequest) -> Path:
    """The detector of faces: as the resolver finds it, or beside the real data."""
    try:
        return find_weights(WEIGHTS)
    except CommandError:
        beside: Path = request.getfixturevalue("data_folder").parent / "models" / WEIGHTS.file
        if not beside.exists():
            pytest.skip("the weights are missing")
        return beside
