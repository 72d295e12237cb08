"""Blur a picture by a kernel that runs one way, and undo it: by the exact inverse, a bounded one, and Wiener's filter.

    python apps/deblur.py PICTURE -o FOLDER --kernel echo --noise 1 --round
    python apps/deblur.py PICTURE -o FOLDER --kernel TAPS.csv --jpeg 95 --crop 32
    python apps/deblur.py BLURRED -o FOLDER --kernel TAPS.csv --blurred --noise 1

FOLDER gets the four pictures, a sheet of them beside the original, and a report of what each method reaches and how
much it amplifies. Of a picture that is blurred already there is no original, and the report tells how far each result
is from it when it is blurred again. docs/deblurring.md says where this works and where it must not be used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deblurring import METHODS, Result, deblur, sheet, shown, undo_blurred
from deblurring_kernels import KERNELS, find_kernel
from deblurring_methods import Taps
from deblurring_recording import Recording, read, read_blurred

from nflows_core.runtime.errors import run_script
from nflows_core.runtime.images import Picture, write_picture
from nflows_core.runtime.ownership import claim_folder, refuse_overwriting
from nflows_core.runtime.page import Sheet, Table, words
from nflows_core.runtime.page import shown as displayed
from nflows_core.runtime.pictures.thumbnails import as_png
from nflows_core.runtime.report import write_report

_KIND = "deblurring"
_OF_THE_BLUR = {"round": False, "jpeg": None, "crop": 0, "seed": 0}
"""The arguments that say how a sharp picture is blurred, as they are where they are not given."""


def main() -> None:
    arguments = _arguments()
    files = [arguments.output / name for name in ("sheet.png", *(f"{name}.png" for name in METHODS))]
    refuse_overwriting(files, [arguments.picture])
    taps = find_kernel(arguments.kernel, arguments.length)
    result = _undone(taps, arguments) if arguments.blurred else _blurred_and_undone(taps, arguments)
    claim_folder(arguments.output, _KIND, [path.name for path in files])
    for path, pixels in zip(files, [sheet(result), *map(shown, result.pictures.values())], strict=True):
        write_picture(path, Picture(pixels))
    _report(result, taps, arguments)
    for row in result.rows:
        print(", ".join(f"{words(name)} {displayed(value)}" for name, value in row.items()))


def _blurred_and_undone(taps: Taps, arguments: argparse.Namespace) -> Result:
    if arguments.cut:
        raise ValueError("cut: is for a picture that is blurred already (--blurred); one that is sharp takes --crop")
    recording = Recording(arguments.noise, arguments.round, arguments.jpeg, arguments.seed)
    return deblur(read(arguments.picture), taps, recording, arguments.most, arguments.crop)


def _undone(taps: Taps, arguments: argparse.Namespace) -> Result:
    for name, unset in _OF_THE_BLUR.items():
        if getattr(arguments, name) != unset:
            raise ValueError(f"{name}: says how a sharp picture is blurred, and with --blurred it is; leave it out")
    blurred, sigma = read_blurred(arguments.picture, arguments.noise)
    return undo_blurred(blurred, taps, sigma, arguments.most, arguments.cut)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="a sharp picture, which is blurred first; or see --blurred")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder of the results")
    parser.add_argument("--kernel", default="echo", help=f"{', '.join(KERNELS)}, or a file of taps (%(default)s)")
    parser.add_argument("--length", type=int, default=9, help="pixels of a kernel that is built in (%(default)s)")
    parser.add_argument("--noise", type=float, default=0.0, help="its standard deviation, of 255 (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (%(default)s)")
    parser.add_argument("--round", action="store_true", help="round what is recorded to 8 bits")
    parser.add_argument("--jpeg", type=int, metavar="QUALITY", help="record a JPEG file of this quality, 1 to 100")
    parser.add_argument(
        "--most", type=float, help="bound on the bounded inverse's amplification; else what fits the noise"
    )
    parser.add_argument("--crop", type=int, default=0, help="blur first, then cut these pixels off at every side")
    parser.add_argument(
        "--blurred", action="store_true", help="the picture is blurred already, with noise beside its own rounding"
    )
    parser.add_argument("--cut", action="store_true", help="with --blurred: it is a part of a larger picture")
    return parser.parse_args()


def _report(result: Result, taps: Taps, arguments: argparse.Namespace) -> None:
    name = arguments.picture.name
    kernels = {} if arguments.kernel in KERNELS else {"kernel": Path(arguments.kernel)}
    pictures = [as_png(tile.squeeze()) for tile in result.tiles.values()]
    write_report(
        arguments.output,
        f"{name}, {'undone' if arguments.blurred else 'blurred and undone'}",
        {"kind": _KIND, "settings": _settings(arguments), "taps": taps.tolist()},
        seed=None if arguments.blurred else arguments.seed,
        inputs={"picture": arguments.picture, **kernels},
        tables=[Table(_caption(arguments), result.rows)],
        sheets=[Sheet("The picture", tuple(result.tiles), {name: pictures})],
        packages=("scikit-image",),
    )


def _caption(arguments: argparse.Namespace) -> str:
    if arguments.blurred:
        return "Amplification, expected noise in grey levels, and what is left when each result is blurred again"
    caption = "Fidelity in dB and by SSIM, amplification, and noise in grey levels"
    is_cut_off = arguments.round or arguments.jpeg is not None
    return f"{caption}; expected of noise that is not cut off at black and white, as it was" if is_cut_off else caption


def _settings(arguments: argparse.Namespace) -> dict[str, object]:
    names = ("kernel", "length", "noise", "round", "jpeg", "most", "crop", "blurred", "cut")
    return {name: getattr(arguments, name) for name in names}


if __name__ == "__main__":
    run_script(main)
