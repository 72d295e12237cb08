"""EXIF blocks: what of them is true of another file, and what a policy lets through."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from nflows_core.runtime.images.containers import tiff
from nflows_core.runtime.images.containers.tiff import Entry, Layout, TiffError, Value
from nflows_core.runtime.images.metadata.exif_block import PREFIX, SUB_IFDS, Block
from nflows_core.runtime.images.metadata.exif_tags import EXIF, GPS, IMAGE, INTEROP, rule_for
from nflows_core.runtime.images.metadata.policy import ZONE, Kind, Policy

XMP, IPTC, ICC, PHOTOSHOP = 700, 33723, 34675, 34377
ORIENTATION, MAKER_NOTE = 274, 37500
_WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 256, 257, 40962, 40963
_ACROSS, _DOWN, _UNIT = 282, 283, 296
_INCH, _CENTIMETRE = 2, 3
_UNITS = {_INCH: Fraction(1), _CENTIMETRE: Fraction(254, 100)}

# TIFF 6.0: how the file stores its pixels, which the next file does in its own way.
STORAGE = {254, 255, 330, 347}.union(
    range(258, 260), range(262, 267), [273], range(277, 282), [284], range(288, 294),
    [317], range(320, 326), range(332, 346), range(512, 522), [530],
)  # fmt: skip
# What other places keep (XMP, IPTC, colour profile), and what speaks of pixels that are gone or of where they lie.
ELSEWHERE = {XMP, IPTC, ICC}
GONE = {
    PHOTOSHOP: "Photoshop's resources", 37724: "Photoshop's layers", 33550: "GeoTIFF", 33922: "GeoTIFF",
    34264: "GeoTIFF", 34735: "GeoTIFF", 34736: "GeoTIFF", 34737: "GeoTIFF", 42112: "GDAL's tags", 42113: "GDAL's tags",
}  # fmt: skip

# Notes that count from their own beginning, so that they may be moved; how others count is their makers' secret.
_MOVABLE = (b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM\0", b"FUJIFILM", b"Apple iOS\0", b"PENTAX \0")


def cleaned(block: bytes) -> tuple[bytes, list[str]]:
    """The block of an upright picture of its own, and what is gone: previews, what tells how a file stores pixels, and
    what cannot be read.

    Raises:
        TiffError: It is no EXIF block.
    """
    edited = Block(block)
    lost = [f"exif tag {tag}" for tag in edited.remove_broken() if tag not in STORAGE]
    lost += ["preview"] if edited.remove_previews() else []
    gone = edited.remove(IMAGE, lambda tag: tag in STORAGE or tag in ELSEWHERE or tag in GONE)
    lost += sorted({GONE[tag] for tag in gone if tag in GONE})
    if edited.entry(IMAGE, ORIENTATION):
        edited.set(IMAGE, ORIENTATION, tiff.SHORT, 1)
    return edited.tobytes(), lost


def allowed(block: bytes, policy: Policy) -> bytes | None:
    """A block made anew of what ``policy`` lets through; None if that is nothing."""
    try:
        source = Block(block)
    except TiffError:
        return None
    values: dict[int, dict[int, Value]] = {IMAGE: {}, EXIF: {}, INTEROP: {}}
    for directory, entry, value in source.values():
        if (kept := _passed(policy, directory, entry, value)) is not None:
            values[directory][entry.tag] = kept
    return made(values, source.layout)


def passes(policy: Policy, directory: int, entry: Entry, value: bytes) -> bool:
    """Whether ``policy`` lets a tag through exactly as it is."""
    return _passed(policy, directory, entry, value) == Value(entry.kind, entry.count, value)


def made(values: Mapping[int, Mapping[int, Value]], layout: Layout) -> bytes | None:
    """A block of these values by their directories; None if there are none."""
    if not any(values.values()):
        return None
    header = (b"II" if layout.order == "<" else b"MM") + layout.pack("HI", 42, 8)
    return PREFIX + header + packed(values, layout, 8)


def packed(values: Mapping[int, Mapping[int, Value]], layout: Layout, place: int) -> bytes:
    """The image's directory, to stand at ``place``, and behind it the others, to which it points."""
    present = {name: dict(tags) for name, tags in values.items() if tags}
    if INTEROP in present:
        present.setdefault(EXIF, {})
    image = {**present.get(IMAGE, {}), **{name: _pointer(0, layout) for name in SUB_IFDS if name in present}}
    start = place + len(tiff.packed_directory(image, layout, place))
    behind = b""
    for name in SUB_IFDS:
        if name in present:
            image[name] = _pointer(start + len(behind), layout)
            behind += _packed_sub(present, name, layout, start + len(behind))
    return tiff.packed_directory(image, layout, place) + behind


def orientation(block: bytes | None) -> int | None:
    """The orientation that a block states, 1 to 8, of whatever type; None if it states none."""
    try:
        stated = Block(block).number(IMAGE, ORIENTATION) if block else None
    except TiffError:
        return None
    return stated if stated in range(1, 9) else None


