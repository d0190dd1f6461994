"""The README's picture of a lab is what JupyterLab shows; made anew with the command that CONTRIBUTING has for it."""

import re

import nbformat
import student
from driving import CELL, ROOT, SHOTS, open_notebook, run_cell, type_into

from cnn_course import labs

WIDTH, SHARPER = 1200, 1.18  # pixels of the picture, and how many of them a pixel of JupyterLab takes
WRONG = '''class MyBasicBlock(nn.Module):
    """(N, in_channels, H, W) -> (N, width, H / stride, W / stride), rounded up"""

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        self.stride, self.added = stride, width - in_channels
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        branch = F.relu(self.bn1(self.conv1(x)))
        branch = F.relu(self.bn2(self.conv2(branch)))
        wire = x[:, :, :: self.stride, :: self.stride]
        return branch + F.pad(wire, (0, 0, 0, 0, 0, self.added))'''
NAMED = "ReluBeforeTheSum"  # what the course calls this mistake


def said():
    """What the course says to it."""
    return next(mistake.says for mistake in labs.find("basic_block").mistakes if mistake.made.__name__ == NAMED)


def test_the_readme_tells_the_picture_to_those_who_do_not_see_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'"Not yet. {said()}"' in re.search(r"!\[([^\]]+)\]\(docs/lab\.png\)", readme)[1]
    assert (ROOT / "docs" / "lab.png").stat().st_size < 200_000


def test_jupyterlab_shows_the_picture(lab, browser):
    notebook = nbformat.read(ROOT / "notebooks" / "06_resnet.ipynb", 4)
    check = next(place for name, _, place in student.checks(notebook) if name == "basic_block")
    page = browser.new_page(viewport={"width": 1130, "height": 1100}, device_scale_factor=SHARPER)
    try:
        open_notebook(page, lab.url("doc/tree/06_resnet.ipynb"))
        for place in [place for place, cell in enumerate(notebook.cells) if cell.cell_type == "code"][:2]:
            run_cell(page, place)
        type_into(page, check - 1, WRONG)
        assert run_cell(page, check - 1) == ""
        assert run_cell(page, check).split() == f"Not yet. {said()}".split()
        page.locator(CELL).nth(check - 2).scroll_into_view_if_needed()
        first, last = (page.locator(CELL).nth(place).bounding_box() for place in (check - 2, check))
        assert first["y"] > 0 and last["y"] + last["height"] < 1100, "not all of it is on screen"
        SHOTS.mkdir(exist_ok=True)
        wide = WIDTH / SHARPER
        area = {
            "x": first["x"] + first["width"] - wide,
            "y": first["y"],
            "width": wide,
            "height": last["y"] + last["height"] - first["y"] + 3,
        }
        page.screenshot(path=SHOTS / "lab.png", clip=area)
    finally:
        page.close()
        lab.end_kernels()
