"""Our bijections as modules of FrEIA, in its chains."""

from __future__ import annotations

import pytest
import torch
from FrEIA.framework import SequenceINN
from FrEIA.modules import InvertibleModule, PermuteRandom
from torch import Tensor

from bijection_cases import CASES, perturbed
from nflows_core.bijections import AffineCoupling, Bijection
from nflows_core.bijections.base import Shape


class Adapter(InvertibleModule):
    """A bijection with tuples for tensors and a flag for its direction, as FrEIA has it."""

    def __init__(self, dims_in: list[Shape], dims_c: list[tuple[int]] | None = None, *, bijection: Bijection) -> None:
        super().__init__(dims_in, dims_c)
        self.bijection = bijection

    def forward(
        self, x_or_z: tuple[Tensor], c: list[Tensor] | None = None, rev: bool = False, jac: bool = True
    ) -> tuple[tuple[Tensor], Tensor]:
        context = c[0] if c else None
        if not rev:
            z, logdet = self.bijection(x_or_z[0], context)
            return (z,), logdet
        x = self.bijection.inverse(x_or_z[0], context)
        return (x,), -self.bijection(x, context)[1]

    def output_dims(self, input_dims: list[Shape]) -> list[Shape]:
        return [self.bijection.output_shape]


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def append(chain: SequenceINN, bijection: Bijection, context: Tensor | None) -> None:
    condition = {} if context is None else {"cond": 0, "cond_shape": tuple(context.shape[1:])}
    chain.append(Adapter, bijection=bijection, **condition)


def logabsdet(chain: SequenceINN, x: Tensor, context: Tensor | None) -> Tensor:
    jacobian = torch.autograd.functional.jacobian(lambda x: chain(x, c=[context])[0], x)
    return torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel())).logabsdet[None]


@pytest.mark.parametrize("name", CASES)
def test_round_trip_and_jacobian_in_a_chain(name: str) -> None:
    torch.manual_seed(0)
    bijection, x, _, context = perturbed(CASES[name])
    chain = SequenceINN(*bijection.shape)
    append(chain, bijection, context)
    assert chain.shapes[-1] == bijection.output_shape
    z, logdet = chain(x, c=[context])
    back, inverse_logdet = chain(z, c=[context], rev=True)
    close(back, x)
    close(inverse_logdet, -logdet)
    close(logdet[:1], logabsdet(chain, x[:1], None if context is None else context[:1]))


def test_chains_with_the_modules_of_freia() -> None:
    torch.manual_seed(0)
    coupling, x, _, context = perturbed(CASES["coupling-context"])
    assert isinstance(coupling, AffineCoupling)
    chain = SequenceINN(*coupling.shape)
    append(chain, coupling, context)
    chain.append(PermuteRandom)
    append(chain, coupling, context)
    z, logdet = chain.double()(x, c=[context])
    close(chain(z, c=[context], rev=True)[0], x)
    close(logdet[:1], logabsdet(chain, x[:1], context[:1]))
