"""Made-up roads, their scenes, and a categoriser that has learned from them, for the tests of `apps/missing_signs`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from made_up_roads import KINDS, NOTHING, write_roads
from nflows_core.runtime.report import read_csv, write_csv
from nflows_core.testing import call_command, one_thread

APP = Path(__file__).parents[2] / "apps" / "missing_signs"
CLASSES = (KINDS[0], KINDS[3])


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("missing_signs_commands", APP / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = load().missing_signs


def app(*arguments: object) -> int:
    """The exit code of ``python apps/missing_signs`` with these arguments."""
    return call_command(COMMANDS, *arguments)


def draw_roads(folder: Path, of_each: int, of_nothing: int, seed: int) -> Path:
    """Roads of two kinds, each a group of its own: made-up ones are too much alike."""
    write_roads(folder, {**dict.fromkeys(CLASSES, of_each), NOTHING: of_nothing}, seed)
    rows = [{**row, "group": str(number)} for number, row in enumerate(read_csv(folder / "scenes.csv"))]
    write_csv(folder / "scenes.csv", rows)
    return folder


def erase(folder: Path | str, output: Path | str, *arguments: object) -> int:
    """Erases roads that `draw_roads` has drawn."""
    roads = Path(folder)
    tables = ("--boxes", roads / "boxes.csv", "--scenes", roads / "scenes.csv")
    return app("erase", roads / "images", *tables, "-o", output, *arguments)


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``roads``, their scenes ``erased``, other ones ``seen``, and ``run``, which has learned."""
    folder = tmp_path_factory.mktemp("learned")
    with one_thread():
        assert erase(draw_roads(folder / "roads", 5, 2, seed=1), folder / "erased") == 0
        assert erase(draw_roads(folder / "more", 2, 1, seed=2), folder / "seen") == 0
        assert app("categorise", folder / "erased", "-o", folder / "run") == 0
    return folder
