"""Boxes in a picture: its rows and its columns from and to, as slices that index an array."""

Box = tuple[slice, slice]


def scaled(box: Box, by: int) -> Box:
    """The same box of a picture enlarged by a whole factor."""
    y, x = (slice(s.start * by, s.stop * by) for s in box)
    return y, x


def clipped(box: Box, shape: tuple[int, ...]) -> Box:
    """What lies in a picture of `shape` (height, width, …) of a box that begins in it."""
    y, x = (slice(s.start, min(s.stop, n)) for s, n in zip(box, shape[:2], strict=True))
    return y, x


def inside(inner: Box, outer: Box) -> Box:
    """Where a box lies in what another one, around it, cuts out."""
    y, x = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True))
    return y, x
