"""Augmentation: every transform against its promises, most of them against a slower, plainer way."""

import time
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional as vision
from torchvision.transforms import v2

from cnn_course.data import augment

LAST = torch.channels_last
ALL = (
    augment.crop,
    augment.flip,
    augment.rotate,
    augment.shear,
    augment.brightness,
    augment.contrast,
    augment.saturation,
    augment.hue,
    augment.pca_colour,
    augment.cutout,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n=8, c=3, h=32, w=32, seed=0):
    return torch.randint(256, (n, c, h, w), dtype=torch.uint8, generator=seeded(seed))


@pytest.fixture
def draw(monkeypatch):
    """draw(x) lets every image draw x between minus and plus its limit."""
    return lambda x: monkeypatch.setattr(augment, "_between", lambda images, *_: torch.full((len(images),), float(x)))


@pytest.mark.parametrize("transform", ALL, ids=lambda t: t.__name__)
def test_shape_type_layout_and_seed(transform):
    images = noise(6, 3, 20, 24)
    before = images.clone()
    for batch in (images, images.contiguous(memory_format=LAST), images.float() / 255):
        result = transform(batch, generator=seeded(3))
        assert result.shape == batch.shape and result.dtype == batch.dtype
        assert torch.equal(result, transform(batch, generator=seeded(3)))
        assert not torch.equal(result, transform(batch, generator=seeded(4)))
        if batch.is_contiguous(memory_format=LAST):
            assert result.is_contiguous(memory_format=LAST)
        assert 0 <= result.min() and result.max() <= (255 if batch.dtype == torch.uint8 else 1)
    floats, whole = (transform(batch, generator=seeded(3)).float() for batch in (images.float() / 255, images))
    assert (floats * 255 - whole).abs().max() <= 0.51  # the same but for rounding
    assert torch.equal(images, before)
    assert transform(images).shape == images.shape  # without a generator
    same = transform(images[:1].expand(9, -1, -1, -1), generator=seeded())
    assert len({bytes(image.flatten().tolist()) for image in same}) > 1  # every image gets its own draw
    if transform is augment.pca_colour:
        transform = partial(transform, colours=augment.principal_colours(images))
    assert transform(images.to("meta"), generator=seeded()).is_meta  # on another device, nothing is mixed up


