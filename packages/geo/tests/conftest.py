"""What the tests of this package share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data: that named by NFLOWS_DATA, or shared/data beside the repository."""
    repository = Path(__file__).parents[3]
    folder = Path(os.environ.get("NFLOWS_DATA", repository.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; name its folder by NFLOWS_DATA")
    return folder
