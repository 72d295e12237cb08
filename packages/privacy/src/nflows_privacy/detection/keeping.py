"""Whose face stays: people who have agreed are known again by reference pictures, and all others are not kept.

Zhong et al., SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition, IEEE Transactions on Image
Processing 2021. The weights are those of opencv_zoo, Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.weights import Weights, find_weights
from nflows_privacy.detection.yunet import WEIGHTS as YUNET_WEIGHTS
from nflows_privacy.detection.yunet import YuNet
from nflows_privacy.regions import FACE, Region

_FILE = "face_recognition_sface_2021dec.onnx"

WEIGHTS = Weights(
    name="sface",
    file=_FILE,
    revision="2021dec",
    sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    mirrors=(
        f"https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_recognition_sface/{_FILE}",
        f"https://huggingface.co/opencv/face_recognition_sface/resolve/main/{_FILE}",
    ),
    size=38696353,
)

SIMILARITY = 0.5
"""The cosine from which two faces are of one person. OpenCV advises .363, the most right answers of all; a stranger who
is kept is worse than a friend who is not."""

_CLEAR = 0.6  # the score below which a face is too unclear to tell whose it is

Pixels = NDArray[np.uint8]
Embed = Callable[[Pixels, Region], NDArray[np.float64] | None]
"""Makes of a face in a picture a vector of length 1 that says whose it is; none if that cannot be told."""


class SFace:
    """Embeddings of faces by SFace, on the CPU, aligned by the landmarks of YuNet.

    Arguments:
        path: The ONNX file of SFace.
        yunet: What finds landmarks.

    Raises:
        ValueError: The file is no such network.
    """

    def __init__(self, path: Path, yunet: YuNet) -> None:
        import cv2

        from nflows_privacy.detection.opencv import silence

        silence()
        self.yunet = yunet
        try:
            self.network = cv2.FaceRecognizerSF.create(str(path), "")
        except cv2.error as error:
            raise ValueError(f"{path} is damaged, or no network of SFace; take an intact copy") from error

    def __call__(self, pixels: Pixels, region: Region) -> NDArray[np.float64] | None:
        found = self.yunet.alone(pixels, region.box, _CLEAR)
        if found is None:
            return None
        face, row = found
        aligned = self.network.alignCrop(np.ascontiguousarray(face[..., ::-1]), row[None])
        vector = np.asarray(self.network.feature(aligned), np.float64).ravel()
        length = float(np.linalg.norm(vector))
        return vector / length if length > 0 else None


class Keeping:
    """Splits what was found into the faces of known people and all else.

    A face is kept if the cosine of its embedding and that of a reference is at least ``similarity``. What cannot be
    embedded, being too small, turned away or no face, is not kept.

    Arguments:
        references: The pictures of those who are kept, each with one face, RGB, by the names of their files.
        find: Finds the faces in them.
        embed: Makes embeddings.
        similarity: The least cosine, in (0, 1].

    Raises:
        ValueError: A reference has not exactly one face, or one that cannot be embedded.
    """

    def __init__(
        self,
        references: Mapping[str, Pixels],
        find: Callable[[Pixels], list[Region]],
        embed: Embed,
        similarity: float = SIMILARITY,
    ) -> None:
        if not references or not 0 < similarity <= 1:
            raise ValueError(f"`keep`: expected a picture or more and a similarity in (0, 1], got {similarity}")
        self.embed, self.similarity = embed, similarity
        self.known = np.stack([_reference(name, pixels, find, embed) for name, pixels in references.items()])

    def split(self, pixels: Pixels, regions: Sequence[Region]) -> tuple[list[Region], list[Region]]:
        """The regions that are kept, and all others, each in their order.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`, RGB.
            regions: What was found in it.
        """
        kept = [region for region in regions if region.kind == FACE and self._is_known(pixels, region)]
        return kept, [region for region in regions if region not in kept]

    def _is_known(self, pixels: Pixels, region: Region) -> bool:
        vector = self.embed(pixels, region)
        return vector is not None and bool((self.known @ vector >= self.similarity).any())


def load_keeping(references: Mapping[str, Pixels], similarity: float = SIMILARITY) -> Keeping:
    """What keeps the people of reference pictures, by YuNet and SFace.

    Raises:
        ValueError: A reference has not exactly one clear face.
        CommandError: Weights cannot be had; exit code 3.
    """
    yunet = YuNet(find_weights(YUNET_WEIGHTS))
    return Keeping(references, yunet, SFace(find_weights(WEIGHTS), yunet), similarity)


def _reference(name: str, pixels: Pixels, find: Callable[[Pixels], list[Region]], embed: Embed) -> NDArray[np.float64]:
    faces = [region for region in find(pixels) if region.kind == FACE]
    if len(faces) != 1:
        raise ValueError(f"`keep` {name}: {len(faces)} faces; give a picture with one face, that of who is kept")
    vector = embed(pixels, faces[0])
    if vector is None:
        raise ValueError(f"`keep` {name}: the face is too small, unclear or turned away; give another picture")
    return vector
