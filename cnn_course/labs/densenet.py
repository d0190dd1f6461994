"""The labs of notebook 7: the dense layer, the block of them, the transition between two blocks."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.labs.lab import Lab, Layer, Mistake


# ------------------------------------------------------------------------------------- dense_layer
class OneLayer(nn.Module):
    """The course's dense layer, in steps that a mistake can replace: what is computed, and how it is joined to the input."""

    bias = False

    def __init__(self, in_channels, growth_rate):
        super().__init__()
        width = 4 * growth_rate
        self.norm1, self.conv1 = nn.BatchNorm2d(in_channels), nn.Conv2d(in_channels, width, 1, bias=self.bias)
        self.norm2, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, growth_rate, 3, padding=1, bias=self.bias)
        self.change(in_channels, growth_rate)

    def change(self, in_channels, growth_rate):
        """A mistake puts other layers in place of these."""

    def new(self, x):
        x = self.conv1(F.relu(self.norm1(x)))
        return self.conv2(F.relu(self.norm2(x)))

    def join(self, x, new):
        return torch.cat([x, new], dim=1)

    def forward(self, x):
        return self.join(x, self.new(x))


class NewOnly(OneLayer):
    def join(self, x, new):
        return new


class NewFirst(OneLayer):
    def join(self, x, new):
        return torch.cat([new, x], dim=1)


class AlongTheBatch(OneLayer):
    def join(self, x, new):
        return torch.cat([x, new], dim=0)


class Added(OneLayer):
    def join(self, x, new):
        return x + new


