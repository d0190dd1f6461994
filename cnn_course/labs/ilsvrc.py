"""The labs of notebook 1: the size of an output, a convolution by loops, and one step of training."""

import math
from contextlib import suppress

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import anatomy
from cnn_course.labs.lab import Call, Lab, Mistake, convolutions

# ------------------------------------------------------------------------------------- output_size
SIZES = ((32, 5), (7, 3, 1, 1), (227, 11, 4), (8, 3, 2), (32, 3, 2, 1), (224, 7, 2, 3), (10, 4, 3, 1))
MORE_SIZES = ((28, 5, 1, 2), (55, 3, 2), (11, 5, 3, 2), (299, 3, 2), (6, 6))


def _sizes(given):
    return Call(f"output_size({', '.join(map(str, given))})", lambda: given)


OUTPUT_SIZE = Lab(
    "output_size",
    "the number of places that a window has on one side of an image",
    anatomy.output_size,
    hints=(
        "Without stride and padding: put a window of 3 on a side of 5 and move it. How many places has it? And on 6?",
        "Padding adds pixels on both ends. A stride skips places; what happens where the last step does not fit?",
    ),
    cases=tuple(map(_sizes, SIZES)),
    more=tuple(map(_sizes, MORE_SIZES)),
    mistakes=(
        Mistake("You are one short each time. A window on a side of its own size: how many places has it?",
                lambda n, k, s=1, p=0: (n + 2 * p - k) // s),
        Mistake("Right without padding. On how many ends does it lie?", lambda n, k, s=1, p=0: (n + p - k) // s + 1),
        Mistake("Padding makes no difference in yours. What does a border of p pixels do to the side?",
                lambda n, k, s=1, p=0: (n - k) // s + 1),
        Mistake("Where the last step does not fit you count it. May a window hang over the edge?",
                lambda n, k, s=1, p=0: math.ceil((n + 2 * p - k) / s) + 1),
        Mistake("Right where the step fits. Elsewhere your answer is no whole number: how many places are 3.5 places?",
                lambda n, k, s=1, p=0: (n + 2 * p - k) / s + 1),
        Mistake("The stride makes no difference in yours. How far does the window move each time?",
                lambda n, k, s=1, p=0: n + 2 * p - k + 1),
        Mistake("Right with stride 1. Does the first place belong to what is divided by the stride?",
                lambda n, k, s=1, p=0: (n + 2 * p - k + 1) // s),
        Mistake("You subtract the padding. Does it make the image larger or smaller?",
                lambda n, k, s=1, p=0: (n - 2 * p - k) // s + 1),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- conv2d
def conv2d(images, weight, bias, stride=1, padding=0):
    """A convolution by loops over the places of the output. (N, C, H, W), (K, C, R, S), (K,) -> (N, K, H', W')."""
    images = F.pad(images, (padding, padding, padding, padding))
    (_, _, height, width), (rows, columns) = images.shape, weight.shape[2:]
    out = images.new_zeros(len(images), len(weight), (height - rows) // stride + 1, (width - columns) // stride + 1)
    for y in range(out.shape[2]):
        for x in range(out.shape[3]):
            window = images[:, :, y * stride : y * stride + rows, x * stride : x * stride + columns]  # (N, C, R, S)
            out[:, :, y, x] = (window[:, None] * weight).sum(dim=(2, 3, 4)) + bias
    return out


def _looped(images, weight, bias=None, stride=1, padding=0):
    """For the mistakes, which are to be found by what they give: those that let torch convolve are found before that."""
    return conv2d(images, weight, torch.zeros(len(weight)) if bias is None else bias, stride, padding)


def _unmoved(images, weight, bias, stride=1, padding=0):
    places = _looped(images, weight, bias, stride, padding).shape[2:]
    return _looped(images, weight, bias, 1, padding)[:, :, : places[0], : places[1]]


def _torchs_own(answer):
    seen = convolutions(answer, torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3), torch.randn(3))
    return TORCHS_OWN if seen else None


TORCHS_OWN = "You let torch convolve. Which loops would do it?"


def _convolved(size, filters, side, *rest):
    def arguments():
        return torch.randn(size), torch.randn(filters, size[1], *side), torch.randn(filters), *rest

    shape = "x".join(map(str, size))
    return Call(f"conv2d(images {shape}, {filters} filters of {side[0]}x{side[1]}{', ' if rest else ''}"
                f"{', '.join(map(str, rest))})", arguments)  # fmt: skip


CONV2D = Lab(
    "conv2d",
    "a convolution with loops: for every place of the output the window, times the filter, summed up",
    conv2d,
    hints=(
        "Begin with one image, one filter, stride 1, no padding: two loops over the places of the output, `output_size` of each.",
        "The window of place (y, x) begins at pixel (y * stride, x * stride) and spans all channels.",
        "`window * weight` has one number for each weight. Over which dimensions do you sum, and when does the bias come?",
    ),
    tests=(_torchs_own,),
    cases=(
        _convolved((2, 3, 7, 6), 4, (3, 3)),
        _convolved((2, 3, 7, 6), 4, (3, 2)),
        _convolved((1, 2, 8, 9), 3, (3, 3), 2),
        _convolved((2, 2, 6, 7), 3, (3, 3), 1, 1),
        _convolved((1, 2, 7, 9), 2, (3, 3), 2, 1),
    ),
    more=(_convolved((2, 4, 9, 7), 3, (5, 3), 2, 2), _convolved((3, 1, 6, 5), 2, (2, 4)), _convolved((1, 3, 5, 8), 5, (1, 1), 3)),
    mistakes=(
        Mistake(TORCHS_OWN),
        # x: images, w: weight, b: bias, s: stride, p: padding
        Mistake("Your filter is upside down and mirrored: that is the convolution of mathematics. What do torch and these "
                "papers compute under that name?", lambda x, w, b, s=1, p=0: _looped(x, w.flip(2, 3), b, s, p)),
        Mistake("Only the first channel counts in yours. How deep is a filter?",
                lambda x, w, b, s=1, p=0: _looped(x[:, :1], w[:, :1], b, s, p)),
        Mistake("Every value is too small by one and the same factor. Sum or mean?",
                lambda x, w, b, s=1, p=0: _looped(x, w, None, s, p) / w[0].numel() + b[:, None, None]),
        Mistake("All output maps are the same. Which filter makes map k?",
                lambda x, w, b, s=1, p=0: _looped(x, w[:1], b[:1], s, p).expand(-1, len(w), -1, -1)),
        Mistake("All values of a map are off by one constant. What is added at the end?",
                lambda x, w, b, s=1, p=0: _looped(x, w, None, s, p)),
        Mistake("The bias counts once for each input channel. How often is it added to a value of the output?",
                lambda x, w, b, s=1, p=0: _looped(x, w, b * x.shape[1], s, p)),
        Mistake("With a stride your windows lie side by side all the same. At which pixel does the window of place x begin?",
                _unmoved),
        Mistake("With padding the image has moved: all zeros are on one side. How many sides has it?",
                lambda x, w, b, s=1, p=0: _looped(F.pad(x, (2 * p, 0, 2 * p, 0)), w, b, s)),
        Mistake("The output is too small where there is padding. What comes around the image first?",
                lambda x, w, b, s=1, p=0: _looped(x, w, b, s)),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- train_step
def train_step(net, images, labels, optimizer):
    """One step of gradient descent on a batch; the loss before it."""
    loss = F.cross_entropy(net(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _accumulating(net, images, labels, optimizer):
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def _two_steps(net, images, labels, optimizer):
    loss = train_step(net, images, labels, optimizer)
    optimizer.step()
    return loss


def _stepped_first(net, images, labels, optimizer):
    loss = F.cross_entropy(net(images), labels)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def _loss_afterwards(net, images, labels, optimizer):
    train_step(net, images, labels, optimizer)
    return F.cross_entropy(net(images), labels).item()


def _with_loss(loss_of):
    """A step of training with another loss, of logits and labels."""

    def step(net, images, labels, optimizer):
        optimizer.zero_grad()
        loss = loss_of(net(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _student_net(batch=8, classes=4, lr=0.1):
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, classes))
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    return net, torch.randn(batch, 3, 2, 2), torch.arange(batch) % classes, optimizer


def _many_numbers(step):
    """A sentence where a step returns no single number: the logits, or a loss for each image."""
    with suppress(Exception):  # the cases tell of errors
        loss = step(*_student_net())
        if isinstance(loss, torch.Tensor) and loss.numel() != 1:
            shape = "x".join(map(str, loss.shape))
            return f"What comes back is a tensor of {shape}, expected a number. Which one number says how wrong the network is?"
    return None


def _steps(step, net, images, labels, optimizer):
    """Three losses, and where the weights are in the end."""
    losses = [_one_step(step, net, images, labels, optimizer) for _ in range(3)]
    return [*losses, *(parameter.detach().clone() for parameter in net.parameters())]


def _one_step(step, net, images, labels, optimizer):
    loss = step(net, images, labels, optimizer)
    return loss.item() if isinstance(loss, torch.Tensor) else loss


TRAIN_STEP = Lab(
    "train_step",
    "one step of training: logits, loss, gradients, new weights; it returns the loss",
    train_step,
    hints=(
        "Four things in a row: what the network says, how wrong that is, in which direction every weight is to blame, the step.",
        "`loss.backward()` *adds* to what is in `.grad` already. Who empties it?",
    ),
    tests=(_many_numbers,),
    cases=(
        Call("train_step(net, images, labels, optimizer)", _student_net, _one_step),
        Call("three calls of train_step(net, images, labels, optimizer)", _student_net, _steps),
    ),
    more=(Call("three calls with five images of three classes", lambda: _student_net(5, 3, 0.02), _steps),),
    mistakes=(
        Mistake("The first step is right, the second is not: it still contains the first one's gradient. Who empties .grad?",
                _accumulating),
        Mistake("The loss is right, but the weights do not move. Is there a gradient when the step is taken, and is one taken?",
                # No backward, torch.no_grad() around it, or zero_grad between backward and step.
                lambda net, images, labels, optimizer: F.cross_entropy(net(images), labels).item()),
        Mistake("The weights move further than one step. How often is the optimizer asked?", _two_steps),
        Mistake("You return the loss after the step. Which loss led to this step?", _loss_afterwards),
        Mistake("Your step uses the gradients of the batch before. In which order do backward and step come?", _stepped_first),
        Mistake("Your loss is as many times too large as there are images. What does one step do with a batch twice the size?",
                _with_loss(lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"))),
        Mistake("Your loss hardly moves from ln of the number of classes: cross-entropy is given probabilities. What does it "
                "expect?", _with_loss(lambda logits, labels: F.cross_entropy(logits.softmax(1), labels))),
        Mistake("Your loss is too small by the size of the batch: it is averaged twice. What does F.cross_entropy return "
                "already?", _with_loss(lambda logits, labels: F.cross_entropy(logits, labels) / len(labels))),
    ),
)  # fmt: skip

LABS = (OUTPUT_SIZE, CONV2D, TRAIN_STEP)
