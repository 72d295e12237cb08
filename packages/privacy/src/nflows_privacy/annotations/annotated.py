"""Boxes of many pictures, whatever file they are from, and which picture is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePath

from nflows_privacy.annotations.faults import NO_AREA, TWICE, Faults, fault_of
from nflows_privacy.annotations.groups import group_of
from nflows_privacy.annotations.names import PictureName
from nflows_privacy.regions import FACE, IGNORE, PLATE, Box, Region

SHARES = (1, 1)
"""The size in which boxes are counted that are given in shares of the sides, as those of YOLO."""

SLACK = 1e-3
"""How far shares may be out of [0, 1] by rounding."""
_KINDS = {
    FACE: ("face", "faces", "human face"),
    PLATE: (
        "plate",
        "plates",
        "license plate",
        "licence plate",
        "number plate",
        "numberplate",
        "licenseplate",
        "vehicle registration plate",
        "lp",
    ),
}
_ALIASES = {alias: kind for kind, aliases in _KINDS.items() for alias in aliases}


@dataclass(frozen=True, slots=True)
class Marked:
    """What is marked in one picture.

    Arguments:
        regions: The regions.
        size: The width and height in which their boxes are counted, if that is known.
    """

    regions: tuple[Region, ...]
    size: tuple[int, int] | None = None

    def within(self, width: int, height: int) -> list[Region]:
        """The regions in a picture of so many pixels.

        Raises:
            ValueError: The boxes are counted in a picture of another size.
        """
        if self.size == SHARES:
            return [replace(one, box=one.box.scaled(width, height)) for one in self.regions]
        if self.size is not None and self.size != (width, height):
            across, down = self.size
            turned = ", upright as its metadata say" if self.size == (height, width) else ""
            raise ValueError(
                f"its boxes are counted in {across} x {down} pixels, and it has {width} x {height}{turned}"
            )
        return list(self.regions)


@dataclass(frozen=True)
class Annotations:
    """The boxes of pictures that a file or a folder names.

    Arguments:
        source: The file or folder, for messages.
        pictures: What is marked in each picture by its name there, as ``train/0001.jpg``, or that of its own file, as
            ``train/0001.txt``.
        classes: The names of the classes in their order.
        empty: How many boxes had no area and are left out, since they mark no pixel.
        lacking: The names of the pictures of which boxes are left out, since something is wrong with them.
    """

    source: str
    pictures: Mapping[str, Marked]
    classes: tuple[str, ...] = ()
    empty: int = 0
    lacking: frozenset[str] = frozenset()

    def find(self, picture: str | PurePath) -> str | None:
        """The name by which a picture of this path is meant; nothing if there is none.

        The names of the folders must agree, as far as both have some, and of several names the one that agrees most is
        meant. Folders that data sets put pictures and labels into (``images``, ``labels``, ``leftImg8bit``, ``gtFine``)
        do not count, and suffixes only where names differ by nothing else.

        Raises:
            ValueError: Several names may mean it.
        """
        meant = PictureName.of(picture)
        candidates = ((name, known.agreement(meant)) for name, known in self._by_stem.get(meant.parts[-1], ()))
        found = {name: agreement for name, agreement in candidates if agreement is not None}
        best = max(found.values(), default=None)
        names = [name for name, agreement in found.items() if agreement == best]
        if len(names) > 1:
            raise ValueError(
                f"{self.source}: both {names[0]} and {names[1]} may be {picture}; give the folder that both are in"
            )
        return next(iter(names), None)

    def check(self, pictures: Iterable[str | PurePath]) -> None:
        """Refuses pictures of which nothing is said, or several that one name may mean.

        Raises:
            ValueError: There are such.
        """
        owners: dict[str, str | PurePath] = {}
        for picture in pictures:
            name = self.find(picture)
            if name is None:
                raise ValueError(
                    f"{self.source}: says nothing of {picture}; add it there, without boxes if it has none,"
                    " or leave it out"
                )
            if name in owners:
                raise ValueError(
                    f"{self.source}: {name} may be {owners[name]} and {picture}; write the folders into the names"
                )
            owners[name] = picture

    def unnamed(self, pictures: Iterable[str | PurePath]) -> list[str | PurePath]:
        """The pictures of which nothing is said."""
        return [picture for picture in pictures if not self._may_name(picture)]

    def check_any(self, pictures: Sequence[str | PurePath]) -> None:
        """Refuses pictures none of which is named, however many there are: the boxes are those of others.

        Raises:
            ValueError: There are pictures, and none is named; a name that differs by its folders only is told.
        """
        if len(self.unnamed(pictures)) < len(pictures) or not pictures:
            return
        count = "the picture" if len(pictures) == 1 else f"any of the {len(pictures)} pictures, such as"
        start = f"{self.source}: does not name {count} {pictures[0]}"
        for picture in pictures:
            if alike := self._by_stem.get(PictureName.of(picture).parts[-1]):
                raise ValueError(
                    f"{start}; {alike[0][0]} there differs from {picture} by its folders: make these agree, or write"
                    " names without folders, if the pictures are the same"
                )
        names = f"it names {next(iter(self.pictures))}" if self.pictures else "it names none"
        raise ValueError(f"{start}; {names}: give the boxes of these pictures")

    @property
    def seems_in_shares(self) -> bool:
        """Whether all boxes lie within 0 to 1 and are not said to be shares: in pixels, no thing is as small."""
        boxes = [region.box for one in self.pictures.values() for region in one.regions]
        is_said = SHARES in {one.size for one in self.pictures.values()}
        return bool(boxes) and not is_said and all(-SLACK <= side <= 1 + SLACK for box in boxes for side in box)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of all attributes of regions, in the order in which they come."""
        found = (name for one in self.pictures.values() for region in one.regions for name, _ in region.attributes)
        return tuple(dict.fromkeys(found))

    def regions(self, picture: str | PurePath, width: int, height: int) -> list[Region]:
        """The regions of a picture of so many pixels.

        Raises:
            ValueError: Nothing is said of it, or several names may mean it, or its boxes are counted in another size.
        """
        self.check([picture])
        try:
            return self.pictures[self.find(picture) or ""].within(width, height)
        except ValueError as error:
            raise ValueError(f"{self.source}: {picture}: {error}; give the boxes of this picture") from error

    def grouped(self) -> Annotations:
        """The same, but each region is of its group: what a detector of groups of classes is trained on.

        What is to be ignored stays that, for it may be of any group.

        Raises:
            ValueError: Classes are of no group; they are named.
        """
        regions = [region for one in self.pictures.values() for region in one.regions]
        if alone := sorted({region.kind for region in regions if _group_of(region) is None}):
            raise ValueError(
                f"{self.source}: {', '.join(alone[:4])}{', …' if len(alone) > 4 else ''}: classes of no group; give"
                " the table a column `group`"
            )
        pictures = {
            name: replace(one, regions=tuple(replace(region, kind=_group_of(region) or "") for region in one.regions))
            for name, one in self.pictures.items()
        }
        groups = sorted({region.kind for one in pictures.values() for region in one.regions})
        return replace(self, pictures=pictures, classes=tuple(groups))

    def _may_name(self, picture: str | PurePath) -> bool:
        try:
            return self.find(picture) is not None
        except ValueError:  # several names may mean it, which the picture itself will say
            return True

    @cached_property
    def _by_stem(self) -> dict[str, list[tuple[str, PictureName]]]:
        stems: dict[str, list[tuple[str, PictureName]]] = {}
        for name in self.pictures:
            known = PictureName.of(name)
            stems.setdefault(known.parts[-1], []).append((name, known))
        return stems


