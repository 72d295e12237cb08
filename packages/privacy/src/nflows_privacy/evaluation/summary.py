"""The numbers of all pictures together, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.intervals import bootstrap, wilson
from nflows_privacy.evaluation.identity import RATES, reidentify
from nflows_privacy.evaluation.leaks import LEAST_RUN
from nflows_privacy.evaluation.measuring import LOOKS, Measured

Row = dict[str, Any]
OUTSIDE = "pictures changed outside of what should be gone"
Counts = Sequence[tuple[int, int]]
"""Of each picture, how many times something happened, and how many times it could have."""


def summary_rows(measured: Sequence[Measured], kinds: Sequence[str], seed: int) -> list[Row]:
    """One row a measure: its value, of how many, and two intervals.

    Wilson's is of a rate, as if regions were independent; that by drawing the pictures again holds where they are not,
    for those of one picture have light, camera and crowd in common.

    Arguments:
        measured: The pictures.
        kinds: The kinds of regions that the detector finds.
        seed: The seed of the resampling.
    """
    rows = [_rate(f"{kind}s found again", _again(measured, kind), seed) for kind in kinds]
    for look in LOOKS:
        values = [float(one.residual[look].elsewhere) for one in measured]
        rows.append(_mean(f"found where nothing was, {look}, a picture", values, seed))
    rows += _read_rows(measured, seed)
    rows += _identity_rows(measured, seed)
    touched = [(int(one.change.outside > 0), 1) for one in measured]
    rows.append(_rate(OUTSIDE, touched, seed))
    rows.append(_mean("share of the picture changed", [one.change.share for one in measured], seed))
    ratios = [one.change.psnr_db for one in measured if one.change.psnr_db is not None]
    rows += [_mean("PSNR outside of it where it changed, dB", ratios, seed)] if ratios else []
    steps = [one.change.step for one in measured if one.change.step is not None]
    rows += [_mean("step across the edge beyond that before, grey levels", steps, seed)] if steps else []
    rings = [one.ring for one in measured if one.ring is not None]
    rows += [_mean("LPIPS in a ring around the masks", rings, seed)] if rings else []
    told = [(int(bool(one.metadata)), 1) for one in measured]
    return [*rows, _rate("pictures with metadata that may tell who, where or which device", told, seed)]


def _again(measured: Sequence[Measured], kind: str) -> Counts:
    each = (
        [again for region, again in zip(one.regions, one.again, strict=True) if region.kind == kind] for one in measured
    )
    return [(sum(again), len(again)) for again in each]


def _read_rows(measured: Sequence[Measured], seed: int) -> Iterator[Row]:
    leaks = [[leak for leak in one.leaks.values() if leak is not None] for one in measured]
    counts = [(sum(leak.is_leak for leak in each), len(each)) for each in leaks]
    if any(number for _, number in counts):
        yield _rate(f"legible plates of which {LEAST_RUN} characters in a row are read again", counts, seed)
        shares = [(sum(leak.run for leak in each), sum(leak.characters for leak in each)) for each in leaks]
        yield _ratio("characters read again in a row, of all", shares, seed)


def _identity_rows(measured: Sequence[Measured], seed: int) -> Iterator[Row]:
    faces = [one.faces for one in measured if one.faces is not None and len(one.faces.before)]
    if not faces:
        return
    all_before, all_after = (np.concatenate([getattr(one, name) for one in faces]) for name in ("before", "after"))
    if (result := reidentify(all_before, all_after)) is None:
        return
    hits = np.split(np.array(result.top_1), np.cumsum([len(one.before) for one in faces])[:-1])
    name = f"faces nearest to themselves among {result.faces}"
    yield _rate(name, [(int(each.sum()), len(each)) for each in hits], seed)
    for far in RATES:
        if (rate := result.tar[far]) is not None:
            low, high = wilson(rate * result.faces, result.faces)
            yield _row(f"faces accepted at a false accept rate of {far:g}", rate, result.faces, (low, high), None)


def _rate(name: str, counts: Counts, seed: int) -> Row:
    row = _ratio(name, counts, seed)
    happened, number = map(sum, zip(*counts, strict=True))
    return {**row, "wilson_interval_95": list(wilson(happened, number)) if number else None}


def _ratio(name: str, counts: Counts, seed: int) -> Row:
    table = np.array(counts)
    number = int(table[:, 1].sum())
    value = float(table[:, 0].sum() / number) if number else None
    return _row(name, value, number, None, _over_pictures(table, seed) if number else None)


def _over_pictures(table: NDArray[np.intp], seed: int) -> tuple[float, float] | None:
    def rate(chosen: NDArray[np.intp]) -> float:
        happened, number = table[chosen].sum(0)
        return happened / number if number else float("nan")

    return bootstrap(rate, len(table), seed)


def _mean(name: str, values: Sequence[float], seed: int) -> Row:
    array = np.array(values)
    interval = bootstrap(lambda chosen: float(array[chosen].mean()), len(array), seed)
    return _row(name, float(array.mean()), len(array), None, interval)


def _row(
    name: str,
    value: float | None,
    number: int,
    wilson_95: tuple[float, float] | None,
    over_pictures: tuple[float, float] | None,
) -> Row:
    return {
        "measure": name,
        "value": value,
        "n": number,
        "wilson_interval_95": None if wilson_95 is None else list(wilson_95),
        "interval_95_over_pictures": None if over_pictures is None else list(over_pictures),
    }
