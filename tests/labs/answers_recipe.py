"""Answers to the labs of notebook 9 as students write them."""

import numpy as np
import torch

A, B, C = 3.4445, -4.7750, 2.0315


# ------------------------------------------------------------------------------------- orthogonalize
def as_asked(matrix, steps=3):
    x = matrix / (matrix**2).sum() ** 0.5
    for _ in range(steps):
        g = x @ x.T
        x = 3.4445 * x + (-4.7750 * g + 2.0315 * g @ g) @ x
    return x


def from_the_right(matrix, steps=3):
    x = matrix / torch.linalg.matrix_norm(matrix)
    for _ in range(steps):
        g = x.T @ x
        x = x @ (3.4445 * torch.eye(len(g)) - 4.7750 * g + 2.0315 * g @ g)
    return x


def by_the_values(matrix, steps=3):
    left, s, right = torch.linalg.svd(matrix / matrix.norm(), full_matrices=False)
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (left * s) @ right


def _steps(x, steps, a=A, b=B, c=C):
    for _ in range(steps):
        g = x @ x.T
        x = a * x + b * g @ x + c * g @ g @ x
    return x


def not_divided(matrix, steps=3):
    return _steps(matrix, steps)


def by_largest_entry(matrix, steps=3):
    return _steps(matrix / matrix.abs().max(), steps)


def by_largest_value(matrix, steps=3):
    return _steps(matrix / torch.linalg.svdvals(matrix).max(), steps)


def by_mean_square(matrix, steps=3):
    return _steps(matrix / (matrix**2).mean().sqrt(), steps)


def by_root_of_norm(matrix, steps=3):
    return _steps(matrix / matrix.norm().sqrt(), steps)


def by_deviation(matrix, steps=3):
    return _steps(matrix / matrix.std(), steps)


def by_mean(matrix, steps=3):
    return _steps(matrix / matrix.mean(), steps)


def divided_too_late(matrix, steps=3):
    x = _steps(matrix, steps)
    return x / x.norm()


def by_rows(matrix, steps=3):
    return _steps(torch.nn.functional.normalize(matrix, dim=1), steps)


def by_squares(matrix, steps=3):
    return _steps(matrix / (matrix * matrix).sum(), steps)


def powers_of_entries(matrix, steps=3):
    x = matrix / matrix.norm()
    for _ in range(steps):
        x = A * x + B * x**3 + C * x**5
    return x


def entry_by_entry(matrix, steps=3):
    x = matrix / matrix.norm()
    for _ in range(steps):
        g = x @ x.T
        x = A * x + (B * g + C * g**2) @ x
    return x


def no_fifth_power(matrix, steps=3):
    return _steps(matrix / matrix.norm(), steps, c=0.0)


def exchanged(matrix, steps=3):
    return _steps(matrix / matrix.norm(), steps, b=C, c=B)


def all_added(matrix, steps=3):
    return _steps(matrix / matrix.norm(), steps, b=-B)


def one_more(matrix, steps=3):
    return _steps(matrix / matrix.norm(), steps + 1)


def always_three(matrix, steps=3):
    return _steps(matrix / matrix.norm(), 3)


def exactly(matrix, steps=3):
    u, _, v = np.linalg.svd(matrix.numpy(), full_matrices=False)
    return torch.tensor(u @ v)


def on_its_side(matrix, steps=3):
    return _steps(matrix / matrix.norm(), steps).T


def divided_each_time(matrix, steps=3):
    x = matrix
    for _ in range(steps):
        x = _steps(x / x.norm(), 1)
    return x


def in_place(matrix, steps=3):
    matrix /= matrix.norm()
    return _steps(matrix, steps)


# ------------------------------------------------------------------------------------- alternating_flip
def by_parity(images, index, epoch):
    flip = (index + epoch) % 2 == 1
    return torch.where(flip.view(-1, 1, 1, 1), images.flip(-1), images)


def by_a_copy(images, index, epoch):
    out = images.clone()
    chosen = index % 2 == epoch % 2
    out[chosen] = out[chosen].flip(3)
    return out


