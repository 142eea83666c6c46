"""Scale 1: an ordinary full-size file, of which the decoder restores more than viewers show."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import codec
from codec import rate_control, rescaler
from codec.carriers import Options, get
from codec.encoding import Encoder, Job
from codec.jpeg.tables import STANDARD
from codec.models import registry
from codec.models.config import SAINConfig
from codec.models.description import describe
from codec.networks.on_torch import TorchNetwork
from codec.picture import Pixels, load_image, open_image
from codec.rescaler import Rescaler
from codec.wish import Wish
from tests.conftest import jpeg_bytes, levels_apart, psnr
from tests.corpora import installed
from tests.test_invertibility import random_net
from tests.test_stale import CHANGES, resaved

MODEL = "sain-x1-lite"
SIZES = {"cropped": (40, 60)}


@pytest.fixture
def encoded(one_photo: Pixels) -> bytes:
    return codec.encode(one_photo, 50, scale=1)


def shown(data: bytes) -> Pixels:
    """As viewers show a file."""
    img = open_image(data)
    load_image(img)
    return np.array(img)


@pytest.mark.parametrize("quality", [20, 50])
def test_more_is_restored_than_viewers_show(quality: int, photo: Pixels) -> None:
    data = codec.encode(photo, quality, scale=1)
    info = codec.inspect(data)
    assert (info.header.lr_size, info.header.full_size, info.untouched) == ((192, 144), (192, 144), True)
    assert psnr(codec.decode(data), photo) > psnr(shown(data), photo) + 0.15


def test_the_file_is_an_ordinary_jpeg_with_the_models_tables(one_photo: Pixels, encoded: bytes) -> None:
    known = describe(registry.resolve(MODEL))
    stored = rescaler.load(MODEL).downscale(one_photo, get("jpeg").condition(Options(50, tables=known.tables)))
    tables = [table.ravel().tolist() for table in known.tables]
    assert np.array_equal(shown(encoded), shown(jpeg_bytes(stored, qtables=tables)))  # quality 50: as they are
    assert (stored is one_photo) == known.identity  # at no cost, without a network in the encoder


@pytest.mark.parametrize("quality", [5, 50, 90])
@pytest.mark.parametrize("kind", [slice(None), 1])
def test_the_tables_are_header_enough(quality: int, kind: Any, one_photo: Pixels) -> None:
    pixels = one_photo[:143, :191, kind]  # odd sides too, for they are the full ones
    data = codec.encode(pixels, quality, scale=1, header="none")
    assert b"sain" not in data
    assert codec.inspect(data).header.model == registry.resolve(MODEL)
    assert np.array_equal(
        codec.decode(data, to="numpy"), codec.decode(codec.encode(pixels, quality, scale=1), to="numpy")
    )


@pytest.mark.parametrize("name", [name for name in installed() if get(name).lossy])
def test_every_lossy_format(name: str, one_photo: Pixels) -> None:
    alpha = np.add.outer(np.arange(143), np.arange(191)).astype(np.uint8)
    for pixels in (one_photo[:143, :191], one_photo[:143, :191, 1], np.dstack([one_photo[:143, :191], alpha])):
        data = codec.encode(pixels, 60, format=name, scale=1)
        header, restored = codec.inspect(data).header, codec.decode(data, to="numpy")
        assert header.model == registry.resolve(MODEL)
        assert restored.shape == pixels.shape
        if pixels.shape[-1] == 4:
            assert np.array_equal(restored[..., 3], alpha)
        else:
            assert psnr(restored, pixels) > 28
            assert not np.array_equal(restored, shown(data))
    assert header.condition == pytest.approx(
        get(name).condition(Options(60, tables=describe(header.model).tables)), abs=0.01
    )


def test_a_png_is_the_photo(one_photo: Pixels) -> None:
    data = codec.encode(one_photo, format="png", scale=1)
    assert codec.inspect(data).header.model == "plain"
    assert np.array_equal(codec.decode(data, to="numpy"), one_photo)
    with pytest.raises(codec.CodecError, match=r"loses nothing that sain-x1-lite-.* could restore: take model='plain'"):
        codec.encode(one_photo, format="png", model=MODEL)


@pytest.mark.parametrize("wish", [Wish(bpp=0.8), Wish(max_bytes=5000), Wish(psnr=33)])
@pytest.mark.parametrize("effort", [0, 1])
def test_targets(wish: Wish, effort: int, one_photo: Pixels) -> None:
    encoder = Encoder(one_photo, Job("jpeg", Options(), model=MODEL, effort=effort))
    file = rate_control.encode(encoder, wish)
    limit = wish.max_bytes or 0.8 * 192 * 144 / 8
    assert effort or encoder.passes <= (0 if encoder.identity and not wish.psnr else rate_control.PASSES)
    if wish.psnr:
        assert 33 <= psnr(codec.decode(file.data), one_photo) <= 33.3
    else:
        assert 0.96 * limit <= len(file.data) <= limit


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_effort(name: str, one_photo: Pixels) -> None:
    encoder = Encoder(one_photo, Job(name, Options(), model=MODEL, effort=2))
    file, plain = encoder.at(50), encoder.written(encoder.downscaled(50), 50)
    weight = encoder._weight(50) * 8

    def cost(data: bytes) -> float:
        error = np.square(codec.decode(data, to="numpy").astype(float) - one_photo).mean()
        return float(error * 192 * 144 + weight * len(data))

    assert cost(file.data) < (0.98 if name == "jpeg" else 1) * cost(plain.data) + 1e-6


@pytest.mark.parametrize("name", CHANGES)
def test_stale_copies(name: str, encoded: bytes, one_photo: Pixels) -> None:
    change: Any = CHANGES[name]
    if name == "larger":
        change = {"change": lambda img: img.resize((384, 288)), "quality": 90}
    data = resaved(encoded, **change)
    with pytest.raises(codec.StaleHeaderError, match=r"\(192, 144\) then, \(\d+, \d+\) now"):
        codec.decode(data)
    restored = codec.decode(data, on_stale="restore")
    assert restored.size == SIZES.get(name, (192, 144))
    if name in ("encoded again", "encoded much coarser"):  # no worse than what the copy shows
        assert psnr(restored, one_photo) > psnr(shown(data), one_photo)
    elif name == "cropped":
        assert psnr(restored, one_photo[10:70, 10:50]) > 28
    else:
        assert psnr(restored, one_photo) > 21


def test_thumbnails_need_no_network(encoded: bytes, one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    codec.register_pillow()
    try:
        restored = np.asarray(Image.open(io.BytesIO(encoded)))
        assert np.array_equal(restored, codec.decode(encoded, to="numpy"))
        monkeypatch.setattr(rescaler, "load", lambda *_: pytest.fail("a network ran"))
        img = Image.open(io.BytesIO(encoded))
        assert img.format == "SAIN"
        img.thumbnail((64, 64))  # a third of what is stored
        assert img.size == (64, 48)
    finally:
        codec.unregister_pillow()


@pytest.mark.parametrize("size", [(555, 401), (300, 17)])
def test_an_encoder_that_enhances_leaves_no_seam_either(size: tuple[int, int], one_photo: Pixels) -> None:
    config = SAINConfig((({"E": "folded-8x2"},),), "conditional:folded-8x2", modulated=True, kept=True)
    network = TorchNetwork(random_net(config), torch.device("cpu"))
    resc, photo = Rescaler(network, config, STANDARD), np.tile(one_photo, (3, 3, 1))[: size[1], : size[0]]
    whole = resc.downscale(photo, 3.0, tile=10_000)
    assert whole.shape == photo.shape
    assert levels_apart(whole, photo) > 1
    assert levels_apart(resc.downscale(photo, 3.0, tile=50), whole) <= 1
    restored = resc.upscale(whole, 3.0, size, tile=10_000)
    assert levels_apart(resc.upscale(whole, 3.0, size, tile=50), restored) <= 1


def test_a_reference_is_welcome(encoded: bytes, one_photo: Pixels) -> None:
    better = codec.decode(encoded, to="numpy", reference=one_photo)
    assert psnr(better, one_photo) > psnr(codec.decode(encoded), one_photo) + 0.3
