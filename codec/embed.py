"""Our header inside a file's metadata: in the XMP packet, in an EXIF block of our own, or in a JPEG comment.

XMP outlives every tool that keeps metadata at all, and a user's packet has room for ours:

    <rdf:RDF …><rdf:Description xmlns:s="urn:sain:" s:h="1;sain-x2-lite-…"/></rdf:RDF>

A second attribute, `s:a`, holds transparency in base64. Everything is found with bounded regular expressions, never
with an XML parser. The compact forms spare a hundred bytes: EXIF's `Software` tag, or a JPEG comment.
"""

import base64
import binascii
import re

from PIL import Image

from codec.errors import CodecError
from codec.header import Header

SOFTWARE = 0x0131
"""EXIF tag for the program that wrote a picture."""

NAMESPACE = b"urn:sain:"
"""Of our entries; what holds it has been written, or edited, by us."""
_OPEN, _CLOSE = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">', b"</rdf:RDF>"
_HEADER = b'<rdf:Description xmlns:s="urn:sain:" s:h="%s"/>'
_ALPHA = b'<rdf:Description xmlns:s="urn:sain:" s:a="%s"/>'
_NOTE = b'<rdf:Description xmlns:s="urn:sain:" xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="%s"/>'
_AS_WRITTEN = re.compile(
    rb'<rdf:Description xmlns:s="urn:sain:" (?:s:h="[^"<>&]{1,160}"'
    rb'|s:a="[A-Za-z0-9+/=]*+"|xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="[0-9A-F]{32}")/>'
)

# tools that edit XMP write all of it anew, with other quotes, or attributes as elements; and a stranger's namespace can
# have our prefix, so what we wrote ourselves comes first, then the last of several
_FIND_HEADER = (
    re.compile(rb'xmlns:s="urn:sain:" s:h="([^"<>&]{1,160})"/>'),
    re.compile(rb"""(?<![/\w])s:h(?:\s*=\s*["']|>)([^"'<>&]{1,160})["'<]"""),
)
_FIND_ALPHA = (
    re.compile(rb'xmlns:s="urn:sain:" s:a="([A-Za-z0-9+/=]*+)"/>'),
    re.compile(rb"""(?<![/\w])s:a(?:\s*=\s*["']|>)([A-Za-z0-9+/=]*+)["'<]"""),
)
_FIND_EXTENDED = (
    re.compile(rb'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="([0-9A-F]{32})"/>'),
    re.compile(rb"""HasExtendedXMP(?:\s*=\s*["']|>)([0-9A-F]{32})["'<]"""),
)
_REWRITTEN = re.compile(
    rb"""\s+(?:xmlns:s\s*=\s*["']urn:sain:["']|s:[ha]\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))|<s:([ha])>[^<>]*</s:\1>\s*""",
)
_TEXT = re.compile(rb"sain;([!-~]{1,160})(?:\0|$)")


def _search(patterns: tuple[re.Pattern[bytes], ...], xmp: bytes | None) -> bytes | None:
    if xmp is None or NAMESPACE not in xmp:
        return None
    for pattern in patterns:
        values: list[bytes] = pattern.findall(xmp)
        if values:
            return values[-1]
    return None


def find(xmp: bytes | None) -> Header | None:
    """Our header in an XMP packet, None if it has none; raises as `Header.parse`."""
    line = _search(_FIND_HEADER, xmp)
    return Header.parse(line.decode("ascii", "replace")) if line else None


def find_alpha(xmp: bytes | None) -> bytes | None:
    """The coded transparency in an XMP packet, None if it has none or a damaged one."""
    text = _search(_FIND_ALPHA, xmp)
    try:
        return base64.b64decode(text, validate=True) if text else None
    except binascii.Error:
        return None


def find_extended(xmp: bytes | None) -> bytes | None:
    """The name of our extended packet, see `codec.extended_xmp`; None without."""
    return _search(_FIND_EXTENDED, xmp)


def insert(
    header: Header | None, xmp: bytes | None, alpha: bytes | None = None, extended: bytes | None = None
) -> bytes | None:
    """The user's packet with our header (in place of an older one) and transparency, or a packet of our own.

    `extended`: name of the extended packet where the transparency lies instead. None where there is nothing to hold.
    """
    entries = b"".join(
        form % value
        for form, value in (
            (_HEADER, header and header.format().encode()),
            (_ALPHA, alpha and base64.b64encode(alpha)),
            (_NOTE, extended),
        )
        if value
    )
    users = remove(xmp)
    if not entries:
        return users
    if users is None:
        return _OPEN + entries + _CLOSE
    before, end, after = users.rpartition(_CLOSE)
    return before + entries + end + after if end else users + _OPEN + entries + _CLOSE


def remove(xmp: bytes | None) -> bytes | None:
    """The packet as the user had it; None where nothing is left of it."""
    if xmp is None or NAMESPACE not in xmp:
        return xmp or None
    users = _AS_WRITTEN.sub(b"", xmp).replace(_OPEN + _CLOSE, b"")
    return (_REWRITTEN.sub(b"", users) if NAMESPACE in users else users) or None


def exif_of(header: Header) -> bytes:
    """An EXIF block that holds the header alone."""
    exif = Image.Exif()
    exif[SOFTWARE] = f"sain;{header.format()}"
    return exif.tobytes()


def text_of(header: Header) -> bytes:
    """The header as a JPEG comment."""
    return b"sain;" + header.format().encode()


def find_text(block: bytes | None) -> Header | None:
    """The header in an EXIF block or a JPEG comment, None if it has none; raises as `Header.parse`."""
    entry = _TEXT.search(block) if block else None
    return Header.parse(entry[1].decode("ascii")) if entry else None


def remove_exif(exif: bytes | None) -> bytes | None:
    """The user's EXIF: None if the block is ours."""
    try:
        header = find_text(exif)
    except CodecError:
        return exif
    return None if header and exif == exif_of(header) else exif
