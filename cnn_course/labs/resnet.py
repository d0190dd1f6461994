"""The labs of notebook 6: the residual block, its bottleneck, and the order of 2016; those that measure stand in `measuring`."""

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import models
from cnn_course.labs import measuring
from cnn_course.labs.lab import Lab, Layer, Mistake
from cnn_course.models.resnet import PadShortcut, conv1x1, conv3x3

CASES = (
    Layer({"in_channels": 6, "width": 6, "stride": 1}, (3, 6, 9, 7)),
    Layer({"in_channels": 6, "width": 10, "stride": 2}, (3, 6, 8, 10)),
    Layer({"in_channels": 6, "width": 10, "stride": 2}, (2, 6, 9, 7)),
    Layer({"in_channels": 6, "width": 6, "stride": 2}, (2, 6, 8, 7)),
    Layer({"in_channels": 6, "width": 10, "stride": 1}, (2, 6, 7, 6)),
)


class Block(models.BasicBlock):
    """The course's block with shortcut A, in two steps that a mistake can replace: the branch F(x), and what is done with it."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride, shortcut="A")
        self.change(in_channels, width, stride)

    def change(self, in_channels, width, stride):
        """A mistake puts other layers in place of these."""

    def branch(self, x):
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))

    def join(self, branch, x):
        return self.relu(branch + self.shortcut(x))

    def forward(self, x):
        return self.join(self.branch(x), x)


class ReluBeforeTheSum(Block):
    def join(self, branch, x):
        return self.relu(branch) + self.shortcut(x)


class ReluBeforeAndAfter(Block):
    def join(self, branch, x):
        return self.relu(self.relu(branch) + self.shortcut(x))


class NoReluAtTheEnd(Block):
    def join(self, branch, x):
        return branch + self.shortcut(x)


class NoShortcut(Block):
    def join(self, branch, x):
        return self.relu(branch)


class NoReluInside(Block):
    def branch(self, x):
        return self.bn2(self.conv2(self.bn1(self.conv1(x))))


class ReluBeforeTheNorm(Block):
    def branch(self, x):
        return self.bn2(self.conv2(self.bn1(self.relu(self.conv1(x)))))


class OneNormTwice(Block):
    def change(self, in_channels, width, stride):
        self.bn2 = self.bn1


class NoNorm(Block):
    def change(self, in_channels, width, stride):
        self.bn1, self.bn2 = nn.Identity(), nn.Identity()


class WithBiases(Block):
    def change(self, in_channels, width, stride):
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)


class StrideTwice(Block):
    def change(self, in_channels, width, stride):
        self.conv2 = conv3x3(width, width, stride)


class StrideInTheSecond(Block):
    def change(self, in_channels, width, stride):
        self.conv1, self.conv2 = conv3x3(in_channels, width), conv3x3(width, width, stride)


class NoStride(Block):
    def change(self, in_channels, width, stride):
        self.conv1 = conv3x3(in_channels, width)


class NoPadding(Block):
    def change(self, in_channels, width, stride):
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, bias=False)


class PaddedInFront(Block):
    def join(self, branch, x):
        x = self.shortcut(x)
        return self.relu(
            branch + (x.roll(branch.shape[1] - self.conv1.in_channels, 1) if x.shape[1] > self.conv1.in_channels else x)
        )


class PaddedOnBothSides(Block):
    def join(self, branch, x):
        missing = branch.shape[1] - self.conv1.in_channels
        return self.relu(branch + self.shortcut(x).roll(missing // 2, 1))


class Pooled(Block):
    def join(self, branch, x):
        s = self.shortcut
        if not hasattr(s, "extra"):
            return self.relu(branch + x)
        return self.relu(branch + F.pad(F.avg_pool2d(x, s.stride, ceil_mode=True), (0, 0, 0, 0, 0, s.extra)))


class Projected(Block):
    def change(self, in_channels, width, stride):
        if stride != 1 or in_channels != width:
            self.shortcut = nn.Sequential(conv1x1(in_channels, width, stride), nn.BatchNorm2d(width))


class ProjectedBarely(Block):
    def change(self, in_channels, width, stride):
        if stride != 1 or in_channels != width:
            self.shortcut = conv1x1(in_channels, width, stride)


class AsItCame(Block):
    def join(self, branch, x):
        return self.relu(branch + x)


class PaddedWhereItShrinks(Block):
    def join(self, branch, x):
        missing = branch.shape[1] - x.shape[1]
        return self.relu(branch + (self.shortcut(x) if self.conv1.stride[0] > 1 or not missing else x))


class ShrunkWhereItWidens(Block):
    def join(self, branch, x):
        missing = branch.shape[1] - x.shape[1]
        return self.relu(branch + (F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, missing)) if missing else x))


class ReluInPlaceOnTheInput(Block):
    def forward(self, x):
        return self.join(self.branch(x.relu_()), x)


def _block(expansion, option):
    """Makes of an answer what `models.ResNet` takes as its block, with the one kind of shortcut that the lab asks for."""

    def fits(answer):
        def block(in_channels, width, stride=1, shortcut=option):
            if shortcut != option:
                raise ValueError(f"shortcut is {shortcut!r}; the lab's block has {option!r}: build it with shortcut={option!r}")
            return answer(in_channels=in_channels, width=width, stride=stride)

        block.expansion, block.preact = expansion, False
        return block

    return fits


BASIC_BLOCK = Lab(
    "basic_block",
    "the block: two 3x3 convolutions, each with batch norm, and the sum",
    Block,
    source=models.BasicBlock,
    hints=(
        "Write the branch first, as if there were no shortcut: convolution, batch norm, ReLU, convolution, batch norm. "
        "Where does the stride belong?",
        "The sum comes before the last ReLU. Print both shapes just before you add.",
        "Option A takes every `stride`-th pixel, `x[:, :, ::stride, ::stride]`, and fills the missing channels with zeros: "
        "`F.pad` counts from the last dimension backwards, so the channels are its third pair.",
    ),
    cases=CASES,
    more=(
        Layer({"in_channels": 5, "width": 9, "stride": 2}, (2, 5, 7, 10)),
        Layer({"in_channels": 7, "width": 7, "stride": 1}, (2, 7, 5, 8)),
    ),
    mistakes=(
        Mistake("The output is never below the shortcut: your ReLU comes before the sum. What can a branch still take away?",
                ReluBeforeTheSum),
        Mistake("You have a ReLU before the sum and one after it. With only the second, what could the branch do to x that yours "
                "cannot?", ReluBeforeAndAfter),
        Mistake("Outputs are negative in places. What does the diagram put after the sum?", NoReluAtTheEnd),
        Mistake("With the branch at zero your block gives zero. What has become of x?", NoShortcut),
        Mistake("Without the sum your branch is one linear map, however many layers it has. What stands between the two "
                "convolutions?", NoReluInside),
        Mistake("Your first ReLU comes before its batch norm. What does the diagram name first?", ReluBeforeTheNorm),
        Mistake("The parameters of one batch norm are missing, 2 x width: the other is used twice. Can one pair of statistics "
                "describe two layers?", OneNormTwice),
        Mistake("The convolutions are right, but nothing normalizes. How many batch norms has the diagram?", NoNorm),
        Mistake("Your convolutions have biases. What does a batch norm do to a constant that is added to a whole channel?",
                WithBiases),
        Mistake("With stride 2 the branch shrinks twice and no longer fits the shortcut. Which of the two convolutions strides?",
                StrideTwice),
        Mistake("With stride 2 your second convolution strides. Which one can save work for the other?", StrideInTheSecond),
        Mistake("With stride 2 only one of branch and shortcut shrinks, and they do not fit. Print both shapes before you add: "
                "which one stays as it is?", NoStride),
        Mistake("The branch loses a border at each convolution and no longer fits the shortcut. What keeps a 3x3 from doing so?",
                NoPadding),
        Mistake("Shapes are right, but x lands in the last channels: the zeros come first. On which side does option A put "
                "them?", PaddedInFront),
        Mistake("Your zeros stand on both sides of x, as in some code for CIFAR-10. Into which channels does this lab put x?",
                PaddedOnBothSides),
        Mistake("Your shortcut averages pixels. Option A takes every second one as it is: what is the mean of an edge?", Pooled),
        Mistake("Where shapes differ your x is added as it came, and does not fit. What does the sum need of both?", AsItCame),
        Mistake("With stride 1 and more channels than came in, your sum does not fit. Does `stride` tell how many are missing?",
                PaddedWhereItShrinks),
        Mistake("Your shortcut leaves out pixels where channels are missing. Which setting tells how far a window moves?",
                ShrunkWhereItWidens),
        Mistake("Your shortcut has weights: that is option B. What does option A have?", Projected),
        Mistake("Your shortcut is a 1x1 convolution. How many parameters has option A?", ProjectedBarely),
        Mistake("Your block changes its own input: an in-place ReLU works on x, which the shortcut still needs. Which tensor may "
                "be overwritten?", ReluInPlaceOnTheInput),
    ),
    fits=_block(expansion=1, option="A"),
)  # fmt: skip


# ------------------------------------------------------------------------------------- bottleneck
class Narrow(nn.Module):
    """The course's bottleneck with option B, in steps that a mistake can replace."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        out_channels = self.out(width)
        self.conv1, self.bn1 = conv1x1(in_channels, width, self.strides(stride)[0]), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv3x3(width, width, self.strides(stride)[1]), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv1x1(width, out_channels), nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if self.needs_projection(in_channels, out_channels, stride):
            self.shortcut = self.projection(in_channels, out_channels, stride)

    def out(self, width):
        return 4 * width

    def strides(self, stride):
        return 1, stride

    def needs_projection(self, in_channels, out_channels, stride):
        return stride != 1 or in_channels != out_channels

    def projection(self, in_channels, out_channels, stride):
        return nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))

    def branch(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    def forward(self, x):
        return F.relu(self.branch(x) + self.shortcut(x))


class BareProjection(Narrow):
    def projection(self, in_channels, out_channels, stride):
        return conv1x1(in_channels, out_channels, stride)


class BentProjection(Narrow):
    def projection(self, in_channels, out_channels, stride):
        return nn.Sequential(*super().projection(in_channels, out_channels, stride), nn.ReLU())


class AlwaysProjected(Narrow):
    def needs_projection(self, in_channels, out_channels, stride):
        return True


class ProjectedWhereItShrinks(Narrow):
    def needs_projection(self, in_channels, out_channels, stride):
        return stride != 1


class ProjectedWhereItWidens(Narrow):
    def needs_projection(self, in_channels, out_channels, stride):
        return in_channels != out_channels


class UnstridedProjection(Narrow):
    def projection(self, in_channels, out_channels, stride):
        return super().projection(in_channels, out_channels, 1)


class OneNormForTwo(Narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.bn2 = self.bn1


class WideProjection(Narrow):
    def projection(self, in_channels, out_channels, stride):
        return nn.Sequential(conv3x3(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


class NotExpanded(Narrow):
    def out(self, width):
        return width


class StrideInTheFirst(Narrow):
    def strides(self, stride):
        return stride, 1


class WideInTheMiddle(Narrow):
    """1x1 to four times the width, a 3x3 there, and back: the bottle without its neck."""

    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        wide = 4 * width
        self.conv1, self.bn1 = conv1x1(in_channels, wide), nn.BatchNorm2d(wide)
        self.conv2, self.bn2 = conv3x3(wide, wide, stride), nn.BatchNorm2d(wide)
        self.conv3 = conv1x1(wide, wide)


class EarlyEnd(Narrow):
    def forward(self, x):
        return F.relu(self.branch(x)) + self.shortcut(x)


class OneReluShort(Narrow):
    def branch(self, x):
        x = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return self.bn3(self.conv3(x))


class FirstReluShort(Narrow):
    def branch(self, x):
        x = F.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        return self.bn3(self.conv3(x))


class NoReluInTheBranch(Narrow):
    def branch(self, x):
        return self.bn3(self.conv3(self.bn2(self.conv2(self.bn1(self.conv1(x))))))


class NarrowWithBiases(Narrow):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        for conv in (self.conv1, self.conv2, self.conv3):
            conv.bias = nn.Parameter(torch.zeros(conv.out_channels))


class AllWithBiases(NarrowWithBiases):
    def projection(self, in_channels, out_channels, stride):
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))


class OpenEnd(Narrow):
    def forward(self, x):
        return self.branch(x) + self.shortcut(x)


class OneReluTooMany(Narrow):
    def branch(self, x):
        return F.relu(super().branch(x))


class Unsummed(Narrow):
    def forward(self, x):
        return F.relu(self.branch(x))


class Padded(Narrow):
    def projection(self, in_channels, out_channels, stride):
        return PadShortcut(in_channels, out_channels, stride)


BOTTLENECK = Lab(
    "bottleneck",
    "the bottleneck: 1x1, 3x3, 1x1, each with batch norm, and the sum",
    Narrow,
    source=models.Bottleneck,
    hints=(
        "Three convolutions, three batch norms; ReLU after the first two, and one more after the sum.",
        "When does a shape differ? There are two ways: the stride, and the number of channels.",
    ),
    cases=(
        Layer({"in_channels": 12, "width": 3, "stride": 1}, (3, 12, 7, 6)),
        Layer({"in_channels": 5, "width": 3, "stride": 1}, (3, 5, 6, 6)),
        Layer({"in_channels": 6, "width": 4, "stride": 2}, (3, 6, 8, 9)),
        Layer({"in_channels": 12, "width": 3, "stride": 2}, (2, 12, 7, 6)),
    ),
    more=(
        Layer({"in_channels": 8, "width": 2, "stride": 1}, (2, 8, 9, 5)),
        Layer({"in_channels": 3, "width": 5, "stride": 2}, (2, 3, 7, 6)),
    ),
    mistakes=(
        Mistake("Your projection has no batch norm. What does the basic block put after each convolution?", BareProjection),
        Mistake("Your projection ends in a ReLU. Which values can a shortcut then no longer carry?", BentProjection),
        Mistake("You project where shapes are the same already. What did x need there?", AlwaysProjected),
        Mistake("With stride 1 your shortcut and your branch may have different numbers of channels. What makes them fit?",
                ProjectedWhereItShrinks),
        Mistake("With stride 2 and equal channels your shortcut keeps every pixel. In which two ways may a shape differ?",
                ProjectedWhereItWidens),
        Mistake("With stride 2 your projection keeps every pixel and no longer fits the branch. What else than channels has to "
                "match?", UnstridedProjection),
        Mistake("One batch norm serves both narrow convolutions. Can one pair of statistics describe two layers?", OneNormForTwo),
        Mistake("Your projection is a 3x3. Which size is enough to change channels?", WideProjection),
        Mistake("Your last 1x1 hands on `width` maps. How many times wider is the bottle than its neck?", NotExpanded),
        Mistake("Your stride is in the first 1x1, as the paper has it; this lab follows torchvision. How many pixels does a 1x1 "
                "with stride 2 look at?", StrideInTheFirst),
        Mistake("Your 3x3 works on 4 x width channels. Where is the bottle narrow?", WideInTheMiddle),
        Mistake("The ReLU at the end comes before your sum. What can a branch still take away?", EarlyEnd),
        Mistake("Between your 3x3 and the last 1x1 nothing bends. What is missing?", OneReluShort),
        Mistake("Between your first 1x1 and the 3x3 nothing bends. What follows each batch norm of the branch but the last?",
                FirstReluShort),
        Mistake("Your branch has no ReLU at all. What are three convolutions in a row when nothing bends between them?",
                NoReluInTheBranch),
        Mistake("There is a ReLU before your sum and one after it. Which of them keeps the branch from taking anything away?",
                OneReluTooMany),
        Mistake("Outputs of your block are negative in places. What comes after the sum?", OpenEnd),
        Mistake("Your block gives the branch alone. What was added to it in the basic block?", Unsummed),
        Mistake("All your convolutions have biases. Which layer behind each of them takes a constant away again?", AllWithBiases),
        Mistake("The three convolutions of your branch have biases. Which layer behind each takes a constant away again?",
                NarrowWithBiases),
        Mistake("Your shortcut fills up with zeros: that is option A. What has option B instead?", Padded),
    ),
    fits=_block(expansion=4, option="B"),
)  # fmt: skip


# ------------------------------------------------------------------------------------- preact_block
class Preact(nn.Module):
    """The block of 2016 where shapes match, in steps."""

    def __init__(self, channels):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), conv3x3(channels, channels)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), conv3x3(channels, channels)

    def branch(self, x):
        x = self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(x)))

    def forward(self, x):
        return x + self.branch(x)


