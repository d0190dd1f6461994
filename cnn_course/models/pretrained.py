"""Trained weights that come with the course, in half precision (safetensors)."""

from functools import partial

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cnn_course import files
from cnn_course.models.network import Network


def weights() -> dict[str, list[int]]:
    """The networks whose trained weights come with the course: name -> seeds."""
    found = sorted(path.stem.rpartition("-") for path in files.RECORDED.glob("*.safetensors"))
    return {name: [int(seed) for other, _, seed in found if other == name] for name, _, _ in found}


def save_weights(net: Network, name: str, seed: int) -> None:
    """Keep weights and running statistics in half precision, for `build(name, pretrained=True, seed=seed)`."""
    state = {key: value.half() if value.is_floating_point() else value for key, value in net.state_dict().items()}
    state = {key: value.cpu().contiguous() for key, value in state.items()}
    files.into_place(_weights_file(name, seed), partial(save_file, state))


def _weights_file(name, seed):
    return files.RECORDED / f"{name}-{seed}.safetensors"


def load_weights(net: Network, seed: int) -> Network:
    """The network with the weights that are kept under its name and this seed, in evaluation mode.

    ValueError where there are none, where their file is damaged, and where they do not fit.
    """
    path = _weights_file(net.name, seed)
    if next(net.parameters()).is_meta:
        raise ValueError(f"{net.name!r} on the meta device has no memory for weights; build it without device='meta'")
    if not path.exists():
        known = "; ".join(f"{name} {', '.join(map(str, seeds))}" for name, seeds in weights().items()) or "none"
        raise ValueError(f"no weights are kept of {net.name!r} with seed {seed}; networks and their seeds: {known}")
    try:
        net.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); get the course's copy again: git checkout -- {path}") from None
    except RuntimeError as error:
        raise ValueError(f"the kept weights of {net.name!r} do not fit other settings than its own: {error}") from None
    return net.eval()
