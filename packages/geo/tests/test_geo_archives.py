"""Scenes in archives, as layers of files, and at addresses."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geo_files import make_grid, numbers, write_landsat, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.raster import ArchiveError, ForeignSourceError, LayerError, digest, open_raster
from nflows_geo.scene import Scene, open_scene

call = partial(call_command, geo)


def write_layers(path: Path, **layers: NDArray[np.uint8]) -> Path:
    """A GeoPackage with a table of bytes for each layer."""
    for name, pixels in layers.items():
        further = {"APPEND_SUBDATASET": "YES"} if path.exists() else {}
        write_raster(path, pixels, driver="GPKG", RASTER_TABLE=name, TILE_FORMAT="PNG", **further)
    return path


def bytes_of(seed: int) -> NDArray[np.uint8]:
    return numbers(3, 256, 256, seed, 255).astype(np.uint8)


def pixels_of(scene: Scene) -> NDArray[np.float32]:
    return scene.read(scene.grid.window)


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


# Layers


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    return write_layers(tmp_path / "a b" / "two.gpkg", red=bytes_of(0), nir=bytes_of(1))


def test_a_file_of_several_rasters_lists_them(layered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", layered) == 2
    assert error_of(capsys) == (
        f"nflows: error: {layered} holds 2 rasters; name one or several by --layer:\n"
        "red (256 x 256, 4 bands), nir (256 x 256, 4 bands)\n"
    )
    with pytest.raises(LayerError, match=r"(?s)has no layer blue:.red \(256 x 256, 4 bands\), nir"):
        open_scene(layered, layers=["blue"])


def test_layers_are_bands_of_a_scene(layered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = open_scene(layered, layers=["nir", "red"])
    assert [band.name for band in scene.bands] == [f"{name}:{i}" for name in ("nir", "red") for i in (1, 2, 3)]
    np.testing.assert_array_equal(pixels_of(scene), np.concatenate([bytes_of(1), bytes_of(0)]))
    assert pixels_of(open_scene(layered / "red")).tolist() == bytes_of(0).tolist()
    assert call("info", layered, "--layer", "nir", "--layer", "red", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [band["mean"] for band in report["bands"]] == pytest.approx(pixels_of(scene).mean((1, 2)).tolist())
    # The file is read once for its digest, however many of its layers are taken.
    assert report["inputs"] == {"two.gpkg": {"sha256": hashlib.sha256(layered.read_bytes()).hexdigest()}}


def test_a_file_with_one_raster_needs_no_name(tmp_path: Path) -> None:
    path = write_layers(tmp_path / "one.gpkg", red=bytes_of(0))
    np.testing.assert_array_equal(pixels_of(open_scene(path)), bytes_of(0))


def test_of_a_tiff_of_several_pages_the_first_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    for page in range(2):
        write_raster(path, numbers(1, seed=page), **({"APPEND_SUBDATASET": "YES"} if page else {}))
    with pytest.warns(UserWarning, match=r"pages\.tif holds 2 rasters \(1, 2\), and the first is read"):
        np.testing.assert_array_equal(pixels_of(open_scene(path)), numbers(1, seed=0))
    np.testing.assert_array_equal(pixels_of(open_scene(path, layers=["2"])), numbers(1, seed=1))


def test_what_has_no_layers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("info", write_raster(tmp_path / "a.tif", numbers(2)), "--layer", "red") == 2
    assert "a.tif holds no layers; leave --layer out" in error_of(capsys)


def test_the_file_of_a_layer_is_not_written_over(layered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = layered.with_name("two.tif")
    shutil.move(layered, target)
    before = target.read_bytes()
    assert call("stack", target, "--layer", "red", "-o", target) == 2
    assert "is an input, which is never changed" in error_of(capsys)
    assert target.read_bytes() == before


@pytest.mark.parametrize(("suffix", "beginning"), [(".hdf", b"\x0e\x03\x13\x01"), (".tif", b"\x0e\x03\x13\x01")])
def test_hdf4_is_told_by_its_content(tmp_path: Path, suffix: str, beginning: bytes) -> None:
    import rasterio

    with rasterio.Env() as environment:
        if "HDF4" in environment.drivers():
            pytest.skip("this GDAL reads HDF4")
    (tmp_path / f"a{suffix}").write_bytes(beginning + bytes(100))
    with pytest.raises(
        ValueError, match=rf"(?s)a{suffix} is HDF4, which .* cannot read; .*gdal_translate -sds a{suffix} a.tif"
    ):
        open_raster(tmp_path / f"a{suffix}")


# Archives


def pack(archive: Path, folder: Path) -> Path:
    """The files of a folder in an archive."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in files:
                packed.write(path, path.relative_to(folder))
    else:
        with tarfile.open(archive, "w:gz" if archive.name.endswith("gz") else "w") as tar:
            for path in files:
                tar.add(path, path.relative_to(folder))
    return archive


