"""The labs of notebook 9: an alternating flip, an orthogonal step."""

from contextlib import suppress

import torch

from cnn_course.labs.lab import Call, Drawn, Lab, Mistake
from cnn_course.values import kind


# ------------------------------------------------------------------------------------- orthogonalize
def orthogonalize(matrix, steps=3):
    """The singular vectors of a matrix (m, n), its singular values pushed towards 1, by products of matrices alone."""
    x = matrix / matrix.norm()  # now no singular value is above 1
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


def _polynomial(start=lambda x: x / x.norm(), abc=(3.4445, -4.7750, 2.0315), more=0, square=None, end=None):
    """An orthogonalization of which one part is done otherwise."""
    a, b, c = abc

    def pushed(matrix, steps=3):
        x = start(matrix)
        for _ in range(steps + more):
            g = x @ x.T
            x = a * x + (b * g + c * (square(g) if square else g @ g)) @ x
        return end(x) if end else x

    return pushed


def _by_entries(matrix, steps=3):
    x = matrix / matrix.norm()
    for _ in range(steps):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    return x


def _by_svd(matrix, steps=3):
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right


def _normalized_each_time(matrix, steps=3):
    x = matrix
    for _ in range(steps):
        x = orthogonalize(x, 1)
    return x


GROWS = "The matrix goes in as it is. What does a polynomial of degree 5 make of a singular value of 3?"
TOO_LITTLE = "What you divide by is too small: the values outgrow all numbers. Which root of which sum is it to be?"


def _grows(answer):
    """Values that outgrow all numbers can be compared with none."""
    matrix = 100 * torch.tensor([[1.0, 0, 0], [0, 1, 1]])
    with suppress(Exception):  # the cases say what is wrong
        if not answer(matrix.clone()).isfinite().all():
            start = answer(matrix.clone(), 0)
            late = any(torch.allclose(start, other) for other in (matrix, orthogonalize(matrix, 0)))  # or not at all
            return GROWS if late else TOO_LITTLE
    return None


ORTHOGONALIZE = Lab(
    "orthogonalize",
    "Muon's step: divide the matrix by the root of the sum of its squares, then `steps` times replace it by "
    "a x + (b g + c g g) x with g = x x^T and (a, b, c) = (3.4445, -4.7750, 2.0315)",
    orthogonalize,
    hints=(
        "`matrix.norm()` is the root of the sum of all squares. After the division no singular value is above 1.",
        "`@` multiplies matrices, `*` their entries. g is (m, m), and g @ x is as large as x.",
    ),
    tests=(_grows,),
    cases=(
        Call("my_orthogonalize(torch.randn(4, 9))", lambda: (torch.randn(4, 9),)),
        Call("my_orthogonalize(torch.randn(9, 4))", lambda: (torch.randn(9, 4),)),
        Call("my_orthogonalize(1000 * torch.randn(5, 5), steps=5)", lambda: (1000 * torch.randn(5, 5), 5)),
        Call("my_orthogonalize(torch.randn(3, 7), steps=1)", lambda: (torch.randn(3, 7), 1)),
        Call("my_orthogonalize(torch.randn(3, 7), steps=0)", lambda: (torch.randn(3, 7), 0)),
    ),
    more=(Call("my_orthogonalize(torch.randn(16, 40), 4)", lambda: (torch.randn(16, 40), 4)),),
    mistakes=(
        Mistake(GROWS, _polynomial(start=lambda x: x)),
        Mistake(TOO_LITTLE, _polynomial(start=lambda x: x / (x**2).mean().sqrt())),
        Mistake("You divide by the largest entry. Can a singular value be larger than every entry?",
                _polynomial(start=lambda x: x / x.abs().max())),
        Mistake("You divide by the largest singular value, dearer to find than the root of the sum of squares. Is that asked?",
                _polynomial(start=lambda x: x / torch.linalg.matrix_norm(x, 2))),
        Mistake("You divide each row by its own length. What happens to the singular vectors then?",
                _polynomial(start=lambda x: x / x.norm(dim=1, keepdim=True))),
        Mistake("You divide by the sum of the squares. Whose root is the norm?", _polynomial(start=lambda x: x / x.norm() ** 2)),
        Mistake("Your powers are those of the entries. Which product has the singular vectors of its factors?", _by_entries),
        Mistake("Your g g multiplies entry by entry. Which sign multiplies matrices?", _polynomial(square=lambda g: g * g)),
        Mistake("The term with g g is missing, or c is 0. What pulls the large values back?",
                _polynomial(abc=(3.4445, -4.7750, 0.0))),
        Mistake("b and c have changed places. Which sign has the cubic term?", _polynomial(abc=(3.4445, 2.0315, -4.7750))),
        Mistake("b is added where it is to be taken away. Which sign has the cubic term?",
                _polynomial(abc=(3.4445, 4.7750, 2.0315))),
        Mistake("A step too many is taken. How often does `range(steps)` turn?", _polynomial(more=1)),
        Mistake("The number of steps is not what was asked for. Where does yours come from?",
                lambda matrix, steps=3: orthogonalize(matrix, 3)),
        Mistake("All your singular values are 1: the exact answer, by a decomposition. Which products come near it?", _by_svd),
        Mistake("The result lies on its side. Where does the transpose come back?", _polynomial(end=lambda x: x.T)),
        Mistake("You divide before every step. When is no singular value above 1?", _normalized_each_time),
    ),
)  # fmt: skip


