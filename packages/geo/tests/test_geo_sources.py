"""Rasters from somebody else read no file of this machine but their own, and ask no server."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geo_files import numbers, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.raster import ForeignSourceError, open_raster
from nflows_geo.scene import open_scene

VRT = """<VRTDataset rasterXSize="30" rasterYSize="20"><SRS>EPSG:32641</SRS>
<GeoTransform>500000, 30, 0, 3400000, 0, -30</GeoTransform>
<VRTRasterBand dataType="UInt16" band="1"{attributes}>{extra}<SimpleSource>
<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
</VRTRasterBand></VRTDataset>"""


def virtual(path: Path, source: str, relative: int = 1, attributes: str = "", extra: str = "") -> Path:
    text = VRT.format(source=source, relative=relative, attributes=attributes, extra=extra)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server of this machine, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

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


def test_a_virtual_raster_of_files_beside_it_is_read(tmp_path: Path) -> None:
    pixels = numbers(1, 20, 30)
    (tmp_path / "in").mkdir()
    write_raster(tmp_path / "in" / "a.tif", pixels)
    inner = virtual(tmp_path / "in" / "inner.vrt", "a.tif")
    outer = virtual(tmp_path / "outer.vrt", "in/inner.vrt")
    for path in (inner, outer):
        scene = open_scene(path)
        np.testing.assert_array_equal(scene.read(Window(0, 0, 30, 20)), pixels.astype(np.float32))


def test_a_warped_raster_of_a_file_beside_it_is_read(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(1, 20, 30))
    with rasterio.open(path) as dataset, WarpedVRT(dataset, crs="EPSG:32640") as warped:
        rasterio.shutil.copy(warped, tmp_path / "warped.vrt", driver="VRT")
    with open_raster(tmp_path / "warped.vrt") as dataset:
        assert dataset.crs == "EPSG:32640"


@pytest.mark.parametrize("relative", [0, 1])
@pytest.mark.parametrize("source", ["../secret.tif", "{folder}/secret.tif", "link.tif", "sub/../../secret.tif"])
def test_no_file_outside_of_the_folder_is_read(
    tmp_path: Path, source: str, relative: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = write_raster(tmp_path / "secret.tif", numbers(1, 20, 30))
    path = virtual(tmp_path / "theirs" / "x.vrt", source.format(folder=tmp_path), relative)
    (tmp_path / "theirs" / "link.tif").symlink_to(secret)
    monkeypatch.chdir(tmp_path / "theirs")
    for place in (path, Path("x.vrt")):
        with pytest.raises(ForeignSourceError, match="is not in its folder; if you trust it, set NFLOWS_TRUST_VRT=1"):
            open_scene(place)
    monkeypatch.setenv("NFLOWS_TRUST_VRT", "1")
    if not source.startswith("sub"):
        assert open_scene(path).read(Window(0, 0, 30, 20)).shape == (1, 20, 30)


@pytest.mark.parametrize(
    "source",
    [
        "/vsicurl/{url}/x.tif",
        "/vsicurl?url={url}/x.tif",
        "/vsis3/bucket/x.tif",
        "{url}/x.tif",
        "/vsizip//vsicurl/{url}/x.zip/x.tif",
        "&lt;GDAL_WMS&gt;&lt;Service&gt;&lt;ServerUrl&gt;{url}&lt;/ServerUrl&gt;&lt;/Service&gt;&lt;/GDAL_WMS&gt;",
        "vrt://{url}/x.tif",
        "WMS:{url}",
        "STACIT:{url}",
        "",
        "nowhere.tif",
    ],
)
def test_no_server_is_asked_by_a_virtual_raster(tmp_path: Path, server: tuple[str, list[str]], source: str) -> None:
    url, asked = server
    path = virtual(tmp_path / "x.vrt", source.format(url=url))
    with pytest.raises(ForeignSourceError, match=r"x\.vrt names"):
        open_scene(path)
    assert asked == []
    assert call_command(geo, "info", path) == 2


def test_who_trusts_a_virtual_raster_lets_it_ask(
    tmp_path: Path, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = server
    monkeypatch.setenv("NFLOWS_TRUST_VRT", "1")
    with pytest.raises(ValueError, match="is damaged or cut off"):
        open_scene(virtual(tmp_path / "x.vrt", f"/vsicurl/{url}/trusted.tif")).read(Window(0, 0, 30, 20))
    assert "/trusted.tif" in asked


SERVICES = {
    "wms.xml": '<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>'
    "<DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>1</UpperLeftY><LowerRightX>1</LowerRightX><LowerRightY>0</LowerRightY>"
    "<TileLevel>2</TileLevel></DataWindow><Projection>EPSG:32641</Projection><BandsCount>1</BandsCount></GDAL_WMS>",
    "wcs.xml": "<WCS_GDAL><ServiceURL>{url}/wcs?</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>",
    "wmts.xml": "<GDAL_WMTS><GetCapabilitiesUrl>{url}/wmts</GetCapabilitiesUrl><Layer>x</Layer></GDAL_WMTS>",
}


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("inside", [False, True])
def test_the_address_of_a_server_is_no_raster(
    tmp_path: Path, server: tuple[str, list[str]], name: str, inside: bool
) -> None:
    url, asked = server
    (tmp_path / name).write_text(SERVICES[name].format(url=url))
    path = virtual(tmp_path / "x.vrt", name) if inside else tmp_path / name
    with pytest.raises(ValueError, match="no raster that can be read"):
        open_scene(path).read(Window(0, 0, 4, 4))
    assert asked == []


@pytest.mark.parametrize(
    ("attributes", "extra"),
    [
        (' subClass="VRTDerivedRasterBand"', "<PixelFunctionLanguage>Python</PixelFunctionLanguage>"),
        (' subClass="VRTDerivedRasterBand"', "<PixelFunctionCode>import os</PixelFunctionCode>"),
        (
            "",
            "<MaskBand><VRTRasterBand><SimpleSource><SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></MaskBand>",
        ),
        ("", '<Overview><SourceFilename relativeToVRT="1">../a.ovr</SourceFilename></Overview>'),
        (' subClass="VRTRawRasterBand"', "<SourceFilename>/etc/passwd</SourceFilename>"),
    ],
)
def test_what_does_more_than_name_a_source_is_refused(tmp_path: Path, attributes: str, extra: str) -> None:
    write_raster(tmp_path / "a.tif", numbers(1, 20, 30))
    path = virtual(tmp_path / "x.vrt", "a.tif", attributes=attributes, extra=extra)
    with pytest.raises(ForeignSourceError, match="NFLOWS_TRUST_VRT=1"):
        open_raster(path)


def test_one_that_names_itself_has_an_end(tmp_path: Path) -> None:
    with pytest.raises(ForeignSourceError, match="nested deeper"):
        open_raster(virtual(tmp_path / "x.vrt", "x.vrt"))


def test_a_virtual_raster_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    write_raster(tmp_path / "a.tif", numbers(1, 20, 30))
    path = virtual(tmp_path / "x.vrt", "a.tif")
    open_raster(path).close()
    shutil.copy(virtual(tmp_path / "y.vrt", "/vsicurl/http://127.0.0.1:9/x.tif"), path)
    with pytest.raises(ForeignSourceError, match="/vsicurl/"):
        open_raster(path)
