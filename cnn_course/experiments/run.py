"""Makes the runs: what is missing of the experiments, side by side if wanted; each is kept as soon as it is finished.

Where an experiment names learning rates, each variant whose recipe leaves it open first gets its own: a sweep with one seed,
judged on training images that are held out, on a grid that grows until the best rate has a worse one on either side.
`python -m cnn_course record NAME` calls `record`.
"""

import multiprocessing
import platform
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock, Timeout
from tqdm import tqdm

from cnn_course import anatomy, data, files, training
from cnn_course.experiments import declared, results
from cnn_course.experiments.results import INITIALIZATION
from cnn_course.models import pretrained
from cnn_course.training import speedrun
from cnn_course.training.device import name_of
from cnn_course.training.evaluation import right_images

SWEEP_SEED = 0


class Task(NamedTuple):
    """A run to be made."""

    experiment: declared.Experiment
    label: str
    seed: int
    lr: float | None = None  # None: the recipe's own

    @property
    def training(self) -> tuple:
        """All that decides the run and what is asked of it: tasks that agree in it are twins, and one run serves them."""
        return self.experiment.settings(self.label, self.lr), self.experiment.views, self.seed

    @property
    def keeps_weights(self) -> bool:
        return self.seed in self.experiment.keep.get(self.label, ())


def record(*wanted: str, seeds: tuple[int, ...] | None = None, jobs: int = 1, quiet: bool = False) -> None:
    """Run what is missing of the experiments `wanted`, the first seed of all before the second.

    Every run is written once it is finished, and an unfinished one keeps its epochs in the user's cache: stop it and give the
    same command again. jobs: processes side by side, which share the processor's threads. A run that another experiment has
    already is taken from there. Raises DataError without the real CIFAR-10, for nothing is recorded on the stand-in;
    ValueError for an unknown name; RuntimeError where another process is recording one of them, or where its other runs were
    computed on another kind of device, in another precision, or from other first weights.
    """
    asked = [declared.find(name) for name in dict.fromkeys(wanted)]
    with ExitStack() as held:
        for experiment in asked:
            held.enter_context(_alone(experiment.name))
        if not data.load(quiet).is_real:
            raise data.DataError("experiments are recorded on the real CIFAR-10; fetch it with: python -m cnn_course data")
        tasks = []
        for experiment in asked:
            _same_arithmetic(experiment, seeds)
            _sweep(experiment, jobs, quiet)
            rate = results.recorded(experiment.name).rate
            tasks += [Task(experiment, label, seed, rate(label)) for seed, label in results.missing(experiment.name, seeds)]
        with tqdm(total=len(tasks), desc="record", unit="run", disable=quiet) as bar:
            for task, history, machines in _made(sorted(tasks, key=lambda task: task.seed), jobs):
                _keep(task, history, machines)
                bar.update()
                if not quiet:
                    bar.write(f"{task.experiment.name}, {task.label}, seed {task.seed}: {history.accuracy:.2%}")


def _here():
    """The kind of device that trains here, and its precision."""
    device = training.best_device()
    return device.type, name_of(training.precision(device))


def _same_arithmetic(experiment, seeds):
    """What is compared begins alike and is computed alike: RuntimeError where a run that is missing could not be."""
    kept = results.recorded(experiment.name)
    begun = {run.initialization for group in kept.runs.values() for run in group} or {INITIALIZATION}
    made = {(machine["device"], machine["precision"]) for machine in kept.machines} or {_here()}
    if results.missing(experiment.name, seeds) and (made, begun) != ({_here()}, {INITIALIZATION}):
        computed = " and ".join(f"{precision} on {device}" for device, precision in sorted(made))
        raise RuntimeError(
            f"{experiment.name} was recorded in {computed}, its weights began from {' and '.join(sorted(begun))}; this machine "
            f"computes in {_here()[1]} on {_here()[0]}, and weights begin from {INITIALIZATION}: complete it on a machine like "
            f"the first, or move {files.RECORDED / experiment.name}.json away and record all of it here"
        )


def _sweep(experiment, jobs, quiet):
    """Find the learning rates that the experiment still lacks."""
    kept = results.recorded(experiment.name)
    while wanted := [
        Task(experiment, label, SWEEP_SEED, lr)
        for label, variant in experiment.variants.items()
        if variant.recipe.lr is None
        for lr in _untried(kept.sweeps.get(label, []), experiment.rates)
    ]:
        for task, result in _side_by_side(_try_rate, wanted, jobs):
            try:
                history = result()
                accuracy = round(history.accuracy, 5)
                kept.machines += [machine for machine in [_machine(history)] if machine not in kept.machines]
            except training.Diverged:
                accuracy = None
            kept.sweeps[task.label] = sorted([*kept.sweeps.get(task.label, []), [task.lr, accuracy]])
            results.write(kept)
            if not quiet:
                tqdm.write(f"{experiment.name}, {task.label}, rate {task.lr:g}: {accuracy or 'diverged'}")


def _untried(tried, rates):
    """The rates of the grid that are missing; then, while the best lies at an end of what was tried, one beyond it."""
    known = dict(map(tuple, tried))
    if missing := [lr for lr in rates if lr not in known]:
        return missing
    if not rates or not any(known.values()) or len(known) >= 2 * len(rates):
        return []
    best, factor = max(known, key=lambda lr: known[lr] or 0), rates[1] / rates[0]
    beyond = {min(known): best / factor, max(known): best * factor}
    return [float(f"{beyond[best]:.2g}")] if best in beyond else []


