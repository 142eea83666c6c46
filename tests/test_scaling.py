"""The plain file comes back as it is; "auto" takes the best scale, and is never worse than any."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import carriers, scaling
from codec.cli import main
from codec.jpeg.tables import STANDARD
from codec.models import choice, registry
from codec.models.choice import Row
from codec.models.configs import CONFIGS
from codec.models.description import describe
from codec.models.sain import SAINet
from codec.models.weights import Weights, write_weights
from codec.networks.on_torch import arrays_of
from codec.picture import Pixels
from codec.tradeoff import rate_weight
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, psnr

CANDIDATES = scaling.models_of("auto")


def scale_of(data: bytes) -> int:
    return describe(codec.inspect(data).header.model).scale


def cost(data: bytes, photo: Pixels, quality: int) -> float:
    """D + λ R, with the λ of the quality."""
    tables = describe(registry.DEFAULT).tables
    weight = rate_weight(carriers.get("jpeg").condition(carriers.Options(quality=quality, tables=tables)), 2)
    error = 255**2 / 10 ** (psnr(codec.decode(data), photo) / 10)
    return error + weight * 8 * len(data) / (photo.shape[0] * photo.shape[1])


class TestPlain:
    @pytest.mark.parametrize("name", ["jpeg", "avif", "heif", "webp", "png"])
    @pytest.mark.parametrize("shape", [(31, 47, 3), (31, 47), (31, 47, 4), (31, 47, 2), (1, 1)])
    def test_what_the_file_shows_comes_back(self, shape: tuple[int, ...], name: str) -> None:
        pixels = np.full(shape, 90, np.uint8)
        pixels[:10, :20] = 200
        img = Image.fromarray(pixels if len(shape) < 3 or shape[2] > 2 else pixels[..., 0])
        if shape[-1] == 2:
            img.putalpha(Image.fromarray(pixels[..., 1]))
        img.info = {"xmp": b"<x/>"}
        data = codec.encode(img, 90, format=name, model="plain")
        info, restored = codec.inspect(data), codec.decode(data)
        assert (info.header.model, info.untouched) == ("plain", True)
        assert info.header.lr_size == info.header.full_size == restored.size == img.size
        assert restored.mode == img.mode
        assert restored.info["xmp"] == b"<x/>"
        assert np.abs(np.asarray(restored).astype(int) - np.asarray(img)).max() < (1 if name == "png" else 60)
        if "A" in img.mode:
            assert np.array_equal(np.asarray(restored)[..., -1], np.asarray(img)[..., -1])

    def test_it_is_the_standard_jpeg(self, one_photo: Pixels) -> None:
        data = codec.encode(one_photo, 80, model="plain")
        peer = jpeg_bytes(one_photo, quality=80, optimize=True, progressive=True)
        assert np.array_equal(pixels_of_bytes(data), pixels_of_bytes(peer))
        assert np.array_equal(codec.decode(data, to="numpy"), pixels_of_bytes(peer))
        assert len(data) < len(peer) + 200

    def test_forms_of_the_header(self, one_photo: Pixels) -> None:
        assert codec.inspect(codec.encode(one_photo, model="plain", header="compact")).header.model == "plain"
        data, header = codec.encode_detached(one_photo, model="plain")
        assert np.array_equal(codec.decode(data, to="numpy", header=header.to_json()), pixels_of_bytes(data))
        with pytest.raises(codec.CodecError, match="cannot do without a header"):
            codec.encode(one_photo, model="plain", header="none")

    def test_saved_again_is_stale(self, one_photo: Pixels) -> None:
        data = codec.encode(one_photo, model="plain")
        with Image.open(io.BytesIO(data)) as img:
            again = jpeg_bytes(np.asarray(img), quality=40, xmp=img.info["xmp"])
        with pytest.raises(codec.StaleHeaderError):
            codec.decode(again)
        assert np.array_equal(codec.decode(again, to="numpy", on_stale="restore"), pixels_of_bytes(again))

    def test_targets(self, one_photo: Pixels) -> None:
        assert 5820 <= len(codec.encode(one_photo, max_bytes=6000, model="plain")) <= 6000
        assert 36 <= psnr(codec.decode(codec.encode(one_photo, psnr=36, model="plain")), one_photo) <= 36.3

    def test_without_torch(self) -> None:
        program = (
            f"import sys, codec; codec.decode(codec.encode({str(PICTURES / 'kodim04-crop.png')!r}, model='plain'));"
            "assert 'torch' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", program], check=True)

    def test_it_has_no_weights(self) -> None:
        with pytest.raises(codec.UnknownModelError, match="no weights"):
            registry.path_of("plain")


def pixels_of_bytes(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as img:
        return np.array(img)


class TestAuto:
    def test_small_in_the_middle_and_plain_at_the_top(self, one_photo: Pixels) -> None:
        assert scale_of(codec.encode(one_photo, 50, scale="auto")) > 1
        plain, half = codec.encode(one_photo, 98, scale="auto"), codec.encode(one_photo, 98)
        assert scale_of(plain) == 1
        assert cost(plain, one_photo, 98) < cost(half, one_photo, 98)
        assert psnr(codec.decode(plain), one_photo) > psnr(codec.decode(half), one_photo) + 3

    def test_the_smallest_that_is_good_enough(self, one_photo: Pixels) -> None:
        files = {target: codec.encode(one_photo, psnr=target, scale="auto") for target in (26, 38)}
        assert scale_of(files[26]) > 1
        assert len(files[26]) <= len(codec.encode(one_photo, psnr=26))
        assert scale_of(files[38]) == 1  # no smaller picture restores to that
        assert psnr(codec.decode(files[38]), one_photo) >= 38

    def test_what_is_possible_is_told_by_the_best(self, one_photo: Pixels) -> None:
        with pytest.raises(codec.CodecError, match="the best this model restores") as error:
            codec.encode(one_photo, psnr=90, scale="auto")
        best = psnr(codec.decode(codec.encode(one_photo, 100, model="plain")), one_photo)
        assert f"{best:.1f}" in str(error.value)
        with pytest.raises(codec.CodecError, match="at quality 1 this picture takes"):
            codec.encode(one_photo, max_bytes=50, scale="auto")

    def test_streams_are_read_once(self) -> None:
        with (PICTURES / "kodim04-crop.png").open("rb") as file:
            assert codec.decode(codec.encode(file, scale="auto")).size == (192, 144)

    def test_without_header_only_what_the_tables_tell(self, one_photo: Pixels) -> None:
        data = codec.encode(one_photo, 97, scale="auto", header="none")
        assert codec.decode(data).size == (192, 144)
        assert codec.inspect(data).header.model != "plain"  # which standard tables do not tell

    def test_a_scale_that_the_format_cannot_hold_is_left_out(self) -> None:
        data = codec.encode(np.zeros((8, 16_500), np.uint8), format="webp", scale="auto")
        assert scale_of(data) > 1


@pytest.mark.parametrize("scale", [0, 3, True, "2", "all", 2.5, [2]])
def test_no_other_scales(scale: Any) -> None:
    with pytest.raises(codec.CodecError, match="scale must be"):
        codec.encode("missing.png", scale=scale)


def test_scale_and_model(one_photo: Pixels) -> None:
    assert codec.encode(one_photo, scale=2) == codec.encode(one_photo) == codec.encode(one_photo, model="sain-x2-lite")
    assert codec.encode(one_photo, scale=1) == codec.encode(one_photo, model="sain-x1-lite")
    for scale, model in ((1, "sain-x2-lite"), (4, "sain-x2-lite"), (2, "plain"), ("auto", "sain-x2-lite")):
        with pytest.raises(codec.CodecError, match="exclude each other"):
            codec.encode(one_photo, scale=scale, model=model)  # type: ignore[arg-type]


def test_four_needs_its_weights(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codec.inspect(codec.encode(one_photo, scale=4)).header.lr_size == (48, 36)
    monkeypatch.setattr(registry, "available", lambda: ("sain-x2-lite-ab3f736a",))
    with pytest.raises(codec.UnknownModelError, match="no model 'sain-x4-lite'"):
        codec.encode(one_photo, scale=4)
    assert scale_of(codec.encode(one_photo, 60, scale="auto")) in (1, 2)


@pytest.fixture
def quarter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An untrained network of scale 4, the only one of its name."""
    net = SAINet(CONFIGS["sain-x4-lite"])
    path = write_weights(Weights("sain-x4-lite", net.config, STANDARD, arrays_of(net), {}), tmp_path)
    usual = registry.resolve(registry.DEFAULT)
    (tmp_path / f"{usual}.safetensors").symlink_to(registry.path_of(usual))
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    monkeypatch.setattr(registry, "available", lambda: (usual, path.stem))
    yield path.stem
    describe.cache_clear()


