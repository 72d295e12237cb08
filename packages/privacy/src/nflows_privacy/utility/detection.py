"""The box detector trained on pictures with boxes, and tested on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nflows_core.training import EngineConfig, Trainer
from nflows_privacy.training.cells import flat
from nflows_privacy.training.network import BoxNetwork
from nflows_privacy.training.scenes import RandomCrops, Scene, WholeScenes
from nflows_privacy.training.settings import NetworkSettings
from nflows_privacy.training.task import BoxDetection, detection_losses
from nflows_privacy.training.testing import test_network
from nflows_privacy.utility.precision import Detections, Matched


@dataclass(frozen=True)
class BoxLearner:
    """How a detector is trained and tested.

    Arguments:
        settings: The settings of the network.
    """

    settings: NetworkSettings

    @property
    def name(self) -> str:
        return "box detector"

    def fit(self, scenes: Sequence[Scene], config: EngineConfig) -> BoxNetwork:
        """The detector trained on pictures, from weights that depend on the seed of the settings alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = self.settings.build()
        crops = RandomCrops(scenes, self.settings.crop)
        return Trainer(BoxDetection(network, crops, config)).fit()

    def test(self, network: BoxNetwork, scenes: Sequence[Scene]) -> Detections:
        """What is found in each picture as a whole, and the losses of it."""
        tested = test_network(network, scenes, self.settings.classes)
        matched = [[Matched.of(judged) for judged in picture] for picture in tested.pictures]
        losses = np.array([_losses(network, scenes, index) for index in range(len(scenes))])
        return Detections(matched, {"box_loss": losses[:, 1], "objectness_loss": losses[:, 0]})


@torch.inference_mode()
def _losses(network: BoxNetwork, scenes: Sequence[Scene], index: int) -> tuple[float, float]:
    """The loss of the scores and that of the boxes."""
    picture, labels, boxes = WholeScenes(scenes).read(index, 0)
    device = next(network.parameters()).device
    predictions = flat(network(picture[None].to(device).float() / 255)).float().cpu()
    scores, fits = detection_losses(predictions, labels[None], boxes[None], *picture.shape[-2:])
    return float(scores), float(fits)
