"""The same picture whatever runs the network; and without torch installed."""

import json
import os
import subprocess
import sys
import sysconfig
import zlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

import codec
from codec import networks, rescaler
from codec.cli import main
from codec.errors import CodecError
from codec.models import registry
from codec.models.conditional_flow import InvertibleConvolution
from codec.models.config import SAINConfig
from codec.models.subnets import FoldedSubnet, make_subnet
from codec.models.systems import NetworkConfig
from codec.models.weights import read_weights
from codec.networks import Engine, fused, graph_files, graphs, on_onnx
from codec.networks.on_torch import TorchNetwork, network_of
from codec.networks.packing import Packing, grid_of, pack
from codec.picture import Pixels
from tests.conftest import PICTURES, levels_apart, psnr, to_tensor
from tests.test_invertibility import random_net
from training.quantise import quantised

onnxruntime = pytest.importorskip("onnxruntime")


def config_of(model: str) -> NetworkConfig:
    return read_weights(registry.path_of(model)).config


@pytest.mark.parametrize("model", registry.available())
@pytest.mark.parametrize("size", [(97, 64), (90, 61), (1, 1), (2, 7)])
def test_both_backends_make_the_same_pictures(model: str, size: tuple[int, int], one_photo: Pixels) -> None:
    by_torch, by_onnx = (rescaler.load(model, Engine("cpu", backend)) for backend in ("torch", "onnx"))
    photo = one_photo[: size[1], : size[0]]
    lr = by_torch.downscale(photo, 3.3)
    assert levels_apart(by_onnx.downscale(photo, 3.3), lr) <= 1
    restored = by_torch.upscale(lr, 3.3, size)
    by_graph = by_onnx.upscale(lr, 3.3, size)
    assert levels_apart(by_graph, restored) <= 1
    hears = not np.array_equal(by_onnx.upscale(lr, 1.5, size), by_graph)
    config = config_of(model)
    told = isinstance(config, SAINConfig) and config.told
    assert size == (1, 1) or hears == told, "the graph does not hear of the quality"


@pytest.mark.parametrize("model", ["sain-x1-lite", registry.DEFAULT])
def test_tiles_of_a_graph_leave_no_seam(model: str, one_photo: Pixels) -> None:
    resc = rescaler.load(model, Engine("cpu", "onnx"))
    photo = np.tile(one_photo, (2, 2, 1))[:251, :333]
    whole = resc.downscale(photo, 3.0, tile=10_000)
    assert levels_apart(resc.downscale(photo, 3.0, tile=50), whole) <= 1
    full = (photo.shape[1], photo.shape[0])
    restored = resc.upscale(whole, 3.0, full, tile=10_000)
    assert levels_apart(resc.upscale(whole, 3.0, full, tile=50), restored) <= 1


def test_every_released_network_has_its_graphs_and_no_other() -> None:
    wanted = {graph_files.path_of(config_of(name), way) for name in registry.available() for way in graph_files.WAYS}
    assert set(graph_files.FOLDER.glob("*")) == wanted


def test_a_graph_serves_other_weights_of_its_network(one_photo: Pixels) -> None:
    weights = read_weights(registry.path_of(registry.resolve("hcflow-x4")))
    mixed = {name: value[::-1] if name.endswith(".mix.matrix") else value for name, value in weights.tensors.items()}
    other = replace(weights, tensors={name: (0.9 * value).astype(np.float32) for name, value in mixed.items()})
    by_torch, by_onnx = TorchNetwork(network_of(other), torch.device("cpu")), on_onnx.load(other, Engine("cpu"))
    lr = one_photo[:43, :49]
    restored = by_torch.upscale(lr, 3.0)
    assert levels_apart(restored, TorchNetwork(network_of(weights), torch.device("cpu")).upscale(lr, 3.0)) > 10
    assert levels_apart(by_onnx.upscale(lr, 3.0), restored) <= 1


