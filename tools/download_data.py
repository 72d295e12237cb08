"""Fetches the public data that the tests marked `real_data` and the measurements use.

    python tools/download_data.py FOLDER [--only SET]
    NFLOWS_DATA=FOLDER hatch run test

public_data.toml says where each file comes from, its licence and its SHA-256. What is there and right is not fetched
again, a download that broke off goes on where it stopped, and no file gets its name before it is right.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import io
import shutil
import sys
import tarfile
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ARCHIVE = "archive.tar.gz"
DAMAGED = (tarfile.ReadError, gzip.BadGzipFile, zlib.error, EOFError)


class DownloadError(Exception):
    """A file cannot be had, or is not what it should be."""


@dataclass(frozen=True)
class DataSet:
    """Files of one source: each at `url` and its name, or each a tar of a folder `archived` in the .tar.gz at `url`."""

    folder: str
    url: str
    licence: str
    sha256: Mapping[str, str]
    archived: Mapping[str, str] = field(default_factory=dict)


def read_sets() -> list[DataSet]:
    text = Path(__file__).with_name("public_data.toml").read_text(encoding="utf-8")
    return [DataSet(**entry) for entry in tomllib.loads(text)["set"]]


def download(data_set: DataSet, root: Path) -> Iterator[str]:
    """Fetches the files of a set that `root` lacks; yields a line on each that cannot be had."""
    folder = root / data_set.folder
    missing = [name for name, digest in data_set.sha256.items() if not is_right(folder / name, digest)]
    for name in missing:
        target = folder / name
        print(f"{target} from {data_set.url}, licence: {data_set.licence}", flush=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays because the checksum of a .gz is that of its content.
        part = target.with_name(f"part-{target.name}")
        try:
            _obtain(data_set, name, part)
            _accept(part, target, data_set.sha256[name])
        except DownloadError as error:
            yield str(error)
    (folder / ARCHIVE).unlink(missing_ok=True)


def fetch(url: str, part: Path) -> None:
    """Appends to `part` what it lacks of the file at `url`."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            # A server that knows no ranges sends the whole file.
            with part.open("ab" if response.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as file:
                shutil.copyfileobj(response, file)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
    except urllib.error.HTTPError as error:
        # Nothing is left to send if an earlier run was stopped between the last byte and the check.
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise DownloadError(f"{url}: {error}; has it moved?") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url}: {error}; run this again to go on where it stopped") from error


def repack(archive: Path, folder: str) -> bytes:
    """A folder of a .tar.gz, not counting the folder around everything, as a tar without dates and owners."""
    contents: dict[str, bytes] = {}
    with tarfile.open(archive, "r|gz") as source:
        for member in source:
            name = member.name.partition("/")[2]
            if name.startswith(f"{folder}/") and (file := source.extractfile(member)):
                contents[name] = file.read()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def is_right(path: Path, digest: str) -> bool:
    """Whether a file is there and has this SHA-256; that of a .gz is that of its content, which packs in many ways."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except (FileNotFoundError, *DAMAGED):
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the data goes")
    parser.add_argument("--only", choices=sorted({data_set.folder for data_set in read_sets()}))
    options = parser.parse_args(arguments)
    sets = [data_set for data_set in read_sets() if options.only in (None, data_set.folder)]
    problems = [problem for data_set in sets for problem in download(data_set, options.folder)]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _obtain(data_set: DataSet, name: str, part: Path) -> None:
    if not data_set.archived:
        fetch(data_set.url + urllib.parse.quote(name), part)
        return
    archive, incoming = part.with_name(ARCHIVE), part.with_name(f"part-{ARCHIVE}")
    if not archive.exists():
        fetch(data_set.url, incoming)
        incoming.replace(archive)
    try:
        part.write_bytes(repack(archive, data_set.archived[name]))
    except DAMAGED as error:
        raise DownloadError(f"{data_set.url}: no archive of the kind .tar.gz ({error}); run this again") from error


def _accept(part: Path, target: Path, digest: str) -> None:
    if not is_right(part, digest):
        part.unlink()
        raise DownloadError(f"{target}: what came is not the file that was published then; run this again")
    part.replace(target)


if __name__ == "__main__":
    sys.exit(main())
