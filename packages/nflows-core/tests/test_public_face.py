"""What `import nflows_core` offers: the objects of the rooms, each with an example, none imported before its use."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

import nflows_core
from nflows_core import _HOMES

EXAMPLES = "\n".join(re.findall(r"^    (?:>>>|\.\.\.) (.*)$", nflows_core.__doc__ or "", re.MULTILINE))


@pytest.mark.parametrize(("home", "name"), [(home, name) for home, names in _HOMES.items() for name in names])
def test_a_name_is_the_object_of_its_room(home: str, name: str) -> None:
    room = __import__(f"nflows_core.{home}", fromlist=[name])
    assert getattr(nflows_core, name) is getattr(room, name)


def test_all_lists_the_names_that_have_homes() -> None:
    assert sorted(nflows_core.__all__) == sorted(name for names in _HOMES.values() for name in names)


@pytest.mark.parametrize("name", nflows_core.__all__)
def test_each_name_has_an_example_that_runs_as_a_doctest(name: str) -> None:
    used = {node.attr for node in ast.walk(ast.parse(EXAMPLES)) if isinstance(node, ast.Attribute)}
    assert name in used


@pytest.mark.parametrize("room", ["bijections", "data", "distributions", "evaluation", "latents", "models", "runs"])
def test_a_room_needs_no_import_of_its_own(room: str) -> None:
    program = f"import nflows_core; print(nflows_core.{room}.__name__)"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == f"nflows_core.{room}"


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'nflows_core' has no attribute 'Flwo'"):
        nflows_core.Flwo  # noqa: B018


def test_the_package_alone_imports_no_torch() -> None:
    program = "import sys, nflows_core; print('torch' in sys.modules); nflows_core.Flow; print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.split() == ["False", "True"]
