"""Explorer: controls, one sentence that says what they mean, one picture. Every widget of the course is one.

An explorer is three plain functions and some controls:

    compute(**settings) -> result      pure; a ValueError says in words why the settings are impossible
    draw(result)        -> plots.Figure, drawn in the course's style
    describe(result)    -> one sentence

Only this file and the thin constructors know about ipywidgets. `slider`, `steps`, `choice`, `switch` and
`text` make controls that look alike.

Each explorer can be worked without a mouse and without seeing it. ipywidgets gives a slider's handle no name, so a box stands
beside each slider, to type in or to step with the arrow keys; the handle itself is for the mouse alone.
"""

import base64
import contextlib
import html
import struct
import threading
import zlib
from functools import partial

import ipywidgets
import numpy as np
import traitlets

from cnn_course import plots
from cnn_course.training.device import one_thread
from cnn_course.values import is_number, is_whole

QUICK = {"text.hinting": "none"}  # fitting each letter to the pixels would take a third of a redraw
LABEL, WIDTH, BOX = "118px", "322px", "66px"  # three controls fit side by side in a notebook cell
ONE_AT_A_TIME = threading.RLock()  # ipykernel 7 hears two controls in two threads; style and threads of torch are the process's
# What ipywidgets has no trait for. Not every page knows that it is dark: words bring the ground on which they can be read.
# A hidden handle gets no focus and no reader comes upon it; what lies in it can be dragged. After a stroke: an icon in words.
STYLE = """<style>
.cnn-course { background: var(--jp-layout-color0, white); color: var(--jp-content-font-color1, black); }
.cnn-course .noUi-handle { visibility: hidden; }
.cnn-course .noUi-touch-area { visibility: visible; border-radius: 50%; background: #0173b2; }
.cnn-course .fa-play::before { content: "\\f04b" / "Play"; }
.cnn-course .fa-pause::before { content: "\\f04c" / "Pause"; }
.cnn-course .fa-stop::before { content: "\\f04d" / "Stop"; }
.cnn-course .fa-retweet::before { content: "\\f079" / "Repeat"; }
.cnn-course .cnn-course-spot { font-size: 0; }
.cnn-course.cnn-course :focus-visible { outline: 2px solid #0173b2 !important; outline-offset: 1px; }
</style>"""


def slider(label, value, low, high, step=1, tip=""):
    """A slider from `low` to `high`; whole numbers unless one of the four is a float. The box beside it takes keys."""
    whole = all(isinstance(number, int) for number in (value, low, high, step))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return _dress(kind(value=value, min=low, max=high, step=step, description=label, readout=False), tip)


def steps(label, options, value, tip=""):
    """A slider over a rising list of whole numbers, such as 8, 16, 32."""
    return _dress(ipywidgets.SelectionSlider(options=options, value=value, description=label, readout=False), tip)


def choice(label, options, value=None, tip=""):
    """A drop-down list. `options`: values, or pairs (text shown, value)."""
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    value = first if value is None else value
    return _dress(ipywidgets.Dropdown(options=options, value=value, description=label), tip)


def switch(label, value=False, tip=""):
    """A tick box."""
    box = ipywidgets.Checkbox(value=value, description=label, indent=False)
    box.tooltip = tip or label
    box.layout.width, box.layout.margin = "auto", "2px 24px 2px 8px"
    return box


def text(label, value="", tip=""):
    """A line to type in; the picture follows every key."""
    return _dress(ipywidgets.Text(value=value, description=label), tip)


