"""How the weights within an ONNX graph are stored; what runs it computes in single precision whichever way."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from codec.errors import CodecError
from codec.networks.graph_files import INVERTED, PREFIX

if TYPE_CHECKING:
    from onnx import ModelProto

Packing = Literal["single", "half", "grid"]
"""`"half"` is what weight files hold; `"grid"`, a byte each and less when compressed, is for weights trained so."""
WIDEST = 127
"""Steps from zero to a grid's largest value, at most."""


def pack(model: "ModelProto", packing: Packing) -> None:
    """Store a graph's weights so; raises `CodecError` if they are on no grid."""
    if packing == "single":
        return
    from onnx import numpy_helper

    unpacking: list[Any] = []
    for tensor in list(model.graph.initializer):
        if tensor.name.startswith(PREFIX) and not tensor.name.endswith(INVERTED):  # an inverse needs all its digits
            values, name = numpy_helper.to_array(tensor), tensor.name
            parts, node = _on_grid(name, values) if packing == "grid" and values.ndim > 1 else _halved(name, values)
            model.graph.initializer.remove(tensor)
            model.graph.initializer.extend(numpy_helper.from_array(part, label) for label, part in parts.items())
            unpacking.append(node)
    nodes = [*unpacking, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def smallest(tensors: Mapping[str, npt.NDArray[Any]]) -> Packing:
    """What a network's weights can be stored as without loss: `"grid"` if they were trained so, else `"half"`."""
    wide = (value for value in tensors.values() if value.ndim > 1)
    return "grid" if all(grid_of(value.astype(np.float32)) is not None for value in wide) else "half"


def _halved(name: str, values: npt.NDArray[Any]) -> tuple[dict[str, npt.NDArray[Any]], Any]:
    from onnx import TensorProto, helper

    label = f"{name}.half"
    return {label: values.astype(np.float16)}, helper.make_node("Cast", [label], [name], to=TensorProto.FLOAT)


def _on_grid(name: str, values: npt.NDArray[Any]) -> tuple[dict[str, npt.NDArray[Any]], Any]:
    from onnx import helper

    found = grid_of(values)
    if found is None:
        raise CodecError(
            f"weights were not trained on a grid ({name.removeprefix(PREFIX)}): export them in half precision"
        )
    whole, step = found
    parts: dict[str, npt.NDArray[Any]] = {f"{name}.steps": whole, f"{name}.step": step}
    return parts, helper.make_node("DequantizeLinear", list(parts), [name], axis=0)


def grid_of(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None:
    """Whole numbers `[out, …]` and a step `[out]` whose products `values` `[out, …]` are, exactly; None without any.

    Of each output channel, the coarsest grid of at most `WIDEST` steps to its largest value.
    """
    rows = values.reshape(len(values), -1).astype(np.float64)
    largest = np.abs(rows).max(1)
    steps = np.zeros(len(rows))
    for count in range(WIDEST, 0, -1):
        candidate = np.where(largest > 0, largest / count, 1.0)
        fits = (np.rint(rows / candidate[:, None]) * candidate[:, None] == rows).all(1)
        steps[fits] = candidate[fits]
    if not steps.all() or not np.array_equal(steps.astype(np.float32), steps):
        return None
    whole = np.rint(rows / steps[:, None]).astype(np.int8).reshape(values.shape)
    return whole, steps.astype(np.float32)
