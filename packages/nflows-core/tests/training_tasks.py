"""A small task of every kind: images, vectors, an autoencoder, adversaries, a classifier of files, a restoration."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from nflows_core.bijections import ActNorm, AffineCoupling, Composition, Conv1x1
from nflows_core.data.images import Images
from nflows_core.flow import Flow
from nflows_core.training import (
    AdversarialPair,
    AdversarialSettings,
    AdversarialTask,
    Autoencoder,
    EarlyStopping,
    EngineConfig,
    FlowLikelihood,
    Objective,
    Place,
    Reconstruction,
    Restoration,
    StepMetrics,
    Task,
    Trainer,
    TrainingConfig,
    TrainingItems,
    VectorLikelihood,
)
from nflows_core.training.batches.items import items_for_test
from nflows_core.training.batches.order import EpochOrder, Purpose, seeds
from nflows_core.training.tasks.restoration import charbonnier

SPREAD = 0.05
"""The standard deviation of each of the eight Gaussians, which lie on the unit circle."""
ANGLES = torch.arange(8) * math.pi / 4
CENTRES = torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)

Pair = tuple[Tensor, Tensor]


def eight_gaussians(n: int) -> Tensor:
    """Points about the eight centres in turn, (n, 2)."""
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    return CENTRES[torch.arange(n) % 8] + SPREAD * noise


class PointsAndNoise:
    """Points with the noise from which the generator makes others, new in every epoch."""

    def __init__(self, points: Tensor, config: EngineConfig, place: Place) -> None:
        self.points = points
        self.config = config
        self.order = EpochOrder(len(points), config, place)
        self.steps_per_epoch = self.order.steps_per_epoch
        self.sampling = self.order.sampling

    def training(self, step: int) -> Iterator[Pair]:
        (seed,) = seeds(1, self.config.seed, Purpose.TRAINING, self.order.epoch(step))
        noise = torch.randn(len(self.points), 4, generator=torch.Generator().manual_seed(seed))
        for indices in self.order.training(step):
            yield self.points[indices], noise[indices]


class Adversaries(Task[nn.ModuleDict, Pair]):
    """A generator and a discriminator on eight Gaussians, by the non-saturating loss (Goodfellow et al. 2014)."""

    measures = ("distance_to_a_centre",)

    def __init__(self, config: EngineConfig) -> None:
        torch.manual_seed(config.seed)
        super().__init__(nn.ModuleDict({"generator": perceptron(4, 2), "discriminator": perceptron(2, 1)}), config)
        self.generator, self.discriminator = self.model["generator"], self.model["discriminator"]

    def objectives(self) -> Sequence[Objective[Pair]]:
        rates = {self.discriminator: self.config.learning_rate, self.generator: 0.5 * self.config.learning_rate}
        own, others = (torch.optim.Adam(m.parameters(), lr, betas=(0.5, 0.99)) for m, lr in rates.items())
        return [
            Objective("discriminator_loss", self.discriminator, own, self._discriminate),
            Objective("generator_loss", self.generator, others, self._generate),
        ]

    def training_batches(self, place: Place) -> PointsAndNoise:
        return PointsAndNoise(eight_gaussians(4096), self.config, place)

    def test_batches(self, place: Place) -> Iterable[Pair]:
        noise = torch.randn(1000, 4, generator=torch.Generator().manual_seed(1))[place.process :: place.processes]
        return [(noise, noise)]

    def measure(self, model: nn.ModuleDict, batch: Pair) -> Mapping[str, Tensor]:
        return {"distance_to_a_centre": torch.cdist(model["generator"](batch[1]), CENTRES).min(dim=1).values}

    def _discriminate(self, discriminator: nn.Module, batch: Pair) -> Tensor:
        points, noise = batch
        with torch.no_grad():
            made = self.generator(noise)
        real, false = discriminator(torch.cat([points, made])).chunk(2)
        return softplus(-real).mean() + softplus(false).mean()

    def _generate(self, generator: nn.Module, batch: Pair) -> Tensor:
        return softplus(-self.discriminator(generator(batch[1]))).mean()


class Painter(nn.Module):
    """A generator of 8 x 8 pictures with what a resumption may spoil: batch statistics and a normalized weight."""

    latent_features = 4

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(2, 4)
        self.linear = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 16))
        self.norm = nn.BatchNorm1d(16)
        self.last = nn.Linear(16, 192)

    def hidden(self, latents: Tensor, labels: Tensor) -> Tensor:
        features: Tensor = self.linear(latents + self.embedding(labels))
        return features

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        pictures: Tensor = self.last(self.norm(self.hidden(latents, labels)).relu()).tanh()
        return pictures.reshape(-1, 3, 8, 8)


class Judge(nn.Module):
    """A discriminator of 8 x 8 pictures of two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.utils.parametrizations.spectral_norm(nn.Linear(192, 16))
        self.embedding = nn.Embedding(2, 16)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = (self.features(x.flatten(1)).relu() * self.embedding(labels)).sum(1)
        return logits