class ReluAfterAll(Preact):
    def forward(self, x):
        return F.relu(x + self.branch(x))


class Order2015(Preact):
    def branch(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x):
        return F.relu(x + self.branch(x))


class OldBranch(Order2015):
    def forward(self, x):
        return x + self.branch(x)


class BentShortcut(Preact):
    def forward(self, x):
        x = F.relu(self.bn1(x))
        return x + self.conv2(F.relu(self.bn2(self.conv1(x))))


class KilledShortcut(Preact):
    """An in-place ReLU at the head of the branch, without a batch norm to copy x first."""

    def forward(self, x):
        return x.relu_() + self.conv2(F.relu(self.bn2(self.conv1(self.bn1(x)))))


class ReluThenNorm(Preact):
    def branch(self, x):
        x = self.conv1(self.bn1(F.relu(x)))
        return self.conv2(self.bn2(F.relu(x)))


class NoSum(Preact):
    def forward(self, x):
        return self.branch(x)


class SecondUnbent(Preact):
    def branch(self, x):
        return self.conv2(self.bn2(self.conv1(F.relu(self.bn1(x)))))


class SameNormAgain(Preact):
    def __init__(self, channels):
        super().__init__(channels)
        self.bn2 = self.bn1


class FirstUnbent(Preact):
    def branch(self, x):
        return self.conv2(F.relu(self.bn2(self.conv1(self.bn1(x)))))


