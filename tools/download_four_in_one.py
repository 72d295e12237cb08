"""Fetches the "four-in-one" pictures for training super-resolution: DIV2K, DIV8K, NEOCR and DTD.

    python tools/download_four_in_one.py FOLDER [--only SET]
    nflows sr train FOLDER ...

four_in_one.toml says where each set comes from, its licence and the SHA-256 of its archive. An archive is checked
before it is unpacked, and fetched once; a download that broke off goes on where it stopped. Two sets can only be
fetched by a person: this says where, and once they lie in their folders writes their SHA-256 down, by which it knows
them from then on. The archives are 4.2 GB, and as much again while they are unpacked.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from download_data import DownloadError, fetch

SUMS = "SHA256SUMS"
SUFFIXES = frozenset((".png", ".jpg", ".jpeg"))


@dataclass(frozen=True)
class PictureSet:
    """A folder of so many pictures: from the `archive` with the SHA-256, or fetched `by_hand` from where that says."""

    folder: str
    pictures: int
    licence: str
    archive: str = ""
    sha256: str = ""
    by_hand: str = ""


def read_sets() -> list[PictureSet]:
    text = Path(__file__).with_name("four_in_one.toml").read_text(encoding="utf-8")
    return [PictureSet(**entry) for entry in tomllib.loads(text)["set"]]


def obtain(one: PictureSet, root: Path) -> Iterator[str]:
    """Sees to it that a set is there; yields a line on what is not."""
    folder = root / one.folder
    if one.archive and not folder.exists():
        print(f"{folder} from {one.archive}, licence: {one.licence}", flush=True)
        try:
            _unpacked(one, folder)
        except DownloadError as error:
            yield str(error)
            return
    found = find_pictures(folder)
    if len(found) != one.pictures:
        yield f"{folder} has {len(found):,} pictures instead of {one.pictures:,}{_advice(one)}"
        return
    yield from _remember(folder, found)


def find_pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str] | None = None) -> int:
    sets = read_sets()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", choices=[one.folder for one in sets])
    options = parser.parse_args(arguments)
    wanted = [one for one in sets if options.only in (None, one.folder)]
    problems = [problem for one in wanted for problem in obtain(one, options.folder)]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _advice(one: PictureSet) -> str:
    if one.archive:
        return "; remove the folder, and run this again"
    return f"; fetch them from {one.by_hand} (licence: {one.licence}), put them there, and run this again"


def _unpacked(one: PictureSet, folder: Path) -> None:
    """The archive becomes the folder, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part, new = folder.with_name(f"part-{Path(one.archive).name}"), folder.with_name(f"part-{folder.name}")
    fetch(one.archive, part)
    if (digest := digest_of(part)) != one.sha256:
        part.unlink()
        raise DownloadError(f"{one.archive}: has the SHA-256 {digest} instead of {one.sha256}; run this again")
    shutil.rmtree(new, ignore_errors=True)
    if part.suffix == ".zip":
        with zipfile.ZipFile(part) as archive:
            archive.extractall(new)  # which leads no name out of the folder
    else:
        with tarfile.open(part) as archive:
            archive.extractall(new, filter="data")
    new.replace(folder)
    part.unlink()


def _remember(folder: Path, found: list[Path]) -> Iterator[str]:
    """Writes down what the pictures are when they are first seen; later, says where they are others."""
    listing = "".join(f"{digest_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in found)
    sums = folder / SUMS
    if not sums.exists():
        sums.write_text(listing, encoding="utf-8")
    elif changed := set(listing.splitlines()) ^ set(sums.read_text(encoding="utf-8").splitlines()):
        yield f"{folder}: {len({line[66:] for line in changed}):,} pictures are not those that {SUMS} names"


if __name__ == "__main__":
    sys.exit(main())
