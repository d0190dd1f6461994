"""The house as design has it: imports point one way, every room says what is public, and importing is light."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import cnn_course

FOLDER = Path(cnn_course.__file__).parent
FLOORS = {
    "files": 0,
    "values": 0,
    "show": 1,
    "models": 1,
    "data": 1,
    "anatomy": 1,
    "training": 2,
    "experiments": 3,
    "plots": 4,
    "widgets": 5,
    "labs": 5,
    "grading": 7,
}
ROOMS = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))
FLOORS["__main__"] = 8
TOP = 6  # exercises, doctor: used by a reader, and by graders


def imports(path):
    """The modules of the package that a file imports, at its head or within a function, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cnn_course":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                place = FOLDER.parent / whole.replace(".", "/")
                yield whole if place.is_dir() or place.with_suffix(".py").exists() else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "cnn_course")


def arrows():
    """(a module, a module that it imports), both dotted names under the package."""
    for path in sorted(FOLDER.rglob("*.py")):
        name = ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__init__")
        yield from ((name, other) for other in dict.fromkeys(imports(path)) if other != name)


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_imports_between_rooms_point_down():
    """files, values < models, data, anatomy < training < experiments < plots < widgets, labs < what stands at the top."""
    wrong = [
        f"{module} imports {other}"
        for module, other in arrows()
        if room(module) not in ("", room(other)) and FLOORS.get(room(module), TOP) <= FLOORS.get(room(other), TOP)
    ]
    assert not wrong, wrong


def test_no_module_imports_itself_by_way_of_others():
    after = {}
    for module, other in arrows():
        if not other.count(".") == 1 or room(module) != room(other):
            after.setdefault(module, set()).add(other)

    def circle(path):
        for other in after.get(path[-1], ()):
            if other == path[0]:
                return [*path, other]
            if other not in path and (found := circle([*path, other])):
                return found
        return None

    assert not [found for module in after if (found := circle([module]))]


@pytest.mark.parametrize("name", [*ROOMS, "show", "plots.diagrams", "data.augment"])
def test_what_is_public_is_what_completion_offers(name):
    module = importlib.import_module(f"cnn_course.{name}")
    assert dir(module) == sorted(module.__all__) and all(hasattr(module, public) for public in module.__all__)


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_says_what_is_public_and_hides_no_module(name):
    package = importlib.import_module(f"cnn_course.{name}")
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    ours = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module.startswith(f"cnn_course.{name}")]
    offered = {alias.name for node in ours for alias in node.names} - modules
    offered |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {public for public in offered if not public.startswith("_")} <= set(package.__all__)
    for public in package.__all__:
        assert public not in modules or not callable(getattr(package, public)), f"{public} hides a module of {name}"


def test_importing_the_course_is_light():
    loaded = "import sys; from cnn_course import data, models, training; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "seaborn", "pandas", "torchvision", "ipywidgets", "IPython"} & set(modules)


def test_every_room_is_there_when_it_is_asked_for():
    code = "import sys, cnn_course as c; print('matplotlib' in sys.modules, c.models.build.__name__, hasattr(c, 'x'), *dir(c))"
    light, build, unknown, *names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    assert (light, build, unknown) == ("False", "build", "False") and {*ROOMS, "files", "diagrams"} <= {*names}
    assert "importlib" not in names and "__main__" not in names


def test_anatomy_answers_arithmetic_without_torch():
    code = "import sys; from cnn_course import anatomy as a; print(a.output_size(227, 11, 4), 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["55", "False"]