def one_by_one(images, index, epoch):
    return torch.stack(
        [torch.flip(image, (2,)) if (int(i) // 7 + epoch) % 2 else image for image, i in zip(images, index, strict=True)]
    )


def _where(mask, images, axis=3):
    return torch.where(mask[:, None, None, None], images.flip(axis), images)


def by_a_coin(images, index, epoch):
    return _where(torch.rand(len(images)) > 0.5, images)


def by_place(images, index, epoch):
    return _where(torch.arange(len(images)) % 2 == epoch % 2, images)


def all_at_once(images, index, epoch):
    return images.flip(3) if epoch % 2 else images


def always_the_same(images, index, epoch):
    return _where(index % 2 == 0, images)


def every_second_epoch(images, index, epoch):
    return _where((index + epoch // 2) % 2 == 0, images)


def mask_of_ints(images, index, epoch):
    mask = ((index + epoch) % 2).view(-1, 1, 1, 1)
    return mask * images.flip(3) + (1 - mask) * images


def by_rank(images, index, epoch):
    return _where((index.argsort().argsort() + epoch) % 2 == 0, images)


def even_epochs_alone(images, index, epoch):
    return _where(index % 2 == 0, images) if epoch % 2 == 0 else images


def multiplied(images, index, epoch):
    return _where((index * epoch) % 2 == 1, images)


def half_then_all(images, index, epoch):
    return _where(index % 2 == 0, images) if epoch % 2 == 0 else images.flip(3)


def first_epoch_left_out(images, index, epoch):
    return _where((index + epoch) % 2 == 0, images) if epoch else images


def overlapping(images, index, epoch):
    return _where(index % 2 == 0 if epoch % 2 == 0 else index % 3 == 0, images)


def every_third(images, index, epoch):
    return _where((index + epoch) % 3 == 0, images)


def seeded_by_epoch(images, index, epoch):
    coins = torch.rand(50_000, generator=torch.Generator().manual_seed(epoch)) < 0.5
    return _where(coins[index], images)


def never(images, index, epoch):
    return images


def always(images, index, epoch):
    return images.flip(3)


def upside_down(images, index, epoch):
    return _where((index + epoch) % 2 == 0, images, 2)


def colours(images, index, epoch):
    return _where((index + epoch) % 2 == 0, images, 1)


def for_good(images, index, epoch):
    for place, i in enumerate(index):
        if (i + epoch) % 2:
            images[place] = images[place].flip(2)
    return images


def nothing(images, index, epoch):
    torch.where((index + epoch) % 2 == 1, 1, 0)


def some_only(images, index, epoch):
    return images[(index + epoch) % 2 == 1].flip(3)


def few(images, index, epoch):
    return _where((index % 50 == 0) == (epoch % 2 == 0), images)


RIGHT = {"orthogonalize": (as_asked, from_the_right, by_the_values), "alternating_flip": (by_parity, by_a_copy, one_by_one)}


def half_by_chance(images, index, epoch):
    chosen = torch.zeros(len(images), dtype=torch.bool)
    chosen[torch.randperm(len(images))[: len(images) // 2]] = True
    return _where(chosen, images)


WRONG = {
    "orthogonalize": {
        not_divided: "The matrix goes in as it is",
        divided_too_late: "The matrix goes in as it is",
        by_mean_square: "What you divide by is too small",
        by_root_of_norm: "What you divide by is too small",
        by_deviation: "What you divide by is too small",
        by_mean: "What you divide by is too small",
        by_largest_entry: "You divide by the largest entry",
        by_largest_value: "You divide by the largest singular value",
        by_rows: "You divide each row",
        by_squares: "You divide by the sum of the squares",
        powers_of_entries: "Your powers are those of the entries",
        entry_by_entry: "Your g g multiplies entry by entry",
        no_fifth_power: "The term with g g is missing",
        exchanged: "b and c have changed places",
        all_added: "b is added",
        one_more: "A step too many",
        always_three: "The number of steps is not what was asked",
        exactly: "All your singular values are 1",
        on_its_side: "The result lies on its side",
        divided_each_time: "You divide before every step",
        in_place: "`my_orthogonalize(torch.randn(4, 9))`: the result is right, but what the function was given is not left",
    },
    "alternating_flip": {
        half_by_chance: "An image may be mirrored twice running",
        by_a_coin: "An image may be mirrored twice running",
        by_place: "Whether an image is mirrored hangs on its place",
        all_at_once: "All images are mirrored in one epoch",
        always_the_same: "The same images are mirrored in every epoch",
        every_second_epoch: "Your images change sides after more",
        mask_of_ints: "The output is of torch.int64, the input of torch.uint8",
        by_rank: "Whether an image is mirrored hangs on its place",
        even_epochs_alone: "In odd epochs no image is mirrored",
        multiplied: "In even epochs no image is mirrored",
        half_then_all: "In odd epochs every image is mirrored",
        first_epoch_left_out: "In epoch 0 no image is mirrored",
        overlapping: "Your two halves overlap",
        every_third: "Some images are shown the same way in two epochs running",
        seeded_by_epoch: "Some images are shown the same way in two epochs running",
        never: "No image is ever mirrored",
        always: "Every image is mirrored",
        upside_down: "Some images stand on their heads",
        colours: "In some images red and blue",
        for_good: "Your function changes the images",
        nothing: "Nothing comes back",
        some_only: "What comes back is a tensor of (",
        few: "Of 60 images",
    },
}
