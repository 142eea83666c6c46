"""ONNX graphs of networks, made by torch's exporter: `codec export`. Needs torch, onnx and onnxscript.

Both graphs take `pixels`, uint8 `[H, W, 3]`, and `condition`, float32 `[1]`, and return uint8 `[H', W', 3]`: rounding
and clipping are theirs, so that all who run them get the same picture. H and W are free (multiples of the scale where
a picture is downscaled).
"""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from codec.errors import CodecError
from codec.files import check_free, write_whole
from codec.models import registry
from codec.models.config import Way
from codec.models.making import Net
from codec.models.weights import Weights, read_weights
from codec.networks.graph_files import PREFIX, WAYS
from codec.networks.on_torch import network_of
from codec.networks.packing import Packing, pack

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
LARGEST = 1 << 15
"""Pixels a side of the LR picture that the graphs are declared for."""


class _Graph(nn.Module):
    """One way of a network, from bytes to bytes."""

    def __init__(self, net: Net, way: Way) -> None:
        super().__init__()
        self.net, self.way = net, way

    def forward(self, pixels: Tensor, condition: Tensor) -> Tensor:
        run = self.net.downscale if self.way == "downscale" else self.net.upscale
        y = run(pixels.permute(2, 0, 1)[None].float() / 255, condition)
        return (y[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages that we do not need, and its optimiser of weights that it leaves alone."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _optimize(program: torch.onnx.ONNXProgram) -> None:
    """Weights as inputs meanwhile: what is computed from them alone would be folded, and not follow other weights."""
    given = len(program.model.graph.inputs)
    weights = [value for name, value in program.model.graph.initializers.items() if name.startswith(PREFIX)]
    program.model.graph.inputs.extend(weights)
    program.optimize()
    del program.model.graph.inputs[given:]


def export(weights: Weights, way: Way) -> "ModelProto":
    """The graph of one way of a network, weights and all.

    Raises `CodecError` without the exporter's packages, and for a network that ONNX cannot express.
    """
    scale = weights.config.scale if way == "downscale" else 1
    height, width = (torch.export.Dim(name, min=1, max=LARGEST) for name in ("h", "w"))
    example = torch.zeros(37 * scale, 45 * scale, 3, dtype=torch.uint8), torch.tensor([3.0])
    try:
        with _quiet():
            program = torch.onnx.export(
                _Graph(network_of(weights), way).eval(),
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=["pixels", "condition"],
                output_names=["result"],
                dynamic_shapes={"pixels": {0: scale * height, 1: scale * width}, "condition": None},
                verbose=False,
                optimize=False,
            )
            assert program is not None  # noqa: S101 - as documented, without a file to write to
            _optimize(program)
    except ImportError as error:
        raise CodecError(f"export needs {error.name}: pip install 'sain-codec[export]'") from None
    except torch.onnx.OnnxExporterError as error:
        raise CodecError(f"torch cannot export {weights.name} ({way}) to ONNX") from error
    model = program.model_proto
    _undress(model)
    return model


def _undress(model: "ModelProto") -> None:
    """Without what the exporter remembers of our source: it is a third of a graph, and differs from run to run."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]


def structure(model: "ModelProto") -> bytes:
    """A graph's file without the weights, each of which is to be given by its name."""
    from onnx import TensorProto

    for tensor in model.graph.initializer:
        if tensor.name.startswith(PREFIX):
            length = str(len(tensor.raw_data))
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", "weights"), ("offset", "0"), ("length", length)):
                tensor.external_data.add(key=key, value=value)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def write(
    model: str, folder: Path, packing: Packing = "single", force: bool = False, ways: Sequence[Way] = WAYS
) -> list[Path]:
    """`NAME.downscale.onnx` and `NAME.upscale.onnx` of a model, each a single file with weights; returns their paths.

    `ways`: those of them that are wanted. Raises `CodecError`.
    """
    name = registry.resolve(model)
    weights = read_weights(registry.path_of(name))
    paths = {folder / f"{name}.{way}.onnx": way for way in ways}
    for path in paths:
        check_free(path, force)  # before the work
    made: dict[Path, bytes] = {}
    for path, way in paths.items():
        graph = export(weights, way)
        pack(graph, packing)
        config = weights.config
        about = {"model": name, "way": way, "scale": config.scale, "overlap": config.overlap(way)}
        about |= {"alignment": config.alignment, "tables": weights.tables.tolist()}
        graph.metadata_props.add(key="sain-codec", value=json.dumps(about))
        made[path] = graph.SerializeToString(deterministic=True)
    for path, data in made.items():
        write_whole(path, data, force)
    return list(paths)
