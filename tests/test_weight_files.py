"""Weight files of one's own: what is wrong with them is said in one sentence, through the codec's own functions."""

import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import codec
from codec.jpeg.tables import STANDARD
from codec.models import registry
from codec.models.config import SAINConfig
from codec.models.hcflow_config import LITE
from codec.models.making import make_network
from codec.models.weights import Weights, read_weights, write_tensors, write_weights
from codec.networks import Engine, on_onnx
from codec.networks.on_torch import arrays_of
from codec.picture import Pixels
from codec.transfer import weights as transfer_weights
from codec.transfer.network import TransferConfig, TransferNet
from training.export import release

TINY = SAINConfig((({"G": "folded-8x2"},),), "zero", True)
Description = dict[str, Any]


@pytest.fixture(params=["sain", "hcflow"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def written(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a weight file to the folder of one's own, its description changed, and returns the model's name."""
    net = make_network(TINY if system == "sain" else LITE)
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path))
    registry._added.cache_clear()

    def write(change: Callable[[Description], object], **tensors: np.ndarray) -> str:
        config = copy.deepcopy(net.config.to_json())
        description = {"name": "mine", "config": config, "tables": STANDARD.reshape(2, 64).tolist(), "training": {}}
        change(description)
        return write_tensors("mine", description, arrays_of(net) | tensors, tmp_path).stem

    return write


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    registry._added.cache_clear()


def _subnet(description: Description, spec: Any) -> None:
    level = description["config"]["levels"][0]
    if isinstance(level, dict):
        level["subnet"] = spec
    else:
        level[0]["G"] = spec


def _latent(description: Description) -> None:
    description["config"]["latent"] = "none such"
    for level in description["config"]["levels"] if "system" in description["config"] else []:
        level["features"] = "none such"


WRONG: dict[str, Callable[[Description], object]] = {
    "subnet": lambda d: _subnet(d, "none such"),
    "subnet that is no text": lambda d: _subnet(d, 5),
    "odd depth": lambda d: _subnet(d, "folded-8x3"),
    "size without end": lambda d: _subnet(d, f"folded-{10**30}x2"),
    "latent": _latent,
    "levels": lambda d: d["config"].update(levels=[5]),
    "many levels": lambda d: d["config"].update(levels=[[]] * 2000),
    "no levels": lambda d: d["config"].pop("levels"),
    "table": lambda d: d["tables"][0].__setitem__(3, 10**30),
    "step of zero": lambda d: d["tables"][0].__setitem__(3, 0),
    "table of zeros": lambda d: d.update(tables=[[0] * 64] * 2),
    "coarse table": lambda d: d["tables"][1].__setitem__(3, 256),
    "half steps": lambda d: d["tables"][1].__setitem__(3, 2.5),
    "short table": lambda d: d.update(tables=[[1] * 64]),
    "deep table": lambda d: d.update(tables=[[[[[1] * 64] * 2]]] * 2),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_file_that_describes_no_network_is_refused(
    written: Callable[..., str], one_photo: Pixels, wrong: str, backend: Any
) -> None:
    model = written(WRONG[wrong])
    with pytest.raises(codec.CodecError) as caught:
        codec.encode(one_photo, model=model, backend=backend)
    assert "device" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_tensors_of_another_network_are_refused(written: Callable[..., str], one_photo: Pixels, system: str) -> None:
    name = "levels.0.0.G.head.bias" if system == "sain" else "surplus"
    model = written(lambda _: None, **{name: np.zeros(3)})
    with pytest.raises(codec.CodecError, match=rf"mine.*{name}"):
        codec.encode(one_photo, model=model, backend="torch")


def test_tensors_that_fit_no_graph_are_refused() -> None:
    weights = read_weights(registry.path_of(registry.DEFAULT))
    name = next(iter(weights.tensors))
    network = on_onnx.load(replace(weights, tensors={**weights.tensors, name: np.zeros(3)}), Engine())
    with pytest.raises(codec.CodecError, match=weights.name):
        network.upscale(np.zeros((8, 8, 3), np.uint8), 3.0)


def _weights(seed: int) -> Weights:
    torch.manual_seed(seed)
    net = make_network(TINY)
    return Weights("mine", net.config, STANDARD, arrays_of(net), {})


def _interrupted(partial: str, path: Path) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_weight_file_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.replace", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_weights(_weights(0), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_index_names_what_is_there_whenever_it_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = release(_weights(0), tmp_path), TransferNet(TransferConfig())
    reference = transfer_weights.write(other, {}, tmp_path)
    replace_file = os.replace

    def only_weights(partial: str, path: Path) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        replace_file(partial, path)

    monkeypatch.setattr("os.replace", only_weights)
    for write in (
        lambda: release(_weights(1), tmp_path, replace=True),
        lambda: transfer_weights.write(other, {"steps": 1}, tmp_path),
    ):
        with pytest.raises(KeyboardInterrupt):
            write()
    assert json.loads((tmp_path / "released.json").read_text()) == [first.stem]
    assert first.exists()
    assert transfer_weights.path_in(tmp_path) == reference
    assert reference.exists()


def test_released_weights_are_listed_in_their_order_or_replaced(tmp_path: Path) -> None:
    def listed() -> list[str]:
        names: list[str] = json.loads((tmp_path / "released.json").read_text())
        assert sorted(f"{name}.safetensors" for name in names) == sorted(p.name for p in tmp_path.glob("*.safetensors"))
        return names

    first, second = (release(_weights(seed), tmp_path).stem for seed in (0, 1))
    assert listed() == [first, second]
    third = release(_weights(2), tmp_path, replace=True).stem
    assert listed() == [first, third]
    assert release(_weights(2), tmp_path, replace=True).stem == third
    assert listed() == [first, third]


def test_a_file_that_has_gone_since_the_first_look(written: Callable[..., str], one_photo: Pixels) -> None:
    model = written(lambda _: None)
    path = registry.path_of(model)
    path.unlink()
    with pytest.raises(codec.CodecError, match=r"mine.*No such file"):
        codec.encode(one_photo, model=model)
