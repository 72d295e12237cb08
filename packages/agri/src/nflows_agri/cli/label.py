"""``nflows agri label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nflows_core.runtime.cli import Command, json_option, print_report
from nflows_core.runtime.errors import CommandError, ExitCode
from nflows_core.runtime.options import OutputFile, seed_option
from nflows_core.runtime.terminal import echo

if TYPE_CHECKING:
    from nflows_agri.labelling.acquisition import Acquisition
    from nflows_agri.labelling.found import Crops
    from nflows_agri.labelling.looking import Looking
    from nflows_agri.labelling.session import Session

_WAYS = ("batchbald", "bald", "entropy", "random")  # named here too, so that help need not load them; a test compares
_SIDE = 128
_NAMED = 10


@click.command(cls=Command)
@click.argument("crops", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OutputFile(".csv"), required=True, help="The table of the labels; may be there.")
@click.option(
    "--classes", default="", metavar="A,B,...", help="What there is to tell apart; k=NAME gives a class the key k."
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Labels that there are already: a folder with one folder a class, or a table with the columns file and class.",
)
@click.option(
    "--run",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The run of `train` whose network looks at the crops.  [default: EfficientNet-Lite0, trained on ImageNet]",
)
@click.option("--batch", type=click.IntRange(1, 500), default=20, show_default=True, help="Crops asked for at once.")
@click.option(
    "--by",
    type=click.Choice(_WAYS),
    default="batchbald",
    show_default=True,
    help="Which come next: what teaches a model most as a batch; each alone; what it is least sure of; or by chance.",
)
@click.option("--port", type=click.IntRange(1024, 65535), default=None, help="Of the page.  [default: a free one]")
@seed_option
@json_option
def label(
    crops: Path,
    output: Path,
    classes: str,
    labels: Path | None,
    run: Path | None,
    batch: int,
    by: Acquisition,
    port: int | None,
    seed: int,
) -> ExitCode:
    """Label the crops of a folder by keyboard, on a page in the browser; it asks for those that teach a model most.

    The page is for this machine and for whoever has the address that is printed, and loads nothing from any network.
    Every answer is written at once; Ctrl-C ends it, and the same command goes on.
    """
    from nflows_agri.labelling.answers import JOURNAL
    from nflows_agri.labelling.choosing import Chooser
    from nflows_agri.labelling.classes import label_classes
    from nflows_agri.labelling.found import Crops
    from nflows_agri.labelling.session import Session
    from nflows_core.runtime.lock import locked
    from nflows_core.runtime.ownership import claim_folder

    folder, words = output.with_suffix(".journal"), [word for word in classes.split(",") if word.strip()]
    if words:
        label_classes(words)  # refused before anything is written
    found = Crops(crops)
    if run is not None and by == "random":
        raise ValueError("`run` says nothing where `by` is random; leave one of them out")
    if found.links:
        echo(f"not taken: {found.links} links that lead out of the folder", err=True)
    if output.exists() and not folder.exists():
        raise ValueError(f"`output`: {output} is there and was not made here; give it by `labels`, and another output")
    looking = None if by == "random" else _looking(found, run)
    claim_folder(folder, "answers", [JOURNAL])
    with locked(folder):
        session = Session(found, output, folder, words, Chooser(by, batch, looking, seed))
        if labels is not None:
            _take_over(session, labels)
        session.begin()
        _serve(session, looking, port)
    _tell(session)
    return ExitCode.DONE


def _looking(crops: Crops, run: Path | None) -> Looking:
    from nflows_agri.inspection.runs import read_run
    from nflows_agri.labelling.looking import Looking
    from nflows_core.classification.runs import load_network
    from nflows_core.classifiers import build_classifier, features_of
    from nflows_core.runtime.devices import find_device

    if run is not None:
        known = read_run(run)
        network, side = load_network(run, known), known.settings.size
    else:
        try:
            network, side = build_classifier("efficientnet-lite0", pretrained=True), _SIDE
        except ModuleNotFoundError as error:
            raise CommandError(f"{error}; or choose crops with --by random", ExitCode.WEIGHTS) from error
    network.to(find_device("auto"))
    return Looking(crops, lambda pixels: features_of(network, pixels), side)


def _take_over(session: Session, labels: Path) -> None:
    from nflows_core.data import read_labelled

    for line in session.take_over(read_labelled(labels)):
        echo(line, err=True)


def _serve(session: Session, looking: Looking | None, port: int | None) -> None:
    from nflows_agri.labelling.server import MOST_BYTES, label_routes
    from nflows_core.runtime.local_page import LocalPage

    with LocalPage(label_routes(session), port or 0, MOST_BYTES) as page:
        if looking is not None:
            looking.start()
        try:
            echo(f"{len(session.crops)} crops at {page.address}\nCtrl-C ends it; every answer is written at once")
            page.serve_forever()
        except KeyboardInterrupt:
            echo("\nended; the same command goes on")
        finally:
            if looking is not None:
                looking.end()


def _tell(session: Session) -> None:
    state = session.state()
    counts = {one["name"]: one["count"] for one in state["classes"]}
    for name in state["unreadable"][:_NAMED]:
        echo(f"left out, as it cannot be read: {name}", err=True)
    if len(state["unreadable"]) > _NAMED:
        echo(f"and {len(state['unreadable']) - _NAMED} others", err=True)
    words = ", ".join(f"{name} {count}" for name, count in counts.items())
    echo(f"{session.output}: {state['labelled']} of {state['crops']} crops labelled ({words})")
    print_report(
        {
            "output": str(session.output),
            **{key: state[key] for key in ("labelled", "skipped", "crops")},
            "classes": counts,
        }
    )
