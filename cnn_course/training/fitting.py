"""`fit`: a network trained by a recipe, tested after every epoch, interrupted and resumed at will.

Fast for reasons that notebook 8 measures: images wait as uint8 in the memory of the training device and whole batches
are augmented at once; convolutions see channels_last memory; 16-bit floats are used where the device gains from them;
memory that was given back is kept for the next batch; and on CUDA forward and backward pass are replayed as one graph.
"""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from cnn_course import data, models
from cnn_course.anatomy import walk
from cnn_course.training import checkpoint, cuda_graph, distributed, gate, runs
from cnn_course.training import device as devices
from cnn_course.training.evaluation import evaluate
from cnn_course.training.history import History
from cnn_course.training.optimizers import Lookahead
from cnn_course.training.recipe import Recipe, default_batch_size, loss_of, optimizer, scheduler
from cnn_course.values import whole

LOOKED_AT = 1_000  # images from which a first layer may be computed: a million patches of 2x2 pixels


class Diverged(RuntimeError):
    """The loss is no longer a number. `history` keeps the epochs that were finished."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history

    def __reduce__(self):  # so that it can be sent from one process to another
        return type(self), (str(self), self.history)


def lesson(cifar: data.Cifar10) -> tuple[data.Cifar10, int]:
    """The data and the epochs that fit into a lesson: 5,000 images, or as many as there are, twice on a CPU, all ten times on a
    GPU."""
    gate.images(cifar)
    if devices.best_device().type == "cpu":
        return cifar.subset(train=min(5_000, len(cifar.train)), test=min(1_000, len(cifar.test))), 2
    return cifar, 10


def fit(
    net: nn.Module, cifar: data.Cifar10, epochs: int = 2, recipe: Recipe | None = None, seed: int = 0,
    device: torch.device | str | None = None, name: str | None = None, quiet: bool = False,
    on_epoch: Callable[[History], None] | None = None, save: str | Path | None = None, **misplaced
) -> History:  # fmt: skip
    """Train `net` in place on `cifar.train`, test it on `cifar.test` after every epoch, return the History.

    The same seed, machine and thread count give the same history. Interrupting keeps the epochs done. on_epoch is called with
    the history after each epoch, for live plots. quiet prints nothing; else the run is also kept, see `runs.keep`. device: None
    picks the best there is. name: what figures and tables call the run, the network's own name where it is left out.

    save: a file that holds the run after every epoch. If it is there already, the run resumes from it, and ends with the
    history and the weights, to the bit, of a run that was never cut; so after an interrupt, run the same line again.

    Under torchrun each process trains on its share of every batch (batch_size counts the images of all processes together), and
    gradients are averaged by DistributedDataParallel. Batch norm's statistics are those of each process's own share, and the
    running ones are the first process's, so the result equals one process that accumulates the gradients of the shares. A run
    that is resumed there draws dropout anew.

    misplaced: there is none; settings such as lr are those of a Recipe, and a TypeError says so.

    Raises ValueError, before the first step, for what cannot be trained: labels or images that do not fit the network, weights
    that are frozen; Diverged when the loss is no longer a number, CheckpointError for a file in `save` that is damaged or holds
    another run. A disk that takes no file is told, and the training goes on.
    """
    recipe, quiet = Recipe() if recipe is None else recipe, quiet or distributed.rank() > 0
    gate.settings(recipe, name, on_epoch, save, misplaced)
    caller, device = _ready(net, cifar, epochs, seed, device, quiet)
    precision = devices.precision(device) if caller.dtype == torch.float32 else caller.dtype
    made = {"device": device.type, "precision": devices.name_of(precision), "threads": torch.get_num_threads()}
    history = History.of(gate.network(net), cifar, seed, name, **made)
    run = _Run(net, caller, cifar, epochs, recipe, history, device)
    if save:
        save = checkpoint.place(save)
    bar = tqdm(total=run.steps, desc=history.name, unit="batch", file=sys.stdout, leave=False, disable=quiet, mininterval=0.5)
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), gate.own_random(seed), bar:
            torch.manual_seed(seed + distributed.rank())  # dropout: each process its own
            if save and save.exists():
                run.resume(save, bar)
                if not quiet:
                    print(f"{save} holds {len(history.rows)} of {epochs} epochs; going on from there.")
            for epoch in range(len(history.rows) + 1, epochs + 1):
                row = run.epoch(bar)
                if not math.isfinite(row["train_loss"]):
                    raise Diverged(
                        f"the loss of {history.name} is {row['train_loss']} in epoch {epoch}; its learning rate goes up to "
                        f"{run.lr:.3g}, try one five times smaller: Recipe(lr={run.lr / 5:.2g})",
                        history,
                    )
                result = distributed.from_first(lambda: evaluate(net, cifar.test, device))
                held_out = {f"{history.split}_loss": result.loss, f"{history.split}_accuracy": result.accuracy}
                history.rows.append({"epoch": epoch, **row, **held_out})
                if save and distributed.rank() == 0:
                    run.save(save)
                bar.set_postfix_str(f"{history.split} accuracy {result.accuracy:.1%}")
                if on_epoch:
                    if not bar.disable:
                        bar.display("")  # behind a figure that on_epoch may show, this half of the bar would stay
                    on_epoch(history)
    except KeyboardInterrupt:
        if not quiet:
            print(f"Interrupted; the {len(history.rows)} finished epochs are kept.")
    finally:
        devices.return_memory()
    if not quiet and history.rows:
        if history not in runs.kept():  # a run that was over before
            runs.keep(history)
        seconds = sum(row["seconds"] for row in history.rows)
        print(
            f"{history.name}: {len(history.rows)} x {history.train_images:,} images in {seconds:.0f} s on {device.type}, "
            f"{history.split} accuracy {history.accuracy:.1%}" + (f" ({history.note})" if history.note else "")
        )
    return history


def _ready(net, cifar, epochs, seed, device, quiet):
    """(how the network is called, the device that it is on now); ValueError for whatever cannot be trained."""
    gate.images(cifar)
    whole("epochs", epochs, 1)
    whole("seed", seed, 0)
    device = gate.device(device)
    caller, logits = gate.tried(net, cifar, device)
    if isinstance(plain := gate.network(net), models.Network):
        plain.look_at(data.to_float(cifar.train.images[:LOOKED_AT]))
    said = [gate.advice(logits, len(cifar.classes))]
    if caller.layout != torch.channels_last:
        said.append(
            f"{walk.title(gate.network(net))} calls .view on maps, which needs torch's ordinary layout and gets it; the faster "
            "channels_last works with .flatten(1) or nn.Flatten()."
        )
    if not quiet:
        print(*filter(None, said), sep="\n", end="\n" if any(said) else "")
    return caller, device


class _Run:
    """The moving parts of one training: network, optimizer, schedule, loss scale, random streams and history."""

    def __init__(self, net, caller, cifar, epochs, recipe, history, device):
        self.net, self.plain, self.frozen = net, gate.network(net), gate.frozen(net)
        self.split, self.recipe, self.history, self.device, self.epochs = cifar.train, recipe, history, device, epochs
        self.batch_size = recipe.batch_size or default_batch_size(device, len(cifar.train) * epochs)
        self.batches = data.number_of_batches(len(cifar.train), self.batch_size)
        smallest = min(self.batch_size, len(cifar.train) - (self.batches - 1) * self.batch_size)
        if smallest < distributed.processes():
            raise ValueError(
                f"a batch of {smallest} images cannot be shared by {distributed.processes()} processes: {len(cifar.train):,} "
                f"images in batches of {self.batch_size}; choose another batch_size"
            )
        self.steps = self.batches * epochs
        caller.net = distributed.wrap(net)
        self.model, self.dtype = caller, caller.dtype
        self.optimizer = optimizer(self.plain, recipe, self.batch_size)
        self.lookahead = Lookahead(self.plain, self.steps) if recipe.lookahead else None
        self.lr = self.optimizer.param_groups[0]["lr"]
        self.scheduler = scheduler(self.optimizer, recipe, self.steps)
        # 2**10 rather than torch's 2**16: the first steps overflow less often, and a step that overflows is lost
        self.scaler = torch.amp.GradScaler(device.type, init_scale=2.0**10, enabled=devices.precision(device) == torch.float16)
        self.generator = torch.Generator(device).manual_seed(history.seed)
        self.replay = {}  # on CUDA: images' shape -> forward and backward of a full batch as a graph, recorded at the first
        devices.reuse_memory()

    def epoch(self, bar):
        """One pass over the images: mean loss and accuracy on augmented images, seconds. Stops once the loss is no number."""
        self.net.train()
        for module in self.frozen:
            module.training = False
        self.replays = cuda_graph.possible(self.net, self.device)
        start, seen = time.perf_counter(), 0
        sums = torch.zeros(2, device=self.device)  # of the losses and of the right answers
        done = len(self.history.rows)
        batches = data.batches(self.split, self.batch_size, self.recipe.augment, self.generator, self.device, epoch=done)
        for step, (images, labels) in enumerate(batches):
            if size := self.recipe.size_at((done * self.batches + step) / self.steps):
                images = data.shrunk(images, size)
            # All processes draw the same batch and each takes its part, so that the run does not depend on their number.
            sums += self._step(distributed.share(images), distributed.share(labels), of=len(labels))
            seen += len(labels)
            bar.update()
            if step % 50 == 0 and not distributed.total(sums)[0].isfinite():  # asked rarely: the answer waits for a GPU
                break
        loss, right = distributed.total(sums).tolist()
        return {"train_loss": loss / seen, "train_accuracy": right / seen, "seconds": time.perf_counter() - start}

    def _step(self, images, labels, of):
        """One step of the optimizer on this process's share of a batch `of` so many images: summed loss, right answers."""
        if self.replays and of == self.batch_size and not self.recipe.micro_batch:
            if images.shape not in self.replay:
                self.replay[images.shape] = cuda_graph.Replay(self._gradients, self.net, images, labels)
            result = self.replay[images.shape](images, labels)
        else:
            self.optimizer.zero_grad(set_to_none=True)
            size = self.recipe.micro_batch or len(labels)
            # gradients add up over the parts, and are averaged over processes, whose shares may differ by an image
            result = sum(
                self._gradients(part, right, len(right) * distributed.processes() / of)
                for part, right in zip(images.split(size), labels.split(size), strict=True)
            )
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # smaller: the gradients overflowed, and the step was left out
            self.scheduler.step()
        if self.lookahead:
            self.lookahead.after_step()
        return result

    def _gradients(self, images, labels, weight=1.0):
        """Forward and backward pass: the gradients of the mean loss, times weight; returns summed loss, right answers."""
        with devices.autocast(self.device, self.dtype):
            logits, loss = loss_of(self.model(images), labels, self.recipe)
        self.scaler.scale(loss * weight).backward()
        return torch.stack([loss.detach() * len(labels), (logits.detach().argmax(dim=1) == labels).sum()])

    def _settings(self):
        """What has to be the same for a run to be resumed."""
        history = self.history
        return {
            "network": f"{history.name} of {history.parameters:,} parameters",
            "images": f"{history.train_images:,} of {history.source}, {history.split}",
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": history.seed,
            "recipe": str(self.recipe),
            "precision": history.precision,
        }

    def _parts(self):
        parts = {"net": self.plain, "optimizer": self.optimizer, "scheduler": self.scheduler, "scaler": self.scaler}
        return parts | ({"lookahead": self.lookahead} if self.lookahead else {})

    def _generators(self):
        """The random streams: of batches and augmentation, and torch's own, which dropout draws from."""
        own = {"batches": self.generator, "cpu": torch.default_generator}
        if self.device.type == "cuda":
            index = self.device.index
            own["cuda"] = torch.cuda.default_generators[torch.cuda.current_device() if index is None else index]
        return own

    def save(self, path):
        """Keep the run. A disk that takes no file costs no epoch: it is told, and tried again after the next one."""
        state = {
            "settings": self._settings(),
            "rows": self.history.rows,
            **{name: part.state_dict() for name, part in self._parts().items()},
            "generators": {name: generator.get_state() for name, generator in self._generators().items()},
            "others": gate.random_state(),
        }
        try:
            checkpoint.write(path, state)
        except OSError as error:
            again = "; trying again after the next epoch" if len(self.history.rows) < self.epochs else ""
            tqdm.write(f"Epoch {len(self.history.rows)} could not be saved in {path} ({error.strerror or error}){again}.")

    def resume(self, path, bar):
        state = checkpoint.read(path, self._settings(), self.recipe.any_length)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for name, generator in self._generators().items():
            generator.set_state(state["generators"][name])
        if distributed.rank():  # the file has the first process's streams, and dropout is each one's own
            torch.manual_seed(self.history.seed + distributed.rank() + 1_000 * len(state["rows"]))
        gate.set_random_state(state["others"])
        self.history.rows.extend(state["rows"])
        bar.update(len(self.history.rows) * self.batches)
