"""Which files are pictures by their name, and what their outputs are called."""

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

PICTURES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif", ".heic", ".heif", ".hif", ".jxl", ".jp2",
     ".j2k", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga")
)  # fmt: skip
"""Suffixes of what `codec.encode` reads. Other files are counted, not opened: an archive is full of notes, previews'
databases and videos, and raw files (`.nef`, `.cr3`) need a developer's choices first."""
OURS = "_manifest"
"""Folder in the target's root that holds what `codec batch` writes about its work."""


def hidden(name: str) -> bool:
    """Whether a file lies in `OURS` or in a hidden folder, or is hidden: `.DS_Store`, `.git/…`, macOS's `._x.jpg`."""
    return name.split("/")[0] == OURS or any(part.startswith(".") and part.strip(".") for part in name.split("/"))


def suffix_of(name: str) -> str:
    """Lower case, with its dot; empty if there is none."""
    return PurePosixPath(name).suffix.lower()


def safe(name: str) -> bool:
    """Whether a name stays below the folder it is joined to: object stores have keys such as `a/../../b.jpg`."""
    return "\0" not in name and all(part not in ("", ".", "..") for part in name.split("/"))


def candidates(source: str, suffix: str) -> Iterator[str]:
    """Names for the output of `source`, the best first.

    `a/x.png` becomes `a/x.jpg`; if that is taken, `a/x.png.jpg`, then `a/x.png.2.jpg` and so on.
    """
    path = PurePosixPath(source)
    yield str(path.with_suffix(suffix))
    yield f"{source}{suffix}"
    number = 2
    while True:
        yield f"{source}.{number}{suffix}"
        number += 1


def same_place(name: str) -> bytes:
    """Equal for names that some file system takes for one: `X.jpg` and `x.jpg`, composed and decomposed accents."""
    return unicodedata.normalize("NFC", name).casefold().encode("utf-8", "surrogatepass")
