"""A classifier of pictures: trained into a run folder, tested on groups that it never saw, and asked."""

from nflows_core.classification.coverage import Coverage, coverage_at, coverage_curve
from nflows_core.classification.experiment import resume, train
from nflows_core.classification.report import evaluate
from nflows_core.classification.runs import ClassifierRun, load_network, read_run
from nflows_core.classification.settings import ClassifierSettings
from nflows_core.classification.testing import Tested, confusion, macro_f1
from nflows_core.classification.views import fused, fused_by_item

__all__ = [
    "ClassifierRun",
    "ClassifierSettings",
    "Coverage",
    "Tested",
    "confusion",
    "coverage_at",
    "coverage_curve",
    "evaluate",
    "fused",
    "fused_by_item",
    "load_network",
    "macro_f1",
    "read_run",
    "resume",
    "train",
]