def test_a_quarter_of_the_sides(quarter: str, one_photo: Pixels) -> None:
    data = codec.encode(one_photo[:143, :190], 60, scale=4)
    info = codec.inspect(data)
    assert (info.header.model, info.header.lr_size, info.header.full_size) == (quarter, (48, 36), (190, 143))
    assert psnr(codec.decode(data), one_photo[:143, :190]) > 18
    assert codec.encode(one_photo, 60, model=quarter) == codec.encode(one_photo, 60, scale=4)
    # the fewest bytes are those of the fewest pixels
    least = codec.encode(one_photo, max_bytes=530, scale="auto")
    assert (len(least) <= 530, scale_of(least)) == (True, 4)
    best = cost(codec.encode(one_photo, 60, scale="auto"), one_photo, 60)
    assert best <= cost(data, one_photo[:143, :190], 60)


def test_on_the_command_line(tmp_path: Any) -> None:
    photo = str(PICTURES / "kodim23-crop.png")
    for scale, sizes in (("1", [192]), ("2", [96]), ("auto", [192, 96, 48])):
        out = tmp_path / f"{scale}.jpg"
        assert main(["encode", photo, str(out), "--scale", scale]) == 0
        assert pixels_of(out).shape[1] in sizes
    assert main(["encode", photo, str(tmp_path / "tuned.jpg"), "--tune", "psnr"]) == 0
    assert codec.inspect(tmp_path / "tuned.jpg").header.model == "sain-x2-lite-c31ad2bc"
    assert main(["encode", photo, str(tmp_path / "x.jpg"), "--scale", "1", "--model", "sain-x2-lite"]) == 1
    with pytest.raises(SystemExit):
        main(["encode", photo, str(tmp_path / "x.jpg"), "--scale", "3"])


