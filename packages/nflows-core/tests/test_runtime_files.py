from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
from pathlib import Path

import pytest

from nflows_core.runtime.files import atomic_write, errors_naming, require_regular, sha256
from nflows_core.runtime.temporary import temporary_folder

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither modes nor limits like these")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.write_bytes(b"old")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, size: int, error: BaseException | None = None) -> None:
    """Writes ``size`` zeros, then fails if there is an error to fail with."""
    with atomic_write(path) as file:
        for start in range(0, size, 1000):
            file.write(bytes(min(1000, size - start)))
        if error is not None:
            raise error


def assert_untouched(target: Path) -> None:
    assert target.read_bytes() == b"old"
    assert names(target.parent) == ["target"]


def test_replaces_at_the_end(target: Path) -> None:
    with atomic_write(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(target.parent) == ["target"]


def test_text_is_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "text", "w") as file:
        file.write("é\nb\r\n")
    assert (tmp_path / "text").read_bytes() == "é\nb\r\n".encode()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_error_leaves_the_old_file(target: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write(target, 10, error())
    assert_untouched(target)


@posix
def test_a_disk_that_fills_up(target: Path) -> None:
    # A limit on the size of files is the closest to a full disk that any user can make.
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError) as raised:
            write(target, 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(target))
    assert_untouched(target)


def test_an_error_when_syncing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError) as raised:
        write(target, 10)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(target))
    assert_untouched(target)


def test_an_error_in_a_temporary_folder_names_what_was_to_be_written(target: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, errors_naming(target), temporary_folder(target.parent) as folder:
        (folder / "result" / "part").touch()
    assert raised.value.filename == str(target)


def test_an_error_about_another_file_keeps_its_name(target: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_write(target):
        (target.parent / "elsewhere").read_bytes()
    assert_untouched(target)


def test_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match=r"no such folder; create it first.*nowhere"),
        atomic_write(tmp_path / "nowhere" / "target"),
    ):
        pass


def test_target_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="give the name of a file"), atomic_write(tmp_path):
        pass


def test_target_below_a_file(target: Path) -> None:
    with pytest.raises(NotADirectoryError), atomic_write(target / "below"):
        pass
    assert_untouched(target)


@posix
def test_modes(target: Path) -> None:
    target.chmod(0o640)
    before = os.umask(0o022)
    try:
        for path in (target, target.with_name("fresh")):
            with atomic_write(path):
                pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert stat.S_IMODE(target.with_name("fresh").stat().st_mode) == 0o644


@posix
def test_a_link_stays_a_link(target: Path) -> None:
    link = target.with_name("link")
    link.symlink_to(target)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@posix
@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device"])
def test_a_device_or_a_pipe_stays_what_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "target"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(os.devnull)
    with pytest.raises(FileExistsError, match=r"is a device or a pipe.*target"), atomic_write(path):
        pass
    assert not path.is_file()
    assert names(tmp_path) == ["target"]


@posix
def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("loop", "dangling"):
        with pytest.raises(FileNotFoundError, match=f"is a link that leads nowhere; remove it.*{name}"):
            write(tmp_path / name, 10)
    assert names(tmp_path) == ["dangling", "loop"]


@posix
def test_the_new_file_is_never_open_to_more_people_than_the_old(target: Path) -> None:
    target.chmod(0o4600)
    with atomic_write(target) as file:
        file.write(b"secret")
        file.flush()
        (temporary,) = (path for path in target.parent.iterdir() if path != target)
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(target: Path) -> None:
    os.chown(target, 1234, 5678)
    write(target, 10)
    assert (target.stat().st_uid, target.stat().st_gid) == (1234, 5678)


@posix
def test_other_names_of_the_file_keep_the_old_content(target: Path) -> None:
    target.with_name("other").hardlink_to(target)
    write(target, 10)
    assert target.with_name("other").read_bytes() == b"old"


@posix
def test_a_pipe_is_no_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull), tmp_path):
        with pytest.raises(OSError, match="is a folder, a device or a pipe, and no file"):
            require_regular(path)
    (tmp_path / "file").touch()
    assert require_regular(tmp_path / "file") == tmp_path / "file"


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_sha256_of_a_file(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1.
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@posix
def test_sha256_of_a_folder_is_that_of_its_listing(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/x", "b.txt", "a"):
        (tmp_path / name).write_text(name)
    command = "find . -type f | sed 's#^./##' | LC_ALL=C sort | xargs sha256sum"
    listing = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout
    assert sha256(tmp_path) == hashlib.sha256(listing).hexdigest()
    (tmp_path / "a").rename(tmp_path / "c")
    assert sha256(tmp_path) != hashlib.sha256(listing).hexdigest()
