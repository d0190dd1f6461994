"""The site: `sphinx-build docs SITE` makes it from what the notebooks have stored; no notebook is run.

Some pages are written here, out of notebooks, records and claims, into docs/made, which git ignores.
"""

import html
import importlib
import inspect
import json
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT, MADE = HERE.parent, HERE / "made"
sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "tests" / "claims")]

project, author = "cnn_course", "the authors of cnn_course"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx-mathjax-offline"]
exclude_patterns = ["made/.ipynb_checkpoints"]
html_theme, html_title = "furo", "cnn_course"
html_static_path, templates_path = ["_static", "made/static"], ["_templates"]
html_js_files, html_css_files = ["course.js"], ["course.css"]
html_copy_source = html_show_sourcelink = False
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 2
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
MODULES = ("ilsvrc", "alexnet", "vgg", "conv1x1", "inception", "resnet", "densenet", "comparison", "recipe")  # labs
SETTINGS = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REPOSITORY, BRANCH = re.search('^Notebooks = "(.+)/tree/(.+)/notebooks"$', SETTINGS, re.MULTILINE).groups()
html_context = {"repository": REPOSITORY, "place": re.sub(r"^https?://github\.com/", "", REPOSITORY), "branch": BRANCH}


def notebooks():
    """Copies of the notebooks in which a picture has the alt text of its cell, and an explorer its sentence and its strip."""
    import strips

    (MADE / "static" / "strips").mkdir(parents=True)
    left = set(strips.STRIPS)
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            told = [
                output["metadata"].get("image/png", {}).get("alt") for output in cell.get("outputs", []) if output.get("metadata")
            ]
            if any(told):
                alt = " ".join(next(filter(None, told)).split())
                cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
            explorer = re.match(r"widgets\.(\w+)\(", "".join(cell["source"]))
            if explorer:
                cell["outputs"].append(shown(f'<p class="sentence" aria-hidden="true">{html.escape(alt)}</p>'))
            if explorer and explorer[1] in left:
                left.remove(explorer[1])
                cell["outputs"].append(shown(strips.strip(explorer[1], MADE / "static" / "strips", "../_static/strips")))
        (MADE / path.name).write_text(json.dumps(notebook), encoding="utf-8")
        yield path.stem
    if left:
        raise RuntimeError(f"no notebook shows {', '.join(sorted(left))}, for which docs/strips.py has a strip")


def shown(text):
    """The output of a cell that shows HTML."""
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": text}}


def table(head, rows, kind="sortable"):
    """An HTML table whose columns can be sorted."""
    lines = [f'<div class="table-wrapper"><table class="docutils {kind}"><thead><tr>']
    lines += [f"<th>{html.escape(str(name))}</th>" for name in head]
    lines.append("</tr></thead><tbody>")
    for row in rows:
        lines.append("<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def page(name, title, *parts):
    (MADE / f"{name}.md").write_text("\n\n".join([f"# {title}", *parts]) + "\n", encoding="utf-8")


WRITTEN = {"deviation": "{:.1%}", "six views": "{:.1%}", "learning rate": "{:g}"}


def results():
    """Every recorded experiment as a table."""
    from cnn_course import experiments

    parts = [
        "Accuracy on test images of CIFAR-10: the mean of the seeds, and the deviation from seed to seed. "
        '<span class="on-screen">A click sorts a table.</span>'
    ]
    for name in experiments.names():
        record = experiments.recorded(name)
        if record.runs:
            frame = record.table().rename_axis("variant").reset_index()
            for column in frame.columns[1:]:
                write = WRITTEN.get(column, "{:.1%}" if "accuracy" in column else "{:,.0f}")
                frame[column] = frame[column].map(write.format, na_action="ignore").fillna("")
            parts += [
                f"## {name}",
                record.question,
                record.remarks,
                table(frame.columns, frame.to_numpy()),
                f"`{record.command}`",
            ]
    return [part for part in parts if part]


def claims():
    """The ledger: what a notebook says, and on what it rests."""
    import ledger

    parts = [
        "A sentence that changes alone fails a test, and so does a record. `python -m cnn_course claims` computes all of them."
    ]
    entered = ledger.entered()
    for stem in sorted({claim.notebook for claim in entered}):
        rows = [(re.sub(r"[*`$]", "", claim.sentence), claim.rests_on) for claim in entered if claim.notebook == stem]
        parts += [f"## {stem}", table(["it says", "it rests on"], rows)]
    return parts


def answers():
    """The key: for each lab a solution and what is often written instead, for each question what is right and what is not."""
    from cnn_course import exercises

    parts = ["What the notebooks check themselves. Each lab accepts whatever does the same, however it is written."]
    for stem, name in zip(STEMS, MODULES, strict=True):
        module = importlib.import_module(f"cnn_course.labs.{name}")
        parts.append(f"## {stem}")
        for lab in module.LABS:
            wrong = "\n".join(f"- {mistake.says}" for mistake in lab.mistakes)
            parts += [
                f"### Lab: {lab.name}",
                f"{lab.asked[0].upper()}{lab.asked[1:]}.",
                f"```python\n{inspect.getsource(lab.solution)}```",
            ]
            parts.append(f"What is told to those who wrote something else:\n\n{wrong}")
        for number, question in exercises.QUESTIONS.items():
            if number.startswith(stem[:2]):
                rows = [(trap, reason) for trap, reason in question.traps]
                parts += [
                    f"### Question {number}",
                    f"**{question.answer()}**. {question.why}",
                    table(["not", "but"], rows, "plain"),
                ]
    return parts


shutil.rmtree(MADE, ignore_errors=True)
MADE.mkdir()
STEMS = list(notebooks())
page("results", "The recorded experiments", *results())
page("claims", "The ledger of claims", *claims())
page("answers", "Answer key", *answers())


def setup(app):
    """Tell the pages which PDFs go along: those of `-D html_extra_path=FOLDER`, made by docs/printing.py."""

    def tell(app, page, template, context, tree):
        context["printed"] = [path.name for folder in app.config.html_extra_path for path in (HERE / folder).glob("*.pdf")]

    app.connect("html-page-context", tell)
