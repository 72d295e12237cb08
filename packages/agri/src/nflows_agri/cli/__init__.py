"""The commands ``nflows agri``."""

from __future__ import annotations

import click

from nflows_agri.cli.balance import balance
from nflows_agri.cli.check import check
from nflows_agri.cli.export import export
from nflows_agri.cli.flow import flow
from nflows_agri.cli.gan import gan
from nflows_agri.cli.label import label
from nflows_agri.cli.predict import predict
from nflows_agri.cli.purity import purity
from nflows_agri.cli.segment import segment
from nflows_agri.cli.split import split
from nflows_agri.cli.train import train
from nflows_core.runtime.cli import CommandGroup


@click.group(cls=CommandGroup)
def agri() -> None:
    """Seeds and grains inspected: from a tray's photograph to a purity report."""


for command in (segment, check, split, label, gan, flow, balance, train, predict, purity, export):
    agri.add_command(command)
