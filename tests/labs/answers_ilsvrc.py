"""Answers to the labs of notebook 1 as students write them."""

import math

import torch
import torch.nn.functional as F


# ------------------------------------------------------------------------------------- output_size
def by_formula(size, kernel, stride=1, padding=0):
    return int((size - kernel + 2 * padding) / stride + 1)


def by_range(n, f, s=1, p=0):
    return len(range(0, n + 2 * p - f + 1, s))


def by_loop(n, f, s=1, p=0):
    places, left = 0, -p
    while left + f <= n + p:
        places += 1
        left += s
    return places


def fence(n, f, s=1, p=0):
    return (n - f + 2 * p) // s


def one_end(n, f, s=1, p=0):
    return math.floor((n - f + p) / s) + 1


def no_padding(n, f, s=1, p=0):
    return math.floor((n - f) / s) + 1


def over_the_edge(n, f, s=1, p=0):
    return math.ceil((n - f + 2 * p) / s + 1)


def fractions(n, f, s=1, p=0):
    return (n - f + 2 * p) / s + 1


def strideless(n, f, s=1, p=0):
    return n - f + 2 * p + 1


def plus_one_inside(n, f, s=1, p=0):
    return int((n - f + 2 * p + 1) / s)


def padding_taken_off(n, f, s=1, p=0):
    return (n - f - 2 * p) // s + 1


# ------------------------------------------------------------------------------------- conv2d
def seven_loops(images, weight, bias, stride=1, padding=0):
    n, c, h, w = images.shape
    k, _, r, s = weight.shape
    padded = torch.zeros(n, c, h + 2 * padding, w + 2 * padding)
    padded[:, :, padding : padding + h, padding : padding + w] = images
    oh, ow = (h + 2 * padding - r) // stride + 1, (w + 2 * padding - s) // stride + 1
    out = torch.zeros(n, k, oh, ow)
    for i in range(n):
        for f in range(k):
            for y in range(oh):
                for x in range(ow):
                    part = padded[i, :, y * stride : y * stride + r, x * stride : x * stride + s]
                    out[i, f, y, x] = (part * weight[f]).sum() + bias[f]
    return out


