"""Batch norm for a student's block that has none, where the course's network wants it."""

from torch import nn


class _Rows(nn.Module):
    """Batch norm for a dense layer that works at every pixel: channels come last."""

    def __init__(self, channels, eps):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, eps=eps)

    def forward(self, x):
        return self.norm(x.flatten(0, -2)).reshape(x.shape)


def with_batch_norm(net: nn.Module, eps: float = 1e-5, bias: bool = True) -> nn.Module:
    """The same network with batch norm behind each of its convolutions and dense layers.

    bias: whether they keep theirs, which the mean takes away again.
    """
    for parent in list(net.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                layer.bias = layer.bias if bias else None
                norm = nn.BatchNorm2d(layer.out_channels, eps) if isinstance(layer, nn.Conv2d) else _Rows(layer.out_features, eps)
                setattr(parent, name, nn.Sequential(layer, norm))
    return net
