"""What the systems beside SAIN are made of: determinants, the second latent, the restoring module, others' weights."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import codec
from codec.cli import main
from codec.distortion import windows
from codec.hcd import Patch, Start, to_pixels
from codec.jpeg.tables import STANDARD
from codec.models import downscalers, registry
from codec.models.config import Downscaler, SAINConfig
from codec.models.haar import split
from codec.models.sain import SAINet
from codec.models.weights import Weights, write_weights
from codec.networks.on_torch import TorchNetwork, arrays_of
from codec.picture import Pixels
from codec.rescaler import Rescaler
from eval import aims
from eval.aims import AIMS
from tests.conftest import levels_apart, psnr, to_tensor
from tests.test_invertibility import random_net

VANILLA = dict.fromkeys("FGH", "dense-8")
CONFIGS = {
    "IRN": SAINConfig(((VANILLA,) * 2,), "zero"),
    "IRN x4": SAINConfig(((VANILLA,), (VANILLA,)), "zero"),
    "SAIN": SAINConfig((({"E": "dense-8", **VANILLA}, VANILLA),), "mixture-3"),
    "three branches": SAINConfig(((dict.fromkeys("EFKLGIHJ", "dense-8"),),), "zero"),
    "shifts only": SAINConfig((({"F": "folded-8x2", "G": "folded-8x2"},),), "zero"),
}
DUAL = SAINConfig(((VANILLA,), (VANILLA, VANILLA)), "zero", dual=True)
CRM = SAINConfig(((VANILLA,),), "crm:folded-8x2")


EXTENDED = {"second latent": DUAL, "CRM": CRM, "conditional": SAINConfig(((VANILLA,),), "conditional:folded-8x2")}
"""Three channels more than a picture's come out: they enter as the aim, or as the latent's own."""


@pytest.mark.parametrize("config", (CONFIGS | EXTENDED).values(), ids=CONFIGS | EXTENDED)
def test_log_det_is_that_of_the_jacobian(config: SAINConfig) -> None:
    net, side, told = random_net(config).double(), 2 * config.scale, torch.tensor([3.0]).double()
    # blocks compute in single precision outside their subnets: near enough
    x = torch.rand(1, 3, side, side, dtype=torch.float64)
    own = torch.rand(1, 3 if config in EXTENDED.values() else 0, 2, 2, dtype=torch.float64)

    def flat(values: torch.Tensor) -> torch.Tensor:
        pixels, more = values[: x.numel()].view_as(x), values[x.numel() :].view_as(own)
        out = net(pixels, told, more if config.dual else None)
        if not config.dual:
            out.latent[:, : own.shape[1]] += more
        return torch.cat([out.compressed.flatten(), out.latent.flatten()])

    inputs = torch.cat([x.flatten(), own.flatten()])
    jacobian = torch.autograd.functional.jacobian(flat, inputs)
    assert jacobian.shape == (inputs.numel(), inputs.numel())
    expected = torch.linalg.slogdet(jacobian).logabsdet
    log_det = net.log_det(x, told, own if config.dual else None)
    torch.testing.assert_close(log_det[0], expected, rtol=1e-4, atol=1e-3)


def test_log_det_is_each_samples_own() -> None:
    net, x = random_net(CONFIGS["IRN"]), torch.rand(3, 3, 8, 12)
    together = net.log_det(x)
    assert together.shape == (3,)
    torch.testing.assert_close(together, torch.cat([net.log_det(each[None]) for each in x]))


class HearsTheAim(torch.nn.Module):
    """A subnet of radius 0: what the aim has that the average has not, ten times."""

    def forward(self, x: torch.Tensor, embedding: torch.Tensor | None = None) -> torch.Tensor:
        return 10 * x[:, -3:]


@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
@pytest.mark.parametrize("scale", [2, 4])
def test_downscalers_are_pillows(name: Downscaler, scale: int, photo: Pixels) -> None:
    height, width = (n // scale * scale for n in photo.shape[:2])
    photo = photo[:height, :width]
    size, edge = (width // scale, height // scale), 3  # Pillow cuts its windows off at the border
    how = getattr(Image.Resampling, name.upper())
    channels = [Image.fromarray(channel.astype(np.float32) / 255) for channel in np.moveaxis(photo, 2, 0)]
    expected = np.stack([np.array(channel.resize(size, how)) for channel in channels])
    inner = (..., slice(edge, -edge), slice(edge, -edge))
    ours = downscalers.downscale(to_tensor(photo), name, scale)[0].numpy()
    assert np.abs(ours[inner] - expected[inner]).max() < 1e-4


def test_the_area_is_haars_average(photo: Pixels) -> None:
    x = to_tensor(photo)[..., :96, :96]
    torch.testing.assert_close(downscalers.downscale(x, "area", 2), split(x)[:, :3])
    flat = torch.full((1, 3, 16, 16), 0.3)
    for name in ("bicubic", "lanczos", "area"):
        torch.testing.assert_close(downscalers.downscale(flat, name, 4), flat[..., :4, :4])


def test_a_second_latent_keeps_the_law_whatever_is_aimed_at(photo: Pixels) -> None:
    net, x = random_net(DUAL), to_tensor(photo)[..., :96, :64]
    aims = [downscalers.downscale(x, name, 4) for name in ("bicubic", "area")]
    outs = [net(x, aim=aim) for aim in aims]
    for out in outs:
        assert out.latent.shape == (1, 48, 24, 16)
        assert (net.inverse(out.compressed, out.latent) - x).abs().max() < 1e-4
    assert torch.equal(net.downscale(x), outs[0].lr), "bicubic is what is aimed at unless told otherwise"
    assert (outs[0].lr - outs[1].lr).abs().max() > 1e-4, "the aim is not felt"


def test_a_second_latent_is_drawn_from_beyond_a_tile(photo: Pixels) -> None:
    # a block that sees no neighbours, so that what crosses a tile's border is Lanczos' window of three LR pixels alone
    config = SAINConfig(((), ({"F": "none"},)), "zero", dual=True)
    net = SAINet(config).eval().requires_grad_(False)
    net.levels[1][0].F = HearsTheAim()  # type: ignore[index,union-attr]
    rescaler = Rescaler(TorchNetwork(net, torch.device("cpu")), config, STANDARD)

    def downscaled(tile: int) -> Pixels:
        return rescaler.downscale(photo, 3.0, tile=tile, downscaler="lanczos")

    whole = downscaled(500)
    assert levels_apart(downscaled(16), whole) <= 1
    rescaler.overlap["downscale"] = 2
    assert levels_apart(downscaled(16), whole) > 1, "seams cannot show here"


def test_a_restoring_module_keeps_the_law_and_is_told_the_quality(photo: Pixels) -> None:
    net, x = random_net(CRM), to_tensor(photo)[..., :96, :64]
    out = net(x, torch.tensor([3.0]))
    assert (net.inverse(out.compressed, out.latent, torch.tensor([3.0])) - x).abs().max() < 1e-4
    fine, coarse = (net.upscale(out.lr, torch.tensor([c])) for c in (1.0, 6.0))
    assert (fine - coarse).abs().max() > 1e-3
    assert torch.equal(net.downscale(x, torch.tensor([1.0])), net.downscale(x, torch.tensor([6.0]))), "IRN's is blind"


def _added(folder: Path, config: SAINConfig, name: str) -> str:
    weights = Weights(name, config, STANDARD, arrays_of(random_net(config)), {})
    return write_weights(weights, folder).stem


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    monkeypatch.setattr(registry, "_added", registry._added.__wrapped__)  # not to be remembered
    return tmp_path


def test_ones_own_weights_are_found_in_their_folder(folder: Path, photo: Pixels) -> None:
    name = _added(folder, DUAL, "mine-x4")
    assert name in registry.available()
    assert registry.latest()["mine-x4"] == name
    data = codec.encode(photo, 60, model="mine-x4", downscaler="lanczos")
    assert codec.inspect(data).header.model == name
    assert codec.decode(data).size == (photo.shape[1], photo.shape[0])
    assert data != codec.encode(photo, 60, model="mine-x4", downscaler="area")
    (folder / f"{name}.safetensors").unlink()
    with pytest.raises(codec.UnknownModelError, match=registry.VARIABLE):
        codec.decode(data)


def test_the_command_line_aims_too(folder: Path, photo: Pixels, capsys: pytest.CaptureFixture[str]) -> None:
    _added(folder, DUAL, "mine-x4")
    source, small = folder / "photo.png", folder / "small.jpg"
    Image.fromarray(photo).save(source)
    aimed = ["encode", str(source), str(small), "--downscaler", "area"]
    assert main([*aimed, "--model", "mine-x4"]) == 0
    assert small.read_bytes() == codec.encode(source, model="mine-x4", downscaler="area")
    capsys.readouterr()
    assert main([*aimed, "--force"]) == 1
    error = capsys.readouterr().err
    assert "cannot aim" in error
    assert error.count("\n") == 1


def test_weights_that_are_not_what_their_name_says_are_refused(folder: Path, photo: Pixels) -> None:
    name = _added(folder, CRM, "mine-x2")
    forged = name[:-8] + ("0" * 8 if name[-8:] != "0" * 8 else "1" * 8)
    (folder / f"{name}.safetensors").rename(folder / f"{forged}.safetensors")
    with pytest.raises(codec.CodecError, match="damaged"):
        codec.encode(photo, model=forged)


def test_names_of_the_package_are_not_taken_over(folder: Path) -> None:
    before = registry.latest()["sain-x2-lite"]
    _added(folder, CRM, "sain-x2-lite")
    assert registry.latest()["sain-x2-lite"] == before
    for name in (before, registry.PLAIN):  # files of a full name, and of no network, would be other pictures
        added = _added(folder, CRM, name)
        assert registry.resolve(name) == name
        assert added not in registry.available()
    (folder / "notes.txt").write_text("not weights")
    (folder / "Odd Name.safetensors").write_text("not weights")
    assert not any("Odd" in name for name in registry.available())


@pytest.mark.parametrize(("model", "warned"), [("irn-x2", True), ("hcflow-x4", True), ("sain-x2-lite", False)])
def test_a_model_that_knows_of_no_compression_warns_of_a_lossy_format(model: str, warned: bool, photo: Pixels) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        codec.encode(photo, 60, model=model)
        codec.encode(photo, format="png", model=model)
    assert ["knows of no compression" in str(each.message) for each in seen] == [True] * warned
    assert all(each.filename == __file__ for each in seen)


def test_only_some_networks_can_aim(photo: Pixels) -> None:
    with pytest.raises(codec.CodecError, match="cannot aim"):
        codec.encode(photo, downscaler="lanczos")
    with pytest.raises(codec.CodecError, match="downscaler must be one of"):
        codec.encode(photo, downscaler="nearest")  # type: ignore[arg-type]


def test_one_sample_may_not_be_told_by_tables_that_everybody_writes(folder: Path, photo: Pixels) -> None:
    name = _added(folder, CRM, "mine-x2")
    with pytest.raises(codec.CodecError):
        codec.encode(photo, 60, model=name, header="none")


def test_the_table_of_aims_measures_each(folder: Path, photo: Pixels) -> None:
    _added(folder, DUAL, "mine-x4")
    cells = [[float(c) for c in line.split("|")[2:-1]] for line in aims.table([photo], "mine-x4").splitlines()[2:]]
    assert np.shape(cells) == (3, 4)
    data = codec.encode(photo, format="png", model="mine-x4", downscaler="lanczos")
    lr = np.array(Image.open(io.BytesIO(data)))
    expected = psnr(aims.reduced(photo, "area", 4), lr)
    assert cells[1][2] == pytest.approx(expected, abs=0.01)


def test_effort_aims_at_the_same_downscaler(photo: Pixels) -> None:
    network = TorchNetwork(random_net(DUAL), torch.device("cpu"))
    rescaler, (window,) = Rescaler(network, DUAL, STANDARD), list(windows((photo.shape[1] // 4, photo.shape[0] // 4)))
    for aim in AIMS:
        lr = rescaler.downscale(photo, 3.0, downscaler=aim)
        patch = Patch(Start(network, photo, lr, 3.0, aim), window, precise=True)
        with torch.no_grad():
            assert levels_apart(to_pixels(patch.downscaled(patch.given)), lr) <= 1
    grey = Patch(Start(network, photo[..., 0], lr[..., 0], 3.0, "area"), window, precise=True)
    assert grey.downscaled(grey.given).shape[1] == 1


def test_configurations_of_old_files_keep_their_hashes() -> None:
    assert "dual" not in CRM.to_json()
    assert SAINConfig.from_json(DUAL.to_json()) == DUAL
    assert SAINet(DUAL).high == 48