def over_the_filter(images, weight, bias, stride=1, padding=0):
    """Loops over the places of the filter, not of the image."""
    padded = F.pad(images, (padding,) * 4)
    r, s = weight.shape[2:]
    oh, ow = ((side - size) // stride + 1 for side, size in zip(padded.shape[2:], (r, s), strict=True))
    out = bias.view(1, -1, 1, 1).repeat(len(images), 1, oh, ow)
    for i in range(r):
        for j in range(s):
            seen = padded[:, :, i : i + (oh - 1) * stride + 1 : stride, j : j + (ow - 1) * stride + 1 : stride]
            out += torch.einsum("nchw,kc->nkhw", seen, weight[:, :, i, j])
    return out


def unfolded(images, weight, bias, stride=1, padding=0):
    columns = F.unfold(images, weight.shape[2:], padding=padding, stride=stride)
    side = (images.shape[2] + 2 * padding - weight.shape[2]) // stride + 1
    return (weight.flatten(1) @ columns + bias[:, None]).unflatten(2, (side, -1))


def _loops(images, weight, bias, stride, padding, window, value):
    images = F.pad(images, padding)
    r, s = weight.shape[2:]
    oh, ow = (images.shape[2] - r) // stride + 1, (images.shape[3] - s) // stride + 1
    out = torch.zeros(len(images), len(weight), oh, ow)
    for f in range(len(weight)):
        for y in range(oh):
            for x in range(ow):
                top, left = window(y, x)
                out[:, f, y, x] = value(images[:, :, top : top + r, left : left + s], f)
    return out


def upside_down(images, weight, bias, stride=1, padding=0):
    return seven_loops(images, torch.flip(weight, [-1, -2]), bias, stride, padding)


def grey(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (padding,) * 4, lambda y, x: (y * stride, x * stride),
                  lambda part, f: (part[:, 0] * weight[f, 0]).sum((1, 2)) + bias[f])  # fmt: skip


def averaged(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (padding,) * 4, lambda y, x: (y * stride, x * stride),
                  lambda part, f: (part * weight[f]).mean((1, 2, 3)) + bias[f])  # fmt: skip


def one_for_all(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (padding,) * 4, lambda y, x: (y * stride, x * stride),
                  lambda part, f: (part * weight[0]).sum((1, 2, 3)) + bias[0])  # fmt: skip


def biasless(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (padding,) * 4, lambda y, x: (y * stride, x * stride),
                  lambda part, f: (part * weight[f]).sum((1, 2, 3)))  # fmt: skip


def bias_by_channel(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (padding,) * 4, lambda y, x: (y * stride, x * stride),
                  lambda part, f: ((part * weight[f]).sum((2, 3)) + bias[f]).sum(1))  # fmt: skip


def step_of_one(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (padding,) * 4, lambda y, x: (y, x),
                  lambda part, f: (part * weight[f]).sum((1, 2, 3)) + bias[f])  # fmt: skip


def one_sided(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (2 * padding, 0, 2 * padding, 0), lambda y, x: (y * stride, x * stride),
                  lambda part, f: (part * weight[f]).sum((1, 2, 3)) + bias[f])  # fmt: skip


def borderless(images, weight, bias, stride=1, padding=0):
    return _loops(images, weight, bias, stride, (0, 0, 0, 0), lambda y, x: (y * stride, x * stride),
                  lambda part, f: (part * weight[f]).sum((1, 2, 3)) + bias[f])  # fmt: skip


# ------------------------------------------------------------------------------------- train_step
def usual(net, images, labels, optimizer):
    optimizer.zero_grad()
    logits = net(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    optimizer.step()
    return loss


def cleared_after(net, images, labels, optimizer):
    loss = torch.nn.CrossEntropyLoss()(net(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def by_hand(net, images, labels, optimizer):
    log_probabilities = net(images).log_softmax(1)
    loss = -log_probabilities[torch.arange(len(labels)), labels].mean()
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    return float(loss)


def never_cleared(net, images, labels, optimizer):
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    return loss


def cleared_too_late(net, images, labels, optimizer):
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss


def no_gradient(net, images, labels, optimizer):
    with torch.no_grad():
        return F.cross_entropy(net(images), labels)


def stepped_twice(net, images, labels, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss


def step_before_backward(net, images, labels, optimizer):
    loss = F.cross_entropy(net(images), labels)
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss


def summed_up(net, images, labels, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels, reduction="none").sum()
    loss.backward()
    optimizer.step()
    return loss


def probabilities(net, images, labels, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(F.softmax(net(images), dim=1), labels)
    loss.backward()
    optimizer.step()
    return loss


def mean_of_means(net, images, labels, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels) / images.shape[0]
    loss.backward()
    optimizer.step()
    return loss


RIGHT = {
    "output_size": (by_formula, by_range, by_loop),
    "conv2d": (seven_loops, over_the_filter, unfolded),
    "train_step": (usual, cleared_after, by_hand),
}


def let_torch_convolve(images, weight, bias, stride=1, padding=0):
    return F.conv2d(images, weight, bias, stride, padding)


def loss_of_the_new_weights(net, images, labels, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()
    return F.cross_entropy(net(images), labels).item()


def returns_the_logits(net, images, labels, optimizer):
    logits = net(images)
    optimizer.zero_grad()
    F.cross_entropy(logits, labels).backward()
    optimizer.step()
    return logits


def one_loss_each(net, images, labels, optimizer):
    losses = F.cross_entropy(net(images), labels, reduction="none")
    optimizer.zero_grad()
    losses.mean().backward()
    optimizer.step()
    return losses


WRONG = {
    "output_size": {
        fence: "You are one short each time",
        one_end: "Right without padding. On how many ends",
        no_padding: "Padding makes no difference",
        over_the_edge: "Where the last step does not fit",
        fractions: "Right where the step fits",
        strideless: "The stride makes no difference",
        plus_one_inside: "Right with stride 1",
        padding_taken_off: "You subtract the padding",
    },
    "conv2d": {
        let_torch_convolve: "You let torch convolve",
        upside_down: "Your filter is upside down",
        grey: "Only the first channel counts",
        averaged: "Every value is too small",
        one_for_all: "All output maps are the same",
        biasless: "All values of a map are off",
        bias_by_channel: "The bias counts once for each input channel",
        step_of_one: "With a stride your windows",
        one_sided: "With padding the image has moved",
        borderless: "The output is too small where",
    },
    "train_step": {
        returns_the_logits: "What comes back is a tensor of 8x4, expected a number.",
        one_loss_each: "What comes back is a tensor of 8, expected a number.",
        loss_of_the_new_weights: "You return the loss after the step",
        never_cleared: "The first step is right, the second is not",
        cleared_too_late: "The loss is right, but the weights do not move",
        no_gradient: "The loss is right, but the weights do not move",
        stepped_twice: "The weights move further than one step",
        step_before_backward: "Your step uses the gradients of the batch before",
        summed_up: "Your loss is as many times too large",
        probabilities: "Your loss hardly moves",
        mean_of_means: "Your loss is too small by the size of the batch",
    },
}
