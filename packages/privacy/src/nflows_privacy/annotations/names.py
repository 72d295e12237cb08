"""Names of pictures as files of annotations write them, and the pictures that they mean."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath
from typing import NamedTuple

from nflows_core.runtime.pictures.options import READ

_SUFFIXES = READ | {".txt", ".json", ".avif", ".heic", ".jp2", ".jxl", ".ppm"}
_SUFFIXES |= {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}
_ENDS = ("_leftImg8bit", "_gtFine_polygons", "_gtCoarse_polygons")
_FOLDERS = frozenset(("images", "labels", "leftImg8bit", "gtFine", "gtCoarse", "annotations", "obj_train_data"))


class PictureName(NamedTuple):
    """By what a picture is known: its folders and its stem, and its suffix in small letters.

    Folders that data sets put all pictures or all labels into do not count, nor what Cityscapes adds to a stem.
    """

    parts: tuple[str, ...]
    suffix: str

    @classmethod
    def of(cls, name: str | PurePath) -> PictureName:
        r"""The name in a file, or the path of a picture; programs of Windows write ``\`` between folders.

        Example:
            >>> PictureName.of("leftImg8bit/val/ulm/ulm_000001_leftImg8bit.png")
            PictureName(parts=('val', 'ulm', 'ulm_000001'), suffix='.png')
        """
        text = name.as_posix() if isinstance(name, PurePath) else name
        path = PurePosixPath(text if "/" in text else text.replace("\\", "/"))
        suffix = path.suffix.lower() if path.suffix.lower() in _SUFFIXES else ""  # a frame may be called drive.0001
        stem = path.stem if suffix else path.name
        for end in _ENDS:
            stem = stem.removesuffix(end)
        return cls((*(part for part in path.parts[:-1] if part not in _FOLDERS), stem), suffix)

    def agreement(self, other: PictureName) -> tuple[int, bool, bool] | None:
        """How well two names agree: by more folders, by all of them, by the suffix; nothing if they do not."""
        shared = min(len(self.parts), len(other.parts))
        if self.parts[-shared:] != other.parts[-shared:]:
            return None
        return shared, len(self.parts) == len(other.parts), self.suffix == other.suffix
