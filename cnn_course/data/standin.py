"""The stand-in for CIFAR-10 where there is no data and no network: ten classes of textured shapes.

A class is a shape and a texture, say a striped disc. Place, size, angle, colours, background and noise differ
from image to image; each class has a favourite colour, which helps a little, as a blue sky helps with planes.
All arithmetic is on integers and all chance comes from one stream of random bytes, so that the images are the
same on every machine.
"""

import numpy as np

SHAPES = ("disc", "ring", "square", "triangle", "cross")
CLASSES = tuple(f"{texture} {shape}" for texture in ("striped", "checked") for shape in SHAPES)
FAVOURITES = np.array([(c % 3 - 1, c // 3 % 3 - 1, c % 2 * 2 - 1) for c in range(10)], dtype=np.int16)

CHUNK = 250  # images drawn at a time, so that they stay in the cache; another number draws other images
ANGLES = np.arange(64) * 2 * np.pi / 64
COS, SIN = (np.round(64 * f(ANGLES)).astype(np.int16) for f in (np.cos, np.sin))


def draw(n_train: int = 50_000, n_test: int = 10_000) -> tuple[np.ndarray, ...]:
    """Training images and labels, test images and labels: uint8 (N, 3, 32, 32) and uint8 (N,), 0 to 9."""
    return (*_split(n_train, seed=1), *_split(n_test, seed=2))


def _split(n, seed):
    """n images in random order, as many of each class as of any other."""
    random = np.random.RandomState(seed)  # its stream is frozen: the same in every version of numpy
    keys = np.frombuffer(random.bytes(4 * n), dtype="<u4")
    labels = (np.argsort(keys, kind="stable") % len(CLASSES)).astype(np.uint8)
    images = np.empty((n, 3, 32, 32), dtype=np.uint8)
    for shape in range(len(SHAPES)):
        where = np.flatnonzero(labels % len(SHAPES) == shape)
        for start in range(0, len(where), CHUNK):
            chunk = where[start : start + CHUNK]
            images[chunk] = _images(SHAPES[shape], labels[chunk], random)
    return images, labels


def _images(shape, labels, random):
    """Images (n, 3, 32, 32) of the classes `labels` (n,), which have the same shape."""
    n = len(labels)

    def between(low, high, channels=1):
        """A random whole number, low to high, for each image and channel: int16 (n, channels, 1, 1)."""
        drawn = np.frombuffer(random.bytes(n * channels), dtype=np.uint8).astype(np.int32)
        return (low + (drawn * (high - low + 1) >> 8)).astype(np.int16).reshape(n, channels, 1, 1)

    def texture(x, y, checked):
        """0 or 1 at each pixel: bands of u, at a random angle, crossed by bands of v where `checked` is 1."""
        (u, v), pitch, phase = _turned(x, y, between(0, 63)), between(9, 14), between(0, 63)
        return (((u * pitch + phase) >> 6) ^ (((v * pitch + phase) >> 6) * checked)) & 1

    side = np.arange(0, 64, 2, dtype=np.int16)  # in half pixels
    x, y = side - between(24, 38), side[:, None] - between(24, 38)
    inside = _inside(shape, x, y, *_turned(x, y, between(0, 63)), between(16, 26))
    checked = (labels // len(SHAPES)).astype(np.int16).reshape(n, 1, 1, 1)
    front = between(60, 195, 3) + 36 * FAVOURITES[labels][:, :, None, None]
    front = front + between(-90, 90, 3) * texture(x, y, checked)
    back = between(30, 225, 3) + between(-30, 30, 3) * texture(x, y, between(0, 1))
    noise = np.frombuffer(random.bytes(n * 3072), dtype=np.uint8).reshape(n, 3, 32, 32).astype(np.int16)
    return np.clip(np.where(inside, front, back) + (noise >> 3) - 16, 0, 255)


def _turned(x, y, angle):
    """The coordinates (x, y) in a frame turned by angle / 64 of a circle."""
    return (x * COS[angle] + y * SIN[angle]) >> 6, (y * COS[angle] - x * SIN[angle]) >> 6


def _inside(shape, x, y, u, v, r):
    """True at the pixels of a shape of radius r about the origin; x, y stand upright, u, v turn with it."""
    if shape == "disc":
        return x * x + y * y <= r * r
    if shape == "ring":
        return (x * x + y * y <= r * r) & (4 * (x * x + y * y) >= r * r)
    u, v = abs(u), v if shape == "triangle" else abs(v)
    if shape == "square":
        return np.maximum(u, v) <= (r * 7 >> 3)
    if shape == "triangle":
        return (2 * v >= -r) & (7 * u + 4 * v <= 4 * r)
    return (np.minimum(u, v) * 3 <= r) & (np.maximum(u, v) <= r)
