"""What is put beside a page: the way back alone, each weight in as few bytes as it takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from codec.models import registry
from codec.models.weights import read_weights
from codec.networks.packing import smallest
from tests.web.pictures import OLDER
from tests.web.site import Site
from web.build import default_models, write_models

BUDGETS = {"sain-x1-lite": 1_940_000, "sain-x2-lite": 1_500_000, OLDER: 790_000}
"""Bytes of what a page fetches. The first two are in half precision: 0.9 and 0.7 million parameters."""


def test_models_of_both_scales_are_built_and_the_way_back_alone(site: Site) -> None:
    onnx = pytest.importorskip("onnx")
    folder = site.folders["/models/"]
    names = {registry.resolve(name): most for name, most in BUDGETS.items()}
    assert {path.name for path in folder.iterdir()} == {"tables.json", *(f"{name}.upscale.onnx" for name in names)}
    assert {*default_models(), OLDER} == set(names)
    for name, most in names.items():
        path, config = folder / f"{name}.upscale.onnx", read_weights(registry.path_of(name)).config
        graph = onnx.load(path)
        about = json.loads(graph.metadata_props[0].value)
        assert path.stat().st_size < most
        assert (about["scale"], about["alignment"]) == (config.scale, config.alignment)
        assert about["overlap"] == config.overlap("upscale")
        assert not [tensor.name for tensor in graph.graph.initializer if "enhance" in tensor.name]  # the encoder's
        halves = [tensor.name for tensor in graph.graph.initializer if tensor.name.endswith(".weight.half")]
        assert (halves == []) == (name == OLDER)


@pytest.mark.parametrize("name", registry.released())
def test_only_weights_that_were_trained_on_a_grid_are_put_on_one(name: str) -> None:
    assert smallest(read_weights(registry.path_of(name)).tensors) == ("grid" if name == OLDER else "half")


def test_what_is_built_already_is_kept(site: Site, tmp_path: Path) -> None:
    for name in default_models():
        (tmp_path / f"{name}.upscale.onnx").write_bytes(b"as it was")
    write_models(tmp_path)
    assert {path.read_bytes() for path in tmp_path.glob("*.onnx")} == {b"as it was"}


def test_a_model_that_is_unknown_is_one_line() -> None:
    command = [sys.executable, "-m", "web.build", "no-such-model"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no model 'no-such-model'" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
