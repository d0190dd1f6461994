"""Plain data as a line of JSON, and back. A line can do nothing to whoever reads it: it holds no code, no pickle."""

import base64
import json
import math

import numpy as np
import torch

KINDS = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def written(value) -> str:
    """None, booleans, numbers, texts, tensors, and lists and dicts of these, as one line."""
    return json.dumps(_packed(value))


def read(line: str):
    """What `written` wrote; ValueError for any other line."""
    try:
        return _unpacked(json.loads(line))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"no line of this wire: {error}") from None


def _packed(value):
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        array = (value if kind in KINDS else value.float()).contiguous().numpy()
        return {"tensor": base64.b64encode(array.tobytes()).decode(), "kind": array.dtype.name, "shape": list(array.shape)}
    if isinstance(value, (list, tuple)):
        return [_packed(each) for each in value]
    return {key: _packed(each) for key, each in value.items()} if isinstance(value, dict) else value


def _unpacked(value):
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "tensor" not in value:
        return {key: _unpacked(each) for key, each in value.items()}
    data, shape = base64.b64decode(value["tensor"]), [int(side) for side in value["shape"]]
    if value["kind"] not in KINDS or min(shape, default=0) < 0:
        raise ValueError(f"a tensor of {value['kind']!r:.20} and {shape!r:.40}")
    array = np.frombuffer(data, dtype=value["kind"])
    if array.size != math.prod(shape):
        raise ValueError(f"{array.size} numbers for {shape!r:.40}")
    return torch.from_numpy(array.reshape(shape).copy())
