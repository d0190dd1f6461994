"""What the explorers' figures share: images on one sheet, boxes on them, and axes that are quick to draw."""

from math import ceil, floor

from matplotlib.patches import Rectangle

DARK_ORANGE = "#b06f00"  # the palette's orange, dark enough for words on white


class Picture:
    """A tensor, (3, H, W) in colour or (H, W) with imshow's `options`, on a plots.Figure.sheet, in inches.

    (x, y) is its upper left corner, `size` its longer side; the title stands above. All images share the
    sheet's one pair of axes, because every further pair costs 10 ms. `box` and `text` count in the
    picture's pixels, or so that `across` of them make its width.
    """

    def __init__(self, sheet, x, y, size, pixels, title="", colour="black", frame=False, across=None, **options):
        rows, columns = pixels.shape[-2:]
        width, height = (size * side / max(rows, columns) for side in (columns, rows))
        self.sheet, self.x, self.y, self.pixel = sheet, x, y, width / (across or columns)
        image = pixels.permute(1, 2, 0) if pixels.ndim == 3 else pixels
        sheet.imshow(image.numpy(), extent=(x, x + width, y - height, y), aspect="auto", **options)
        sheet.text(x, y + 0.08, title, fontsize=11, color=colour, va="bottom")
        if frame:
            sheet.add_patch(Rectangle((x, y - height), width, height, fill=False, edgecolor="0.6"))

    def box(self, left, top, side, colour):
        """A square frame whose upper left pixel is (left, top)."""
        side = side * self.pixel
        corner = self.x + left * self.pixel, self.y - top * self.pixel - side
        self.sheet.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=2.5))

    def dots(self, columns, rows, colour):
        """A dot in the middle of each pixel (columns[i], rows[i])."""
        x, y = (
            [a + (i + 0.5) * b for i in places] for a, b, places in ((self.x, self.pixel, columns), (self.y, -self.pixel, rows))
        )
        self.sheet.plot(x, y, "s", color=colour, markersize=2.5)

    def text(self, column, row, words, **style):
        """Words in the middle of a pixel."""
        x, y = self.x + (column + 0.5) * self.pixel, self.y - (row + 0.5) * self.pixel
        self.sheet.text(x, y, words, ha="center", va="center", **style)


def panel(figure, place, title="", colour="black"):
    """Axes at `place` (left, bottom, width, height as shares of the figure), the title at a fixed height."""
    axes = figure.add_axes(place)
    # A given y saves matplotlib's search for a free height: 10 ms a pair of axes.
    axes.set_title(title, fontsize=11, color=colour, y=1.0)
    return axes


def power_ticks(low, high):
    """Exponents from low to high for an axis of powers of ten: at most seven, a round step apart, through 0.

    The axis itself is plain and holds logarithms: matplotlib's own log axis would take another 40 ms.
    """
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if (high - low) / step <= 6.5)
    return list(range(ceil(low / step) * step, floor(high) + 1, step))


def power_of_ten(exponent):
    """-4 -> "10⁻⁴", in plain characters: quicker to draw than mathematics."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