def in_words(items):
    """["a", "b", "c"] -> "a, b and c"."""
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def counted(number: int, word: str) -> str:
    """1 and "pixel" -> "1 pixel", 2 -> "2 pixels"."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def as_many(ratio: float) -> str:
    """2.44 -> "2.4 times as many", 1.02 -> "about as many", 0.42 -> "42% as many"."""
    if 0.995 <= ratio < 1.05:
        return "about as many"
    return f"{ratio:.1f} times as many" if ratio > 1 else f"{ratio:.0%} as many"


def minus(number: float, digits: int) -> str:
    """A number with so many digits behind the point and a true minus sign; what rounds to 0 has none."""
    return f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−")


def _dress(control, tip):
    control.tooltip = tip or control.description  # ipywidgets 7, which Colab has, takes no such argument
    control.style.description_width = LABEL
    control.layout.width = WIDTH
    return control


def unseen(control, label):
    """The control with a label that takes no place: a name for who does not see it."""
    control.description, control.style.description_width = label, "0px"
    return control


def _short(value):
    """0.7999999999999999 -> 0.8: a slider of floats counts steps from its left end, and a box shows every digit."""
    return round(value, 10) if isinstance(value, float) else value


def _check(name, value, control, limits):
    """ValueError where a control cannot take the value. limits: of a slider, from where to where."""
    options = (False, True) if isinstance(control, ipywidgets.Checkbox) else getattr(control, "options", ())
    choices = [option[1] if isinstance(option, tuple) else option for option in options]
    if choices:
        fits, wanted = value in choices, f"one of {', '.join(map(repr, choices))}"
    elif limits:
        whole, (low, high) = isinstance(control, ipywidgets.IntSlider), limits
        fits = (is_whole(value, low) if whole else is_number(value)) and low <= value <= high
        wanted = f"a {'whole ' * whole}number from {low} to {high}"
    else:  # a line to type in
        return
    if not fits:
        raise ValueError(f"{name} is {value!r:.60}; expected {wanted}")


def _row(control):
    """The control as it stands on the bench: beside a slider a box with the same value, which has a name and takes keys."""
    if isinstance(control, ipywidgets.SelectionSlider):
        box = _snapping(control)
    elif isinstance(control, (ipywidgets.IntSlider, ipywidgets.FloatSlider)):
        whole = isinstance(control, ipywidgets.IntSlider)
        kind = ipywidgets.BoundedIntText if whole else ipywidgets.BoundedFloatText
        same = ("min", "max", "step", "value")
        box = kind(**{name: getattr(control, name) for name in same})
        for name in same:
            ipywidgets.link((control, name), (box, name), transform=(_short, _short))
    else:
        return control
    ipywidgets.dlink((control, "disabled"), (box, "disabled"))
    unseen(box, control.description).layout.width = BOX
    control.layout.width = f"calc({WIDTH} - {BOX})"
    row = ipywidgets.HBox([control, box], layout=ipywidgets.Layout(width=f"calc({WIDTH} + 8px)"))
    ipywidgets.dlink((control.layout, "display"), (row.layout, "display"))
    return row


def _snapping(control):
    """A box for a slider over a list; an arrow key or a number between two values goes on to the next one in its direction."""
    values = control.options
    box = ipywidgets.BoundedIntText(control.value, min=values[0], max=values[-1])

    def typed(change):
        new, now = change["new"], control.value
        control.value = next(v for v in values if v >= new) if new > now else next(v for v in reversed(values) if v <= new)

    box.observe(typed, "value")
    ipywidgets.dlink((control, "value"), (box, "value"))
    return box


def _png(figure):
    """The figure as PNG bytes. Rows are packed as they are: a library tries five filters on each, three times as slow."""
    with plots.own_style(**QUICK):
        figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # a row begins with its filter: 0, none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits each of red, green and blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    packed = (struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part)) for kind, part in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


class NamedImage(ipywidgets.Image):
    """An image whose `tooltip` becomes its title, which is its name for who does not see it."""

    # ipywidgets 8 sets a title where it finds an empty description, and breaks where it finds none: no default may stand for it.
    description = traitlets.Unicode(None, allow_none=True).tag(sync=True)


class Explorer(ipywidgets.VBox):
    """A small laboratory bench: move a control, and the sentence and the picture follow.

    controls: name of a setting -> ipywidget with a `value`; compute, draw, describe: see the module.
    linked: name of a control -> function of its value, which gives the settings that other controls take when it moves.
    presets: label of a button -> the settings that it sets.
    extras: widgets shown after the controls that are no settings (a Play button, say).
    adjust(controls, result): called after each compute, with None for a refusal; it may change limits or hide controls.
    picks: the name of a control that is also set by a click on the picture. `draw` says where: figure.spots is
    value -> (x, y), shares of the picture's width and height from its upper left corner.

    Settings that `compute` refuses with a ValueError show its words as the sentence, and so does whatever else fails; the
    picture stays as it was. `settings`, `result`, `sentence` and `picture` (PNG bytes) hold what is on show. `set(kernel=5)`
    moves controls from code, `reset()` goes back to the defaults. Where no widget can be shown (GitHub,
    nbconvert), the picture and the sentence of the default settings stand in.
    """

    def __init__(self, controls, compute, draw, describe, *, linked=None, presets=None, extras=(), adjust=None, picks=None):
        self.controls, self._linked = dict(controls), linked or {}
        self._compute, self._draw, self._describe, self._adjust = compute, plots.styled(draw), describe, adjust
        self.defaults = self.settings
        self._limits = {name: (c.min, c.max) for name, c in self.controls.items() if hasattr(c, "min")}  # `adjust` may move them
        self._busy = False
        self.result, self.sentence, self.problem = None, "", ""
        self._words = ipywidgets.HTML(layout=ipywidgets.Layout(margin="2px 8px 6px 8px", min_height="44px"))
        self._image = NamedImage(format="png", description="", layout=ipywidgets.Layout(max_width="100%", object_fit="contain"))
        buttons = [self._button(label, "130px", settings) for label, settings in (presets or {}).items()]
        buttons.append(self._button("Reset", "90px", self.defaults, "Back to the settings at first sight"))
        self._spots = {value: self._spot(picks, value) for value in self.controls[picks].options} if picks else {}
        bench = ipywidgets.Box(
            [*map(_row, self.controls.values()), *extras, *buttons],
            layout=ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center"),
        )
        self.redraw()
        if self.problem:
            raise ValueError(f"the default settings do not work: {self.problem}")
        self._first = (self.sentence, self.picture)
        for name, control in self.controls.items():
            control.observe(partial(self._moved, name), names="value")
        style = ipywidgets.HTML(STYLE, layout=ipywidgets.Layout(display="none"))
        super().__init__([bench, self._words, self._over_picture() if picks else self._image, style])
        self.add_class("cnn-course")

    def _button(self, label, width, settings, tip=""):
        """A button that sets the settings."""
        button = ipywidgets.Button(description=label, tooltip=tip or label, layout=ipywidgets.Layout(width=width))
        button.on_click(lambda _: self.set(**settings))
        return button

    def _spot(self, name, value):
        """An invisible button that will lie over the picture."""
        layout = ipywidgets.Layout(width="24px", height="24px", padding="0", grid_area="1 / 1")
        words = f"{self.controls[name].description} {value}"
        button = ipywidgets.Button(description=words, tooltip=words, style={"button_color": "transparent"}, layout=layout)
        button.add_class("cnn-course-spot")
        button.on_click(lambda _: self.set(**{name: value}))
        return button

    def _over_picture(self):
        """Picture and spots in one cell of a grid, so that the spots stay in place when the picture shrinks."""
        self._image.layout.grid_area = "1 / 1"
        layout = ipywidgets.Layout(grid_template_columns=f"minmax(0, {self._image.width}px)", overflow="hidden")
        return ipywidgets.GridBox([self._image, *self._spots.values()], layout=layout)

    @property
    def settings(self):
        """The present value of each control, by name."""
        return {name: _short(control.value) for name, control in self.controls.items()}

    @property
    def picture(self):
        """The PNG bytes on show."""
        return bytes(self._image.value)

    def set(self, **settings):
        """Move several controls, redraw once. ValueError, before any moves, for a setting or a value that this explorer lacks."""
        unknown = sorted(set(settings) - set(self.controls))
        if unknown:
            raise ValueError(f"no setting {', '.join(unknown)}; this explorer has {', '.join(self.controls)}")
        for name, value in settings.items():
            _check(name, value, self.controls[name], self._limits.get(name))
        with ONE_AT_A_TIME:
            for name in self._linked.keys() & settings.keys():
                if settings[name] != self.controls[name].value:
                    settings = self._linked[name](settings[name]) | settings
            for _ in range(2):  # twice where `adjust` lifts a limit that stood in the way
                with self._held():  # several moves, one redraw
                    for name, value in settings.items():
                        self.controls[name].value = value
                self.redraw()
                if all(self.controls[name].value == value for name, value in settings.items()):
                    break

    def reset(self):
        """Back to the default settings."""
        self.set(**self.defaults)

    def redraw(self):
        """Compute, say and draw the present settings."""
        with ONE_AT_A_TIME:
            self._redraw()

    def _redraw(self):
        try:
            with one_thread():
                result = self._compute(**self.settings)
            sentence = self._describe(result)
        except ValueError as error:
            self._refuse("Not possible", str(error))
            return
        except Exception as error:
            self._fail(error)
            return
        self._tune(result)
        try:
            figure = self._draw(result)
            picture = _png(figure)
        except Exception as error:
            self._fail(error)
            return
        self.result, self.sentence, self.problem = result, sentence, ""  # what is on show, together with its picture
        self._say(sentence, "border-left: 4px solid #0173b2; padding-left: 10px")
        # Swapping the bytes of one image: nothing is cleared, so the page never jumps.
        self._image.value, self._image.tooltip = picture, sentence
        width, height = figure.canvas.get_width_height()
        self._image.width, self._image.height = str(width), str(height)
        for value, button in self._spots.items():
            x, y = figure.spots.get(value, (None, None))
            button.layout.display = None if x is not None else "none"
            if x is not None:  # both percentages are of the grid's width
                button.layout.margin = f"calc({100 * y * height / width:.2f}% - 12px) 0 0 calc({100 * x:.2f}% - 12px)"

    def _fail(self, error):
        """An error that nobody meant: told like a refusal, for the picture on show is that of other settings."""
        self._refuse("This does not work here", f"{type(error).__name__}: {error}")

    def _refuse(self, title, problem):
        self.problem = problem
        self._tune(None)
        self._say(f"{title}: {problem}", "border-left: 4px solid #de8f05; padding-left: 10px")

    @contextlib.contextmanager
    def _held(self):
        """Controls that move meanwhile cause no redraw."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _tune(self, result):
        if self._adjust is not None:
            with self._held():
                self._adjust(self.controls, result)

    def _moved(self, name, change):
        # A control sends its next value only once this one is answered: no stale redraw waits in a queue.
        with ONE_AT_A_TIME:
            if self._busy:
                return
            if name in self._linked:
                self.set(**self._linked[name](change["new"]))
            else:
                self.redraw()

    def _say(self, sentence, style):
        look = f"font-size: 15px; line-height: 1.4; {style}"
        self._words.value = f'<div role="status" style="{look}">{html.escape(sentence)}</div>'

    _ipython_display_ = None  # ipywidgets 7 would show itself that way, without the picture that stands in

    def _repr_mimebundle_(self, **_):
        sentence, picture = self._first
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}  # the protocol of ipywidgets 7 and 8
        bundle = {"text/plain": sentence, "image/png": base64.b64encode(picture).decode()}
        return {**bundle, "application/vnd.jupyter.widget-view+json": view}, {"image/png": {"alt": sentence}}
