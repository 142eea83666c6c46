"""Networks run by ONNX Runtime, without torch.

A graph holds a network's structure, its weights come from the weight file: one graph serves all weights of a network,
and whatever runs them, a picture is restored by the very same numbers. `codec.networks.graphs` makes graphs.
"""

import os
from threading import Lock

import numpy as np
import onnxruntime

from codec.errors import CodecError, one_line
from codec.models.config import Downscaler, Way
from codec.models.weights import Weights
from codec.networks import Engine
from codec.networks.graph_files import path_of, values_of
from codec.picture import Pixels


def _session(weights: Weights, way: Way, providers: list[str]) -> onnxruntime.InferenceSession:
    path = path_of(weights.config, way)
    if not path.exists():
        raise CodecError(f"this installation has no ONNX graph of {weights.name}: use backend='torch'")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: ours are raised
    if threads := int(os.environ.get("OMP_NUM_THREADS", 0)):
        options.intra_op_num_threads = threads
    graph = path.read_bytes()
    # the runtime refuses what a graph has no use for; names lie in its bytes as they are
    values = {k: np.ascontiguousarray(v, np.float32) for k, v in values_of(weights).items() if k.encode() in graph}
    held = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in values.values()]
    options.add_external_initializers(list(values), held)
    try:
        return onnxruntime.InferenceSession(graph, options, providers)
    except Exception as error:  # the runtime's errors have no base of their own
        raise CodecError(f"the weights of {weights.name!r} fit no graph: {one_line(error)}") from None


class OnnxNetwork:
    """A `codec.networks.Network`. Each way's session is built when it is first asked for."""

    def __init__(self, weights: Weights, providers: list[str]) -> None:
        self._weights, self._providers = weights, providers
        self._sessions: dict[Way, onnxruntime.InferenceSession] = {}
        self._building = Lock()

    def downscale(self, pixels: Pixels, condition: float, downscaler: Downscaler | None = None) -> Pixels:
        if downscaler not in (None, "bicubic"):
            raise CodecError(f"graphs aim at bicubic alone: downscaler={downscaler!r} needs backend='torch'")
        return self._run("downscale", pixels, condition)

    def upscale(self, lr: Pixels, condition: float) -> Pixels:
        return self._run("upscale", lr, condition)

    def _run(self, way: Way, pixels: Pixels, condition: float) -> Pixels:
        with self._building:
            if way not in self._sessions:
                self._sessions[way] = _session(self._weights, way, self._providers)
        inputs = {"pixels": np.ascontiguousarray(pixels), "condition": np.array([condition], np.float32)}
        result: Pixels = self._sessions[way].run(None, inputs)[0]
        return result


def load(weights: Weights, engine: Engine) -> OnnxNetwork:
    """On the CPU, or on `"cuda"` where the runtime was built for it; raises `CodecError` for anything else."""
    kind = (engine.device or "cpu").partition(":")[0]
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}.get(kind, "")
    if provider not in onnxruntime.get_available_providers():
        raise CodecError(f"device {engine.device!r} cannot be used by this ONNX Runtime")
    return OnnxNetwork(weights, [provider])
