"""What kind of picture bytes are, by their first ones: what a client or a file name says is not believed."""

import re

KINDS = (
    (re.compile(rb"\xff\xd8\xff"), {"JPEG", "MPO"}),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), {"PNG"}),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), {"WEBP"}),
    (re.compile(rb"GIF8[79]a"), {"GIF"}),
    (re.compile(rb"II\*\0|MM\0\*"), {"TIFF"}),
    (re.compile(rb"BM"), {"BMP"}),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), {"AVIF"}),
    (re.compile(rb"....ftyp(?:he[iv][cfmsx]|mi[af][fl12])", re.DOTALL), {"HEIF", "AVIF"}),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"), {"JXL"}),
)
"""First bytes, and the names of the readers in Pillow that may see such a file. Pillow has others, for formats that
photos do not come in; one of them starts another program."""


def readers(data: bytes) -> set[str]:
    """Pillow's names of what may read the picture; empty for what is none, or of a kind that is not taken."""
    return next((names for pattern, names in KINDS if pattern.match(data)), set())
