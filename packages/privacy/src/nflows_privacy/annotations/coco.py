"""Annotations in the JSON of COCO: https://cocodataset.org/#format-data, boxes as left, top, width and height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nflows_core.runtime.files import atomic_write
from nflows_core.runtime.foreign_text import to_json
from nflows_privacy.annotations.annotated import SHARES, Annotations, Gathering, kind_of
from nflows_privacy.annotations.faults import NO_NUMBERS, NO_PICTURE, TWICE, UNNAMED, Faults
from nflows_privacy.regions import Box, Region


def is_coco(content: Any) -> bool:
    """Whether a JSON value is that of such a file."""
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def coco_annotations(content: Mapping[str, Any], source: str, faults: Faults | None = None) -> Annotations:
    """The boxes of such a file.

    Arguments:
        content: The JSON value of the file.
        source: The name of the file, for messages.
        faults: Gets what is wrong with single entries, which then stops nothing.

    Raises:
        ValueError: An entry is none; it is named by its place.
    """
    classes = dict(_category(entry, place) for place, entry in _entries(content, "categories", source))
    images: dict[Any, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    gathering = Gathering(faults)
    for place, entry in _entries(content, "images", source):
        number, name, size = _image(entry, place)
        if number in images or name in gathering.pictures:
            gathering.fault(TWICE, place, f"its `id` {number} or `file_name` {name!r} is there twice", name)
            images.setdefault(number, name)
            continue
        images[number] = name
        gathering.add(name)
        sizes |= {} if size is None else {name: size}
    for place, entry in _entries(content, "annotations", source):
        _add(gathering, entry, place, images, classes)
    return gathering.done(source, classes.values(), sizes)


def write_coco(path: str | Path, annotations: Annotations) -> None:
    """Writes annotations as COCO's JSON, whole or not at all; a score is written where it is below 1.

    Raises:
        ValueError: The boxes of a picture are in shares of its sides.
        OSError: The file cannot be written.
    """
    marked = annotations.pictures
    if relative := next((name for name, one in marked.items() if one.size == SHARES), None):
        raise ValueError(f"`annotations`: the boxes of {relative} are in shares of its sides; give pixels")
    found = {region.kind for one in marked.values() for region in one.regions}
    numbers = {kind: number for number, kind in enumerate(_classes(annotations.classes, found), 1)}
    images = [
        {
            "id": number,
            "file_name": name,
            **({} if one.size is None else dict(zip(("width", "height"), one.size, strict=True))),
        }
        for number, (name, one) in enumerate(marked.items(), 1)
    ]
    boxes = [(image, region) for image, one in enumerate(marked.values(), 1) for region in one.regions]
    content = {
        "images": images,
        "annotations": [
            {"id": number, "image_id": image, "category_id": numbers[region.kind], **_written(region)}
            for number, (image, region) in enumerate(boxes, 1)
        ],
        "categories": [{"id": number, "name": kind} for kind, number in numbers.items()],
    }
    with atomic_write(path, "w") as file:
        file.write(to_json(content) + "\n")


def _classes(known: Sequence[str], found: set[str]) -> list[str]:
    """The classes in their order, then those that are found besides."""
    kinds = dict.fromkeys(map(kind_of, known))
    return [*kinds, *sorted(found - kinds.keys())]


def _written(region: Region) -> dict[str, Any]:
    left, top, right, bottom = region.to_json()["box"]
    width, height = round(right - left, 2), round(bottom - top, 2)
    score = {} if region.score == 1 else {"score": round(region.score, 4)}
    return {"bbox": [left, top, width, height], "area": round(width * height, 4), "iscrowd": 0, **score}


def _entries(content: Mapping[str, Any], key: str, source: str) -> list[tuple[str, Any]]:
    entries = content.get(key, [])
    if not isinstance(entries, list):
        raise ValueError(f"{source}: `{key}` is no list; give a file in COCO's format")  # noqa: TRY004
    return [(f"{source}: {key}[{index}]", entry) for index, entry in enumerate(entries)]


def _category(entry: Any, place: str) -> tuple[Any, str]:
    match entry:
        case {"id": int() | str() as number, "name": str(name)}:
            return number, kind_of(name)
    raise ValueError(f"{place}: no category with `id` and `name`; correct it")


def _image(entry: Any, place: str) -> tuple[Any, str, tuple[int, int] | None]:
    match entry:
        case {"id": int() | str() as number, "file_name": str(name), "width": int(width), "height": int(height)}:
            return number, name, (width, height)
        case {"id": int() | str() as number, "file_name": str(name)}:
            return number, name, None
    raise ValueError(f"{place}: no image with `id` and `file_name`; correct it")


def _lacks_box(entry: Any) -> bool:
    """Whether an annotation has no box, or none of four numbers, as one of key points or of a text may."""
    match entry:
        case {"bbox": [int() | float(), int() | float(), int() | float(), int() | float()]}:
            return False
    return isinstance(entry, dict) and "image_id" in entry


def _add(gathering: Gathering, entry: Any, place: str, images: Mapping[Any, str], classes: Mapping[Any, str]) -> None:
    if gathering.faults is not None and _lacks_box(entry):
        gathering.faults.add(NO_NUMBERS, place)
        if entry["image_id"] in images:
            gathering.add_box(images[entry["image_id"]], None, place)
        return
    match entry:
        case {
            "image_id": int() | str() as image,
            "category_id": int() | str() as category,
            "bbox": [
                int() | float() as left,
                int() | float() as top,
                int() | float() as width,
                int() | float() as height,
            ],
        } if gathering.faults is not None or (image in images and category in classes):
            pass
        case _:
            raise ValueError(
                f"{place}: no annotation with `bbox` of four numbers, and `image_id` and `category_id` that are there;"
                " correct it"
            )
    if image not in images:
        gathering.fault(NO_PICTURE, place, "no such image", f"image {image}")
        return
    if category not in classes:
        gathering.fault(UNNAMED, place, "no such category", f"class {category}")
    if gathering.faults is None and (width == 0 or height == 0):
        gathering.empty += 1
        return
    box = Box(left, top, left + width, top + height)
    kind = classes.get(category, f"class {category}")
    try:
        region = gathering.region(box, kind, float(entry.get("score", 1.0)), (), place)
    except TypeError as error:
        raise ValueError(f"{place}: {error}; correct it") from error
    gathering.add_box(images[image], region, place)
