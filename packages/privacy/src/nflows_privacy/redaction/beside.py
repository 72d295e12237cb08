"""What a picture's file holds besides the picture that is shown: others, and what may be one."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from nflows_core.runtime.images.containers import jpeg, tiff
from nflows_core.runtime.images.finding import Found, find
from nflows_core.runtime.images.metadata import Metadata

_HARMLESS = re.compile(
    r"icc|second icc|aspect ratio|exif resolution|language of text .*|maker note|GeoTIFF|GDAL's tags"
    r"|JPEG APP2 MPF|JPEG APP12 Ducky"
    r"|PNG chunk (tIME|sBIT|bKGD|hIST|oFFs|sCAL|pCAL|sTER|cICP|mDCV|mDCv|cLLI|cLLi|vpAg|iDOT)"
)
"""What has no room for a picture, or is looked at in its own place: MPF points to pictures behind the end."""
BEHIND = "bytes behind the end"
"""The name that all that stands behind the end of a picture has where nobody counts it."""
_PICTURE = re.compile(
    rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|RIFF....WEBP|ftyp(?:heic|mif1|avif)|/9j/|iVBORw0KGgo|UklGR"
    rb"|(?i:ffd8ff[c-f])",
    re.DOTALL,
)
"""How pictures begin: in bytes, in Base64, as in XMP, and in hexadecimal digits."""
_MPF, _COUNT = b"MPF\0", 0xB001  # CIPA DC-007


def beside(path: Path) -> list[str]:
    """The names of what a file holds that may show something, and is not looked at.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        found = find(file)
        more = list(_more(file, found))
    metadata = found.metadata()
    left = [name for name in metadata.left if name != BEHIND and not _HARMLESS.fullmatch(name)]
    return [*more, *left, *_in_words(metadata)]


def lost(path: Path) -> list[str]:
    """The names of what a picture's file shows by itself and a picture has no place for: further ones, and what stands
    behind the end, such as the video of a motion photo.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return list(_more(file, find(file)))


def without_pictures(metadata: Metadata) -> Metadata:
    """Metadata without what the policy ``strip-gps`` takes away, if they hold a picture, which they then name.

    Google's cameras keep the whole picture as it was in XMP, and makers' notes hold previews.
    """
    names = list(_in_words(metadata))
    if not names:
        return metadata
    left = (*metadata.left, *names, "all else that strip-gps leaves out")
    return replace(metadata.under("strip-gps"), left=left)


def _more(file: IO[bytes], found: Found) -> Iterator[str]:
    if not found.behind:
        return
    pictures = _further_pictures(file) if jpeg.is_jpeg(file) else 0
    if pictures:
        yield f"{pictures} more picture{'s' * (pictures > 1)}"
    yield f"{found.behind} bytes behind the picture"


def _further_pictures(file: IO[bytes]) -> int:
    """How many pictures there are behind the first, as a JPEG says."""
    for segment in jpeg.read_segments(file):
        if segment.marker == jpeg.APP2 and segment.data.startswith(_MPF):
            block = io.BytesIO(segment.data.removeprefix(_MPF))
            try:
                layout, first = tiff.read_layout(block)
                count = tiff.number(block, tiff.read_directory(block, layout, first).get(_COUNT), layout)
            except tiff.TiffError:
                return 0
            return max(0, (count or 1) - 1)
    return 0


def _in_words(metadata: Metadata) -> Iterator[str]:
    """Pictures in what is kept with a picture, such as a maker's preview or one in XMP."""
    blocks = {"EXIF": metadata.exif, "XMP": metadata.xmp, "IPTC": metadata.iptc}
    texts = {f"text {keyword}": text.encode("utf-8", "surrogateescape") for keyword, text in metadata.all_texts()}
    for name, data in {**blocks, **texts}.items():
        if data and _PICTURE.search(data):
            yield f"a picture in {name}"
