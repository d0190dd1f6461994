"""CUDA graphs: forward and backward of a training step, recorded once and replayed with one call from Python.

A fast GPU is done with a layer of a small network before Python has asked for the next one. The graph asks for all at once.
"""

from collections.abc import Callable

import torch
from torch import nn

from cnn_course.training import distributed

LAYERS = ("torch.nn.", "cnn_course.")


def possible(net: nn.Module, device: torch.device) -> bool:
    """Whether a graph may stand for `net`: on CUDA, in one process, and where every layer is torch's or the course's own.

    A replay runs no Python. Whatever else a forward pass does, a print or a hook or a random choice, would be left out.
    """
    hooks = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
    known = all(
        type(module).__module__.startswith(LAYERS) and not any(getattr(module, name) for name in hooks)
        for module in net.modules()
    )
    return known and device.type == "cuda" and not distributed.active() and not isinstance(net, nn.DataParallel)


class Replay:
    """`gradients(images, labels)`, which fills the `.grad` of the parameters of `net` and returns a tensor, as a CUDA graph.

    To be called with batches of the shape of the first one. Recording it changes neither the network nor the random stream.
    """

    def __init__(self, gradients: Callable, net: nn.Module, images: torch.Tensor, labels: torch.Tensor):
        self.images, self.labels = images.clone(), labels.clone()
        self.parameters = [p for p in net.parameters() if p.requires_grad]
        generator = torch.cuda.default_generators[images.device.index]
        random, buffers = generator.get_state(), [buffer.clone() for buffer in net.buffers()]
        self._warm_up(gradients)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = gradients(self.images, self.labels)
        self.gradients = [p.grad for p in self.parameters]  # the graph writes to these
        for buffer, before in zip(net.buffers(), buffers, strict=True):
            buffer.copy_(before)
        generator.set_state(random)

    def _warm_up(self, gradients):
        """Let the libraries claim, on a stream of their own, what must not be claimed during the recording."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._forget()
                gradients(self.images, self.labels)
        torch.cuda.current_stream().wait_stream(stream)
        self._forget()  # so that the recorded backward pass makes gradients and does not add to any

    def _forget(self):
        for p in self.parameters:
            p.grad = None

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.graph.replay()
        for p, gradient in zip(self.parameters, self.gradients, strict=True):
            p.grad = gradient  # a batch of another shape, computed without the graph, has put its own there
        return self.result
