"""A training run in a file: written after every epoch, in one step, and read without running any code that is in it."""

import io
from pathlib import Path

import torch

from cnn_course import files


class CheckpointError(RuntimeError):
    """A file that is not the checkpoint that was asked for; it is left as it is."""


def place(path: str | Path) -> Path:
    """Where a run may be kept: its folder is made. ValueError where that cannot be, or where a folder is in the way."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"save is {path}, and its folder cannot be made ({error.strerror}): choose another place") from error
    if path.is_dir():
        raise ValueError(f"save is {path}, a folder; expected a file, such as {path / 'run.pt'}")
    return path


def write(path: Path, state: dict) -> None:
    """Replace `path` by `state`: tensors, numbers, text, lists and dicts of them. OSError where the disk does not take it."""
    whole = io.BytesIO()  # torch's own writing to a full disk ends in no OSError
    torch.save(state, whole)
    files.into_place(path, lambda part: part.write_bytes(whole.getbuffer()))


def read(path: Path, settings: dict, longer: bool = False) -> dict:
    """The state in `path`, on the CPU. Raises CheckpointError if it is damaged or was made with other `settings`.

    longer: it may have been begun with fewer epochs, see `Recipe.any_length`.
    """
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
        if kept.get(name) == value or name == "epochs" and longer and kept[name] < value:
            continue
        why = "ask for the same, or name another file"
        if name == "epochs" and longer:
            why += ". It has more epochs already"
        elif name == "epochs":
            why += (
                ". Its recipe was laid out for so many epochs; only a run whose steps do not depend on their number, "
                'with schedule="constant", no sizes and no lookahead, can go on for more'
            )
        raise CheckpointError(f"{path} holds a run with {name} {kept.get(name)}, but this one has {name} {value}; {why}")
    return state
