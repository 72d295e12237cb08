"""The features of all crops, computed while the person labels the first ones."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import torch
from torch import Tensor

from nflows_agri.labelling.found import Crops
from nflows_agri.labelling.head import normalized

_BLOCK = 64


class Looking:
    """A thread that looks at every crop once.

    Arguments:
        crops: The crops; those that cannot be read are noted there.
        features_of: The function that gives the features :math:`(N, F)` of pictures in bytes :math:`(N, 3, S, S)`.
        side: The side S of the squares that it takes.
    """

    def __init__(self, crops: Crops, features_of: Callable[[Tensor], Tensor], side: int) -> None:
        self.done = 0
        """How many crops were looked at."""
        self.features: Tensor | None = None
        """What `normalized` gives of all crops, once all were looked at."""
        self.error = ""
        """Why it has ended before."""
        self._crops, self._features_of, self._side = crops, features_of, side
        self._is_ended = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Ends it, and waits until it has ended."""
        self._is_ended.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            found = []
            for numbers in torch.split(torch.arange(len(self._crops)), _BLOCK):
                if self._is_ended.is_set():
                    return
                found.append(self._features_of(self._crops.squares(numbers.tolist(), self._side)))
                self.done += len(numbers)
            self.features = normalized(torch.cat(found))
        except Exception as error:  # the person goes on, by chance, and is told
            self.error = f"{type(error).__name__}: {error}"