@given(
    n=st.integers(1, 4),
    c=st.integers(1, 3),
    h=st.integers(1, 7),
    w=st.integers(1, 7),
    padding=st.integers(0, 3),
    last=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_crop_and_flip_against_a_loop(n, c, h, w, padding, last, seed):
    images = noise(n, c, h, w, seed)
    images = images.contiguous(memory_format=LAST) if last else images
    cropped = augment.crop(images, padding, generator=seeded(seed))
    flipped = augment.flip(images, generator=seeded(seed))
    for image, crop, flip in zip(images.numpy(), cropped.numpy(), flipped.numpy(), strict=True):
        room = np.zeros((c, h + 2 * padding, w + 2 * padding), dtype=np.uint8)
        room[:, padding : padding + h, padding : padding + w] = image
        windows = [room[:, y : y + h, x : x + w] for y in range(2 * padding + 1) for x in range(2 * padding + 1)]
        assert any(np.array_equal(crop, window) for window in windows)
        assert np.array_equal(flip, image) or np.array_equal(flip, image[:, :, ::-1])


def test_crop_draws_all_shifts_equally_often():
    dot = torch.zeros(8100, 1, 9, 9, dtype=torch.uint8)
    dot[:, :, 4, 4] = 1
    where = augment.crop(dot, 4, generator=seeded()).flatten(1).long().argmax(1)
    counts = torch.bincount(where, minlength=81)
    assert counts.min() > 60 and counts.max() < 150  # 100 each, give or take 4 or 5 standard deviations


def test_flip_draws_as_often_as_it_is_told():
    images = noise(2000, 1, 1, 2)
    images[:, :, :, 0], images[:, :, :, 1] = 0, 1
    for p in (0, 0.3, 1):
        assert augment.flip(images, p, generator=seeded())[..., 0].float().mean().item() == pytest.approx(
            p, abs=0.04 * (0 < p < 1)
        )


def test_rotate_turns_about_the_centre(draw):
    images = noise(3, 3, 12, 12)
    draw(0)
    assert torch.equal(augment.rotate(images), images)
    draw(90)
    quarter = augment.rotate(images)
    assert torch.equal(quarter, images.rot90(1, (2, 3))) or torch.equal(quarter, images.rot90(-1, (2, 3)))
    draw(180)
    wide = noise(3, 3, 6, 16)
    assert torch.equal(augment.rotate(wide), wide.flip(2, 3))
    draw(90)
    square = torch.zeros(1, 1, 9, 15)
    square[:, :, 2:7, 5:10] = 1
    assert torch.allclose(augment.rotate(square), square, atol=1e-5)  # a square stays one in an image that is none


def test_shear_moves_rows_and_keeps_heights(draw):
    images = noise(2, 3, 5, 11)
    draw(45)
    sheared = augment.shear(images)
    for row, shift in enumerate(range(-2, 3)):
        expected = torch.zeros(2, 3, 11, dtype=torch.uint8)
        for x in range(11):
            if 0 <= x + shift < 11:
                expected[:, :, x] = images[:, :, row, x + shift]
        assert torch.equal(sheared[:, :, row], expected)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
@pytest.mark.parametrize("x", [-0.5, 0, 0.4])
def test_colour_strengths_against_torchvision(draw, name, x):
    draw(x)
    images = noise()
    expected = getattr(vision, f"adjust_{name}")(images, 1 + x)
    assert (getattr(augment, name)(images).int() - expected.int()).abs().max() <= 1  # it rounds down


def test_hue_turns_the_colour_circle_and_keeps_luma(draw):
    images = torch.rand(4, 3, 8, 8, generator=seeded()) * 0.2 + 0.4  # far from black and white: nothing is clipped
    grey = images[:, :1].expand(-1, 3, -1, -1)
    draw(120)
    turned = augment.hue(images)
    assert torch.allclose(augment.hue(grey), grey, atol=2e-3)
    assert torch.allclose(augment._grey(turned), augment._grey(images), atol=2e-3)
    assert torch.allclose(augment.hue(augment.hue(turned)), images, atol=1e-3)  # three times 120 degrees
    draw(0)
    assert torch.allclose(augment.hue(images), images, atol=1e-5)


def test_principal_colours_are_those_of_the_covariance():
    images = noise(5)
    images[:, 1] = images[:, 0] // 2 + 20  # two channels that vary together
    variances, axes = augment.principal_colours(images)
    pixels = images.permute(1, 0, 2, 3).reshape(3, -1).double().numpy() / 255
    assert np.allclose(axes.numpy() @ np.diag(variances) @ axes.numpy().T, np.cov(pixels), atol=1e-6)


def test_pca_colour_shifts_whole_images_along_the_axes():
    images = torch.full((4000, 3, 1, 1), 0.5)
    colours = (torch.tensor([0.01, 0.1, 0.4]), torch.linalg.qr(torch.randn(3, 3, generator=seeded()))[0])
    shift = (augment.pca_colour(images, 0.1, colours, generator=seeded()) - images).flatten(1)
    along = shift @ colours[1]
    assert torch.allclose(along.std(0), 0.1 * colours[0], rtol=0.1) and torch.allclose(along.mean(0), torch.zeros(3), atol=3e-3)
    image = torch.rand(2, 3, 4, 4, generator=seeded()) * 0.2 + 0.4
    change = augment.pca_colour(image, generator=seeded()) - image
    assert torch.allclose(change, change[:, :, :1, :1].expand_as(change), atol=1e-6)
    assert torch.allclose(augment.pca_colour(image, 0), image)


@pytest.mark.parametrize("size", [1, 5, 8])
def test_cutout_covers_one_square_with_the_mean_colour(size):
    images = torch.zeros(500, 3, 12, 16, dtype=torch.uint8)
    result = augment.cutout(images, size, generator=seeded())
    mean = torch.tensor([125, 123, 114])  # 255 times CIFAR-10's mean, rounded
    areas = set()
    for image in result:
        covered = image[0] > 0
        rows, columns = covered.any(1), covered.any(0)
        assert torch.equal(covered, rows[:, None] & columns) and torch.equal(
            image[:, covered], mean[:, None].expand(3, covered.sum())
        )
        assert 1 <= rows.sum() <= size and 1 <= columns.sum() <= size
        assert rows.int().diff().abs().sum() <= 2  # rows without a gap
        areas.add(int(covered.sum()))
    assert max(areas) == size**2 and (len(areas) > 1) == (size > 1)  # some squares stand half outside


def test_modules_are_transforms_too():
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    pipeline = (v2.RandomHorizontalFlip(1.0), torch.nn.Identity(), v2.RandomVerticalFlip(1.0))
    assert torch.equal(augment.apply(images, pipeline, seeded(0)), images.flip(2, 3))


def test_a_pipeline_is_applied_in_order():
    images = noise()
    pipeline = (*augment.STANDARD, partial(augment.cutout, size=4))
    generator = seeded(5)
    expected = augment.cutout(augment.flip(augment.crop(images, generator=generator), generator=generator), 4, generator)
    assert torch.equal(augment.apply(images, pipeline, seeded(5)), expected)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: augment.crop(noise()[0]), r"images are \(3, 32, 32\); expected a batch \(N, C, H, W\)"),
        (lambda: augment.flip(np.zeros((1, 3, 2, 2))), "images are an ndarray; expected a batch"),
        (lambda: augment.brightness(noise().int()), "images are torch.int32; expected uint8"),
        (lambda: augment.hue(noise(c=1)), r"images are \(8, 1, 32, 32\); expected a batch \(N, 3, H, W\)"),
        (lambda: augment.saturation(noise(c=4)), r"expected a batch \(N, 3, H, W\)"),
        (lambda: augment.crop(noise(), -1), "padding is -1; expected a whole number of at least 0"),
        (lambda: augment.crop(noise(), 1.5), "padding is 1.5"),
        (lambda: augment.flip(noise(), 2), "p is 2; expected a probability"),
        (lambda: augment.rotate(noise(), -5), "degrees is -5; expected 0 or more"),
        (lambda: augment.shear(noise(), 90), "degrees is 90; expected less than 90"),
        (lambda: augment.contrast(noise(), -0.1), "strength is -0.1; expected 0 or more"),
        (lambda: augment.contrast(noise(), float("nan")), "strength is nan; expected 0 or more"),
        (lambda: augment.pca_colour(noise(), -1), "strength is -1"),
        (lambda: augment.pca_colour(noise(), float("nan")), "strength is nan"),
        (lambda: augment.cutout(noise(), 0), "size is 0; expected a whole number of at least 1"),
    ],
)
def test_what_cannot_be_is_an_error_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_pipeline_is_a_tuple():
    with pytest.raises(ValueError, match=r"augment is <function flip.*; expected a tuple of functions: \(augment.flip,\)"):
        augment.apply(noise(), augment.flip)


def test_completion_offers_transforms_alone():
    assert {transform.__name__ for transform in ALL} < set(dir(augment)) and not {"F", "math", "torch", "LUMA"} & set(
        dir(augment)
    )


def test_a_batch_is_cropped_and_flipped_at_once():
    """In less than a fifth of the time that torchvision takes for one image after the other (here an eighteenth)."""
    images, threads = noise(256).contiguous(memory_format=LAST), torch.get_num_threads()
    one = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip()])
    ways = {"at once": lambda: augment.apply(images, augment.STANDARD), "one by one": lambda: [one(image) for image in images]}
    seconds = {way: [] for way in ways}
    torch.set_num_threads(1)
    for _ in range(10):
        for way, work in ways.items():
            start = time.perf_counter()
            work()
            seconds[way].append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    assert min(seconds["at once"]) < min(seconds["one by one"]) / 5
