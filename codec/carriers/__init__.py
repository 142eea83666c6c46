"""Carriers: the ordinary file formats that hold the LR picture. JPEG is the first.

The contract. A carrier is a module with

* `write(lr, base, quality, model, full_size) -> bytes`: the LR picture as a file that any viewer shows, with its
  metadata and our header in its XMP;
* `read(data) -> LRFile | None`: all that can be known of such a file before its pixels are decoded; None for a
  picture that this carrier never writes.

Both raise `codec.CodecError` alone. Pixels come back as the format's reference decoder shows them.
"""
