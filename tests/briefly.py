"""A lesson cut short, for kernels in which a notebook is run once more and something other than its training is looked at.

`environment(folder)` is one whose IPython kernels train on few images; `pytest --nbval` trains as a reader does.
"""

# Before each cell, for a kernel has to be up before it has imported torch.
STARTUP = """
import sys

def _briefly(_):
    training = sys.modules.get("cnn_course.training")
    if not hasattr(training, "fit") or training.fit.__name__ == "<lambda>":
        return
    fit, images = training.fit, 256

    def cut(cifar):
        return cifar.subset(min(images, len(cifar.train)), min(images, len(cifar.test)))

    training.fit = lambda net, cifar, epochs=2, *rest, **more: fit(net, cut(cifar), min(epochs, 2), *rest, **more)
    training.lesson = lambda cifar: (cut(cifar), 2)

get_ipython().events.register("pre_run_cell", _briefly)
"""


def environment(folder) -> dict[str, str]:
    """What to add to the environment of a process that starts such kernels; its files lie in `folder`."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "briefly.py").write_text(STARTUP)
    return {"IPYTHONDIR": str(folder)}
