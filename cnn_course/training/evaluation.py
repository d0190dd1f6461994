"""What a network says of images, and how much of it is right."""

from dataclasses import dataclass, field
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import data
from cnn_course.training import gate
from cnn_course.training.recipe import heads
from cnn_course.values import kind, whole


def _both_ways(images):
    """An image and its mirror image, each with half of the weight."""
    return [(images, 0.5), (images.flip(3), 0.5)]


def _shifted(images):
    """Both ways, as it is (half of the weight) and a pixel up and left or down and right; the edge is mirrored."""
    (height, width), around = images.shape[2:], F.pad(images, (1, 1, 1, 1), mode="reflect")
    moved = [around[:, :, first : first + height, first : first + width] for first in (0, 2)]
    weighted = [(images, 0.5), *((each, 0.25) for each in moved)]
    return [(view, share * weight) for each, share in weighted for view, weight in _both_ways(each)]


VIEWS = {1: lambda images: [(images, 1.0)], 2: _both_ways, 6: _shifted}  # how many views -> those of a batch, with weights


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats, share of images right, and the predicted class of each image (N,)."""

    loss: float
    accuracy: float
    predictions: torch.Tensor = field(repr=False)


def predict(
    net: nn.Module, images: torch.Tensor, device: torch.device | str | None = None, batch_size: int | None = None,
    views: int = 1,
) -> torch.Tensor:  # fmt: skip
    """Logits (N, classes), float32 on the CPU, for uint8 images (N, C, H, W); of a part of a network its maps.

    The largest is the answer: cifar.classes[predict(net, data.picture("cat.jpg")[None]).argmax()].
    Every module's mode is left as it was.
    device: None is where the network is. batch_size: None picks 100 on a CPU, whose caches hold that (a third faster than 500),
    and 1,000 elsewhere. views: 1, or 2 or 6, of which the mean is taken (see `VIEWS`). Raises ValueError for what is no
    network, and where the network cannot take the images.
    """
    plain = gate.network(net)
    if not isinstance(images, torch.Tensor) or len(images) == 0:
        what = "an empty tensor" if isinstance(images, torch.Tensor) else kind(images)
        raise ValueError(f"images is {what}; expected a uint8 tensor (N, 3, H, W), such as cifar.test.images")
    gate.complete(plain, images)
    device = gate.device(next((p.device for p in plain.parameters()), "cpu") if device is None else device)
    if views not in VIEWS:
        raise ValueError(f"views is {views!r}; expected one of {', '.join(map(str, VIEWS))}")
    batch_size = whole("batch_size", (100 if device.type == "cpu" else 1_000) if batch_size is None else batch_size, 1)
    logits, call = [], gate.Caller(net)
    with torch.inference_mode(), gate.evaluating(net):
        for chunk in images.split(batch_size):
            x = data.to_float(chunk.to(device))
            with gate.explained(plain, images):
                seen = [heads(call(view), maps=True)[0].float() * weight for view, weight in VIEWS[views](x)]
            logits.append(sum(seen))
        return torch.cat(logits).cpu()  # once at the end: on a GPU every copy waits for the answer


def evaluate(net: nn.Module, split: data.Split, device: torch.device | str | None = None, views: int = 1) -> Evaluation:
    """Loss and accuracy of `net` on a split, without augmentation. views: as for `predict`. ValueError for what is no split, and
    for labels that the network has no class for."""
    if not isinstance(split, data.Split):
        raise ValueError(f"split is {kind(split)}, expected a Split, such as data.load().test")
    logits, _ = heads(predict(net, split.images, device, views=views))
    gate.labels_of(split, logits.shape[1])
    labels = split.labels.cpu()
    predictions = logits.argmax(dim=1)
    accuracy = (predictions == labels).float().mean().item()
    return Evaluation(F.cross_entropy(logits, labels).item(), accuracy, predictions)


def right_images(net: nn.Module, split: data.Split) -> torch.Tensor:
    """Which images of a split the network gets right, booleans (N,)."""
    return evaluate(net, split).predictions == split.labels.cpu()


def ensemble(logits: list[torch.Tensor], labels: torch.Tensor) -> dict[int, float]:
    """Number of networks -> share of images right by their averaged probabilities, the mean over all choices of so many.

    logits: those of each network for the same images, (N, classes). ValueError without a network.
    """
    if not logits:
        raise ValueError("logits is empty; expected those of at least one network")
    votes = [F.softmax(each, dim=1) for each in logits]
    right = {}
    for n in range(1, len(votes) + 1):
        choices = [sum(chosen).argmax(dim=1) == labels for chosen in combinations(votes, n)]
        right[n] = torch.stack(choices).float().mean().item()
    return right
