"""Modules under DistributedDataParallel: two processes on a CPU, gloo."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

torch = pytest.importorskip("torch")

PROGRAM = textwrap.dedent("""
    import sys, torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    from invconv.nn import InverseConv2d, InvertibleConv2d

    rank, store = int(sys.argv[1]), sys.argv[2]
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.manual_seed(0)
    layers = torch.nn.Sequential(InverseConv2d(4, corner=("tl", "br")), InvertibleConv2d(4, 2, "tr", 20.0)).double()
    images = torch.randn(6, 4, 5, 7, dtype=torch.float64)
    shared = DistributedDataParallel(layers)
    shared(images[3 * rank : 3 * rank + 3]).square().mean().backward()
    of_both = [parameter.grad.clone() for parameter in layers.parameters()]
    layers.zero_grad()
    layers(images).square().mean().backward()
    for found, parameter in zip(of_both, layers.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad)
    dist.destroy_process_group()
""")


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
def test_two_processes_have_the_gradient_of_one_with_both_halves(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(rank), tmp_path / "store"], stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    outcomes = [(process.communicate(timeout=120)[1].decode(), process.returncode) for process in processes]
    assert [code for _, code in outcomes] == [0, 0], "\n".join(text for text, _ in outcomes)