@dataclass
class Gathering:
    """Boxes of pictures while a file is read: what has no area is counted and left out.

    Arguments:
        faults: Gets what is wrong with single boxes, which then stops nothing; without it, it is an error.
    """

    faults: Faults | None = None
    pictures: dict[str, list[Region]] = field(default_factory=dict)
    empty: int = 0
    lacking: set[str] = field(default_factory=set)
    _names: dict[PictureName, str] = field(default_factory=dict)
    _others: set[str] = field(default_factory=set)

    def add(self, name: str, region: Region | None = None, place: str = "") -> None:
        """One more region of a picture; without one, there is such a picture.

        Where there are `faults`, a picture by another spelling is the same, and a region that is there already is not
        one more.
        """
        if self.faults is not None:
            known = self._names.setdefault(PictureName.of(name), name)
            if known != name and name not in self._others:
                self._others.add(name)
                self.faults.add(TWICE, f"{known} as {name}")
            name = known
        regions = self.pictures.setdefault(name, [])
        if region is None:
            return
        if self.faults is not None and region in regions:
            self.faults.add(TWICE, place)
        else:
            regions.append(region)

    def add_box(self, name: str, region: Region | None, place: str) -> None:
        """One more region of a picture; without one, a box of it is left out."""
        if region is None:
            self.lacking.add(self._names.get(PictureName.of(name), name))
        else:
            self.add(name, region, place)

    def fault(self, what: str, place: str, why: str, name: str = "") -> None:
        """Something is wrong at a place.

        Arguments:
            what: The kind of fault.
            place: The place in the file.
            why: What is wrong there, for an error.
            name: The name of the class or the picture that it is about.

        Raises:
            ValueError: There are no `faults` that would get it.
        """
        if self.faults is None:
            raise ValueError(f"{place}: {why}; correct it")
        self.faults.add(what, f"{name} ({place})" if name else place)

    def region(
        self, box: Box, kind: str, score: float, attributes: tuple[tuple[str, str], ...], place: str
    ) -> Region | None:
        """A region of these numbers; nothing where it is none, which is told.

        Raises:
            ValueError: It is none, and there are no `faults`.
        """
        wrong = None if self.faults is None else fault_of(*box)
        if wrong is not None:
            self.empty += wrong == NO_AREA
            self.fault(wrong, place, wrong)
            return None
        try:
            return Region(box, kind, score, attributes=attributes)
        except ValueError as error:
            raise ValueError(f"{place}: {error}; correct it") from error

    def done(
        self, source: str, classes: Iterable[str], sizes: Mapping[str, tuple[int, int]] | None = None
    ) -> Annotations:
        marked = {name: Marked(tuple(found), (sizes or {}).get(name)) for name, found in self.pictures.items()}
        return Annotations(source, marked, tuple(classes), self.empty, frozenset(self.lacking))


def _group_of(region: Region) -> str | None:
    return IGNORE if region.kind == IGNORE else group_of(region)


def kind_of(label: str) -> str:
    """The kind that a class is: ``face`` or ``plate`` where its name says so in words that data sets use, else itself.

    Example:
        >>> kind_of("License_Plate"), kind_of("Human face"), kind_of("no entry")
        ('plate', 'face', 'no entry')
    """
    return _ALIASES.get(label.lower().replace("_", " ").replace("-", " ").strip(), label)
