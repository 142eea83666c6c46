"""What `import codec` costs, what the package holds, and that weights are what their names say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from codec.errors import CodecError
from codec.models import registry
from codec.models.configs import CONFIGS
from codec.models.sain import SAINet
from codec.models.weights import Weights, read_weights, write_weights
from codec.networks.on_torch import arrays_of, network_of
from codec.transfer.weights import path_in


def test_import_needs_no_torch() -> None:
    script = "import sys, codec; sys.exit(any(m in sys.modules for m in ('torch', 'skimage', 'scipy', 'safetensors')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_library_imports_neither_training_nor_eval() -> None:
    for path in (Path(__file__).parents[1] / "codec").rglob("*.py"):
        text = path.read_text()
        assert "import training" not in text
        assert "from training" not in text
        assert "from eval" not in text


def test_every_shipped_weight_file_is_whole_and_describes_itself() -> None:
    names = registry.available()
    assert names
    for name in names:
        weights = read_weights(registry.path_of(name))
        assert name.startswith(f"{weights.name}-")
        assert weights.tables.shape == (2, 8, 8)
        assert weights.tables.min() >= 1
        assert weights.tables.max() <= 255
        assert weights.training["steps"] > 0
        assert not network_of(weights).training


def test_short_names_mean_shipped_weights() -> None:
    latest = registry.latest()
    lying = {path.stem for path in registry.FOLDER.glob("*.safetensors")}
    assert lying - {path_in(registry.FOLDER).stem} == set(registry.released())
    assert registry.DEFAULT in latest
    for short, full in latest.items():
        assert registry.resolve(short) == registry.resolve(full) == full


def some_weights() -> Weights:
    net = SAINet(CONFIGS["sain-x2-lite"])
    tables = np.arange(1, 129).reshape(2, 8, 8)
    return Weights("some-net", net.config, tables, arrays_of(net), {"steps": 1})


def test_weights_survive_a_file(tmp_path: Path) -> None:
    weights = some_weights()
    path = write_weights(weights, tmp_path)
    assert write_weights(weights, tmp_path) == path
    again = read_weights(path)
    assert (again.name, again.config, again.training) == (weights.name, weights.config, weights.training)
    assert np.array_equal(again.tables, weights.tables)
    x = torch.rand(1, 3, 16, 16)
    condition = torch.tensor([3.0])
    assert torch.equal(network_of(again).downscale(x, condition), network_of(weights).downscale(x, condition))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "rename"])
def test_damaged_weights_are_noticed(tmp_path: Path, damage: str) -> None:
    path = write_weights(some_weights(), tmp_path)
    data = bytearray(path.read_bytes())
    if damage == "rename":
        path = path.rename(tmp_path / "some-net-00000000.safetensors")
    elif damage == "flip":
        data[-1] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    with pytest.raises(CodecError, match=r"damaged|not a weight file"):
        read_weights(path)