class ConvFirst(OneLayer):
    def change(self, in_channels, growth_rate):
        self.norm1, self.norm2 = nn.BatchNorm2d(4 * growth_rate), nn.BatchNorm2d(growth_rate)

    def new(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class NoBottleneck(OneLayer):
    def change(self, in_channels, growth_rate):
        self.conv1 = nn.Conv2d(in_channels, growth_rate, 3, padding=1, bias=False)
        del self.norm2, self.conv2

    def new(self, x):
        return self.conv1(F.relu(self.norm1(x)))


class NarrowBottleneck(OneLayer):
    def change(self, in_channels, growth_rate):
        self.conv1, self.norm2 = nn.Conv2d(in_channels, growth_rate, 1, bias=False), nn.BatchNorm2d(growth_rate)
        self.conv2 = nn.Conv2d(growth_rate, growth_rate, 3, padding=1, bias=False)


class NoSecondRelu(OneLayer):
    def new(self, x):
        return self.conv2(self.norm2(self.conv1(F.relu(self.norm1(x)))))


class NoFirstRelu(OneLayer):
    def new(self, x):
        return self.conv2(F.relu(self.norm2(self.conv1(self.norm1(x)))))


class NeverBent(OneLayer):
    def new(self, x):
        return self.conv2(self.norm2(self.conv1(self.norm1(x))))


class ReluBeforeNorm(OneLayer):
    def new(self, x):
        return self.conv2(self.norm2(F.relu(self.conv1(self.norm1(F.relu(x))))))


class Biased(OneLayer):
    bias = True


class NormInPlace(OneLayer):
    def forward(self, x):
        return self.join(x.relu_(), self.new(x))


def _layer(answer):
    """Makes of an answer what `models.DenseNet` takes as its layer, which tells how many channels leave it."""

    def layer(in_channels, growth_rate, bottleneck=True):
        made = answer(in_channels=in_channels, growth_rate=growth_rate)
        made.out_channels = in_channels + growth_rate
        return made

    return layer


DENSE_LAYER = Lab(
    "dense_layer",
    "a layer that makes growth_rate new maps, by way of a 1x1 to four times as many, and appends them to what came in",
    OneLayer,
    source=models.DenseLayer,
    hints=(
        "Batch norm and ReLU come before each of the two convolutions (section 3, composite function).",
        "The 1x1 makes 4 * growth_rate maps, the 3x3 growth_rate of them. What does the next layer want to see besides?",
    ),
    cases=(
        Layer({"in_channels": 6, "growth_rate": 4}, (3, 6, 7, 9)),
        Layer({"in_channels": 4, "growth_rate": 4}, (2, 4, 8, 8)),
        Layer({"in_channels": 12, "growth_rate": 3}, (2, 12, 5, 6)),
    ),
    more=(
        Layer({"in_channels": 7, "growth_rate": 6}, (2, 7, 9, 5)),
        Layer({"in_channels": 3, "growth_rate": 2}, (4, 3, 6, 10)),
    ),
    mistakes=(
        Mistake("Only the new maps come out. What shall the next layer do with the old ones?", NewOnly),
        Mistake("All maps are there, but the new ones come first. Where does a later layer look for the input?", NewFirst),
        Mistake("The batch has doubled: the maps of one image became another image. Which dimension counts channels?",
                AlongTheBatch),
        Mistake("Your layer adds where shapes allow it: that is a residual layer. What does DenseNet do instead?", Added),
        Mistake("Batch norm and ReLU come after your convolutions. What does section 3 put first?", ConvFirst),
        Mistake("Your 3x3 works on all incoming maps at once. What makes them few before it, in DenseNet-B?", NoBottleneck),
        Mistake("Your bottleneck is growth_rate wide. How wide is it in the paper?", NarrowBottleneck),
        Mistake("Between your two convolutions stands no ReLU. What can a 1x1 and a 3x3 in a row then do that one 3x3 cannot?",
                NoSecondRelu),
        Mistake("Between your first batch norm and the 1x1 stands no ReLU. What does section 3 put before each convolution?",
                NoFirstRelu),
        Mistake("Your layer has no ReLU at all. What are a 1x1 and a 3x3 in a row when nothing bends?", NeverBent),
        Mistake("Your ReLUs come before the batch norms. Which numbers are left to normalize?", ReluBeforeNorm),
        Mistake("Your convolutions have biases. What does the next layer's batch norm do with a constant?", Biased),
        Mistake("The old maps come out changed: an in-place ReLU works on the input. Who else reads it?", NormInPlace),
    ),
    fits=_layer,
)  # fmt: skip


# ------------------------------------------------------------------------------------- dense_block
class OneBlock(nn.Module):
    """Layers that each see all maps before them."""

    def __init__(self, count, in_channels, growth_rate):
        super().__init__()
        self.layers = nn.ModuleList(OneLayer(in_channels + i * growth_rate, growth_rate) for i in range(count))
        self.change(count, in_channels, growth_rate)

    def change(self, count, in_channels, growth_rate):
        """A mistake puts other layers in place of these."""

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class SeesOnlyTheLast(OneBlock):
    """Each layer reads the maps of the layer before it, and all new ones are appended in the end."""

    def change(self, count, in_channels, growth_rate):
        self.layers = nn.ModuleList(OneLayer(growth_rate if i else in_channels, growth_rate) for i in range(count))

    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            maps.append(layer.new(maps[-1]))
        return torch.cat(maps, dim=1)


class FromTheInput(OneBlock):
    """Each layer reads the block's input only."""

    def change(self, count, in_channels, growth_rate):
        self.layers = nn.ModuleList(OneLayer(in_channels, growth_rate) for _ in range(count))

    def forward(self, x):
        return torch.cat([x, *(layer.new(x) for layer in self.layers)], dim=1)


class OneLayerAgain(OneBlock):
    """One layer object, used again and again: the second time it meets more maps than it was built for."""

    def change(self, count, in_channels, growth_rate):
        self.layers = nn.ModuleList([OneLayer(in_channels, growth_rate)] * count)


class OneTooFew(OneBlock):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__(count - 1, in_channels, growth_rate)


class OneTooMany(OneBlock):
    def __init__(self, count, in_channels, growth_rate):
        super().__init__(count + 1, in_channels, growth_rate)


class OnlyNewMaps(OneBlock):
    """The block's own input is left out of its output."""

    def change(self, count, in_channels, growth_rate):
        self.in_channels = in_channels

    def forward(self, x):
        return super().forward(x)[:, self.in_channels :]


class Doubling(OneBlock):
    """Every layer makes as many maps as it receives: exponential growth."""

    def change(self, count, in_channels, growth_rate):
        self.layers = nn.ModuleList(OneLayer(in_channels * 2**i, in_channels * 2**i) for i in range(count))


DENSE_BLOCK = Lab(
    "dense_block",
    "`count` dense layers in a row, each of which sees all maps before it; your own DenseLayer(in_channels, growth_rate) or the "
    "course's models.DenseLayer",
    OneBlock,
    source=models.DenseBlock,
    hints=(
        "How many maps enter the first layer? And the second, when the first has appended growth_rate of them?",
        "A list of layers that torch shall train is an nn.ModuleList, or an nn.Sequential.",
    ),
    cases=(
        Layer({"count": 3, "in_channels": 5, "growth_rate": 4}, (2, 5, 7, 6)),
        Layer({"count": 2, "in_channels": 4, "growth_rate": 4}, (2, 4, 6, 6)),
        Layer({"count": 4, "in_channels": 3, "growth_rate": 2}, (2, 3, 5, 5)),
    ),
    more=(
        Layer({"count": 5, "in_channels": 2, "growth_rate": 3}, (2, 2, 6, 4)),
        Layer({"count": 1, "in_channels": 6, "growth_rate": 5}, (3, 6, 7, 8)),
    ),
    mistakes=(
        Mistake("Your layers form a chain: each is built for the maps of one layer only. What does 'densely connected' add?",
                SeesOnlyTheLast),
        Mistake("Each of your layers reads the block's input and nothing else. What did the layers between find?", FromTheInput),
        Mistake("Your second layer meets more maps than it was built for. How many channels has its input?", OneLayerAgain),
        Mistake("Your block has one layer too few. From which number does `range` count?", OneTooFew),
        Mistake("Your block has one layer too many. From which number does `range` count?", OneTooMany),
        Mistake("The block's own input is missing from its output. Who is to see it in the next block?", OnlyNewMaps),
        Mistake("Your channels double with every layer. By how many does the paper's layer let them grow?", Doubling),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- transition
class OneTransition(nn.Module):
    """The course's transition in steps: norm, ReLU, 1x1 convolution, pooling."""

    def __init__(self, in_channels, compression=0.5):
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, self.out(in_channels, compression), 1, bias=False)

    @staticmethod
    def out(in_channels, compression):
        return int(in_channels * compression)

    def pool(self, x):
        return F.avg_pool2d(x, 2)

    def forward(self, x):
        return self.pool(self.conv(F.relu(self.norm(x))))


class MaxPooled(OneTransition):
    def pool(self, x):
        return F.max_pool2d(x, 2)


class NotPooled(OneTransition):
    def pool(self, x):
        return x


class PooledTwice(OneTransition):
    def pool(self, x):
        return F.avg_pool2d(x, 4)


class Strided(OneTransition):
    def pool(self, x):
        return x[:, :, ::2, ::2]


class AlwaysHalf(OneTransition):
    @staticmethod
    def out(in_channels, compression):
        return in_channels // 2


class NeverSmaller(OneTransition):
    @staticmethod
    def out(in_channels, compression):
        return in_channels


class TakenAway(OneTransition):
    @staticmethod
    def out(in_channels, compression):
        return in_channels - int(in_channels * compression)


class NoRelu(OneTransition):
    def forward(self, x):
        return self.pool(self.conv(self.norm(x)))


class ThreeByThree(OneTransition):
    def __init__(self, in_channels, compression=0.5):
        super().__init__(in_channels, compression)
        self.conv = nn.Conv2d(in_channels, self.out(in_channels, compression), 3, padding=1, bias=False)


class NormLast(OneTransition):
    def __init__(self, in_channels, compression=0.5):
        super().__init__(in_channels, compression)
        self.norm = nn.BatchNorm2d(self.conv.out_channels)

    def forward(self, x):
        return self.pool(F.relu(self.norm(self.conv(x))))


class BiasedTransition(OneTransition):
    def __init__(self, in_channels, compression):
        super().__init__(in_channels, compression)
        self.conv.bias = nn.Parameter(torch.zeros(self.conv.out_channels))


TRANSITION = Lab(
    "transition",
    "what stands between two dense blocks: batch norm, ReLU, a 1x1 convolution to the share `compression` of the channels, and "
    "pooling that halves each side",
    OneTransition,
    source=models.Transition,
    hints=(
        "The order is that of a dense layer: batch norm, ReLU, convolution; then the pooling.",
        "compression 0.5 keeps half of the channels, 1 keeps them all. The number of channels is a whole one.",
    ),
    cases=(
        Layer({"in_channels": 8, "compression": 0.5}, (2, 8, 8, 6)),
        Layer({"in_channels": 8, "compression": 1}, (2, 8, 8, 8)),
        Layer({"in_channels": 10, "compression": 0.35}, (2, 10, 9, 8)),
    ),
    more=(
        Layer({"in_channels": 9, "compression": 0.7}, (3, 9, 6, 11)),
        Layer({"in_channels": 12, "compression": 0.25}, (2, 12, 8, 10)),
    ),
    mistakes=(
        Mistake("Your transition keeps the largest of four values. Which pooling does section 3 name?", MaxPooled),
        Mistake("Your maps keep their size. What halves each side between two blocks?", NotPooled),
        Mistake("Each side shrinks to a quarter. Which pooling halves it?", PooledTwice),
        Mistake("Three of four values are thrown away unseen. What does the paper do with all four?", Strided),
        Mistake("Your channels are halved whatever `compression` says. What does plain DenseNet keep?", AlwaysHalf),
        Mistake("Your channels stay as they are whatever `compression` says. What does DenseNet-C do?", NeverSmaller),
        Mistake("`compression` is the share that is kept. Which share does yours keep?", TakenAway),
        Mistake("Between batch norm and convolution nothing bends. What stands there in a dense layer?", NoRelu),
        Mistake("Your convolution looks at its neighbours. Which size only mixes channels?", ThreeByThree),
        Mistake("Your convolution has biases. What does the next block's batch norm do with a constant?", BiasedTransition),
        Mistake("Your batch norm comes after the convolution. In which order does a DenseNet have them?", NormLast),
    ),
)  # fmt: skip

LABS = (DENSE_LAYER, DENSE_BLOCK, TRANSITION)
