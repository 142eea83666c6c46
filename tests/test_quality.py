"""Does it do what it is for? On the small photos that come with the repository, and on Kodak where it is at hand."""

from pathlib import Path

import numpy as np
import pytest

import codec
from codec.picture import Pixels
from eval.bars import gain_at_equal_bytes, lr_fidelity
from eval.codecs import Codec, build
from eval.curves import compare
from tests.conftest import PICTURES, pixels_of, psnr


def test_more_quality_costs_more_and_looks_better(photo: Pixels) -> None:
    files = [codec.encode(photo, quality) for quality in (10, 30, 60, 90)]
    sizes = [len(data) for data in files]
    values = [psnr(codec.decode(data), photo) for data in files]
    assert sizes == sorted(sizes)
    assert values == sorted(values)


def at_bytes(codec_name: str, photo: Pixels, size: int) -> Pixels:
    """What another codec restores from at least `size` bytes."""
    peer = build(codec_name)
    data = next(d for q in range(1, 101) if len(d := peer.encode(photo, q)) >= size)
    return peer.decode(data, (photo.shape[1], photo.shape[0]))


@pytest.mark.parametrize(("peer", "quality", "gain"), [("lanczos-x2-jpeg", 75, 1.0), ("jpeg", 40, 0.8)])
def test_better_than_plain_jpeg_of_the_same_bytes(peer: str, quality: int, gain: float) -> None:
    gains = []
    for path in sorted(PICTURES.glob("*.png")):
        photo = pixels_of(path)
        data = codec.encode(photo, quality)
        # without our 200 bytes of header, which weigh much on 27 kilopixels
        gains.append(psnr(codec.decode(data), photo) - psnr(at_bytes(peer, photo, len(data) - 200), photo))
    assert np.mean(gains) > gain


def test_the_lr_picture_is_the_photo_only_smaller(photo: Pixels) -> None:
    fidelity, similarity = lr_fidelity(photo, 75)
    assert fidelity > 28  # one of the three is a detail of Kodak's hardest picture; the bar is 33 in the mean of 24
    assert similarity > 0.94


def point(peer: Codec, photo: Pixels, quality: int) -> tuple[float, float]:
    """Bits per pixel and PSNR."""
    size = photo.shape[1], photo.shape[0]
    data = peer.encode(photo, quality)
    return 8 * len(data) / (size[0] * size[1]), psnr(peer.decode(data, size), photo)


def test_bars_on_kodak(kodak: list[Path]) -> None:
    # every third picture and few qualities, hence a bar of its own: `tests/test_results.py` holds the whole set's
    photos = [pixels_of(path) for path in kodak[::3]]
    ours = (8, 20, 40, 60, 75)
    qualities = {
        "ours": ours,
        "ours+psnr": ours,
        "jpeg": (4, 10, 20, 40, 65, 85),
        "lanczos-x2-jpeg": (35, 65, 85, 95, 100),
    }
    curves = {
        key: np.array([np.transpose([point(build(key), photo, q) for q in each]) for photo in photos])
        for key, each in qualities.items()
    }
    for tuned, bar in (("ours", -36), ("ours+psnr", -41.5)):
        assert compare(curves["jpeg"].mean(0), curves[tuned].mean(0), 26, 31).percent < bar, tuned
    pairs = zip(curves["ours"], curves["lanczos-x2-jpeg"], strict=True)
    assert np.mean([gain_at_equal_bytes(ours[:, -1], peer) for ours, peer in pairs]) > 1.5
    fidelity = np.mean([lr_fidelity(photo, 75) for photo in photos], 0)
    assert fidelity[0] > 33
    assert fidelity[1] > 0.96
