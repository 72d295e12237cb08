"""What users import from the package."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

import nflows_geo


@pytest.mark.parametrize("name", nflows_geo.__all__)
def test_each_is_documented_with_an_example(name: str) -> None:
    thing = getattr(nflows_geo, name)
    assert thing.__name__ == name
    assert name in dir(nflows_geo)
    assert doctest.DocTestParser().get_examples(thing.__doc__)


def test_the_package_itself_loads_nothing_heavy() -> None:
    program = "import sys, nflows_geo; print(*sorted({'numpy', 'rasterio', 'torch', 'sklearn'} & {*sys.modules}))"
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_opening_a_scene_does_not_load_torch() -> None:
    program = "import sys, nflows_geo; nflows_geo.map_scene, nflows_geo.anomaly_scene; print('torch' in sys.modules)"
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'maps'"):
        _ = nflows_geo.maps
