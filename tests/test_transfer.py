"""Texture transfer: a reference helps where it shows the same, and changes next to nothing where it does not."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import codec
from codec import transfer as transfers
from codec.boxes import inside
from codec.cli import main
from codec.models import registry
from codec.picture import Pixels, read_picture
from codec.transfer import Told, apply, flow, matching, weights
from codec.transfer.apply import tiles_of, transfer
from codec.transfer.bands import low, without_known
from eval.transfer import true_reference
from tests.conftest import PICTURES, jpeg_bytes, pixels_of, psnr, to_tensor

PATHS = sorted(PICTURES.glob("*.png"))


@pytest.fixture(scope="module")
def scene() -> tuple[Pixels, bytes, Pixels]:
    """A photo, its file of scale 4, and another photo of the scene."""
    photo = pixels_of(PICTURES / "kodim08-crop.png")
    return photo, codec.encode(photo, 50, scale=4), true_reference(photo, 1)


def lent(alone: Pixels, references: list[Pixels], scale: int = 4) -> Pixels:
    return transfer(alone, references, Told(scale, 3.9)).pixels


def gain(photo: Pixels, alone: Pixels, better: Pixels) -> float:
    return psnr(photo, better) - psnr(photo, alone)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_a_true_reference_helps(path: Path) -> None:
    photo = pixels_of(path)
    alone = codec.decode(codec.encode(photo, 50, scale=4), to="numpy")
    assert gain(photo, alone, lent(alone, [true_reference(photo, 1)])) > 0.2


@pytest.mark.parametrize("scale", [2, 4])
def test_through_decode(scale: Any) -> None:
    photo = pixels_of(PICTURES / "kodim04-crop.png")
    data = codec.encode(photo, 50, scale=scale)
    alone = codec.decode(data, to="numpy")
    assert gain(photo, alone, codec.decode(data, to="numpy", reference=true_reference(photo, 1))) > 1.0


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_an_unrelated_reference_changes_next_to_nothing(path: Path) -> None:
    photo, others = pixels_of(path), [pixels_of(p) for p in PATHS if p != path]
    alone = codec.decode(codec.encode(photo, 50, scale=4), to="numpy")
    assert abs(gain(photo, alone, lent(alone, others))) < 0.05


def test_an_unrelated_reference_is_not_trusted_even_where_a_motion_is_claimed() -> None:
    photo, other = (pixels_of(p) for p in PATHS[:2])
    alone = codec.decode(codec.encode(photo, 50, scale=4), to="numpy")
    claimed = apply.Aligned(other, np.eye(2, 3))
    added, _ = apply.change(weights.load_network(), to_tensor(alone), [claimed], Told(4, 3.9), 0, 0)
    assert abs(gain(photo, alone, np.clip(alone + 255 * added[0].permute(1, 2, 0).numpy(), 0, 255))) < 0.05


def test_a_pasted_object_is_left_out(scene: tuple[Pixels, bytes, Pixels]) -> None:
    photo, data, _ = scene
    alone, changed = codec.decode(data, to="numpy"), photo.copy()
    changed[40:104, 60:124] = pixels_of(PICTURES / "kodim23-crop.png")[40:104, 60:124]
    better = lent(alone, [changed])
    inside = np.s_[48:96, 68:116]
    assert gain(photo[inside], alone[inside], better[inside]) > -0.1
    assert gain(photo, alone, better) > 0.5


def test_strength(scene: tuple[Pixels, bytes, Pixels]) -> None:
    _, data, reference = scene
    alone = codec.decode(data, to="numpy")
    none, half, full = (codec.decode(data, to="numpy", reference=reference, reference_strength=s) for s in (0, 0.5, 1))
    assert np.array_equal(none, alone)
    unclipped = (full > 0) & (full < 255)
    assert np.abs(half - (none.astype(float) + full) / 2)[unclipped].max() <= 1
    assert not np.array_equal(half, full)
    assert np.array_equal(full, codec.decode(data, to="numpy", reference=[reference]))


def test_without_strength_nothing_is_matched(
    scene: tuple[Pixels, bytes, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, _, reference = scene
    monkeypatch.delattr(apply, "align")
    assert np.array_equal(transfer(photo, [reference], Told(4, 3.9), strength=0).pixels, photo)


def test_what_the_picture_cannot_see_of_a_reference_is_not_kept(scene: tuple[Pixels, bytes, Pixels]) -> None:
    photo, data, _ = scene
    alone, wide = codec.decode(data, to="numpy"), np.tile(photo[::-1, ::-1], (6, 6, 1))
    wide[300:444, 400:592] = photo
    found = apply.align(weights.load_network(), alone, wide)
    assert found is not None
    assert found.pixels.base is None
    (height, width), (left, top) = found.pixels.shape[:2], found.corner
    assert height <= photo.shape[0] + 2 * apply.MARGIN + 24
    assert width <= photo.shape[1] + 2 * apply.MARGIN + 24
    assert np.array_equal(found.pixels, wide[top : top + height, left : left + width])
    assert gain(photo, alone, lent(alone, [wide])) > 1.0


def test_several_references_are_better_than_each() -> None:
    photo = pixels_of(PICTURES / "kodim04-crop.png")
    alone = codec.decode(codec.encode(photo, 50, scale=4), to="numpy")
    reference, other = (true_reference(photo, seed) for seed in (1, 2))
    each = [gain(photo, alone, lent(alone, [r])) for r in (reference, other)]
    unrelated = pixels_of(PICTURES / "kodim23-crop.png")
    assert gain(photo, alone, lent(alone, [reference, unrelated, other])) > max(each)


def test_what_the_reduced_picture_tells_stays() -> None:
    change = torch.randn(1, 3, 64, 96)
    kept = without_known(change)
    assert low(kept, 4).square().mean() < 0.1 * low(change, 4).square().mean()
    assert kept.square().mean() > 0.5 * change.square().mean()


def test_the_motion_is_found(scene: tuple[Pixels, bytes, Pixels]) -> None:
    photo = np.array(Image.fromarray(scene[0]).resize((384, 288), Image.Resampling.BICUBIC))
    reference = np.array(Image.fromarray(photo[16:, 24:]).resize((300, 227), Image.Resampling.BICUBIC))
    net = weights.load_network()
    found = matching.motion(net.features, *(to_tensor(p)[0] for p in (photo, reference)))
    assert found is not None
    corners = np.array([[60, 60, 1], [300, 60, 1], [60, 240, 1], [300, 240, 1]])
    wanted = (corners[:, :2] - [24, 16] + 0.5) * np.array([300 / 360, 227 / 272]) - 0.5
    assert np.abs(corners @ found.map.T - wanted).max() < 3


def test_small_displacements_are_found(scene: tuple[Pixels, bytes, Pixels]) -> None:
    photo = to_tensor(scene[0])
    x, y = torch.linspace(-3, 3, 192), torch.linspace(2, -2, 144)
    wanted = torch.stack([y[:, None].expand(144, 192), x.expand(144, 192)])[None]
    pixels = flow._pixels(photo)
    moved = flow.sample(photo, pixels - wanted.permute(0, 2, 3, 1))
    found = flow.displacement_of(photo, moved, torch.ones_like(photo[:, :1]))
    error = (found - wanted).square().sum(1).sqrt()[..., 16:-16, 16:-16]
    assert error.mean() < 0.35


def test_mutual_matches_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = torch.nn.functional.normalize(torch.randn(300, 16), dim=1)
    order = torch.randperm(300)
    for block in (matching.BLOCK, 1000):  # the second: three rows at a time
        monkeypatch.setattr(matching, "BLOCK", block)
        i, j = matching.matches(queries, queries[order])
        assert torch.equal(order[j], i)
        assert len(i) == 300


@pytest.mark.parametrize("tile", [64, 80])
def test_tiles_do_not_show(scene: tuple[Pixels, bytes, Pixels], monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    _, data, reference = scene
    alone = codec.decode(data, to="numpy")
    whole = lent(alone, [reference])
    monkeypatch.setattr(apply, "TILE", tile)
    cut = lent(alone, [reference])
    assert psnr(whole, cut) > psnr(whole, alone) + 8


def test_tiles_cover_everything_once() -> None:
    seen = np.zeros((1100, 530), int)
    for tile in tiles_of(*seen.shape):
        seen[tile.inner] += 1
        assert seen[tile.outer][inside(*tile)].shape == seen[tile.inner].shape
        assert tile.outer[0].start % 8 == tile.outer[1].start % 8 == 0
    assert (seen == 1).all()


SIZES = [(1, 1), (1, 300), (15, 40), (37, 53), (700, 17), (433, 577)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_references_of_any_size(scene: tuple[Pixels, bytes, Pixels], size: tuple[int, int]) -> None:
    photo, data, _ = scene
    reference = np.array(Image.fromarray(photo).resize(size[::-1], Image.Resampling.LANCZOS))
    alone, better = codec.decode(data, to="numpy"), codec.decode(data, to="numpy", reference=reference)
    assert better.shape == alone.shape
    assert gain(photo, alone, better) > -0.05


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 23), (101, 145)], ids=str)
def test_pictures_of_any_size(scene: tuple[Pixels, bytes, Pixels], size: tuple[int, int]) -> None:
    photo = scene[0][: size[0], : size[1]]
    data = codec.encode(photo, 50, scale=4)
    alone, better = codec.decode(data, to="numpy"), codec.decode(data, to="numpy", reference=scene[0])
    assert better.shape == photo.shape
    assert gain(photo, alone, better) > -0.05


def test_grey_and_alpha(scene: tuple[Pixels, bytes, Pixels]) -> None:
    photo, _, reference = scene
    grey = np.array(Image.fromarray(photo).convert("L"))
    data = codec.encode(grey, 50, scale=4)
    alone, better = codec.decode(data, to="numpy"), codec.decode(data, to="numpy", reference=reference)
    assert better.shape == grey.shape
    assert gain(grey, alone, better) > 0.8
    alpha = np.tile(np.linspace(0, 255, 192).astype(np.uint8), (144, 1))
    data = codec.encode(np.dstack((photo, alpha)), 50, scale=4, format="png")
    better = codec.decode(data, to="numpy", reference=np.dstack((reference, np.full(reference.shape[:2], 9, np.uint8))))
    assert np.array_equal(better[..., 3], alpha)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reference_is_turned_as_the_picture_is_stored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = jpeg_bytes(pixels_of(PATHS[0]), quality=95, exif=exif)
    pixels = np.array(Image.open(io.BytesIO(stored)))
    upright = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(stored))))
    picture = read_picture(stored)
    assert np.array_equal(transfers._as_stored(picture, 1), upright)
    assert np.array_equal(transfers._as_stored(picture, orientation), pixels)
    assert np.array_equal(transfers._as_stored(read_picture(upright), orientation), pixels)


def test_deterministic(scene: tuple[Pixels, bytes, Pixels]) -> None:
    _, data, reference = scene
    one, two = (codec.decode(data, to="numpy", reference=reference) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reference_strength": 1.5}, "reference_strength"),
        ({"reference_strength": float("nan")}, "reference_strength"),
        ({"reference_strength": True}, "reference_strength"),
        ({"reference": []}, "reference"),
        ({"reference": [b"x"] * 17}, "reference"),
        ({"reference": b"no picture"}, "picture"),
        ({"reference": np.zeros((4, 4), np.float32)}, "uint8"),
    ],
    ids=["large", "nan", "bool", "none", "many", "bytes", "floats"],
)
def test_errors(scene: tuple[Pixels, bytes, Pixels], given: dict[str, Any], said: str) -> None:
    with pytest.raises(codec.CodecError, match=said):
        codec.decode(scene[1], **given)


def test_without_torch_it_says_so(scene: tuple[Pixels, bytes, Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.transfer.find_spec", lambda _: None)
    with pytest.raises(codec.CodecError, match=r"sain-codec\[torch\]"):
        codec.decode(scene[1], reference=scene[2])


def test_decoding_without_reference_loads_nothing_of_it(tmp_path: Path, scene: tuple[Pixels, bytes, Pixels]) -> None:
    (tmp_path / "small.jpg").write_bytes(scene[1])
    program = (
        "import sys, codec\n"
        f"codec.decode({str(tmp_path / 'small.jpg')!r})\n"
        "assert not [m for m in sys.modules if m.startswith('codec.transfer')]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_command_line(tmp_path: Path, scene: tuple[Pixels, bytes, Pixels]) -> None:
    _, data, reference = scene
    small, other, out = tmp_path / "small.jpg", tmp_path / "other.png", tmp_path / "full.png"
    small.write_bytes(data)
    Image.fromarray(reference).save(other)
    assert main(["decode", str(small), str(out), "--reference", str(other), "--reference-strength", "0.5"]) == 0
    assert np.array_equal(pixels_of(out), codec.decode(data, to="numpy", reference=reference, reference_strength=0.5))
    assert main(["decode", str(small), str(out), "--force", "--reference", str(tmp_path / "missing.png")]) == 1


def test_weights_are_what_their_name_says(tmp_path: Path) -> None:
    path = weights.path_in(registry.FOLDER)
    assert path.stat().st_size < 2_000_000
    assert list(registry.FOLDER.glob("reference-*")) == [path]
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / path.name).write_bytes(damaged)
    with pytest.raises(codec.CodecError, match="damaged"):
        weights.read(tmp_path / path.name)
    again = weights.write(weights.read(path), {"steps": 1}, tmp_path)
    assert weights.path_in(tmp_path) == again
    assert list(tmp_path.glob("reference-*")) == [again]
