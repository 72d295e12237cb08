r"""A classifier that says what a picture suffers from and how much, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.tensors import CheckpointError, load_tensors, read_tensors, write_tensors
from nflows_core.runtime.tiles import Rows
from nflows_heritage import shipped
from nflows_heritage.classic import estimated
from nflows_heritage.classic.look import Look
from nflows_heritage.distortions import CLEAN, DISTORTIONS, KINDS, LEVELS
from nflows_heritage.inspection.classes import CLASSES
from nflows_heritage.inspection.statistics import COUNT, in_colour, statistics
from nflows_heritage.inspection.traces import TRACED, TRACES, TraceNetwork, traces_in
from nflows_heritage.views import Colours

FILE = "inspector.safetensors"
SHIPPED = shipped.FOLDER / "inspector"
"""The folder of the inspector that comes with the package."""
LEAST_SIDE = 64
"""Of a smaller picture neither the spectrum nor the other evidence is to be had."""
_KIND = "nflows-heritage inspector"
MEMBERS = 4
"""The classifiers of an inspector."""
_WIDTH = 128
_FURTHEST = 6.0
"""What lies further from the mean, in standard deviations, counts as if it lay there."""
_BLUR = 0.2
"""By how much, in standard deviations, evidence is blurred in training, so that no picture is known by heart."""


@dataclass(frozen=True)
class Findings:
    """What is found in a picture.

    Arguments:
        kind: What it suffers from most likely, or ``clean``.
        level: How much, 1 to 5; nothing of a clean one.
        probabilities: The probability of each kind, ``clean`` first.
    """

    kind: str
    level: float | None
    probabilities: Mapping[str, float]


class EvidenceClassifier(nn.Module):
    """From the evidence in pictures, :math:`(B, E)`, to the logits of `CLASSES`, :math:`(B, 56)`.

    Arguments:
        mean: The mean of each number of the evidence.
        std: Its standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.body = nn.Sequential(*_layer(len(mean)), *_layer(_WIDTH))
        self.head = nn.Linear(_WIDTH, len(CLASSES))

    def forward(self, evidence: Tensor) -> Tensor:
        x = ((evidence - self.mean) / self.std).clamp(-_FURTHEST, _FURTHEST)
        if self.training:
            x = x + _BLUR * torch.randn_like(x)
        logits: Tensor = self.head(self.body(x))
        return logits


class Committee(nn.Module):
    """Classifiers that began to learn from other weights, which together say the mean of their probabilities: each is
    surest where it has seen little, and there they differ.

    Arguments:
        members: The classifiers.
    """

    def __init__(self, members: Iterable[EvidenceClassifier]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, evidence: Tensor) -> Tensor:
        """The logarithms of the probabilities, :math:`(B, 56)`."""
        of_each = torch.stack([member(evidence).log_softmax(1) for member in self.members])
        return of_each.logsumexp(0) - math.log(len(self.members))


