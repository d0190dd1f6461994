"""The colours of all figures: safe for colour-blind readers, one for each family of networks."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

INK, GREY, FAINT = "#222222", "#6b6b6b", "#d9d9d9"
NEUTRAL, ACCENT = "#8a97a6", "#0173b2"  # bars that belong to no family; the one that matters
# Seaborn's "colorblind" palette; a test compares. Seaborn itself would import pyplot.
PALETTE = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9")
FAMILY_COLOURS = {
    "LeNet": PALETTE[7],
    "AlexNet": PALETTE[0],
    "VGG": PALETTE[1],
    "NIN": PALETTE[9],
    "GoogLeNet": PALETTE[2],
    "ResNet": PALETTE[3],
    "DenseNet": PALETTE[4],
    "FastNet": PALETTE[6],
    "MobileNet": PALETTE[5],
    "Plain": "#6d7f92",
}


def family(name) -> str | None:
    """The family that a label names ("resnet20" -> "ResNet", "VGG-16" -> "VGG"), or None."""
    plain = str(name).lower().replace("-", "")
    first = {"preact": "ResNet", "inception": "GoogLeNet", "network in network": "NIN"}
    for start, title in [*((key.lower(), key) for key in FAMILY_COLOURS), *first.items()]:
        if plain.startswith(start):
            return title
    return None


def colour(label, index=None, default=NEUTRAL) -> str:
    """The colour of a label's family; else number `index` of the palette, else `default`."""
    title = family(label)
    if title:
        return FAMILY_COLOURS[title]
    return default if index is None else PALETTE[index % len(PALETTE)]


def tint(shade, share):
    """The colour mixed with white: share 1 is the colour itself, 0 is white."""
    return tuple(1 - share * (1 - part) for part in to_rgb(shade))


def told_apart(shades) -> list:
    """The colours; where one comes again, a darker one, a lighter one and the darkest of it, in turn."""
    used, result = {}, []
    for shade in shades:
        turn = used[shade] = used.get(shade, -1) + 1
        dark = np.array(to_rgb(shade))
        result.append((shade, tuple(0.55 * dark), tint(shade, 0.55), tuple(0.3 * dark))[turn % 4])
    return result


def is_dark(shade) -> bool:
    """Whether white words stand better on the colour than dark ones."""
    return np.dot(to_rgb(shade), (0.3, 0.59, 0.11)) < 0.55


def readable(shade):
    """The colour dark enough for text on white: a contrast of 4.5, as the WCAG guidelines ask."""
    rgb = np.array(to_rgb(shade))

    def luminance(c):
        return np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)

    while 1.05 / (luminance(rgb) + 0.05) < 4.5:
        rgb = rgb * 0.95
    return tuple(rgb)
