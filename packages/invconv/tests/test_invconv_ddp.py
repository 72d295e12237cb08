"""Modules under DistributedDataParallel: two processes on a CPU, gloo."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

torch = pytest.importorskip("torch")

from invconv.nn import InverseConv2d, InvertibleConv2d  # noqa: E402

PROGRAM = textwrap.dedent("""
    import sys, time, torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    from invconv.nn import InverseConv2d, InvertibleConv2d

    rank, folder = int(sys.argv[1]), sys.argv[2]
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    given = torch.load(f"{folder}/given.pt")
    layers = torch.nn.Sequential(InverseConv2d(4, corner=("tl", "br")), InvertibleConv2d(4, 2, "tr", 20.0)).double()
    if rank == 0:  # the other one gets them from here
        layers.load_state_dict(given["state"])
    shared = DistributedDataParallel(layers)
    shared(given["images"][3 * rank : 3 * rank + 3]).square().mean().backward()
    torch.save([parameter.grad for parameter in layers.parameters()], f"{folder}/gradients-{rank}.pt")
    # A process that ended beside the threads of the connection was aborted now and then, its work done: one of them may
    # still have to drop a tensor of the last exchange, for which it needs the interpreter.
    del shared
    dist.barrier()
    dist.destroy_process_group()
    time.sleep(0.5)
""")


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
def test_two_processes_have_the_gradient_of_one_with_both_halves(tmp_path):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(InverseConv2d(4, corner=("tl", "br")), InvertibleConv2d(4, 2, "tr", 20.0)).double()
    images = torch.randn(6, 4, 5, 7, dtype=torch.float64)
    torch.save({"state": layers.state_dict(), "images": images}, tmp_path / "given.pt")
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(rank), tmp_path], stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    outcomes = [(process.communicate(timeout=120)[1].decode(), process.returncode) for process in processes]
    assert [code for _, code in outcomes] == [0, 0], "\n".join(text for text, _ in outcomes)
    layers(images).square().mean().backward()
    for rank in range(2):
        gradients = torch.load(tmp_path / f"gradients-{rank}.pt")
        for gradient, parameter in zip(gradients, layers.parameters(), strict=True):
            assert parameter.grad.abs().max() > 0
            torch.testing.assert_close(gradient, parameter.grad)
