"""The crops that a person is shown: what is found in a folder, and nothing that lies elsewhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nflows_agri.crops.segmented import is_of_tray
from nflows_core.data.labelled_images import whole
from nflows_core.data.others import is_named_as_picture
from nflows_core.data.pictures import decode
from nflows_core.runtime.files import require_regular
from nflows_core.runtime.folders import is_inside, walk
from nflows_core.runtime.foreign_text import visible
from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.pictures.thumbnails import thumbnail

SHOWN_SIDE = 768
"""The longer side of what the page gets, in pixels."""


class Crops:
    """The crops of a folder and of the folders in it, by their numbers.

    Arguments:
        root: The folder.

    Raises:
        ValueError: There are no pictures in it, or links to pictures elsewhere only.
        OSError: It cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()
        if not root.is_dir():
            raise ValueError(f"`crops`: {root} is no folder; give the folder of the crops")
        named = (path for _, files in walk(root) for path in files if is_named_as_picture(path.name))
        paths = [path for path in named if not is_of_tray(path)]
        inside = [path for path in paths if is_inside(path, [self._real])]
        self.links = len(paths) - len(inside)
        """How many were left out, as links lead out of the folder."""
        if not inside:
            what = "only links to pictures elsewhere" if paths else "no pictures"
            raise ValueError(f"`crops`: {root} holds {what}; give the folder of the crops")
        self.names = sorted(path.relative_to(root).as_posix() for path in inside)
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.unreadable: dict[int, str] = {}
        """What is wrong with each crop that was found to be none."""

    def __len__(self) -> int:
        return len(self.names)

    def path(self, number: int) -> Path:
        """The file of a crop.

        Raises:
            ValueError: There is none of that number, or it has become a link that leads out of the folder.
        """
        if number >= len(self):
            raise ValueError(f"there are {len(self)} crops, and none of number {number}")
        path = self.root / self.names[number]
        if not is_inside(path, [self._real]):
            raise ValueError(f"{visible(self.names[number])} is a link that leads out of the folder, and is not shown")
        return path

    def shown(self, number: int) -> bytes:
        """The crop as a PNG for the page, upright, its longer side at most `SHOWN_SIDE`.

        Raises:
            ValueError: There is no such crop, or it is no picture.
            OSError: It cannot be read.
        """
        with PictureFile(self.path(number)) as picture:
            buffer = io.BytesIO()
            Image.fromarray(thumbnail(picture, SHOWN_SIDE)).save(buffer, "PNG")
        return buffer.getvalue()

    def is_readable(self, number: int) -> bool:
        """Whether the crop can be decoded; if not, it is noted as unreadable."""
        try:
            self._pixels(number)
        except (ValueError, OSError) as error:
            self.unreadable[number] = str(error)
        return number not in self.unreadable

    def squares(self, numbers: Sequence[int], side: int) -> Tensor:
        """The crops as a network takes them, bytes :math:`(N, 3, S, S)`; of unreadable ones, which are noted, black.

        Arguments:
            numbers: Which.
            side: The side of the squares in pixels.
        """
        black = np.zeros((side, side, 3), np.uint8)
        made = [whole(self._pixels(one), side) if self.is_readable(one) else black for one in numbers]
        return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)

    def _pixels(self, number: int) -> NDArray[np.uint8]:
        path = self.path(number)
        pixels = decode(self.names[number], lambda _: require_regular(path).open("rb"))
        rgb: NDArray[np.uint8] = pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()
        return np.ascontiguousarray(rgb)