class Inspector:
    r"""Tells apart clean pictures and each distortion at each level, by what each would have left.

    The probability of a kind is the sum of those of its levels, and its level the mean under them. A picture counts as
    damaged only if its likeliest kind of damage is several times as likely as none, so that few clean ones are touched;
    how many times, depends on how easily clean pictures look like that kind. Of what is not local the method without
    weights must find something to undo, too: ink on paper looks like salt and pepper.

    Arguments:
        traces: The network that sees local damage.
        classifier: What weighs the evidence.
        temperature: By what logits are divided.
        odds: For each distortion how many times as likely as none it must be.
    """

    def __init__(
        self,
        traces: TraceNetwork,
        classifier: Committee,
        temperature: float = 1.0,
        odds: Mapping[str, float] = MappingProxyType(dict.fromkeys(DISTORTIONS, 1.0)),
    ) -> None:
        self.networks = nn.ModuleDict({"traces": traces, "classifier": classifier}).eval()
        self.traces, self.classifier = traces, classifier
        self.temperature, self.odds = temperature, odds

    def __call__(self, picture: Rows) -> Findings:
        """What a picture suffers from.

        Raises:
            ValueError: It is too small to show it.
        """
        height, width, _ = picture.shape
        if min(height, width) < LEAST_SIDE:
            least = f"{LEAST_SIDE} x {LEAST_SIDE}"
            raise ValueError(
                f"{width} x {height} pixels do not show what it suffers from; say the type, or give {least}"
            )
        look = Look.at(Colours(picture))
        evidence = torch.from_numpy(evidence_in(look, self.traces))
        found = self.findings(self.probabilities(evidence[None])[0])
        if found.kind in (CLEAN, *TRACES) or not estimated(found.kind, look).is_idle:
            return found
        return replace(found, kind=CLEAN, level=None)

    @torch.no_grad()
    def probabilities(self, evidence: Tensor) -> Tensor:
        """The probabilities of `CLASSES`, :math:`(B, 56)`, by the evidence in pictures, :math:`(B, E)`."""
        logits: Tensor = self.classifier(evidence)
        return (logits / self.temperature).softmax(1)

    def findings(self, probabilities: Tensor) -> Findings:
        """What probabilities of `CLASSES` say, :math:`(56,)`."""
        levels = probabilities[1:].reshape(len(DISTORTIONS), len(LEVELS))
        of_kinds = dict(zip(KINDS, of_each_kind(probabilities).tolist(), strict=True))
        worst = int(levels.sum(1).argmax())
        kind = KINDS[1 + worst]
        if of_kinds[kind] < self.odds[kind] * of_kinds[CLEAN]:
            return Findings(CLEAN, None, of_kinds)
        level = float((levels[worst] * torch.tensor(LEVELS)).sum() / levels[worst].sum())
        return Findings(kind, level, of_kinds)

    def save(self, folder: str | Path) -> None:
        """Writes it into a folder, whole or not at all."""
        about = {"temperature": self.temperature, "odds": dict(self.odds)}
        write_tensors(Path(folder) / FILE, self.networks.state_dict(), _KIND, **about)


def of_each_kind(probabilities: Tensor) -> Tensor:
    r"""The probabilities of `KINDS`, :math:`(\dots, 12)`, by those of `CLASSES`."""
    levels = probabilities[..., 1:].reshape(*probabilities.shape[:-1], len(DISTORTIONS), len(LEVELS))
    return torch.cat([probabilities[..., :1], levels.sum(-1)], -1)


def evidence_in(look: Look, traces: TraceNetwork) -> NDArray[np.float32]:
    """The evidence in a picture that is looked at: its statistics, and where it bears traces."""
    look = in_colour(look)
    local = traces_in(traces, [region.samples for region in look.regions])
    return np.concatenate([statistics(look), local.astype(np.float32)])


def blank() -> Inspector:
    """An inspector that has learned nothing."""
    zeros, ones = torch.zeros(COUNT + TRACED), torch.ones(COUNT + TRACED)
    return Inspector(TraceNetwork(), Committee(EvidenceClassifier(zeros, ones) for _ in range(MEMBERS)))


@keeps_one
def load_inspector(folder: Path) -> Inspector:
    """The inspector that was saved in a folder; the last one is kept in memory.

    Raises:
        CommandError: There is no such file; exit code 3.
        CheckpointError: It is cut short, or something else.
    """
    path = folder / FILE
    if not path.is_file():
        raise CommandError(f"{path} is missing, by which damage is known: say the type yourself", ExitCode.WEIGHTS)
    tensors, header = read_tensors(path, _KIND)
    match header:
        case {"temperature": float(temperature), "odds": dict(odds)} if odds.keys() == DISTORTIONS.keys():
            inspector = blank()
            load_tensors(inspector.networks, tensors, path)
            inspector.temperature, inspector.odds = temperature, odds
            return inspector
    raise CheckpointError(f"{path} does not say how sure the inspector is; take an intact copy")


def _layer(features: int) -> list[nn.Module]:
    return [nn.Linear(features, _WIDTH), nn.ReLU(), nn.Dropout(0.4)]
