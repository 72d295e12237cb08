"""Set what a few labelled crops are worth beside the thesis's tables 5.1 and 5.2, in parts that take hours.

    python apps/reproduce_agriculture.py balance CROPS FOLDER
    python apps/reproduce_agriculture.py finetune CROPS FOLDER
    python apps/reproduce_agriculture.py solve CROPS FOLDER
    python apps/reproduce_agriculture.py views SIGNS FOLDER

Each part leaves its results in the folder as they come, and goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agriculture_balance
import agriculture_finetuning
import agriculture_solving
import agriculture_views

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.foreign_text import to_json

PARTS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "balance": agriculture_balance.run,
    "finetune": agriculture_finetuning.run,
    "solve": agriculture_solving.run,
    "views": agriculture_views.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("data", type=Path, help="the folder of the pictures")
    parser.add_argument("folder", type=Path, help="for results")
    options = parser.parse_args()
    result = PARTS[options.part](options.data, options.folder)
    print(to_json({name: value for name, value in result.items() if name != "rows"}))


if __name__ == "__main__":
    run_script(main)
