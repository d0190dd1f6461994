"""What a cell shows beside figures: source code, tables and sentences. All have a text form, which nbval compares."""

import functools
import html
import inspect
import math
import textwrap
from numbers import Real
from pathlib import Path

from cnn_course.values import is_number, is_whole, kind

__all__ = ["Shown", "source", "table"]


def __dir__():
    return sorted(__all__)


class Shown:
    """Something with a rich form and a text form. `kind` is the MIME type of the rich form."""

    def __init__(self, kind, rich, text):
        self.kind, self.rich, self.text = kind, rich, text

    def __repr__(self):
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {self.kind: self.rich, "text/plain": self.text}


def prose(text: str, indent: str = "") -> str:
    """Sentences, broken between words after at most 100 characters: JupyterLab breaks printed lines in the midst of one.

    indent: stands before what a line goes on with.
    """
    wrap = textwrap.TextWrapper(100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(wrap.fill, text.split("\n")))


def source(thing, docstring=True):
    """The source of a class, function, method or module, highlighted; of an object, that of its class.

    docstring=False leaves the docstring of the thing itself out. Raises ValueError for what was not written in Python.
    """
    while isinstance(thing, functools.partial):
        thing = thing.func
    thing = inspect.unwrap(thing) if callable(thing) and hasattr(thing, "__wrapped__") else thing
    if not (inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing)):
        thing = type(thing)
    try:
        text, path = textwrap.dedent(inspect.getsource(thing)).rstrip(), inspect.getsourcefile(thing)
    except (OSError, TypeError):
        raise ValueError(f"{thing!r} has no Python source; expected a class or function that has") from None
    if not docstring and thing.__doc__:
        text = _without_docstring(text)
    path = Path(path)
    package = Path(__file__).parent
    where = f"# {path.relative_to(package.parent).as_posix()}\n" if package in path.parents else ""
    return Shown("text/markdown", f"```python\n{where}{text}\n```", where + text)


def _without_docstring(text):
    import ast

    tree = ast.parse(text)
    owner = tree if ast.get_docstring(tree) else tree.body[0]
    if ast.get_docstring(owner) is None:
        return text
    first, rows = owner.body[0], text.split("\n")
    kept = rows[: first.lineno - 1] + rows[first.end_lineno :]
    while first.lineno - 1 < len(kept) and not kept[first.lineno - 1].strip():  # the blank line after it
        del kept[first.lineno - 1]
    return "\n".join(kept)


def table(frame, caption=None, mark=None, formats=None, rows=10):
    """A DataFrame, a Series, a History or a Record as a table: thousands separators, numbers right, the row that matters marked.

    caption: None takes the frame's own, `attrs["caption"]`, where it has one. mark: a label of the index, a list of labels, or a
    boolean Series. formats: column -> format such as "{:.1%}" or a function. Raises ValueError for what is no table, for more
    than `rows` rows, and for a mark or a column that is not there.
    """
    frame = frame.table() if hasattr(frame, "table") else frame
    frame = frame.to_frame() if hasattr(frame, "to_frame") else frame
    if not hasattr(frame, "columns"):
        advice = "pd.Series makes one of name -> value, pd.DataFrame of column -> values"
        raise ValueError(f"frame is {kind(frame)}; expected a DataFrame, a Series, a History or a Record: {advice}")
    caption = frame.attrs.get("caption") if caption is None else caption
    if len(frame) > rows:
        count = len(frame)
        raise ValueError(f"the table has {count} rows, expected at most {rows}: choose, or pass rows={count}")
    formats = dict(formats or {})
    unknown = [column for column in formats if column not in frame.columns]
    if unknown:
        known = ", ".join(map(str, frame.columns))
        raise ValueError(f"formats names {unknown[0]!r}; the columns are {known}")
    marked = _marked(frame, mark)
    index = ["" if frame.index.name is None else str(frame.index.name), *map(str, frame.index)]
    columns = [index]
    for place, column in enumerate(frame.columns):
        write = formats.get(column, _cell)
        write = write.format if isinstance(write, str) else write
        columns.append([str(column), *("–" if _empty(value) else write(value) for value in frame.iloc[:, place])])
    right = [False, *(frame.iloc[:, i].map(_numeric).all() for i in range(len(frame.columns)))]
    return Shown("text/html", _html(columns, right, marked, caption), _text(columns, right, marked, caption))


def _marked(frame, mark):
    if mark is None:
        return set()
    if hasattr(mark, "dtype") and mark.dtype == bool:
        mark = mark.reindex(frame.index, fill_value=False) if hasattr(mark, "index") else mark  # a Series goes by its labels
        return {i for i, yes in enumerate(mark) if yes}
    wanted = mark if isinstance(mark, (list, set)) else [mark]
    absent = [label for label in wanted if label not in frame.index]
    if absent:
        raise ValueError(f"mark is {absent[0]!r}; the rows are {', '.join(map(str, frame.index))}")
    return {i for i, label in enumerate(frame.index) if label in wanted}


def _numeric(value):
    return value is None or (hasattr(value, "__float__") and not isinstance(value, (str, bool)))


def _empty(value):
    return value is None or (isinstance(value, Real) and value != value)


def _cell(value):
    if is_whole(value, -math.inf):
        return f"{int(value):,}"
    if is_number(value):
        value = float(value)  # of numpy too
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 999.5 else f"{value:,.3g}"
    return str(value)


def _text(columns, right, marked, caption):
    wide = [max(map(len, column)) for column in columns]
    rows = []
    for i in range(len(columns[0])):
        places = zip(columns, wide, right, strict=True)
        cells = [column[i].rjust(w) if r else column[i].ljust(w) for column, w, r in places]
        rows.append("  ".join(cells).rstrip() + ("  <" if i - 1 in marked else ""))
    return "\n".join(([caption] if caption else []) + rows)


def _html(columns, right, marked, caption):
    def row(i):
        tag = "td" if i else "th"
        marking = "rgba(222, 143, 5, 0.22); font-weight: 600" if i - 1 in marked else "transparent"
        cells = ""
        for column, to_right in zip(columns, right, strict=True):
            look = f"text-align: {'right' if to_right else 'left'}; padding: 4px 12px"
            cells += f'<{tag} style="{look}">{html.escape(column[i])}</{tag}>'
        return f'<tr style="background: {marking}">{cells}</tr>'

    wide = "; min-width: 560px" if caption and len(caption) > 90 else ""  # a narrow table's caption would be a tower
    look = f"text-align: left; padding: 4px 12px{wide}"
    head = f'<caption style="{look}">{html.escape(caption)}</caption>' if caption else ""
    body = "\n".join(row(i) for i in range(1, len(columns[0])))
    return (
        f'<table style="border-collapse: collapse; font-variant-numeric: tabular-nums">{head}\n'
        f"<thead>{row(0)}</thead>\n<tbody>\n{body}\n</tbody></table>"
    )
