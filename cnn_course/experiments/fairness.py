"""What else differs: under a comparison, the sheet of all that its variants do not share, whatever the question is."""

import torch
from torch import nn

from cnn_course import anatomy, training
from cnn_course.experiments import declared, results
from cnn_course.training.recipe import default_batch_size, in_words, optimizer

NORMS = {"BatchNorm2d": "batch", "LocalResponseNorm": "local response", "LRN": "local response", "GroupNorm": "group",
         "LayerNorm": "layer", "InstanceNorm2d": "instance"}  # fmt: skip
CPU = torch.device("cpu")


def sheet(record, *labels: str):
    """One row a variant of a Record or of its name (all without labels), one column for each thing that is not the same for all.

    Of networks: parameters, multiply-adds, convolutions and dense layers, normalization, dropout, and what the weights began
    from. Of recipes: every setting, and the learning rate that was used. What is the same stands in `attrs["caption"]`.

    Raises ValueError for an unknown name, and for a label that the record does not have.
    """
    record = results.recorded(record)
    experiment, labels = declared.find(record.name), labels or tuple(record.runs)
    seen, rows = experiment.epochs * experiment.train_images, {}
    begun = {label: " or ".join(sorted({str(run.initialization) for run in record.group(label)})) for label in labels}
    for label in labels:
        variant = experiment.variants[label].at(record.rate(label))
        rows[label] = facts(variant.build(), variant.recipe, seen)
        if len(set(begun.values())) > 1:  # records made before the course changed it may hold both
            rows[label]["weights began from"] = begun[label]
    return unlike(rows, f"{experiment.epochs} epochs of {experiment.train_images:,} images")


def unlike(rows: dict[str, dict], always: str):
    """The `facts` of several networks as a table of what differs; what does not, and `always`, in its caption."""
    import pandas as pd

    table = pd.DataFrame.from_dict(rows, orient="index").astype(object).fillna("–")
    same = [column for column in table if table[column].nunique() == 1]
    shared = [always, *(f"{column} {words(table[column].iloc[0])}" for column in same)]
    table = table.drop(columns=same)
    if table.empty:
        table["what differs"] = "nothing that is listed here"
    table.attrs["caption"] = "The same for all: " + ", ".join(shared)
    return table


def facts(net: nn.Module, recipe: training.Recipe, images: int, device: torch.device = CPU) -> dict[str, object]:
    """What a network for 32x32 images is, and how it is trained there when it sees so many `images` in all, epochs counted."""
    try:
        macs = anatomy.cost(net, (3, 32, 32)).macs
    except ValueError:  # what `anatomy` cannot follow
        macs = "unknown"
    layers = [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    norms = {NORMS[type(module).__name__] for module in net.modules() if type(module).__name__ in NORMS}
    batch_size = recipe.batch_size or default_batch_size(device, images)
    found = {
        "parameters": anatomy.parameters(net),
        "multiply-adds": macs,
        "convolutions and dense layers": len(layers),
        "normalization": " and ".join(sorted(norms)) or "none",
        "dropout": max((module.p for module in net.modules() if isinstance(module, nn.Dropout)), default=0.0),
        "learning rate": optimizer(net, recipe, batch_size).param_groups[0]["lr"],
        "batch size": batch_size,
    }
    settings = {name.replace("_", " "): value for name, value in recipe.settings.items()}
    for name in ("lr", "batch size", *(() if getattr(net, "aux", ()) else ("aux weight",))):
        settings.pop(name)
    in_text = {name: in_words(value) for name, value in settings.items() if isinstance(value, tuple) or callable(value)}
    return found | settings | in_text


def words(value) -> str:
    """A setting as a table says it."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