@pytest.mark.parametrize("name", ["scene.zip", "scene.tar", "scene.tar.gz", "scene.tgz"])
def test_a_product_in_an_archive_is_the_product(tmp_path: Path, name: str) -> None:
    folder = write_landsat(tmp_path / "in" / "LC08_X", numbers(7, high=40_000))
    (tmp_path / "in" / "readme.txt").write_text("hello")
    product, packed = open_scene(folder), open_scene(pack(tmp_path / name, tmp_path / "in"))
    assert packed.name == product.name == "Landsat 8 Collection 2 Level-2"
    np.testing.assert_array_equal(pixels_of(packed), pixels_of(product))
    assert packed.digests == product.digests


def test_one_raster_in_an_archive_is_the_scene_by_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = numbers(2)
    write_raster(tmp_path / "in" / "deep" / "a.tif", pixels)
    archive = pack(tmp_path / "scene.zip", tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    inner = "scene.zip/deep/a.tif"
    for path in (
        archive,
        tmp_path / inner,
        f"/vsizip/{tmp_path}/{inner}",
        f"/vsizip/{inner}",
        "/vsizip/{scene.zip}/deep/a.tif",
    ):
        scene = open_scene(Path(path))
        assert scene.name == "a.tif"
        np.testing.assert_array_equal(pixels_of(scene), pixels)
    assert scene.digests == {"a.tif": hashlib.sha256((tmp_path / "in/deep/a.tif").read_bytes()).hexdigest()}


def test_a_raster_packed_by_gzip(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    (tmp_path / "b.tif.gz").write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(pixels_of(open_scene(tmp_path / "b.tif.gz")), numbers(2))


def test_several_rasters_in_an_archive_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write_raster(tmp_path / "in" / f"{name}.tif", numbers(1, seed=ord(name)))
    archive = pack(tmp_path / "scene.zip", tmp_path / "in")
    assert call("info", archive) == 2
    assert error_of(capsys) == (
        f"nflows: error: {archive} holds 2 rasters; give one or several, as {archive}/a.tif:\na.tif, b.tif\n"
    )
    scene = open_scene([archive / "a.tif", archive / "b.tif"])
    assert [band.name for band in scene.bands] == ["a", "b"]
    with pytest.raises(ArchiveError, match=r"holds no c\.tif; `nflows geo info .*` lists"):
        open_scene(archive / "c.tif")


def test_several_products_in_an_archive_are_listed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_landsat(tmp_path / "in" / name, numbers(7))
    archive = pack(tmp_path / "scenes.tar", tmp_path / "in")
    with pytest.raises(ArchiveError, match=r"(?s)holds 2 products; give one or several, as .*/one:.one, two"):
        open_scene(archive)
    assert open_scene(archive / "two").name == "Landsat 8 Collection 2 Level-2"


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tif.gz"])
def test_a_damaged_archive_is_told(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(b"hello" * 1000)
    assert call("info", tmp_path / name) == 2
    assert f"{name} is damaged or no archive; copy or download it again" in error_of(capsys)


def test_nothing_is_unpacked_outside_of_the_folder(tmp_path: Path) -> None:
    """Nor is a link, which would let a raster name any file of this machine."""
    secret = write_raster(tmp_path / "secret.tif", numbers(1))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name in ("../outside.tif", "/outside.tif"):
            member = tarfile.TarInfo(name)
            member.size = secret.stat().st_size
            tar.addfile(member, io.BytesIO(secret.read_bytes()))
        link = tarfile.TarInfo("link.tif")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        tar.addfile(link)
    with pytest.raises(ArchiveError, match="holds no raster that is known"):
        open_scene(tmp_path / "a.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "secret.tif"]


def test_a_virtual_raster_in_an_archive_reads_what_is_beside_it_and_nothing_else(tmp_path: Path) -> None:
    secret = write_raster(tmp_path / "secret.tif", numbers(1))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.vrt").write_text(
        '<VRTDataset rasterXSize="30" rasterYSize="20"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ForeignSourceError, match="not in its folder"):
        open_scene(pack(tmp_path / "a.zip", tmp_path / "in"))


def test_a_cluster_does_not_get_what_one_machine_unpacked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_raster(tmp_path / "in" / "a.tif", numbers(2))
    archive = pack(tmp_path / "a.zip", tmp_path / "in")
    assert call("map", archive, "--dask", "tcp://127.0.0.1:1", "-o", tmp_path / "out") == 2
    assert "a.zip would be unpacked on this machine alone; unpack it where all workers see it" in error_of(capsys)


# Addresses


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A server of this machine that gives parts of the files in a folder, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            file = tmp_path / "served" / self.path.strip("/")
            if not file.is_file():
                self.send_error(404)
                return
            content = file.read_bytes()
            first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            part = content[int(first) : int(last or len(content)) + 1]
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
            self.send_header("ETag", '"7"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(part)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_a_raster_on_a_server_is_read_as_one_here(
    tmp_path: Path, server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, asked = server
    path = write_raster(tmp_path / "served" / "a.tif", numbers(2, 300, 300), make_grid(300, 300), tiled=True)
    for place in (f"{url}/a.tif", f"/vsicurl/{url}/a.tif"):
        np.testing.assert_array_equal(pixels_of(open_scene(Path(place))), numbers(2, 300, 300))
    assert call("stack", f"{url}/a.tif", "-o", tmp_path / "stack.tif", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    np.testing.assert_array_equal(pixels_of(open_scene(tmp_path / "stack.tif")), numbers(2, 300, 300))
    version = f'{url}/a.tif\n{path.stat().st_size}\n"7"\n'
    assert report["inputs"] == {"a.tif": {"sha256": hashlib.sha256(version.encode()).hexdigest()}}
    assert digest(Path(f"{url}/a.tif")) == report["inputs"]["a.tif"]["sha256"]
    # Nothing but the file that was named is asked for: no list of the folder, nothing that may lie beside it.
    assert set(asked) == {"/a.tif"}


def test_a_server_without_the_file_is_told(server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    url, _ = server
    assert call("info", f"{url}/b.tif") == 1
    assert f"{url}/b.tif: the server answers 404; check the address, or download" in error_of(capsys)
    assert call("info", "http://127.0.0.1:9/b.tif") in (1, 2)
    assert "http://127.0.0.1:9/b.tif" in error_of(capsys)


def test_a_virtual_raster_on_a_server_is_none(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    """It could name any file of this machine, and any other server."""
    url, asked = server
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "x.vrt").write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="3"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>/vsicurl/{url}/other.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ValueError, match="no raster that can be read"):
        open_scene(Path(f"{url}/x.vrt"))
    assert "/other.tif" not in asked


def test_labels_are_not_read_from_a_server(
    tmp_path: Path, server: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    scene = write_raster(tmp_path / "a.tif", numbers(2))
    assert call("map", scene, "--labels", f"{server[0]}/l.tif", "-o", tmp_path / "out") in (1, 2)
    assert "l.tif" in error_of(capsys)
    assert not (tmp_path / "out").exists()
