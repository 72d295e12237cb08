"""The faces that deface finds, and how long it takes: run by bench_detection.py with a Python that has deface.

python peer_centerface.py FOLDER

As its command uses it: CenterFace at the size of the picture, by the backend that its installation gives. Prints JSON:
by the name of each picture its boxes, each with a score, and the seconds of the processor.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from deface.centerface import CenterFace

cv2.setNumThreads(1)
network = CenterFace(in_shape=None, backend="auto")
results = {}
for path in sorted(Path(sys.argv[1]).iterdir()):
    pixels = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
    begin = time.process_time()
    found, _ = network(pixels, threshold=0.05)
    results[path.name] = [found[:, :5].tolist(), time.process_time() - begin]
print(json.dumps(results))