def _try_rate(task):
    """The history of the variant at this rate, judged on training images that are held out."""
    experiment, label, seed, _ = task
    variant = experiment.variants[label].at(task.lr)
    torch.manual_seed(seed)
    cifar = _cifar(experiment.train_images, experiment.test_images).validation(experiment.train_images // 10)
    epochs, recipe = max(1, experiment.epochs // 2), variant.recipe
    if recipe.batch_size is None:  # that of the runs, which are longer: a rate is good for a batch size
        images = experiment.train_images * experiment.epochs
        recipe = replace(recipe, batch_size=training.default_batch_size(training.best_device(), images))
    return training.fit(variant.build(), cifar, epochs, recipe, seed, name=label, quiet=True)


def _alone(name):
    """A context that holds the lock of an experiment; the system frees it when this process ends, however it ends."""
    try:
        return FileLock(_folder() / f"{name}.lock").acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another process is recording {name}: let it finish, or record another experiment") from None


def _folder():
    """Where unfinished runs and locks live."""
    folder = files.cache_folder() / "recording"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _made(tasks, jobs) -> Iterator[tuple[Task, training.History, list[dict]]]:
    """Each task with its history and the machines that it was made on, as runs end.

    A run that diverges does not stop the others; its error is raised after them.
    """
    twins, failed = {}, None
    for task in tasks:
        if known := _known(task):
            yield task, *known
        else:
            twins.setdefault(task.training, []).append(task)
    chosen = [max(group, key=lambda task: task.keeps_weights) for group in twins.values()]
    for task, result in _side_by_side(_run, chosen, jobs):
        try:
            history = result()
        except training.Diverged as error:
            failed = error
            continue
        for twin in twins[task.training]:
            yield twin, history, [_machine(history)]
    if failed:
        raise failed


def _known(task):
    """The history and machines of a twin that is recorded already; None where there is none."""
    if task.keeps_weights:
        return None  # only a run of its own keeps them
    for other in declared.EXPERIMENTS.values():
        kept = results.recorded(other.name)
        for label in other.variants:
            if Task(other, label, task.seed, kept.rate(label)).training == task.training:
                history = kept.find(label, task.seed)
                if history and history.initialization == INITIALIZATION and (history.device, history.precision) == _here():
                    return history, kept.machines
    return None


def _side_by_side(work, tasks, jobs):
    """(task, function that gives what `work` makes of it or raises its error), one by one or in `jobs` processes."""
    if jobs == 1:
        yield from ((task, partial(work, task)) for task in tasks)
        return
    threads = max(1, torch.get_num_threads() // jobs)
    context = multiprocessing.get_context("spawn")  # a forked process must not use torch's threads
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        running = {pool.submit(work, task): task for task in tasks}
        try:
            yield from ((running[run], run.result) for run in as_completed(running))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@lru_cache(maxsize=1)
def _cifar(train_images, test_images):
    return data.load(quiet=True).subset(train_images, test_images)


def _run(task):
    """Train one variant with one seed, in this process."""
    experiment, label, seed, lr = task
    variant = experiment.variants[label].at(lr)
    torch.manual_seed(seed)
    net = variant.build()
    part = _folder() / f"{experiment.name}, {label}, {seed}.pt"
    cifar = _cifar(experiment.train_images, experiment.test_images)
    history = training.fit(net, cifar, experiment.epochs, variant.recipe, seed, name=label, quiet=True, save=part)
    if len(history.rows) < experiment.epochs:
        raise KeyboardInterrupt
    history.network, history.initialization = variant.network, INITIALIZATION
    history.rows = [{column: round(value, 5) for column, value in row.items()} for row in history.rows]
    history.learned = round(training.evaluate(net, cifar.train.subset(experiment.test_images)).accuracy, 5)
    history.keep_right(right_images(net, cifar.test))
    if experiment.views == speedrun.VIEWS:
        history.six_views = round(training.evaluate(net, cifar.test, views=experiment.views).accuracy, 5)
    if task.keeps_weights:
        pretrained.save_weights(net, label, seed)
    part.unlink()
    return history


def _keep(task, history, machines):
    """Add a run to the experiment's file, read anew: other runs may have been added since the call began."""
    experiment, label, seed, lr = task
    variant, kept = experiment.variants[label], results.recorded(experiment.name)
    cost = anatomy.cost(variant.build())
    kept.variants[label] = {
        "network": variant.network,
        "settings": experiment.settings(label, lr),
        "varied": variant.varied,
        "parameters": cost.parameters,
        "multiply_adds": cost.macs,
    }
    runs = {run.seed: run for run in kept.runs.get(label, [])} | {seed: replace(history, label=label)}
    kept.runs[label] = [runs[seed] for seed in sorted(runs)]
    for part in ("variants", "runs"):  # in the order of the declaration
        setattr(kept, part, {label: getattr(kept, part)[label] for label in experiment.variants if label in getattr(kept, part)})
    kept.machines += [machine for machine in machines if machine not in kept.machines]
    results.write(kept)


def _machine(history):
    return {
        "torch": torch.__version__,
        "processor": torch.cuda.get_device_name() if history.device == "cuda" else _processor(),
        "device": history.device,
        "precision": history.precision,
        "threads": history.threads,
        "commit": _commit(),
        "date": date.today().isoformat(),
    }


def _commit():
    """The commit of the code, where it is a git checkout and git is there."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    with suppress(OSError):
        return subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True).stdout.strip()
    return ""


def _processor():
    """The processor's name as Linux gives it; elsewhere what Python knows."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
