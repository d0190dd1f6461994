"""The labs of notebook 2: a grouped convolution, a start for weights, crops and mirror images, dropout."""

import contextlib
import math

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course.labs import sandbox
from cnn_course.labs.lab import Call, Drawn, Lab, Mistake, convolutions
from cnn_course.values import kind


# ------------------------------------------------------------------------------------- grouped_conv
def grouped_conv(maps, weight, groups):
    """A grouped convolution out of ordinary ones, padded. (N, C, H, W), (K, C / groups, R, R) -> (N, K, H, W)."""
    padding = weight.shape[2] // 2
    inputs, filters = maps.chunk(groups, dim=1), weight.chunk(groups)
    return torch.cat([F.conv2d(x, w, padding=padding) for x, w in zip(inputs, filters, strict=True)], dim=1)


def _convolved(inputs, filters, padding=None):
    """What each part of the maps gives with its part of the filters."""
    padding = filters[0].shape[2] // 2 if padding is None else padding
    return [F.conv2d(x, w, padding=padding) for x, w in zip(inputs, filters, strict=False)]


def _by_hand(answer):
    """A sentence where the answer hands its task on to torch."""
    found = convolutions(answer, torch.randn(1, 4, 3, 3), torch.randn(4, 2, 3, 3), 2)
    return GROUPS if set(found) - {1} else None


GROUPS = "Your convolution has `groups` itself. Could you do without, by calling the ordinary one several times?"