# ------------------------------------------------------------------------------------- alternating_flip
def alternating_flip(images, index, epoch):
    """Half of the images mirrored in even epochs, the others in odd ones; index (N,): their numbers. (N, C, H, W), same shape."""
    mirrored = (index + epoch) % 2 == 1
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def _shown(answer):
    """60 images in six epochs, in another order each: as they are, as they are afterwards, and as the answer shows them; and
    whether it shows those of the last epoch so once more, and some of them in another batch.
    """
    whole, shown = torch.randint(1, 256, (60, 3, 6, 5), dtype=torch.uint8), []
    numbers, before, after = torch.randperm(50_000)[:60], [], []
    for epoch in range(6):
        order = torch.randperm(60)
        given = whole[order]
        out = answer(given, numbers[order], epoch)
        if not isinstance(out, torch.Tensor) or (out.shape, out.dtype) != (given.shape, given.dtype):
            return [out]
        back = order.argsort()
        before.append(whole)
        after.append(given[back])
        shown.append(out[back])
    again = torch.equal(answer(whole[order], numbers[order], 5), out)
    some = torch.randperm(60)[:30]
    elsewhere = torch.equal(answer(whole[some], numbers[some], 5), shown[5][some])
    return [torch.stack(before), torch.stack(after), torch.stack(shown), again, elsewhere]


BY_PLACE = "Whether an image is mirrored hangs on its place in the batch, and batches are shuffled. What names an image for good?"
BY_CHANCE = "An image may be mirrored twice running, or not for many epochs. Where is chance needed, in each epoch or once?"
ALL_AT_ONCE = "All images are mirrored in one epoch, and none in the next. What do the two halves have to do with `index`?"
STILL = "The same images are mirrored in every epoch. What does `epoch` change?"
NEVER = "No image is ever mirrored. What decides, for each image and epoch?"
ALWAYS = "Every image is mirrored in every epoch. What decides, for each image and epoch?"
HEADS = "Some images stand on their heads. Which dimension goes from left to right?"
COLOURS = "In some images red and blue have changed places. Which dimension goes from left to right?"
FOR_GOOD = "Your function changes the images that it was given. What do they look like in the next epoch?"
OVERLAP = "Your two halves overlap, or leave images out. Which images are in the second half, if you know the first?"
IRREGULAR = "Some images are shown the same way in two epochs running. What becomes of your rule where `epoch` grows by one?"
PAIRS = "Your images change sides after more than one epoch. How often shall an image be shown the same way running?"


def _alternates(found):
    """The sentence for what six epochs give away; None where there is nothing."""
    if len(found) == 1:
        (out,) = found
        if out is None:
            return "Nothing comes back. Is there a `return`?"
        if isinstance(out, torch.Tensor) and out.shape == (60, 3, 6, 5):
            return f"The output is of {out.dtype}, the input of torch.uint8. Of which numbers is your mask made?"
        what = f"a tensor of {tuple(out.shape)}" if isinstance(out, torch.Tensor) else kind(out)
        return f"What comes back is {what}, expected a tensor of the images' shape. Is every image there once?"
    before, after, shown, again, elsewhere = found
    if not torch.equal(before, after):
        return FOR_GOOD

    def same(images):
        return (images == shown).flatten(2).all(2)

    kept, mirrored = same(before), same(before.flip(4))
    if not (kept | mirrored).all():
        for axis, says in ((3, HEADS), (2, COLOURS)):
            if (kept | same(before.flip(axis))).all():
                return says
        return "Some images come out neither as they were nor mirrored. Which images does your mask choose?"
    if not mirrored.any():
        return NEVER
    if mirrored.all():
        return ALWAYS
    if (mirrored == mirrored[0]).all():
        return STILL
    if (mirrored == mirrored[:, :1]).all():
        return ALL_AT_ONCE
    if not again:
        return BY_CHANCE
    if not elsewhere:
        return BY_PLACE
    if says := _all_or_none(mirrored):
        return says
    changes = (mirrored[1:] != mirrored[:-1]).float().mean(1)  # at each epoch's end: the share of images that change sides
    if not (changes == 1).all():
        if ((changes == 0) | (changes == 1)).all():
            return PAIRS
        return OVERLAP if (mirrored[2:] == mirrored[:-2]).all() else IRREGULAR
    if not 12 <= mirrored[0].sum() <= 48:
        return f"Of 60 images {int(mirrored[0].sum())} are mirrored in the first epoch. How many shall it be?"
    return None


def _all_or_none(mirrored):
    """The sentence for epochs in which no image is mirrored, or every one; None where there are none of these."""
    for share, says in ((0, "no image is mirrored. Which half has its turn then?"),
                        (1, "every image is mirrored. Which half rests then?")):  # fmt: skip
        epochs = tuple(epoch for epoch, each in enumerate(mirrored.float().mean(1)) if each == share)
        if epochs:
            when = {(0, 2, 4): "even epochs", (1, 3, 5): "odd epochs"}.get(epochs, f"epoch {epochs[0]}")
            return f"In {when} {says}"
    return None


ALTERNATING_FLIP = Lab(
    "alternating_flip",
    "the alternating flip: an image is mirrored in every second epoch, half of the images in the even ones and the others in "
    "the odd ones, whatever their places in the batch",
    alternating_flip,
    hints=(
        "`index` says which images these are, in every epoch the same numbers. Which numbers are one half?",
        "A number is even or odd; what is the sum of a number and the epoch, one epoch later?",
    ),
    cases=(Drawn(_shown, _alternates),),
    fits=lambda answer: answer,
    mistakes=tuple(map(Mistake, (
        BY_CHANCE, BY_PLACE, ALL_AT_ONCE, STILL, PAIRS, OVERLAP, IRREGULAR, NEVER, ALWAYS, HEADS, COLOURS, FOR_GOOD,
    ))),
)  # fmt: skip

LABS = (ALTERNATING_FLIP, ORTHOGONALIZE)  # in the order of the notebook
