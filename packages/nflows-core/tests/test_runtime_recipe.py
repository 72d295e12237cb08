"""By what a result is known as that of the same work on the same input."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from nflows_core.runtime.recipe import NO_MATTER, is_result_of, recipe_of, source_facts


@dataclass(frozen=True)
class Settings:
    strength: float
    tile: int = field(default=64, metadata=NO_MATTER)


@dataclass(frozen=True)
class Others:
    strength: float


def test_a_recipe_depends_on_all_that_decides_and_on_nothing_else() -> None:
    settings = Settings(1.0)
    assert recipe_of(settings, 0) == recipe_of(replace(settings, tile=32), 0)
    others = [recipe_of(Settings(2.0), 0), recipe_of(settings, 1), recipe_of(settings), recipe_of(Others(1.0), 0)]
    assert len({recipe_of(settings, 0), *others}) == 5


def test_a_result_counts_while_its_source_holds_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one")
    result = {"recipe": "r", **source_facts(source)}
    assert is_result_of("r", source, result)
    assert not is_result_of("s", source, result)
    os.utime(source, (1, 1))
    assert is_result_of("r", source, result)
    source.write_text("two")
    assert not is_result_of("r", source, result)


def test_what_somebody_has_edited_in_a_log_is_no_result(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_text("one")
    whole = {"recipe": "r", **source_facts(source)}
    assert not is_result_of("r", source, None)
    for name in whole:
        assert not is_result_of("r", source, {**whole, name: None})