def _grouped(channels, filters, groups, side=3):
    def arguments():
        return torch.randn(2, channels, 6, 5), torch.randn(filters, channels // groups, side, side), groups

    return Call(f"grouped_conv(maps 2x{channels}x6x5, weight {filters}x{channels // groups}x{side}x{side}, groups={groups})",
                arguments)  # fmt: skip


GROUPED_CONV = Lab(
    "grouped_conv",
    "a grouped convolution out of ordinary ones (F.conv2d without `groups`), padded so that the size stays",
    grouped_conv,
    hints=(
        "With two groups the first half of the filters sees the first half of the maps. `chunk` cuts a tensor into equal parts.",
        "Along which dimension are filters counted, and along which one maps?",
    ),
    tests=(_by_hand,),
    cases=(_grouped(4, 6, 2), _grouped(6, 6, 3, 5), _grouped(4, 8, 4)),
    more=(_grouped(10, 5, 5), _grouped(6, 4, 2, 1), _grouped(3, 6, 1, 5)),
    mistakes=(  # x: maps, w: weight, g: groups
        Mistake(GROUPS, lambda x, w, g: F.conv2d(x, w, padding=w.shape[2] // 2, groups=g)),
        Mistake("All your groups read the same maps. Which part of the input belongs to the second group?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1)[:1] * g, w.chunk(g)), 1)),
        Mistake("All your groups use the same filters. Which filters belong to the second group?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1), w.chunk(g)[:1] * g), 1)),
        Mistake("Your groups are added up. Whose maps follow whose in the output?",
                lambda x, w, g: sum(_convolved(x.chunk(g, 1), w.chunk(g)))),
        Mistake("Your groups take every second map. Do AlexNet's two cards hold neighbours or every other map?",
                lambda x, w, g: torch.cat(_convolved([x[:, i::g] for i in range(g)], w.chunk(g)), 1)),
        Mistake("Your groups take every second filter. Which filters make the first half of the output?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1), [w[i::g] for i in range(g)]), 1)),
        Mistake("Your first filters read the last maps. Which card do they sit on?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1)[::-1], w.chunk(g)), 1)),
        Mistake("Your groups are joined along the batch. Which dimension counts channels?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1), w.chunk(g)))),
        Mistake("Your maps shrink. How much padding does a window of 3 need, or of 5?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1), w.chunk(g), padding=0), 1)),
        Mistake("Your padding suits a window of 3 alone. How much does one of 5 need?",
                lambda x, w, g: torch.cat(_convolved(x.chunk(g, 1), w.chunk(g), padding=1), 1)),
        Mistake("Your groups take turns in the output, one map each. Whose maps follow whose?",
                lambda x, w, g: torch.stack(grouped_conv(x, w, g).chunk(g, 1), 2).flatten(1, 2)),
        Mistake("You make two groups whatever `groups` is. What if there are three?",
                lambda x, w, g: grouped_conv(x, w, 2)),
        Mistake("Each of your parts is `groups` long. Is that how long a part is, or how many parts there are?",
                lambda x, w, g: torch.cat(_convolved(x.split(g, 1), w.split(g)), 1)),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- he_normal
def he_normal(weight):
    """Fill a weight in place from a normal distribution of mean 0 and variance 2 / n, n the inputs of an output (He 2015)."""
    n = weight[0].numel()
    with torch.no_grad():
        weight.normal_(0, (2 / n) ** 0.5)


SHAPES = ((64, 32, 3, 3), (96, 20, 5, 5), (300, 200))
VARIANCE = "Your weights have the variance as their deviation: 2 / n. What is its root?"
WITHOUT_RELU = "Your variance is 1 / n. What does a ReLU do to half of the values?"
FAN_OUT = "Your n counts the outputs (fan_out). How many numbers are summed up in one output?"
CHANNELS = "Your n counts channels only. How many pixels does a window add?"
WINDOW = "Your n counts the window only. How many channels does a filter span?"
GLOROT = "Your variance is that of Glorot, 2 / (inputs + outputs). Which rule counts the ReLU in?"
FIXED = "Your deviation is 0.01 whatever the layer: AlexNet's start. What happens to the signal layer by layer?"
ONE = "Your weights are left at a deviation of 1. By what does a sum of n of them grow?"
ALL = "Your n counts all weights of the layer. How many of them does one output use?"
FILTERS = "Your n counts the filters. How many numbers are summed up in one output?"
TWO_OUTSIDE = "The 2 stands outside of your root. Is 2 / n the variance or the deviation?"
N_OUTSIDE = "The n stands outside of your root. Is 2 / n the variance or the deviation?"
FROZEN = "torch does not let you write into a parameter that learns. What switches its records off for a while?"
# The deviation, of the inputs of an output, the outputs, and the pixels of a window; and what it means.
HE = {
    "": lambda n, k, window: (2 / n) ** 0.5,
    VARIANCE: lambda n, k, window: 2 / n,
    WITHOUT_RELU: lambda n, k, window: (1 / n) ** 0.5,
    FAN_OUT: lambda n, k, window: (2 / (k * window)) ** 0.5,
    CHANNELS: lambda n, k, window: (2 / (n / window)) ** 0.5,
    WINDOW: lambda n, k, window: (2 / (window if window > 1 else n)) ** 0.5,
    GLOROT: lambda n, k, window: (2 / (n + k * window)) ** 0.5,
    FIXED: lambda n, k, window: 0.01,
    ONE: lambda n, k, window: 1.0,
    ALL: lambda n, k, window: (2 / (n * k)) ** 0.5,
    FILTERS: lambda n, k, window: (2 / k) ** 0.5,
    TWO_OUTSIDE: lambda n, k, window: 2 / n**0.5,
    N_OUTSIDE: lambda n, k, window: 2**0.5 / n,
}


def _filled(answer):
    """Weights of each shape after the answer has filled them; in place of one that it cannot fill, what went wrong."""
    found = []
    for shape in SHAPES:
        weight = nn.Parameter(torch.full(shape, 7.0))
        try:
            answer(weight)
            found.append(_unlearning(weight) or weight.detach())
        except Exception as error:
            layer = "dense layer" if len(shape) == 2 else "convolution"
            told = f"With the weight {shape} of a {layer}: {sandbox.told(error)}"
            found.append(FROZEN if "leaf Variable" in str(error) else told)
    return found


def _unlearning(weight):
    """What keeps a weight from learning after the answer has filled it; "" where nothing does."""
    if not weight.requires_grad:
        return "Your weights no longer learn. What was switched off, and for how long?"
    return "" if weight.dtype == torch.float32 else f"Your weights are of {weight.dtype} now. Of which were they before?"


def _he_start(weights):
    """The sentence for what the deviations of the weights give away; None where they are He's."""
    found = []
    for values in weights:
        if isinstance(values, str):
            return values
        if bool((values == 7).all()):
            return "The weights are what they were before: nothing was filled in place. Which methods end in an underscore?"
        if not bool(values.isfinite().all()):
            return "Some of your weights are no numbers. What is divided by what?"
        if abs(values.mean()) > 6 * values.std() / values.numel() ** 0.5 + 1e-9:
            return f"The mean of your weights is {values.mean():.3f}. Around which value do they lie?"
        if 0 < values.abs().max() < 2.2 * values.std():
            return "None of your weights is far from the others. Does a normal distribution end on both sides?"
        found.append(values.std().item())
    if not (off := _off(found, HE[""])):
        return None
    return next((says for says, rule in HE.items() if not _off(found, rule)), off[0])


def _off(found, rule):
    """The sentences for the shapes whose deviation is not what the rule makes of them."""
    sentences = []
    for shape, got in zip(SHAPES, found, strict=True):
        window = math.prod(shape[2:])
        want = rule(shape[1] * window, shape[0], window)
        if abs(got / want - 1) >= 0.04:
            sentences.append(f"A weight of {shape} has a deviation of {got:.4f} after your start, expected {want:.4f}. "
                             "How many numbers are summed up in one of its outputs?")  # fmt: skip
    return sentences


HE_NORMAL = Lab(
    "he_normal",
    "He's initialization for the weights of a convolution (K, C, R, R) or of a dense layer (K, C): fill them in place from a "
    "normal distribution of mean 0 and variance 2 / n, where n is the number of inputs of one output",
    he_normal,
    hints=(
        "One output of a 3x3 convolution over C channels is a sum of how many products?",
        "`normal_(mean, std)` wants the deviation, not the variance; torch.no_grad() lets you write into a parameter.",
    ),
    cases=(Drawn(_filled, _he_start),),
    mistakes=tuple(Mistake(says) for says in HE if says),
)


# ------------------------------------------------------------------------------------- dropout
def dropout(x, p, training):
    """Each value is zeroed with probability p and the others grow by 1 / (1 - p); in evaluation x is returned as it is."""
    if not training:
        return x
    return x * (torch.rand_like(x) >= p) / (1 - p)


NOTHING_GOES = "Nothing is dropped in training. What does `training` say?"
IN_EVALUATION = "In evaluation values are dropped as well. Which answer of a network do you want to read twice?"
P_STAYS = "Three quarters are zero where p is a quarter. Is p the share that goes or the one that stays?"
ROWS = "One mask serves many: whole rows or columns are zero together. How many random numbers does x need?"
AS_IN_2012 = "You scale in evaluation, as the paper of 2012 did; this lab scales in training. What does evaluation then cost?"
UNSCALED = "The values that stay are as large as before, so a sum over them shrinks. What makes up for those that go?"
BY_P = "The values that stay grow by 1 / p. Which share of them stays?"
SHRUNK = "The values that stay shrink. Which way does the sum have to be put right?"
SAME_AGAIN = "Called again your dropout drops the same values. When is the mask drawn?"
GRADIENT = "The gradient does not pass where the value passed. Which mask does the backward pass need?"
ALL_OR_NONE = "All values go at once, or none. How many random numbers does x need?"
SAME_NUMBER = "The same number of values is zero each time. May one value's fate hang on that of the others?"
MASK_ALONE = "The values that stay are all the same number. What does the mask multiply?"


def _masks(answer):
    """What comes out in both modes; then what else the sentences need, as far as the answer gives it."""
    x = torch.rand(400, 500) + 0.5
    before = x.clone()
    quiet, loud = answer(x.clone(), 0.25, False), answer(x, 0.25, True)
    leaf, more = torch.ones(50, 50, requires_grad=True), [None] * 5
    with contextlib.suppress(Exception):  # of an answer whose output is of no use already
        single = [bool(answer(x[:1, :1], 0.5, True)) for _ in range(20)]
        again = answer(before.clone(), 0.25, True)
        counts = [int((answer(torch.ones(8), 0.25, True) == 0).sum()) for _ in range(20)]
        more = [single, again, counts, None, None]
        out = answer(leaf * 1, 0.5, True)
        if out.requires_grad:
            out.sum().backward()
        more[3:] = [out, leaf.grad]
    return [before, x, quiet, loud, *more]


def _dropped(found):
    """The sentence for what the outputs give away; None where there is nothing."""
    before, x, quiet, loud, single, again, counts, out, slope = found
    if loud is None or quiet is None:
        return "Nothing comes back. Is there a `return` in both modes?"
    if not isinstance(loud, torch.Tensor) or not isinstance(quiet, torch.Tensor):
        return f"What comes back is {loud!r:.40} in training and {quiet!r:.40} in evaluation; expected a tensor each time."
    if not torch.equal(x, before):
        return "Your dropout changes its own input. Who else reads it?"
    if loud.shape != x.shape:
        return f"The output is {tuple(loud.shape)}, the input {tuple(x.shape)}. May a value disappear altogether?"
    if loud.dtype != x.dtype:
        return f"The output is of {loud.dtype}, the input of {x.dtype}. Of which numbers is your mask made?"
    zeros, kept = (loud == 0).float(), loud[loud != 0] / x[loud != 0]
    if (share := zeros.mean().item()) in (0, 1) and len(set(single or ())) == 2:
        return ALL_OR_NONE
    if share < 0.001:
        return NOTHING_GOES
    if (quiet == 0).float().mean() > 0.1:
        return IN_EVALUATION
    if 0.7 < share < 0.8:
        return P_STAYS
    if zeros.mean(dim=0).max() > 0.9 or zeros.mean(dim=1).max() > 0.9:
        return ROWS
    if abs(share - 0.25) > 0.01:
        return f"{share:.0%} of the values are zero where p is 25%. How likely is a random number below p?"
    if loud[loud != 0].float().std() < 1e-6:
        return MASK_ALONE
    evaluated, factor = (quiet / x).mean().item(), kept.mean().item()
    if abs(evaluated - 0.75) < 0.01 and abs(factor - 1) < 0.01:
        return AS_IN_2012
    if abs(evaluated - 1) > 0.001:
        return "In evaluation your output is not x. What is left to do there?"
    if abs(factor - 1) < 0.01:
        return UNSCALED
    if abs(factor - 4) < 0.05:
        return BY_P
    if abs(factor - 0.75) < 0.01:
        return SHRUNK
    if abs(factor - 4 / 3) > 0.01:
        return f"The values that stay grow by {factor:.2f} where p is 0.25. What keeps the mean of the sum?"
    if counts is None:
        return "Your dropout takes a matrix of 400x500, and fails on one number or on eight. What ties it to a shape?"
    if torch.equal(again, loud):
        return SAME_AGAIN
    if len(set(counts)) == 1:
        return SAME_NUMBER
    if out is None or slope is None or not torch.allclose(slope, out.detach()):
        return GRADIENT
    return None


DROPOUT = Lab(
    "dropout",
    "dropout: in training each value becomes 0 with probability p, and the others grow so that the sum stays what it was on "
    "average; in evaluation nothing happens",
    dropout,
    hints=(
        "One random number for each value decides. `torch.rand_like(x)` draws them, evenly between 0 and 1.",
        "If a quarter of the values go, by how much must the others grow for the sum to stay?",
    ),
    cases=(Drawn(_masks, _dropped),),
    mistakes=tuple(map(Mistake, (
        NOTHING_GOES, IN_EVALUATION, P_STAYS, ROWS, AS_IN_2012, UNSCALED, BY_P, SHRUNK, SAME_AGAIN, GRADIENT, ALL_OR_NONE,
        SAME_NUMBER, MASK_ALONE,
    ))),
)  # fmt: skip


# ------------------------------------------------------------------------------------- crop_and_flip
def crop_and_flip(images, padding=4):
    """Every image shifted by up to `padding` pixels each way, black coming in, and mirrored or not. (N, C, H, W), same shape."""
    n, _, height, width = images.shape
    padded, out = F.pad(images, (padding,) * 4), torch.empty_like(images)
    for i in range(n):
        y, x = torch.randint(0, 2 * padding + 1, (2,)).tolist()
        image = padded[i, :, y : y + height, x : x + width]
        out[i] = image.flip(-1) if torch.rand(()) < 0.5 else image
    return out


def _moves(images, out, padding, mirror=(-1,)):
    """(y, x, mirrored) of each image, found by looking; None where an image is none of its shifted or mirrored selves."""
    _, _, height, width = images.shape
    padded, found = F.pad(images, (padding,) * 4), []
    for image, shown in zip(padded, out, strict=True):
        candidates = {}
        for y in range(2 * padding + 1):
            for x in range(2 * padding + 1):
                window = image[:, y : y + height, x : x + width]
                candidates[y, x, False], candidates[y, x, True] = window, window.flip(mirror)
        found.append(next((move for move, candidate in candidates.items() if torch.equal(candidate, shown)), None))
    return found


ALIKE = "Of 48 images all are shifted alike. How many random places does a batch need?"
UNMOVED = "Of 48 images none is shifted. How many random places does a batch need?"
ONE_LINE = "Your shifts go along one line only. How many numbers say where a window lies?"
NEVER = "No image is mirrored. What decides, for each image, whether it is?"
ALWAYS = "Every image is mirrored. What decides, for each image, whether it is?"
TOGETHER = "All images of a batch are mirrored, or none. How many coins does a batch need?"
ONE_WAY = "Your images are shifted one way only. Where may a window begin, and where may it not?"
LAST = "At one end a place of the window is never used. Which are the smallest and the largest number that you can draw?"
MIRRORED_ALIKE = "Your mirrored images are shifted all alike, or never. Of which image is the mirror image taken?"
OTHERS_ALIKE = "Only your mirrored images are shifted, each its own way. What becomes of an image whose coin says no?"
TOO_FAR = "Your images are shifted further than `padding`, which is 2 in this check. Where does yours come from?"
HEADS = "Some images stand on their heads. Which dimension goes from left to right?"
COLOURS = "In some images red and blue have changed places. Which dimension goes from left to right?"
BY_PLACE = "Which images are mirrored hangs on their place in the batch. What decides for each of them?"
PLACED = "The first image of a batch is always shifted alike. When is its place drawn?"
TURNED = "Some images are turned round, top and bottom as well. Which dimension goes from left to right?"
NO_BORDER = "No image has a black border, wherever it was shifted. What was the padding for?"
ROLLED = "The pixels are all there, but in another order. Does a shift wrap around?"


def _changed(answer):
    """48 small images, before and after the answer got them, and what came out; of twenty more batches the first image."""
    images = torch.rand(48, 3, 9, 8) + 0.1
    before = images.clone()
    out, again = answer(images, 2), []
    if isinstance(out, torch.Tensor) and out.shape == images.shape:
        again = [answer(before.clone(), 2)[:1] for _ in range(20)]
    return [before, images, out, again]


def _moved(found):
    """The sentence for what the images give away; None where there is nothing."""
    before, images, out, again = found
    if out is None:
        return "Nothing comes back. Is there a `return`?"
    if not isinstance(out, torch.Tensor):
        return f"What comes back is {kind(out)}, expected one tensor. What makes one of many images?"
    if out.shape != images.shape:
        return f"The output is {tuple(out.shape)}, the input {tuple(images.shape)}. How large is the window that is cut out?"
    if not torch.equal(images, before):
        return "Your function changes the images that it was given. What do they look like in the next epoch?"
    moves = _moves(before, out, 2)
    if None in moves:
        return _unknown(before, out, moves)
    places, mirrored = {move[:2] for move in moves}, [move[2] for move in moves]
    if len(places) == 1:
        return UNMOVED if places == {(2, 2)} else ALIKE
    if len({y for y, _ in places}) == 1 or len({x for _, x in places}) == 1 or all(y == x for y, x in places):
        return ONE_LINE
    firsts = [move for first in again if (move := _moves(before[:1], first, 2)[0])]  # of twenty more batches
    if all(mirrored) or not any(mirrored):
        if len({move[2] for move in firsts}) == 2:
            return TOGETHER
        return ALWAYS if all(mirrored) else NEVER
    if not 8 <= sum(mirrored) <= 40:
        return f"{sum(mirrored)} of 48 images are mirrored. How often shall that happen?"
    for which, says in ((True, MIRRORED_ALIKE), (False, OTHERS_ALIKE)):
        if len({move[:2] for move in moves if move[2] is which}) == 1:
            return says
    ends = [end(move[side] for move in places) for side in (0, 1) for end in (min, max)]
    if 2 in ends:  # where the window of an image that stays begins
        return ONE_WAY
    if ends != [0, 4, 0, 4]:
        return LAST
    if len({move[:2] for move in firsts}) == 1:
        return PLACED
    return BY_PLACE if len({move[2] for move in firsts}) == 1 else None


def _unknown(images, out, moves):
    """The sentence for outputs of which some are no shifted or mirrored selves."""
    lost = [i for i, move in enumerate(moves) if move is None]
    if None not in _moves(images, out, 4):
        return TOO_FAR
    for mirror, says in (((-2,), HEADS), ((-3,), COLOURS), ((-2, -1), TURNED)):
        if None not in _moves(images[lost], out[lost], 2, mirror):
            return says
    if all(torch.equal(a.flatten().sort()[0], b.flatten().sort()[0]) for a, b in zip(images, out, strict=True)):
        return ROLLED
    if all(bool((image != 0).all()) for image in out):
        return NO_BORDER
    if len(lost) < len(images):
        return "Some images come out as none of their shifted or mirrored selves. Is a window always cut from the padded image?"
    return "No image comes out as one of its shifted or mirrored selves. Try it on an image that you can recognize."


CROP_AND_FLIP = Lab(
    "crop_and_flip",
    "AlexNet's augmentation for small images: each image of a batch is shifted at random by up to `padding` pixels each way, "
    "with black coming in, and half of them are mirrored",
    crop_and_flip,
    hints=(
        "Pad with zeros on all four sides, then cut a window of the old size. How many places has it along one side?",
        "Every image gets its own place and its own toss of a coin: draw N of each.",
    ),
    cases=(Drawn(_changed, _moved),),
    mistakes=tuple(map(Mistake, (
        ALIKE, UNMOVED, ONE_LINE, NEVER, ALWAYS, TOGETHER, MIRRORED_ALIKE, OTHERS_ALIKE, ONE_WAY, LAST, TOO_FAR, HEADS, COLOURS,
        TURNED, NO_BORDER, ROLLED, BY_PLACE, PLACED,
    ))),
)  # fmt: skip

LABS = (GROUPED_CONV, HE_NORMAL, CROP_AND_FLIP, DROPOUT)
