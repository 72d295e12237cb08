"""Which detectors look, and how: small, so that it travels to the workers of a cluster, and as reports have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class DetectorSettings:
    """Which detectors look, and how.

    Arguments:
        names: The names of detectors, or the paths of the folders that ``nflows privacy train`` left.
        threshold: The score below which nothing counts, in [0, 1]; by default each detector's own.
        device: The device by torch's name for it, or ``auto``: the GPU of the machine that looks, if it has one.
            Detectors that know the CPU alone stay there.
        turned: Whether they look at pictures turned by 90, 180 and 270 degrees too.
        to_hide: Whether what is found is hidden, so that a miss is worse than a false box.

    Raises:
        ValueError: No name is given, or one twice, or the threshold is not in [0, 1].
    """

    names: tuple[str, ...]
    threshold: float | None = None
    device: str = "auto"
    turned: bool = False
    to_hide: bool = False

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"`names`: expected one detector or more, each once, got {self.names}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError(f"`threshold`: expected 0 to 1, got {self.threshold}")

    @property
    def place(self) -> torch.device:
        """The device of this machine.

        Raises:
            ValueError: It has no such device.
        """
        from nflows_core.runtime.devices import find_device

        return find_device(self.device)
