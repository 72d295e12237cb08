"""LPIPS with the kernels and strides of VGG16 and few channels, of random weights: what it sees is what LPIPS sees."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models.vgg import make_layers

from nflows_core.evaluation import PerceptualDistance
from nflows_core.evaluation.perceptual import Vgg16


def narrow_judge() -> PerceptualDistance:
    torch.manual_seed(0)
    network = Vgg16()
    network.features = make_layers([2, 2, "M", 3, 3, "M", 3, 3, 3, "M", 4, 4, 4, "M", 4, 4, 4])
    for layer in network.features:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return PerceptualDistance(network, [torch.rand(channels) for channels in (2, 3, 3, 4, 4)])
