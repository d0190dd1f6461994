"""AlexNet (Krizhevsky, Sutskever and Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks")."""

from collections import OrderedDict
from functools import partial

from torch import nn

from cnn_course.models.network import Network, initialize


def local_response_norm():
    """Section 3.3 with k=2, n=5, alpha=1e-4, beta=0.75. Torch divides alpha by n, the paper does not: hence 5e-4."""
    return nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2.0)


class AlexNet(Network):
    """Five convolutions and three dense layers. (N, 3, S, S) -> logits (N, classes).

    channels: output channels of conv1 to conv5. first_kernel, first_stride, first_padding: those of conv1.
    groups: 2 puts conv2, conv4 and conv5 on two GPUs as in the paper's figure 2, 1 connects everything.
    norm: "lrn" (section 3.3), "batch" (after every convolution) or None.
    pool: kernel and stride of the max pooling; (3, 2) overlaps (section 3.4), (2, 2) does not. pool_padding: its padding.
    hidden: width of the two hidden dense layers; dropout acts on the outputs of both (section 4.2).
    activation: the class of the function behind every layer but the last. image_size: S, in pixels.
    """

    fixed_size = True

    def __init__(
        self, channels=(96, 256, 384, 384, 256), first_kernel=11, first_stride=4, first_padding=0, groups=1, norm="lrn",
        pool=(3, 2), pool_padding=0, hidden=4096, dropout=0.5, activation=nn.ReLU, image_size=227, classes=1000
    ):  # fmt: skip
        super().__init__()
        if norm not in ("lrn", "batch", None):
            raise ValueError(f'norm is {norm!r}; expected "lrn", "batch" or None')
        self.input_shape = (3, image_size, image_size)
        c1, c2, c3, c4, c5 = channels
        layers = OrderedDict()

        def conv(index, in_channels, out_channels, kernel, **settings):
            layers[f"conv{index}"] = nn.Conv2d(in_channels, out_channels, kernel, **settings)
            if norm == "batch":
                layers[f"norm{index}"] = nn.BatchNorm2d(out_channels)
            layers[f"act{index}"] = activation()
            if norm == "lrn" and index <= 2:
                layers[f"norm{index}"] = local_response_norm()
            if index in (1, 2, 5):
                layers[f"pool{index}"] = nn.MaxPool2d(*pool, padding=pool_padding)

        # Shapes of the paper's network for a 227x227 image.
        conv(1, 3, c1, first_kernel, stride=first_stride, padding=first_padding)  # (N, 96, 55, 55), then 27x27
        conv(2, c1, c2, 5, padding=2, groups=groups)  # (N, 256, 27, 27), then 13x13
        conv(3, c2, c3, 3, padding=1)  # (N, 384, 13, 13)
        conv(4, c3, c4, 3, padding=1, groups=groups)  # (N, 384, 13, 13)
        conv(5, c4, c5, 3, padding=1, groups=groups)  # (N, 256, 13, 13), then 6x6
        self.features = nn.Sequential(layers)

        def pooled(size):
            return (size + 2 * pool_padding - pool[0]) // pool[1] + 1

        side = (image_size + 2 * first_padding - first_kernel) // first_stride + 1
        side = pooled(pooled(pooled(side)))
        if side < 1:
            raise ValueError(
                f"no pixel is left after the convolutions and poolings of a {image_size}x{image_size} image; "
                f"use a smaller first_kernel ({first_kernel}), first_stride ({first_stride}) or pool {pool}"
            )
        self.classifier = nn.Sequential(
            OrderedDict(
                flatten=nn.Flatten(),  # (N, 9216)
                fc6=nn.Linear(c5 * side * side, hidden),
                act6=activation(),
                drop6=nn.Dropout(dropout),
                fc7=nn.Linear(hidden, hidden),
                act7=activation(),
                drop7=nn.Dropout(dropout),
                fc8=nn.Linear(hidden, classes),
            )
        )
        initialize(self)

    def forward(self, images):
        return self.classifier(self.features(images))


PRESETS = {
    "alexnet": AlexNet,
    "alexnet_two_gpus": partial(AlexNet, groups=2),
    # What torchvision calls AlexNet: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", with 256
    # maps in conv4 where the paper's footnote 1 has 384.
    "alexnet_torchvision": partial(AlexNet, channels=(64, 192, 384, 256, 256), first_padding=2, norm=None, image_size=224),
    # So small a network learns too little rather than too much: no dropout. Batch norm, so that one recipe trains all.
    "alexnet_cifar": partial(
        AlexNet,
        channels=(32, 48, 64, 64, 48),
        first_kernel=5,
        first_stride=1,
        first_padding=2,
        norm="batch",
        pool_padding=1,
        hidden=128,
        dropout=0.0,
        image_size=32,
        classes=10,
    ),
}
