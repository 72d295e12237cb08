"""Random rational filters, and their definition."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


def define(b, a, x, zi=None):
    """The transposed direct form II, sample by sample: signals on the last axis, and the state behind them."""
    b, a = np.asarray(b) / a[0], np.asarray(a) / a[0]
    order = max(len(a), len(b)) - 1
    b, a = (np.pad(taps, (0, order + 1 - len(taps))) for taps in (b, a))
    state = np.zeros((*x.shape[:-1], order + 1))
    if zi is not None:
        state[..., :order] = zi
    y = np.zeros_like(x)
    for t in range(x.shape[-1]):
        y[..., t] = state[..., 0] + b[0] * x[..., t]
        state[..., :-1] = state[..., 1:] + b[1:] * x[..., t, None] - a[1:] * y[..., t, None]
    return y, state[..., :order]


def coefficients(rng, zeros, poles, *batch):
    """A numerator, and a denominator that does not begin with 1 and is stable: its others sum up to less."""
    b = rng.normal(size=(*batch, zeros + 1))
    a = rng.normal(size=(*batch, poles + 1))
    a[..., 1:] *= 0.4 / np.maximum(np.abs(a[..., 1:]).sum(-1, keepdims=True), 0.4)
    a[..., 0] = rng.choice([-1, 1], size=batch) * (0.5 + rng.random(batch))
    return b, a


@st.composite
def problems(draw):
    """Coefficients, signals [B, L] longer and shorter than what the solver works on at a time, and a state."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    order = st.one_of(st.integers(0, 9), st.sampled_from([15, 16, 17, 33, 70]))
    zeros, poles = draw(order), draw(order)
    b, a = coefficients(rng, zeros, poles)
    B, L = draw(st.integers(1, 19)), draw(st.one_of(st.integers(1, 40), st.sampled_from([128, 129, 2049])))
    return b, a, rng.normal(size=(B, L)), rng.normal(size=(B, max(zeros, poles)))
