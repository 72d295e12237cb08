"""Flows of spectra that are trained for a moment, where a test is not about how good they are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from nflows_geo.anomaly import DETECTORS
from nflows_geo.anomaly.detectors import FlowDetector
from nflows_geo.reductions import REDUCTIONS
from nflows_geo.reductions.flow import FlowFeatures
from nflows_geo.spectra.density import TRAINING

SHORT = replace(TRAINING, epochs=1, batch_size=256)


def shorten_trainings(patch: pytest.MonkeyPatch) -> None:
    """Lets the detector and the reduction that train a flow make 25 updates only."""
    patch.setitem(DETECTORS, "flow", partial(FlowDetector.fit, training=SHORT))
    patch.setitem(REDUCTIONS, "flow", replace(REDUCTIONS["flow"], fit=partial(FlowFeatures.fit, training=SHORT)))