@pytest.mark.parametrize(
    ("scale", "tune", "model"),
    [
        (1, "eye", "sain-x1-lite"),
        (2, None, "sain-x2-lite"),
        (2, "psnr", "sain-x2-lite-c31ad2bc"),
        (4, "eye", "sain-x4-lite"),
        (4, "psnr", "sain-x4-lite-ad797bf9"),
    ],
)
def test_a_tune_chooses_weights(scale: Any, tune: Any, model: str, one_photo: Pixels) -> None:
    data = codec.encode(one_photo, 60, scale=scale, tune=tune)
    assert data == codec.encode(one_photo, 60, model=model)
    _, header = codec.encode_detached(one_photo, 60, scale=scale, tune=tune)
    assert header.model == registry.resolve(model)
    assert [data] == list(codec.encode_batch([one_photo], 60, scale=scale, tune=tune))


def test_what_is_not_installed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    best = (Row(2, "sain-x2-nobody-has", "psnr", ("webp",)), Row(2, "sain-x2-base", formats=("webp",)), *choice.TABLE)
    monkeypatch.setattr(choice, "TABLE", best)
    assert scaling.models_of(2, tune="psnr", format="webp") == ("sain-x2-base",)
    assert scaling.models_of(2, tune="psnr") == ("sain-x2-lite-c31ad2bc",)
    assert scaling.models_of("auto", format="png") == ("plain", "sain-x2-lite", "sain-x4-lite")
    assert scaling.models_of("auto") == ("plain", "sain-x1-lite", "sain-x2-lite", "sain-x4-lite")


@pytest.mark.parametrize(("tune", "said"), [("ear", "tune must be one of eye, psnr"), ([], "tune must be one of")])
def test_no_other_tunes(tune: Any, said: str) -> None:
    with pytest.raises(codec.CodecError, match=said):
        codec.encode("missing.png", tune=tune)
    with pytest.raises(codec.CodecError, match="tune='psnr' and model='sain-x2-lite' exclude each other"):
        codec.encode("missing.png", tune="psnr", model="sain-x2-lite")