def resolution(block: bytes | None) -> tuple[Fraction, Fraction] | None:
    """Pixels an inch, across and down, if the block states both, and in which unit."""
    try:
        source = Block(block) if block else None
    except TiffError:
        return None
    unit = _UNITS.get(source.number(IMAGE, _UNIT) or 0) if source else None
    if source is None or unit is None:
        return None
    across, down = source.ratio(IMAGE, _ACROSS), source.ratio(IMAGE, _DOWN)
    return (across * unit, down * unit) if across and down else None


def with_size(block: bytes, width: int, height: int) -> bytes:
    """The block with the size of the picture where it states one."""
    edited = Block(block)
    for directory, tags in ((IMAGE, (_WIDTH, _HEIGHT)), (EXIF, (_EXIF_WIDTH, _EXIF_HEIGHT))):
        for tag, size in zip(tags, (width, height), strict=True):
            if edited.entry(directory, tag) and edited.number(directory, tag) != size:
                edited.set(directory, tag, tiff.LONG if size > 0xFFFF else tiff.SHORT, size)
    return edited.tobytes()


def with_resolution(block: bytes | None, dots: tuple[Fraction, Fraction] | None, is_inch: bool = True) -> bytes:
    """The block with this many pixels an inch, across and down, or without a unit for them.

    Arguments:
        block: The block, or nothing for a new one.
        dots: The resolution; numerators and denominators fit into 32 bits.
        is_inch: Whether it is written by the inch, or by the centimetre.
    """
    unit = _INCH if is_inch else _CENTIMETRE
    stored = [value / _UNITS[unit] for value in dots or ()]
    if block is None:
        ratios = [Value(tiff.RATIONAL, 1, _LITTLE.pack("II", *value.as_integer_ratio())) for value in stored]
        tags = {_ACROSS: ratios[0], _DOWN: ratios[1], _UNIT: Value(tiff.SHORT, 1, _LITTLE.pack("H", unit))}
        return made({IMAGE: tags}, _LITTLE) or b""
    edited = Block(block)
    for tag, value in zip((_ACROSS, _DOWN), stored, strict=False):
        edited.set(IMAGE, tag, tiff.RATIONAL, *value.as_integer_ratio())
    if dots or edited.entry(IMAGE, _UNIT):
        edited.set(IMAGE, _UNIT, tiff.SHORT, unit if dots else 1)
    return edited.tobytes()


def fitting(block: bytes, room: int) -> tuple[bytes | None, list[str]]:
    """The block made anew without its largest values until it takes no more than ``room`` bytes, and what is gone."""
    source = Block(block)
    values: dict[int, dict[int, Value]] = {IMAGE: {}, EXIF: {}, GPS: {}, INTEROP: {}}
    for directory, entry, value in source.values():
        values[directory][entry.tag] = Value(entry.kind, entry.count, value)
    lost = []
    if (note := values[EXIF].get(MAKER_NOTE)) and not is_movable(note.data):
        del values[EXIF][MAKER_NOTE]
        lost.append("maker note")
    size = sum(_room(value) for tags in values.values() for value in tags.values()) + _TABLES
    places = [(directory, tag) for directory, tags in values.items() for tag in tags]
    for directory, tag in sorted(places, key=lambda place: _room(values[place[0]][place[1]]), reverse=True):
        if size <= room:
            break
        size -= _room(values[directory].pop(tag))
        lost.append("maker note" if (directory, tag) == (EXIF, MAKER_NOTE) else f"exif tag {tag}")
    return made(values, source.layout), lost


def is_movable(note: bytes) -> bool:
    """Whether a maker's note is known to keep its meaning at another place."""
    return note.startswith(_MOVABLE)


_LITTLE = Layout("<")
_TABLES = 8 + 4 * 6 + 3 * 12 + len(PREFIX)  # the header, and four directories and their pointers


def _room(value: Value) -> int:
    return 12 + (len(value.data) + 1 if len(value.data) > 4 else 0)


def _passed(policy: Policy, directory: int, entry: Entry, value: bytes) -> Value | None:
    rule = rule_for(policy, directory, entry.tag)
    if rule is None or entry.kind not in rule.types:
        return None
    if rule.kind is None:
        return Value(entry.kind, entry.count, value) if 0 < entry.count <= rule.most else None
    # One character a byte, whatever the encoding; behind the text's end there is nothing that could be read.
    text = value.split(b"\0", 1)[0].decode("latin-1").strip(" ")
    text = ZONE.sub("", text) if rule.kind is Kind.DATE else text
    if len(text) > rule.most or not rule.kind.accepts(text):
        return None
    return Value(entry.kind, len(text) + 1, text.encode("latin-1") + b"\0")


def _pointer(place: int, layout: Layout) -> Value:
    return Value(tiff.LONG8 if layout.is_big else tiff.LONG, 1, layout.pack(layout.offset, place))


def _packed_sub(present: Mapping[int, dict[int, Value]], name: int, layout: Layout, place: int) -> bytes:
    """The directory to stand at ``place``, and behind EXIF's that of interoperability."""
    if name != EXIF or INTEROP not in present:
        return tiff.packed_directory(present[name], layout, place)
    tags = {**present[EXIF], INTEROP: _pointer(0, layout)}
    tags[INTEROP] = _pointer(place + len(tiff.packed_directory(tags, layout, place)), layout)
    packed = tiff.packed_directory(tags, layout, place)
    return packed + tiff.packed_directory(present[INTEROP], layout, place + len(packed))
