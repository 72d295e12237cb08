"""Tables on a terminal: aligned, with as many digits as a person reads."""

from __future__ import annotations

from nflows_core.runtime.text_table import cell, table


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    rows = [
        {"model": "glow", "parameters": 153_000, "bits_per_dim": 1.27114},
        {"model": "inverse-flow", "parameters": 61, "bits_per_dim": 12.0},
    ]
    assert table(rows).splitlines() == [
        "model         parameters  bits per dim",
        "glow             153,000         1.271",
        "inverse-flow          61            12",
    ]


def test_cells_have_four_digits_below_a_thousand() -> None:
    assert [cell(value) for value in (0.123456, 999.94, 12345.6, 7, "word", None)] == [
        "0.1235",
        "999.9",
        "12,346",
        "7",
        "word",
        "–",
    ]


def test_no_name_moves_the_cursor() -> None:
    assert table([{"a\x1b[2J": "b\nc\u202e"}]).splitlines() == [r"a\x1b[2J", r"b\nc\u202e"]