@pytest.mark.parametrize("scale", [1, 2])
def test_one_backend_reads_what_the_other_wrote(scale: Any, one_photo: Pixels) -> None:
    data = codec.encode(one_photo, 60, backend="onnx", scale=scale)
    by_torch = codec.decode(data, to="numpy", backend="torch")
    assert levels_apart(codec.decode(data, to="numpy", backend="onnx"), by_torch) <= 1


def test_a_choice_that_cannot_be_is_refused(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CodecError, match="one of torch, onnx"):
        codec.encode(one_photo, backend="tensorflow")  # type: ignore[arg-type]
    with pytest.raises(CodecError, match="device 'cuda:7' cannot be used"):
        codec.encode(one_photo, backend="onnx", device="cuda:7")
    monkeypatch.setattr(networks, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    assert networks.choose(None) == "onnx"
    with pytest.raises(CodecError, match=r"needs torch: pip install 'sain-codec\[torch\]'"):
        codec.encode(one_photo, backend="torch")
    with pytest.raises(CodecError, match="needs torch"):
        codec.encode(one_photo, effort=1)
    monkeypatch.setattr(networks, "find_spec", lambda _: None)
    with pytest.raises(CodecError, match="nothing is installed that runs networks"):
        codec.encode(one_photo)


def test_a_network_without_graph_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graph_files, "FOLDER", tmp_path)
    rescaler._load.cache_clear()
    with pytest.raises(CodecError, match="no ONNX graph of sain-x2-lite"):
        rescaler.load(registry.DEFAULT, Engine("cpu", "onnx")).downscale(np.zeros((8, 8, 3), np.uint8), 3.0)
    rescaler._load.cache_clear()


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("model", registry.available())
def test_what_is_fused_computes_the_same(model: str, joined: bool, one_photo: Pixels) -> None:
    if joined and not fused.available():
        pytest.skip("this torch has no oneDNN")
    net = network_of(read_weights(registry.path_of(model)))
    # a photo, for of noise some networks restore values in the hundreds
    high = to_tensor(one_photo)[..., :92, :152]
    low = F.interpolate(high, scale_factor=1 / net.config.scale, mode="bicubic", antialias=True)
    for value in (1.2, 4.5):
        told = torch.tensor([value])
        ready = fused.at(net, told, torch.float32, joined)
        assert any(isinstance(module, fused.FusedSubnet) for module in ready.modules())
        assert not any(isinstance(module, FoldedSubnet) for module in ready.modules())
        with torch.inference_mode():
            assert (ready.downscale(high, told) - net.downscale(high, told)).abs().max() < 1e-4
            assert (ready.upscale(low, told) - net.upscale(low, told)).abs().max() < 1e-4


