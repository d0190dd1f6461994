"""A training run in a file: written after every epoch, in one step, and read without running any code that is in it."""

from pathlib import Path

import torch

from cnn_course import files


class CheckpointError(RuntimeError):
    """A file that is not the checkpoint that was asked for; it is left as it is."""


def write(path: Path, state: dict) -> None:
    """Replace `path` by `state`: tensors, numbers, text, lists and dicts of them."""
    files.into_place(path, lambda part: torch.save(state, part))


def read(path: Path, settings: dict) -> dict:
    """The state in `path`, on the CPU. Raises CheckpointError if it is damaged or was made with other `settings`."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # a pickle with code in it is refused
        kept = dict(state["settings"])
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(
            f"{path} is damaged or no checkpoint of this course ({type(error).__name__}: {reason:.120}); "
            "it is left as it is. Move it away to start anew"
        ) from error
    for name, value in settings.items():
        if kept.get(name) != value:
            raise CheckpointError(
                f"{path} holds a run with {name} {kept.get(name)}, but this one has {name} {value}; "
                "ask for the same, or name another file"
            )
    return state
