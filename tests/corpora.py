"""Every file of a folder through the codec and back: `python -m tests.corpora FOLDER…` counts what becomes of them.

A picture must come back with its size, mode, transparency and metadata, through each carrier in turn, or be refused
with a reason. Exit code 1 if one is not. Archives are unpacked; larger pictures than `--pixels` are left out.
"""

import argparse
import io
import sys
import tarfile
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import codec
from codec import exif as exifs
from codec.carriers import Options, carriers
from codec.picture import Picture, read_picture


def installed() -> list[str]:
    """Carriers that can be written here."""
    names = []
    for name, carrier in carriers().items():
        try:
            carrier.check(Options())
        except codec.CodecError:
            continue
        names.append(name)
    return names


def complaints(picture: Picture, name: str) -> Iterator[str]:
    """What a carrier loses of a picture; nothing, where all is well."""
    data = codec.encode(picture, 75, format=name)
    restored = codec.decode(data)
    back = read_picture(restored)
    if restored.size != picture.size:
        yield f"size {picture.size} became {restored.size}"
    if back.pixels.ndim != picture.pixels.ndim:
        yield "grey became colour" if picture.pixels.ndim == 2 else "colour became grey"
    if (picture.alpha is None) != (back.alpha is None) or not np.array_equal(picture.alpha, back.alpha):
        yield "transparency changed"
    before, after = picture.metadata, back.metadata
    if before.icc_profile != after.icc_profile:
        yield "ICC profile changed"
    if before.xmp != after.xmp:
        yield "XMP changed"
    if len(before.exif or b"") != len(after.exif or b""):
        yield "EXIF changed its length"
    if exifs.orientation(before.exif or b"") != exifs.orientation(after.exif or b""):
        yield "orientation changed"
    with Image.open(io.BytesIO(data)) if name not in ("heif", "jxl") else ExitStack() as shown:
        if isinstance(shown, Image.Image) and shown.size != codec.inspect(data).header.lr_size:
            yield "viewers see another size"


def files_in(places: list[Path], stack: ExitStack) -> list[Path]:
    """All files below folders and in archives, sorted."""
    found: list[Path] = []
    for place in places:
        folder = place
        if tarfile.is_tarfile(place) if place.is_file() else False:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            with tarfile.open(place) as archive:
                archive.extractall(folder, filter="data")
        found += sorted(path for path in folder.rglob("*") if path.is_file())
    return found


def main() -> int:
    """Run over all files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--pixels", type=int, default=2_000_000, help="largest picture to send through a network")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes: Counter[str] = Counter()
    failed, names = 0, installed()
    with ExitStack() as stack:
        for number, path in enumerate(tqdm(files_in(args.folders, stack), unit="file", disable=None)):
            name = names[number % len(names)]
            try:
                picture = read_picture(path)
                if picture.size[0] * picture.size[1] > args.pixels:
                    outcomes["read, too large to be sent round here"] += 1
                    continue
                wrong = list(complaints(picture, name))
            except codec.CodecError as error:
                outcomes[f"refused: {type(error).__name__}: {str(error)[:110]}"] += 1
                continue
            except Exception as error:  # the law is that there is none
                wrong = [f"{type(error).__name__}: {error}"]
            outcomes["came back whole"] += not wrong
            failed += bool(wrong)
            for complaint in wrong:
                tqdm.write(f"{path.name} ({name}, {picture.size}): {complaint}")
    for outcome, count in outcomes.most_common():
        print(f"{count:5} {outcome}")  # noqa: T201
    print(f"{failed:5} lost something")  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
