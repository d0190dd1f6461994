"""A lesson cut short, for kernels of tests that look at something other than its training.

`environment(folder)` is one whose IPython kernels train on few images. `pytest --nbval -n 0` trains as a reader does; spread
over processes it does not, for what depends on a training is not compared.
"""

# Before each cell, for a kernel has to be up before it has imported torch.
STARTUP = """
import sys

def _briefly(_):
    training, experiments = (sys.modules.get("cnn_course." + name) for name in ("training", "experiments"))
    bench = sys.modules.get("cnn_course.training.bench")
    data = sys.modules.get("cnn_course.data")
    if hasattr(data, "load") and data.load.__name__ != "<lambda>":
        from torchvision.datasets import CIFAR10

        load, draw, subset = data.load, data.standin.draw, data.Split.subset
        CIFAR10.train_list = CIFAR10.train_list[:1]  # the first of five files: nobody here sees more than its 10,000 images
        data.load = lambda quiet=False: load(quiet).subset(6_000, 250)
        data.standin.draw = lambda: draw(6_000, 250)
        data.Split.subset = lambda split, n: subset(split, min(n, len(split)))
    if hasattr(training, "fit") and training.fit.__name__ != "<lambda>":
        fit, images = training.fit, 128

        def cut(cifar):
            return cifar.subset(min(images, len(cifar.train)), min(images, len(cifar.test)))

        training.fit = lambda net, cifar, epochs=2, *rest, **more: fit(net, cut(cifar), min(epochs, 2), *rest, **more)
        training.lesson = lambda cifar: (cut(cifar), 2)
    if hasattr(experiments, "race") and experiments.race.__name__ != "<lambda>":
        race = experiments.race
        experiments.race = lambda *given, **more: race(*given, **more | {"budget": "1 s"})
    if hasattr(bench, "ladder") and bench.ladder.__name__ != "<lambda>":
        ladder, several = bench.ladder, bench.several
        bench.ladder = lambda name, cifar, seconds: ladder(name, cifar, 0.1)
        bench.several = lambda measured, repeats=1: several(measured, repeats=1)

get_ipython().events.register("pre_run_cell", _briefly)
"""


def environment(folder) -> dict[str, str]:
    """What to add to the environment of a process that starts such kernels; its files lie in `folder`."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "briefly.py").write_text(STARTUP)
    return {"IPYTHONDIR": str(folder)}
