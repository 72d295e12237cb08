r"""YuNet's network, run by ONNX Runtime: pixels in, faces out as rows.

OpenCV's cv2.FaceDetectorYN gives the same rows of the same file (its face_detect.cpp is where the decoding is told), in
1.3 to 1.8 times the time of a processor. Of three maps, each cell of which is a square of 8, 16 or 32 pixels, a cell
says how likely it is a face :math:`c` and how well the box fits :math:`o`, whose score is :math:`\sqrt{c o}`; where the
middle of the box and five landmarks lie, in cells from its corner; and the logarithms of the box's sides in cells.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

_STRIDES = (8, 16, 32)
_HEADS = ("cls", "obj", "bbox", "kps")
_SAME = 0.3  # the intersection over union from which two boxes are of one face
_MOST = 5000  # boxes that are compared, the surest
_FAULT = 3  # the level of ONNX Runtime's log below which it prints nothing


class YuNetNetwork:
    """The network of YuNet on the CPU; several threads may call it at once.

    Arguments:
        path: The ONNX file.

    Raises:
        ValueError: The file is no such network.
    """

    def __init__(self, path: Path) -> None:
        self._session = _session(path)
        self._outputs = [f"{head}_{stride}" for stride in _STRIDES for head in _HEADS]
        names = {output.name for output in self._session.get_outputs()}
        if len(self._session.get_inputs()) != 1 or not names.issuperset(self._outputs):
            raise _damaged(path)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: NDArray[np.uint8], least: float) -> Rows:
        """The faces :math:`(N, 15)` in pixels, the surest first.

        Arguments:
            pixels: The picture, :math:`(H, W, 3)`, RGB.
            least: The score from which a face counts.

        Returns:
            Left, top, width, height, the x and y of the right eye, left eye, nose, right and left corner of the mouth,
            and the score of each.
        """
        given = _input(pixels)
        outputs = cast("list[Rows]", self._session.run(self._outputs, {self._input: given}))
        maps = [outputs[start : start + len(_HEADS)] for start in range(0, len(outputs), len(_HEADS))]
        width = given.shape[3]
        found = [decode(heads, stride, width // stride, least) for heads, stride in zip(maps, _STRIDES, strict=True)]
        return _distinct(np.concatenate(found), least)


def decode(heads: Sequence[Rows], stride: int, across: int, least: float) -> Rows:
    r"""The rows of one map: middles :math:`s (g + d)`, sides :math:`s e^d`, landmarks :math:`s (g + d)`.

    Arguments:
        heads: How likely each cell is a face, :math:`(1, N, 1)`; how well its box fits, :math:`(1, N, 1)`; the offsets
            :math:`d` of its middle and the logarithms of its sides, :math:`(1, N, 4)`; the offsets of its landmarks,
            :math:`(1, N, 10)`.
        stride: The side of a cell in pixels, :math:`s`.
        across: The number of cells across.
        least: The score from which a face counts.
    """
    likely, fits, places, landmarks = heads
    scores = np.sqrt(likely[0, :, 0].clip(0, 1) * fits[0, :, 0].clip(0, 1))
    (cells,) = np.nonzero(scores >= least)
    corners = np.stack([cells % across, cells // across], axis=1).astype(np.float32)
    middles = (corners + places[0, cells, :2]) * stride
    sides = np.exp(places[0, cells, 2:]) * stride
    points = (np.tile(corners, 5) + landmarks[0, cells]) * stride
    return np.concatenate([middles - sides / 2, sides, points, scores[cells, None]], axis=1, dtype=np.float32)


def _distinct(rows: Rows, least: float) -> Rows:
    import cv2

    if not len(rows):
        return rows
    boxes = np.trunc(rows[:, :4]).tolist()  # OpenCV compares whole pixels
    kept = cv2.dnn.NMSBoxes(boxes, rows[:, -1].tolist(), np.nextafter(least, 0), _SAME, top_k=_MOST)
    surest: Rows = rows[np.asarray(kept, int).ravel()]
    return surest


def _input(pixels: NDArray[np.uint8]) -> Rows:
    """The picture :math:`(1, 3, H, W)` as the network wants it: blue first, and black up to whole cells."""
    height, width = pixels.shape[:2]
    down, across = (-(-side // _STRIDES[-1]) * _STRIDES[-1] for side in (height, width))
    planes = np.zeros((1, 3, down, across), np.float32)
    planes[0, :, :height, :width] = pixels[:, :, ::-1].transpose(2, 0, 1)
    return planes


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FAULT
    options.enable_mem_pattern = False  # one is kept for each size of picture
    options.intra_op_num_threads = _threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # what waits takes no processor
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no base but this one
        raise _damaged(path) from error


def _threads() -> int:
    """As many as OpenMP is told to take; 0 where it is told nothing: ONNX Runtime takes one for each core."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(told) if told.isdecimal() else 0


def _damaged(path: Path) -> ValueError:
    return ValueError(f"{path} is damaged, or no network of YuNet; take an intact copy")