class NeverBent(Preact):
    def branch(self, x):
        return self.conv2(self.bn2(self.conv1(self.bn1(x))))


class PreactWithBiases(Preact):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv1, self.conv2 = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 3, padding=1)


class EndsInReluOnTheBranch(Preact):
    def branch(self, x):
        return F.relu(super().branch(x))


PREACT_BLOCK = Lab(
    "preact_block",
    "the block of 2016: twice batch norm, ReLU, convolution, and the sum",
    Preact,
    source=models.PreActBasicBlock,
    hints=(
        "With all weights of the branch at zero this block hands x on exactly as it is. What may then not stand on the shortcut?",
        "Nothing comes after the sum.",
    ),
    cases=(Layer({"channels": 5}, (3, 5, 7, 6)), Layer({"channels": 3}, (2, 3, 8, 8))),
    more=(Layer({"channels": 8}, (2, 8, 5, 9)),),
    mistakes=(
        Mistake("Your output is never negative: something comes after the sum. What did 2016 leave out there?", ReluAfterAll),
        Mistake("You built the block of 2015. Which of batch norm, ReLU and convolution comes first in 2016?", Order2015),
        Mistake("Nothing follows the sum, which is right, but your branch has the order of 2015. What comes before a "
                "convolution?", OldBranch),
        Mistake("Your shortcut carries x after batch norm and ReLU. What carries the identity through the network?",
                BentShortcut),
        Mistake("Your block overwrites x with its ReLU, in place, and the shortcut reads it afterwards. Which tensor may be "
                "overwritten?", KilledShortcut),
        Mistake("Your ReLUs come before the batch norms. Which of the two comes first in 2016?", ReluThenNorm),
        Mistake("With the branch at zero your block gives zero. Where is x?", NoSum),
        Mistake("Between your two convolutions there is a batch norm but no ReLU. What is the branch then?", SecondUnbent),
        Mistake("Before your first convolution there is a batch norm but no ReLU. What stands before each of the two in 2016?",
                FirstUnbent),
        Mistake("Your branch has no ReLU at all. What stands between each batch norm and its convolution?", NeverBent),
        Mistake("Your branch ends in a ReLU. With nothing after the sum, can the values of x then ever fall?",
                EndsInReluOnTheBranch),
        Mistake("Your convolutions have biases, 2 x channels parameters more. Which of the two is undone by a batch norm?",
                PreactWithBiases),
        Mistake("One batch norm serves two places. Are the statistics of x those of what the first convolution makes?",
                SameNormAgain),
    ),
)  # fmt: skip

LABS = (BASIC_BLOCK, BOTTLENECK, *measuring.LABS, PREACT_BLOCK)
