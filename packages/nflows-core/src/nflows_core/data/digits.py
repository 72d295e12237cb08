"""The embedded demo set: 1,797 handwritten digits of 8 x 8 pixels.

Source: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0: the test set of that collection, as
scikit-learn ships it (`sklearn.datasets.load_digits`). Unchanged but for the file format, ``digits.npz``:
``pixels`` (1797, 8, 8) and ``labels`` (1797,), both uint8. A pixel counts the inked dots in a block of 4 x 4,
from 0 to 16.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import torch

from nflows_core.data.images import Images
from nflows_core.data.split import SplitName, split_indices


def read_digits(split: SplitName | None) -> Images:
    """The digits, split by the hash of the index."""
    with files("nflows_core.data").joinpath("digits.npz").open("rb") as file, np.load(file) as arrays:
        pixels, labels = arrays["pixels"], arrays["labels"]
    images = Images(
        torch.from_numpy(pixels).unsqueeze(1),
        quantization=17,
        labels=torch.from_numpy(labels.astype(np.int64)),
        classes=tuple("0123456789"),
    )
    return images[split_indices(len(images), split).tolist()]
