"""What a network does, in numbers: output size, receptive field, parameters, multiply-adds (MACs), memory.

`arithmetic` needs no torch; `counts` reads any torch network, which `walk` follows with torch.fx; `memory` measures one.
"""

from cnn_course.anatomy.arithmetic import (
    Layer,
    Window,
    conv,
    conv_macs,
    conv_parameters,
    linear_macs,
    linear_parameters,
    output_size,
    pool,
    receptive_field,
    receptive_fields,
)
from cnn_course.anatomy.counts import Cost, cost, costs, parameters, source_weights, stages, trace
from cnn_course.anatomy.memory import kept_bytes

__all__ = ["Cost", "Layer", "Window", "conv", "conv_macs", "conv_parameters", "cost", "costs", "kept_bytes",
           "linear_macs", "linear_parameters", "output_size", "parameters", "pool", "receptive_field",
           "receptive_fields", "source_weights", "stages", "trace"]  # fmt: skip


def __dir__():
    return sorted(__all__)
