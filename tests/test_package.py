"""The package as a whole: light to import, and its five lines work."""

import subprocess
import sys


def test_import_loads_no_plotting_and_no_torchvision():
    loaded = "import sys; from cnn_course import data, models, training; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "seaborn", "pandas", "torchvision", "ipywidgets", "IPython"} & set(modules)


def test_anatomy_answers_arithmetic_without_torch():
    code = (
        "import sys; from cnn_course import anatomy as a; print(a.output_size(227, 11, 4), "
        "a.receptive_field([a.conv(3), a.conv(3)]), 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["55", "5", "False"]
