"""Recording: run what is missing of the experiments, side by side if wanted, and keep every run as soon as it is finished.

`python -m cnn_course record NAME` calls `record`.
"""

import json
import multiprocessing
import platform
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from datetime import date
from functools import lru_cache, partial
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from tqdm import tqdm

from cnn_course import anatomy, data, experiments, files, models, training
from cnn_course.experiments import declared


def record(*wanted: str, seeds: tuple[int, ...] | None = None, jobs: int = 1, quiet: bool = False) -> None:
    """Run what is missing of the experiments `wanted`, the first seed of all before the second.

    Every run is written once it is finished, and an unfinished one keeps its epochs in the user's cache: stop it and give the
    same command again. jobs: processes side by side, which share the processor's threads. A run that another experiment has
    already is taken from there. Raises DataError without the real CIFAR-10, for nothing is recorded on the stand-in;
    ValueError for an unknown name; RuntimeError where another process is recording one of them.
    """
    with ExitStack() as held:
        for name in dict.fromkeys(wanted):
            held.enter_context(_alone(name))
        _record(wanted, seeds, jobs, quiet)


def _alone(name):
    """A context that holds the lock of an experiment; the system frees it when this process ends, however it ends."""
    try:
        return FileLock(_folder() / f"{experiments.find(name).name}.lock").acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another process is recording {name}: let it finish, or record another experiment") from None


def _folder():
    """Where unfinished runs and locks live."""
    folder = files.cache_folder() / "recording"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _record(wanted, seeds, jobs, quiet):
    tasks = sorted(((name, *run) for name in wanted for run in experiments.missing(name, seeds)), key=lambda task: task[1])
    if not data.load(quiet).is_real:
        raise data.DataError("experiments are recorded on the real CIFAR-10; fetch it with: python -m cnn_course data")
    bar = tqdm(total=len(tasks), desc="record", unit="run", disable=quiet)
    with bar:
        for (name, seed, label), history, machines in _results(tasks, jobs):
            _keep(name, label, history, machines)
            bar.update()
            if not quiet:
                bar.write(f"{name}, {label}, seed {seed}: {history.test_accuracy:.2%}")


def _results(tasks, jobs) -> Iterator[tuple]:
    """(task, its history, the machines that it was made on) as they end; what stands twice among the tasks is run once."""
    todo = {}
    for name, seed, label in tasks:
        if known := _known(name, seed, label):
            yield (name, seed, label), *known
        else:
            todo.setdefault((experiments.find(name).settings(label), seed), []).append((name, seed, label))
    for task, history in _run_all([same[0] for same in todo.values()], jobs):
        machines = [_machine(history)]
        for twin in todo[experiments.find(task[0]).settings(task[2]), task[1]]:
            yield twin, history, machines


def _run_all(tasks, jobs):
    """(task, history) as they end. A run that diverges does not stop the others; its error is raised after them."""
    failed = None
    for task, result in _side_by_side(tasks, jobs):
        try:
            yield task, result()
        except training.Diverged as error:
            failed = error
    if failed:
        raise failed


def _side_by_side(tasks, jobs):
    """(task, function that gives its history or raises its error), one by one or in `jobs` processes."""
    if jobs == 1:
        yield from ((task, partial(_run, experiments.find(task[0]), *task[1:])) for task in tasks)
        return
    threads = max(1, torch.get_num_threads() // jobs)
    context = multiprocessing.get_context("spawn")  # a forked process must not use torch's threads
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        running = {pool.submit(_run, experiments.find(task[0]), *task[1:]): task for task in tasks}
        try:
            yield from ((running[run], run.result) for run in as_completed(running))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@lru_cache(maxsize=1)
def _cifar(train_images, test_images):
    return data.load(quiet=True).subset(train_images, test_images)


def _run(experiment, seed, label):
    """Train one variant with one seed, in this process."""
    variant = experiment.variants[label]
    torch.manual_seed(seed)
    net = variant.build()
    part = _folder() / f"{experiment.name}, {label}, {seed}.pt"
    cifar = _cifar(experiment.train_images, experiment.test_images)
    history = training.fit(net, cifar, experiment.epochs, variant.recipe, seed, name=label, quiet=True, save=part)
    if len(history.rows) < experiment.epochs:
        raise KeyboardInterrupt
    history.learned = training.evaluate(net, cifar.train.subset(experiment.test_images)).accuracy
    if seed in experiment.keep.get(label, ()):
        models.save_weights(net, label, seed)
    part.unlink()
    return history


def _known(name, seed, label):
    """The history and machines of a run that another experiment has of the same training; None where there is none."""
    settings = experiments.find(name).settings(label)
    if seed in experiments.find(name).keep.get(label, ()):
        return None  # its weights are wanted, and only a run of this experiment keeps them
    for other in declared.EXPERIMENTS.values():
        for twin in other.variants:
            if other.settings(twin) == settings:
                kept = experiments.recorded(other.name)
                if history := kept.find(twin, seed):
                    return history, kept.machines
    return None


def _keep(name, label, history, machines):
    """Add a run to the experiment's file. The file is read anew: another process may have added to it."""
    experiment, kept = experiments.find(name), experiments.recorded(name)
    cost = anatomy.cost(experiment.variants[label].build())
    kept.variants[label] = {
        "network": experiment.variants[label].network,
        "settings": experiment.settings(label),
        "parameters": cost.parameters,
        "multiply_adds": cost.macs,
    }
    learned = None if history.learned is None else round(history.learned, 5)
    history = replace(history, name=label, learned=learned, rows=[_rounded(row) for row in history.rows])
    others = [run for run in kept.runs.get(label, []) if run.seed != history.seed]
    kept.runs[label] = sorted([*others, history], key=lambda run: run.seed)
    for part in ("variants", "runs"):  # in the order of the declaration
        setattr(kept, part, {label: getattr(kept, part)[label] for label in experiment.variants if label in getattr(kept, part)})
    kept.machines += [machine for machine in machines if machine not in kept.machines]
    write(kept)


def write(record: experiments.Record) -> None:
    """Write a record to its file in one step, a line a run, so that a new run changes only its own lines."""
    files.RECORDED.mkdir(exist_ok=True)
    parts = asdict(record)
    runs = parts.pop("runs")
    lines = [
        f"  {json.dumps(label)}: [\n" + ",\n".join(f"   {json.dumps(run)}" for run in group) + "\n  ]"
        for label, group in runs.items()
    ]
    head = json.dumps(parts, indent=1, ensure_ascii=False).removesuffix("\n}")
    text = head + ',\n "runs": {\n' + ",\n".join(lines) + "\n }\n}\n"
    files.into_place(files.RECORDED / f"{record.name}.json", partial(Path.write_text, data=text, encoding="utf-8"))


def _rounded(row):
    return {name: round(value, 5) for name, value in row.items()}


def _machine(history):
    processor = torch.cuda.get_device_name() if history.device == "cuda" else _processor()
    return {
        "torch": torch.__version__,
        "processor": processor,
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