def labelled_images() -> Images:
    """Pictures of two classes, dark ones and a few bright ones."""
    pixels = torch.randint(0, 128, (24, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    labels = torch.arange(24) // 16
    return Images(pixels + 128 * labels.to(torch.uint8).reshape(-1, 1, 1, 1), labels=labels, classes=("dark", "bright"))


class Stripes:
    """Noisy pictures with a bright row or a bright column, each a file; the seed moves them by a pixel."""

    def __init__(self, folder: Path, n: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.files = [folder / f"{index}.pt" for index in range(n)]
        generator = torch.Generator().manual_seed(0)
        for index, file in enumerate(self.files):
            picture = 0.5 * torch.randn(1, 8, 8, generator=generator)
            stripe = int(torch.randint(1, 7, (), generator=generator))
            (picture[0, stripe] if index % 2 else picture[0, :, stripe]).add_(1)
            torch.save(picture, file)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int, seed: int) -> tuple[Tensor, int]:
        shift = int(torch.randint(-1, 2, (), generator=torch.Generator().manual_seed(seed)))
        return torch.load(self.files[index], weights_only=True).roll((shift, shift), dims=(1, 2)), index % 2


class Classifier(Task[nn.Sequential, Pair]):
    """Tells rows from columns, in pictures that workers read from files."""

    measures = ("accuracy", "cross_entropy")

    def __init__(
        self, config: EngineConfig, folder: Path, *extra: nn.Module, workers: int = 0, patience: int = 99
    ) -> None:
        torch.manual_seed(config.seed)
        layers = nn.Conv2d(1, 8, 3, padding=1), *extra, nn.ReLU(), nn.AdaptiveMaxPool2d(4), nn.Flatten()
        super().__init__(nn.Sequential(*layers, nn.Linear(128, 2)), config)
        self.train, self.test = Stripes(folder / "train", 128), Stripes(folder / "test", 64)
        self.workers = workers
        self.early_stopping = EarlyStopping(patience, higher_is_better=True)

    def objectives(self) -> Sequence[Objective[Pair]]:
        adam = torch.optim.AdamW(self.model.parameters(), self.config.learning_rate)
        return [
            Objective("cross_entropy", self.model, adam, lambda model, batch: cross_entropy(model(batch[0]), batch[1]))
        ]

    def training_batches(self, place: Place) -> TrainingItems[Any]:
        return TrainingItems(self.train, self.config, place, self.workers)

    def test_batches(self, place: Place) -> Iterable[Pair]:
        return items_for_test(self.test, self.config, place)

    def measure(self, model: nn.Sequential, batch: Pair) -> Mapping[str, Tensor]:
        scores = model(batch[0])
        accuracy = (scores.argmax(1) == batch[1]).float()
        return {"accuracy": accuracy, "cross_entropy": cross_entropy(scores, batch[1], reduction="none")}

    def _loss(self, model: nn.Module, batch: Pair) -> Tensor:
        return cross_entropy(model(batch[0]), batch[1])


class Noisy:
    """Pictures beside themselves with noise that the seed draws; the sizes are those of each in turn."""

    def __init__(self, sizes: Sequence[tuple[int, int]]) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pictures = [torch.rand(1, *size, generator=generator).round() for size in sizes]

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, index: int, seed: int) -> Pair:
        noise = torch.randn(self.pictures[index].shape, generator=torch.Generator().manual_seed(seed))
        return self.pictures[index] + 0.3 * noise, self.pictures[index]


def perceptron(inputs: int, outputs: int) -> nn.Sequential:
    width, slope = 64, 0.2
    hidden = nn.Linear(inputs, width), nn.LeakyReLU(slope), nn.Linear(width, width), nn.LeakyReLU(slope)
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def small_flow(shape: tuple[int, int, int]) -> Flow:
    torch.manual_seed(0)
    return Flow([Composition([kind(shape) for _ in range(2) for kind in (ActNorm, Conv1x1, AffineCoupling)])])


def images(batch_size: int, folder: Path) -> FlowLikelihood:
    pixels = torch.randint(40, 200, (40, 2, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    config = TrainingConfig(epochs=3, batch_size=batch_size, warmup_steps=3, checkpoint_steps=3, log_steps=1)
    return FlowLikelihood(small_flow((2, 4, 4)), Images(pixels), config, Images(pixels))


def vectors(batch_size: int, folder: Path) -> VectorLikelihood:
    x = torch.randn(200, 3, 1, 1, generator=torch.Generator().manual_seed(0)).cumsum(1)
    config = EngineConfig(epochs=4, batch_size=batch_size, checkpoint_steps=3, log_steps=1, ema_decay=0.9)
    return VectorLikelihood(small_flow((3, 1, 1)), x, config, steps_per_epoch=4, patience=2)


def autoencoder(batch_size: int, folder: Path) -> Reconstruction:
    torch.manual_seed(0)
    x = torch.rand(64, 6, generator=torch.Generator().manual_seed(0))
    config = EngineConfig(epochs=3, batch_size=batch_size, checkpoint_steps=3, log_steps=1, ema_decay=0.0)
    model = Autoencoder(nn.Sequential(nn.Linear(6, 3), nn.ReLU()), nn.Linear(3, 6))
    return Reconstruction(model, x, config, activity_penalty=1e-3)


def restoration(batch_size: int, folder: Path) -> Restoration[nn.Sequential]:
    """With the channels innermost, as the optimizer's state must be too when it is read again."""
    torch.manual_seed(0)
    config = EngineConfig(epochs=3, batch_size=batch_size, checkpoint_steps=3, log_steps=1, ema_decay=0.9)
    pairs, test_pairs = Noisy([(6, 6)] * 40), Noisy([(6, 6), (5, 9), (8, 4), (7, 7)])
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))
    model.to(memory_format=torch.channels_last)
    return Restoration(model, pairs, config, test_pairs, distance=charbonnier, patience=9)


def adversaries(batch_size: int, folder: Path) -> Adversaries:
    return Adversaries(EngineConfig(epochs=1, batch_size=32 * batch_size, checkpoint_steps=3, log_steps=1))


def labelled_adversaries(batch_size: int, folder: Path) -> AdversarialTask:
    """With random numbers in the losses, which processes draw apart, and averages of what the discriminator said."""
    torch.manual_seed(0)
    config = EngineConfig(epochs=5, batch_size=batch_size, checkpoint_steps=3, log_steps=1, ema_decay=0.9)
    return AdversarialTask(AdversarialPair(Painter(), Judge()), labelled_images(), config, AdversarialSettings(r1=0.1))


def classifier(batch_size: int, folder: Path, *extra: nn.Module) -> Classifier:
    config = EngineConfig(epochs=2, batch_size=2 * batch_size, checkpoint_steps=3, log_steps=1)
    return Classifier(config, folder / "pictures", *extra, workers=1)


def noisy_classifier(batch_size: int, folder: Path) -> Classifier:
    """With what a resumption may spoil: random numbers in the network, and buffers that each pass changes."""
    return classifier(batch_size, folder, nn.BatchNorm2d(8), nn.Dropout(0.5))


TASKS: Mapping[str, Callable[[int, Path], Task[Any, Any]]] = {
    task.__name__: task
    for task in (
        images,
        vectors,
        autoencoder,
        restoration,
        adversaries,
        labelled_adversaries,
        classifier,
        noisy_classifier,
    )
}
KILLED_AFTER = 10


def train(name: str, folder: Path, batch_size: int = 8, *, kill: bool = False, resume: bool = False) -> None:
    """Runs a task in a folder; ends the process without a word after some updates, if it is to be killed."""

    def progress(metrics: StepMetrics, total: int) -> None:
        if kill and metrics.step == KILLED_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)

    Trainer(TASKS[name](batch_size, folder), folder, progress).fit(resume)