def test_folding_is_exact_up_to_rounding() -> None:
    subnet = make_subnet("folded-8x4", 3, 5, modulated=True).double()
    for parameter in subnet.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    embedding, x = torch.randn(1, 32).double(), torch.rand(2, 3, 7, 10).double()
    with torch.no_grad():
        plain = fused.FusedSubnet(subnet, embedding, torch.float64, joined=False)
        expected = subnet(x, embedding)
        assert (expected - subnet(x, torch.zeros_like(embedding))).abs().max() > 1e-3
        assert (plain(x) - expected).abs().max() < 1e-13


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 6), (33, 31), (64, 47)])
def test_fused_full_size_networks_take_any_size(size: tuple[int, int], one_photo: Pixels) -> None:
    config = SAINConfig((({"E": "folded-8x2"},),), "conditional:folded-8x4", modulated=True, kept=True)
    net, told, part = random_net(config), torch.tensor([2.7]), one_photo[: size[1], : size[0]]
    for way in graph_files.WAYS:
        with torch.inference_mode():
            expected = getattr(net, way)(to_tensor(part), told)
            ready = fused.at(net, told, torch.float32, joined=False)
            assert (getattr(ready, way)(torch.cat([to_tensor(part)] * 2), told) - expected).abs().max() < 1e-4
        by_bytes = getattr(TorchNetwork(net, torch.device("cpu")), way)(part, 2.7)
        assert levels_apart(by_bytes, (255 * expected[0].clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()) <= 1


def test_without_onednn_nothing_changes_but_rounding(one_photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    # what runs on CUDA and on other processors
    weights = read_weights(registry.path_of(registry.DEFAULT))
    nets = [TorchNetwork(network_of(weights), torch.device("cpu"), p) for p in ("float32", "bfloat16")]
    expected = nets[0].upscale(one_photo, 2.7)
    monkeypatch.setattr(fused, "available", lambda: False)
    for net in nets:
        net._ready.cache_clear()
    assert levels_apart(nets[0].upscale(one_photo, 2.7), expected) <= 1
    assert psnr(nets[1].upscale(one_photo, 2.7), expected) > 50


@pytest.mark.parametrize("scale", [1, 2])
def test_half_the_digits_restore_nearly_the_same(scale: Any, one_photo: Pixels) -> None:
    data = codec.encode(one_photo, 75, scale=scale)
    exact = codec.decode(data, to="numpy", backend="torch")
    fast = codec.decode(data, to="numpy", precision="bfloat16")
    assert 1 <= levels_apart(fast, exact) <= 12
    assert psnr(one_photo, fast) > psnr(one_photo, exact) - 0.1
    assert abs(len(codec.encode(one_photo, 75, precision="bfloat16", scale=scale)) - len(data)) < 0.02 * len(data)
    with pytest.raises(CodecError, match="one of float32, bfloat16"):
        codec.decode(data, precision="int8")  # type: ignore[call-overload]
    with pytest.raises(CodecError, match="needs backend='torch'"):
        codec.decode(data, precision="bfloat16", backend="onnx")


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that has all that this one has, but torch."""
    folder = tmp_path_factory.mktemp("packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(("torch", "functorch", "_sain", "__editable__")) and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
    (folder / "codec").symlink_to(Path(codec.__file__).parent)
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def run(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-S", *args], capture_output=True, text=True, env=env, timeout=120)


def test_all_but_effort_works_without_torch(without_torch: dict[str, str], tmp_path: Path) -> None:
    photo, out = str(PICTURES / "kodim08-crop.png"), tmp_path / "out.png"
    assert "No module named 'torch'" in run(without_torch, "-c", "import torch").stderr
    for options in (
        [],
        ["--bpp", "0.5"],
        ["--psnr", "25"],
        ["--scale", "auto"],
        ["--scale", "1"],
        ["-f", "webp"],
        ["--header", "none"],
    ):
        encoded = str(tmp_path / f"{len(list(tmp_path.iterdir()))}.jpg")
        done = run(without_torch, "-m", "codec", "encode", photo, encoded, *options)
        assert done.returncode == 0, done.stderr
        done = run(without_torch, "-m", "codec", "decode", encoded, str(out), "--force")
        assert done.returncode == 0, done.stderr
        with Image.open(photo) as before, Image.open(out) as after:
            assert before.size == after.size
            expected = codec.decode(encoded, to="numpy", backend="torch")
            assert levels_apart(np.array(after), expected) <= 1
    refused = run(without_torch, "-m", "codec", "encode", photo, str(tmp_path / "x.jpg"), "--effort", "1")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "pip install 'sain-codec[torch]'" in refused.stderr


def test_exported_graphs_run_by_themselves(exported: Path, one_photo: Pixels) -> None:
    import onnx

    name = registry.resolve(registry.DEFAULT)
    assert {p.name for p in exported.iterdir()} == {f"{name}.downscale.onnx", f"{name}.upscale.onnx"}
    resc, condition = rescaler.load(name, Engine("cpu", "torch")), np.array([2.7], np.float32)
    photo = one_photo[:86, :98]
    for way, pixels in (("downscale", photo), ("upscale", photo[:43, :49])):
        path = exported / f"{name}.{way}.onnx"
        session = onnxruntime.InferenceSession(path.read_bytes())
        (result,) = session.run(None, {"pixels": pixels, "condition": condition})
        assert levels_apart(result, getattr(resc.network, way)(pixels, 2.7)) <= 1
        model = onnx.load(path)
        onnx.checker.check_model(model)
        about = json.loads(model.metadata_props[0].value)
        assert about.pop("tables") == resc.tables.tolist()
        assert about == {"model": name, "way": way, "scale": 2, "overlap": resc.overlap[way], "alignment": 2}
        assert path.stat().st_size < 1.2 * registry.path_of(name).stat().st_size


def test_shipped_graphs_are_what_is_exported(exported: Path) -> None:
    import onnx

    name = registry.resolve(registry.DEFAULT)
    for way in graph_files.WAYS:
        shipped = onnx.load(
            graph_files.path_of(read_weights(registry.path_of(name)).config, way), load_external_data=False
        )
        fresh = onnx.load(exported / f"{name}.{way}.onnx")
        kinds = [node.op_type for node in fresh.graph.node if not node.input[0].endswith(".half")]
        assert [node.op_type for node in shipped.graph.node] == kinds


def test_export_replaces_nothing_unless_told(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "-o", str(exported)]) == 1
    assert "exists: give --force" in capsys.readouterr().err
    assert main(["export", "no-such-model", "-o", str(exported)]) == 1
    assert "no model 'no-such-model'" in capsys.readouterr().err


def test_what_onnx_cannot_express_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InvertibleConvolution, "settle", lambda _: None)  # it inverts at every call
    with pytest.raises(CodecError, match=r"cannot export hcflow-x4 \(upscale\)"):
        graphs.write("hcflow-x4", tmp_path)
    assert not list(tmp_path.iterdir())


def test_grids_are_found_and_stored_exactly(one_photo: Pixels) -> None:
    onnx = pytest.importorskip("onnx")
    weights = read_weights(registry.path_of(registry.DEFAULT))
    rounded = {name: quantised(torch.from_numpy(v).float(), 6).numpy() for name, v in weights.tensors.items()}
    on_grid = replace(weights, tensors={name: v.astype(np.float16) for name, v in rounded.items()})
    graph = graphs.export(on_grid, "upscale")
    pack(graph, "grid")
    onnx.checker.check_model(graph)
    data = graph.SerializeToString()
    assert len(zlib.compress(data, 9)) < 0.4 * registry.path_of(registry.DEFAULT).stat().st_size
    lr = one_photo[:43, :49]
    (result,) = onnxruntime.InferenceSession(data).run(None, {"pixels": lr, "condition": np.array([2.7], np.float32)})
    assert levels_apart(result, TorchNetwork(network_of(on_grid), torch.device("cpu")).upscale(lr, 2.7)) <= 1


@pytest.mark.parametrize("packing", ["half", "grid"])
def test_inverses_keep_all_their_digits(packing: Packing) -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.numpy_helper.from_array(np.full((2, 2), 0.1, np.float32), "net.mix.inverted")
    graph = onnx.helper.make_model(onnx.helper.make_graph([], "one matrix", [], [], [value]))
    pack(graph, packing)
    assert list(graph.graph.initializer) == [value]
    assert not graph.graph.node


def test_what_is_on_no_grid_is_not_stored_as_if_it_were(tmp_path: Path) -> None:
    whole, step = grid_of(np.array([[3.0, -1.5], [0.0, 0.0], [1.0, 7.0]], np.float32)) or (None, None)
    assert whole is not None
    assert whole.tolist() == [[2, -1], [0, 0], [1, 7]]
    assert step is not None
    assert step[[0, 2]].tolist() == [1.5, 1.0]
    assert grid_of(np.array([[1.0, 0.3333]], np.float32)) is None
    with pytest.raises(CodecError, match="not trained on a grid"):
        graphs.write("sain-x2-lite-42dba329", tmp_path, "grid")
    assert not list(tmp_path.iterdir())
