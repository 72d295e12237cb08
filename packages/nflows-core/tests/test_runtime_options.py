"""Options, tables and times that commands of several packages share."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nflows_core.runtime.clock import Clock
from nflows_core.runtime.options import Memory, Number, OutputFile
from nflows_core.runtime.text_table import cell, table


@pytest.mark.parametrize(
    ("text", "amount"), [("512", 512), ("2GB", 2 * 10**9), ("1.5 gib", 3 * 2**29), ("100MB", 10**8), ("8MiB", 2**23)]
)
def test_an_amount_of_memory(text: str, amount: int) -> None:
    assert Memory().convert(text, None, None) == amount


@pytest.mark.parametrize("text", ["much", "2TB", "-1GB", "1.GB", ""])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no amount of memory; give one such as 2GB"):
        Memory().convert(text, None, None)


def test_the_suffix_of_an_output_says_what_it_is() -> None:
    @click.command()
    @click.option("-o", "output", type=OutputFile(".tif", ".tiff"))
    def write(output: Path) -> None:
        click.echo(repr(output))

    assert CliRunner().invoke(write, ["-o", "map.TIF"]).output == f"{Path('map.TIF')!r}\n"
    refused = CliRunner().invoke(write, ["-o", "map.png"])
    assert refused.exit_code == 2
    assert "map.png must end in .tif or .tiff" in refused.output


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "2", "half"])
def test_a_number_is_finite_and_in_its_range(word: str) -> None:
    with pytest.raises(click.BadParameter):
        Number(0, 1).convert(word, None, None)
    with pytest.raises(click.BadParameter, match="finite" if word in ("nan", "inf") else None):
        Number(0).convert({"2": "-2"}.get(word, word), None, None)


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    text = table([{"name": "a", "bits_per_dim": 1.04996}, {"name": "longer", "bits_per_dim": 12345.6}])
    assert text.splitlines() == ["name    bits per dim", "a               1.05", "longer        12,346"]


def test_small_numbers_have_four_digits_and_large_ones_are_whole() -> None:
    assert [cell(value) for value in (0.123456, 999.94, 1234.5, 7, None, True)] == [
        "0.1235", "999.9", "1,234.5", "7", "–", "yes"
    ]  # fmt: skip


def test_steps_add_up_to_the_time_between_the_first_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.5, 13.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    clock = Clock()
    clock.stop("learn")
    clock.stop("draw")
    assert clock.seconds == {"learn": 2.5, "draw": 0.5}
