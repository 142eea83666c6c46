"""XMP that is longer than a JPEG segment (XMP specification, part 3, section 1.1.3.1): here, coded transparency.

The packet is cut into APP1 segments, each with the packet's MD5, its length and the cut's offset; the main packet
names the MD5. We read only packets that our own main packet names.
"""

import hashlib
import struct

from PIL import Image

from codec import embed

_SIGNATURE = b"http://ns.adobe.com/xmp/extension/\0"
_CUT = 65_400
"""Bytes of the packet in one segment."""


def segments(packet: bytes) -> tuple[bytes, bytes]:
    """The packet's name (32 hex digits) and its segments, ready to be written."""
    name, parts = _name(packet), []
    for offset in range(0, len(packet), _CUT):
        body = _SIGNATURE + name + struct.pack(">2I", len(packet), offset) + packet[offset : offset + _CUT]
        parts.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    return name, b"".join(parts)


def packets(img: Image.Image) -> dict[bytes, bytes]:
    """Name -> content of the extended packets in an opened JPEG, as far as their parts are there."""
    start = len(_SIGNATURE) + 40
    cuts: dict[bytes, dict[bytes, bytes]] = {}
    for marker, body in getattr(img, "applist", ()):
        if marker == "APP1" and body.startswith(_SIGNATURE) and len(body) >= start:
            name, offset = body[len(_SIGNATURE) : start - 8], body[start - 4 : start]
            cuts.setdefault(name, {})[offset] = body[start:]
    return {name: b"".join(parts[offset] for offset in sorted(parts)) for name, parts in cuts.items()}


def find(img: Image.Image, xmp: bytes | None) -> bytes | None:
    """The extended packet that our entry in the main packet `xmp` names, None if there is none or a part is missing."""
    name = embed.find_extended(xmp)
    packet = packets(img).get(name, b"") if name else b""
    return packet if packet and _name(packet) == name else None


def _name(packet: bytes) -> bytes:
    return hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
