from collections.abc import Sequence

Four = Sequence[int]

def device_count() -> int: ...
def device_name(device: int) -> str: ...
def solve_workspace(images: Four, weight: Four, corners: Sequence[int], dtype: str, device: int) -> int: ...
def solve(
    images: Four,
    y: int,
    y_stride: Four,
    weight_size: Four,
    weight: int,
    weight_stride: Four,
    x: int,
    x_stride: Four,
    corners: Sequence[int],
    transposed: bool,
    dtype: str,
    workspace: int,
    stream: int,
    device: int,
) -> None: ...
def weight_gradient_workspace(images: Four, weight: Four, corners: Sequence[int], dtype: str, device: int) -> int: ...
def weight_gradient(
    images: Four,
    v: int,
    v_stride: Four,
    x: int,
    x_stride: Four,
    weight_size: Four,
    gradient: int,
    gradient_stride: Four,
    corners: Sequence[int],
    dtype: str,
    workspace: int,
    stream: int,
    device: int,
) -> None: ...
