r"""A classifier that says what a picture suffers from and how much, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nflows_core.classifiers import Classifier, build_classifier
from nflows_core.classifiers.classifier import as_unit
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.tensors import CheckpointError, load_tensors, read_tensors, write_tensors
from nflows_core.runtime.tiles import Rows
from nflows_heritage import shipped
from nflows_heritage.distortions import CLEAN, DISTORTIONS, KINDS, LEVELS
from nflows_heritage.inspection.classes import CLASSES
from nflows_heritage.views import mosaic

FILE = "inspector.safetensors"
SHIPPED = shipped.FOLDER / "inspector"
"""The folder of the inspector that comes with the package."""
_KIND = "nflows-heritage inspector"


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


class Inspector:
    r"""Tells apart clean pictures and each distortion at each level, by a mosaic of a picture's parts.

    The probability of a kind is the sum of those of its levels, and its level the mean under them. A picture counts as
    damaged only if the probability of being clean is below ``least``, so that few clean ones are touched.

    Arguments:
        network: The classifier of mosaics, with `CLASSES`.
        temperature: By what logits are divided.
        least: The probability of being clean from which on a picture is called clean.
    """

    def __init__(self, network: Classifier, temperature: float, least: float) -> None:
        self.network, self.temperature, self.least = network.eval(), temperature, least

    def __call__(self, picture: Rows) -> Findings:
        """What a picture suffers from."""
        pixels = torch.from_numpy(mosaic(picture)).permute(2, 0, 1)
        return self.findings(self.probabilities(pixels[None])[0])

    @torch.no_grad()
    def probabilities(self, mosaics: Tensor) -> Tensor:
        """The probabilities of `CLASSES`, :math:`(B, 56)`, of mosaics in bytes, :math:`(B, 3, 192, 256)`."""
        logits: Tensor = self.network(as_unit(mosaics))
        return (logits / self.temperature).softmax(1)

    def findings(self, probabilities: Tensor) -> Findings:
        """What probabilities of `CLASSES` say, :math:`(56,)`."""
        levels = probabilities[1:].reshape(len(DISTORTIONS), len(LEVELS))
        of_kinds = dict(zip(KINDS, [float(probabilities[0]), *levels.sum(1).tolist()], strict=True))
        if of_kinds[CLEAN] >= self.least:
            return Findings(CLEAN, None, of_kinds)
        worst = int(levels.sum(1).argmax())
        level = float((levels[worst] * torch.tensor(LEVELS)).sum() / levels[worst].sum())
        return Findings(KINDS[1 + worst], level, of_kinds)

    def save(self, folder: str | Path) -> None:
        """Writes it into a folder, whole or not at all."""
        about = {"temperature": self.temperature, "least": self.least}
        write_tensors(Path(folder) / FILE, self.network.state_dict(), _KIND, **about)


def new_network() -> Classifier:
    """The untrained classifier of mosaics."""
    return build_classifier("small", len(CLASSES))


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
        case {"temperature": float(temperature), "least": float(least)}:
            network = new_network()
            load_tensors(network, tensors, path)
            return Inspector(network, temperature, least)
    raise CheckpointError(f"{path} does not say how sure the inspector is; take an intact copy")
