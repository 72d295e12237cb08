"""What the experiment of balancing compares: the ways to treat unequal classes, and how large everything is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """How large everything is: for two cores, or for a GPU.

    Arguments:
        size: The side of the crops, in pixels.
        updates: Updates of a classifier, about as many for each arm: more crops are no longer training.
        batch_size: Crops of an update of a classifier.
        gan_width: Channels of the GAN.
        gan_steps: Its updates.
        flow: The flow.
        flow_steps: Its updates.
    """

    size: int = 64
    updates: int = 600
    batch_size: int = 64
    gan_width: int = 4
    gan_steps: int = 500
    flow: tuple[str, dict[str, int]] = ("inverse-flow", {"levels": 3, "depth": 2, "width": 16})
    flow_steps: int = 300


SCALES = {
    "cpu": Scale(),
    "gpu": Scale(
        updates=2000,
        gan_width=48,
        gan_steps=20_000,
        flow=("inverse-flow", {"levels": 3, "depth": 8, "width": 96}),
        flow_steps=10_000,
    ),
    "test": Scale(32, 2, 16, 1, 2, ("glow", {"levels": 1, "depth": 1, "width": 4}), 2),
}


@dataclass(frozen=True)
class Arm:
    """One way to treat unequal classes.

    Arguments:
        classifier: What differs in the classifier's settings.
        generator: ``gan`` or ``flow``, if crops are made.
        ratio: What the classes are filled to; see `Balancing`.
        likely: Whether crops that the flow finds unlikely are left out.
    """

    classifier: tuple[tuple[str, str], ...] = ()
    generator: str | None = None
    ratio: float = 1.0
    likely: bool = False


ARMS = {
    "none": Arm(),
    "oversampled": Arm((("balance", "oversample"),)),
    "weighted": Arm((("balance", "weights"),)),
    "colour": Arm((("augment", "turned+light"),)),
    "gan": Arm(generator="gan"),
    "gan, likely": Arm(generator="gan", likely=True),
    "flow": Arm(generator="flow"),
    "flow, likely": Arm(generator="flow", likely=True),
}
CURVE = {
    f"{kind}, ratio {ratio}": Arm(generator=kind, ratio=ratio) for kind in ("gan", "flow") for ratio in (0.25, 0.5)
}
