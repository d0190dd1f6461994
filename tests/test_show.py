"""Source listings and tables."""

import ast
import functools
import inspect

import numpy as np
import pandas as pd
import pytest
from made_up import record

from cnn_course import anatomy, models, show

FRAME = pd.DataFrame(
    {"parameters": [61_706, 138_357_544], "error (%)": [0.1234, float("nan")], "by": ["LeCun", "Simonyan"]},
    index=pd.Index(["LeNet-5", "VGG-16"], name="network"),
)


def test_source_is_the_source():
    shown = show.source(models.Inception)
    bundle = shown._repr_mimebundle_()
    written = inspect.getsource(models.Inception).rstrip()
    assert bundle["text/plain"] == repr(shown) == "# cnn_course/models/inception.py\n" + written
    assert bundle["text/markdown"] == f"```python\n{shown.text}\n```"


@pytest.mark.parametrize("thing", [models.BasicBlock, anatomy.output_size, models.ResNet.forward, anatomy])
def test_source_without_docstring(thing):
    tree = ast.parse(show.source(thing, docstring=False).text)
    owner = tree if inspect.ismodule(thing) else tree.body[0]
    assert ast.get_docstring(owner) is None
    full = ast.parse(show.source(thing).text)
    rest = (full if inspect.ismodule(thing) else full.body[0]).body
    rest = rest[1:] if thing.__doc__ else rest
    assert [ast.dump(node) for node in owner.body] == [ast.dump(node) for node in rest]


def test_source_of_objects_and_partials():
    assert show.source(models.Transition(8)).text == show.source(models.Transition).text
    assert show.source(functools.partial(models.ResNet, 3)).text == show.source(models.ResNet).text
    with pytest.raises(ValueError, match="no Python source"):
        show.source(len)


def test_table_text_and_html():
    shown = show.table(FRAME, "Two networks", mark="VGG-16")
    lines = shown.text.split("\n")
    assert lines[0] == "Two networks" and lines[1].split() == ["network", "parameters", "error", "(%)", "by"]
    assert lines[2].split() == ["LeNet-5", "61,706", "0.123", "LeCun"]
    assert lines[3].split() == ["VGG-16", "138,357,544", "–", "Simonyan", "<"]
    html = shown._repr_mimebundle_()["text/html"]
    assert html == show.table(FRAME, "Two networks", mark="VGG-16").rich  # the same in every run
    marked = [row for row in html.split("<tr")[1:] if "600" in row]
    assert len(marked) == 1 and "VGG-16" in marked[0] and html.count("<td") == 8


def test_table_formats_series_and_escapes():
    assert "12.3%" in show.table(FRAME, formats={"error (%)": "{:.1%}"}).text
    assert "1,000" in show.table(pd.Series({"a": 1000}, name="n")).text
    assert "&lt;b&gt;" in show.table(pd.DataFrame({"x": ["<b>"]})).rich
    assert "1,000" in show.table(pd.Series({"a": 999.7})).text
    assert show.table(pd.DataFrame({"x": [np.float32(0.12345), "a"]})).text.split()[2] == "0.123"


def test_a_boolean_mark_goes_by_its_labels_and_an_array_by_its_places():
    large = FRAME.parameters > 100_000
    for mark in (large, large[::-1], large[["VGG-16"]], large.values):
        marked = [line for line in show.table(FRAME, mark=mark).text.split("\n") if line.endswith("<")]
        assert len(marked) == 1 and marked[0].startswith("VGG-16")


def test_what_has_a_table_is_shown_as_that():
    kept = record(none=(0.8, 0.7))
    assert show.table(kept).text == show.table(kept.table()).text
    assert show.table(kept.runs["none"][0]).text == show.table(kept.runs["none"][0].table()).text
    for thing in ({"a": 1}, [1, 2], "a"):
        with pytest.raises(ValueError, match=f"frame is a {type(thing).__name__}; expected a DataFrame"):
            show.table(thing)


@pytest.mark.parametrize(
    "settings, message", [({"mark": "NIN"}, "NIN"), ({"formats": {"bias": "{}"}}, "bias"), ({"rows": 1}, "2 rows")]
)
def test_table_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        show.table(FRAME, **settings)


def test_a_long_caption_is_no_tower():
    tables = (show.table(pd.DataFrame({"a": [1]}), caption=text) for text in ("A", 91 * "a"))
    short, long = (table._repr_mimebundle_()["text/html"] for table in tables)
    assert "min-width" in long and "min-width" not in short


@pytest.mark.parametrize(
    "text",
    [
        "short",
        "word " * 40 + "end",
        "a " + "x" * 150 + " b",
        "first line\nsecond " + "line " * 30 + "\n\nfourth",
        "well-known " * 20 + ".",
    ],
)
def test_prose_is_broken_between_words_and_nowhere_else(text):
    lines = show.prose(text, indent="    ").split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= 100 or " " not in line.strip() for line in lines)
    assert len(lines) >= len(text.split("\n"))
