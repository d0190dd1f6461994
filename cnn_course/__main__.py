"""The commands of the course: `python -m cnn_course` lists them."""

import argparse
import contextlib
import os
import sys
from pathlib import Path


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def _positive(number):
    def parse(text):
        with contextlib.suppress(ValueError):
            if 0 < number(text) < float("inf"):
                return number(text)
        kind = "a whole number, 1 or more" if number is int else "a number above 0"
        raise argparse.ArgumentTypeError(f"{text!r}; expected {kind}")

    return parse


def _parser():
    """Every command with its options, and the function that does it as `run`."""
    parser = _Parser(prog="python -m cnn_course", description="A course on CNN architectures, at the command line.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    command = commands.add_parser("data", help="fetch CIFAR-10 ahead of class (170 MB), or say where it is")
    command.add_argument("--from", dest="archive", metavar="FILE", help="unpack this cifar-10-python.tar.gz instead")
    command.set_defaults(run=fetch)

    command = commands.add_parser("train", help="train a model on CIFAR-10; under torchrun, on several GPUs or machines")
    command.add_argument("model", metavar="MODEL", help="its name, for example resnet20")
    command.add_argument("--epochs", type=_positive(int), required=True, metavar="N", help="passes over the training images")
    command.add_argument("--batch-size", type=_positive(int), metavar="N", help="images a step, of all processes together")
    command.add_argument("--lr", type=_positive(float), metavar="X", help="highest learning rate")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, another start (default 0)")
    command.add_argument(
        "--validation",
        type=_positive(int),
        metavar="N",
        help="hold out N training images and report on those: for choosing, with the test images unseen",
    )
    command.add_argument(
        "--save", type=Path, metavar="FILE", help="keep the run there after every epoch; the same command again resumes it"
    )
    command.add_argument("--history", type=Path, metavar="FILE", help="write the history there in the end, as JSON")
    command.set_defaults(run=train)

    command = commands.add_parser("bench", help="measure images a second: fit, the usual tutorial's loop, the bare limit")
    command.add_argument("models", metavar="MODEL", nargs="*", help="which; left out, the course-size models")
    command.add_argument("--repeats", type=_positive(int), default=3, metavar="N", help="how often, in turns (default 3)")
    command.add_argument("--seconds", type=_positive(float), default=4, metavar="X", help="of each measurement (default 4)")
    command.set_defaults(run=bench)

    command = commands.add_parser("speedrun", help="train towards 94%% with few operations: accuracy, seconds, PFLOPs")
    command.add_argument("--seeds", type=_positive(int), default=1, metavar="N", help="how many runs (default 1)")
    command.add_argument("--published", action="store_true", help="by the published recipe, not the course's own")
    command.add_argument("--epochs", type=_positive(int), metavar="N", help="passes over the images (default: the recipe's)")
    command.set_defaults(run=speedrun)

    command = commands.add_parser("record", help="run what is missing of the recorded experiments, or list them")
    command.add_argument("names", metavar="NAME", nargs="*", help="which experiments; left out, all are listed")
    command.add_argument("--list", action="store_true", help="what exists of each, what it cost, what is missing")
    command.add_argument("--seeds", type=int, nargs="+", metavar="N", help="these seeds (default: the experiment's own)")
    command.add_argument("--jobs", type=_positive(int), default=1, metavar="N", help="runs side by side (default 1)")
    command.set_defaults(run=record)

    command = commands.add_parser("runs", help="list what you have trained, in whatever notebook; it is shown in notebook 8")
    command.add_argument("--clear", action="store_true", help="delete all of it, and the guesses")
    command.set_defaults(run=runs)

    command = commands.add_parser("claims", help="print what the notebooks claim, what each claim rests on, and how sure it is")
    command.set_defaults(run=claims)

    command = commands.add_parser("submit", help="run an assignment anew, show what a grader will see, write the file to hand in")
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK", help="as it is saved on disk")
    command.set_defaults(run=submit)

    command = commands.add_parser("grade", help="grade a folder of notebooks: a table for Canvas and Moodle, a page a student")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="the notebooks, as Canvas or Moodle hands them out")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="where the table and the pages go (default: FOLDER-graded)")
    command.add_argument("--jobs", type=_positive(int), default=os.cpu_count() or 1, metavar="N", help="notebooks side by side")
    command.add_argument("--seed", type=_positive(int), metavar="N", help="of the hidden checks (default: drawn)")
    command.add_argument("--unconfined", action="store_true", help="let students' code do what you may do")
    command.set_defaults(run=grade)

    command = commands.add_parser("doctor", help="say what is fine on this machine, and what to do about the rest")
    command.set_defaults(run=doctor)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 where `doctor` finds something to do, 2 after an error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "run" not in options:
        parser.print_help()
        return 0
    try:
        code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read the output, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would say so again at its end
        return 0
    except (ValueError, OSError, RuntimeError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2


def fetch(options):
    """Make sure that CIFAR-10 is here: installed from a file, found, or downloaded."""
    from cnn_course import data

    if options.archive:
        data.install(options.archive)
        print("CIFAR-10 checked and unpacked into your cache.")
    elif not data.load().is_real:
        raise data.NoMirror(
            f"CIFAR-10 is not here. Get {data.ARCHIVE} on a machine with a network, and then: "
            "python -m cnn_course data --from FILE"
        )


def train(options):
    """Train a model on all of CIFAR-10 with the course's recipe."""
    import torch

    from cnn_course import data, files, models, training
    from cnn_course.training import distributed

    for option, path in (("--save", options.save), ("--history", options.history)):
        if path and not path.parent.is_dir():
            raise ValueError(f"{option} {path}: there is no folder {path.parent}; make it first")
    settings = {"batch_size": options.batch_size, "lr": options.lr}
    recipe = training.Recipe(**{name: value for name, value in settings.items() if value is not None})
    torch.manual_seed(options.seed)
    net = models.build(options.model)
    with distributed.group() as device:
        with distributed.first_alone():
            cifar = data.load(quiet=distributed.rank() > 0)
        if options.validation:
            cifar = cifar.validation(options.validation)
        history = training.fit(net, cifar, options.epochs, recipe, options.seed, device, options.model, save=options.save)
        if options.history and distributed.rank() == 0:
            files.write_text(options.history, history.to_json() + "\n")


def bench(options):
    """Print one table: for each model, images a second of three ways to train, ratios, memory."""
    from cnn_course import models
    from cnn_course.training import bench

    table = bench.table(options.models or models.COURSE, options.repeats, options.seconds)
    print(table.round(2).T.to_string())
    ratio = table["fit / tutorial"]
    print(f"fit against the tutorial's loop: {ratio.min():.2f} to {ratio.max():.2f} times, median {ratio.median():.2f}")


def speedrun(options):
    """Train once a seed; a line an epoch, a line a run, and the mean over runs."""
    from cnn_course import data, training
    from cnn_course.training import speedrun

    recipe, epochs = speedrun.COURSE, speedrun.COURSE_EPOCHS
    if options.published:
        recipe, epochs = speedrun.PUBLISHED, speedrun.PUBLISHED_EPOCHS
    cifar, epochs, made = data.load(), options.epochs or epochs, []

    def told(history):
        row = history.rows[-1]
        print(f"  epoch {row['epoch']}: {history.accuracy:.2%} in {row['seconds']:.1f} s", flush=True)

    for seed in range(options.seeds):
        made.append(speedrun.run(cifar, seed, recipe, epochs, on_epoch=told))
        print(f"seed {seed}: {_reached(made[-1:])} on {training.best_device().type}")
    if len(made) > 1:
        six = [each.six_views for each in made]
        print(f"mean of {len(made)} seeds: {_reached(made)}; {min(six):.2%} to {max(six):.2%}")


def _reached(runs):
    from statistics import mean

    single, six, operations, seconds = (
        mean(values) for values in zip(*((r.history.accuracy, r.six_views, r.operations, r.seconds) for r in runs), strict=True)
    )
    return f"{single:.2%}, with six views {six:.2%}; {operations / 1e15:.3f} PFLOPs, {seconds:.0f} s"


def record(options):
    """Run what is missing of the experiments named, and print their tables; without a name, list all."""
    from cnn_course import experiments
    from cnn_course.experiments import run

    if options.list or not options.names:
        print(experiments.states().round(2).to_string())
        return
    run.record(*options.names, seeds=options.seeds, jobs=options.jobs)
    for name in options.names:
        print(f"\n{experiments.find(name).question}\n{experiments.recorded(name).table().round(4).to_string()}")


def runs(options):
    """Print the runs that were kept, or delete them and the guesses."""
    from cnn_course.exercises import guessing
    from cnn_course.training import runs

    if options.clear:
        print(f"Deleted: {runs.clear()} runs, {guessing.clear()} guesses.")
        return
    table = runs.table()
    print(
        table.to_string(formatters={"accuracy": "{:.1%}".format}) if len(table) else "No run yet: train a network in a notebook."
    )


def claims(options):
    """Print the ledger of claims, which lies beside the notebooks, not in the package."""
    folder = Path(__file__).parents[1] / "tests" / "claims"
    if not folder.is_dir():
        raise ValueError(f"the claims are in the course's repository, in tests/claims; there is no {folder}")
    sys.path.insert(0, str(folder))
    import ledger

    if failed := ledger.show():
        raise RuntimeError(f"{failed} of the claims above no longer hold")


def submit(options):
    """Show a student what a grader will see, and write the file to hand in."""
    from cnn_course import grading

    path = grading.submit(options.notebook, seed=_drawn_seed())
    print(f"Hand in this file: {path}")


def grade(options):
    """Grade a folder of notebooks."""
    from cnn_course import grading

    seed = options.seed or _drawn_seed()
    folder = options.folder.resolve()
    out = options.out or folder.with_name(f"{folder.name}-graded")
    graded = grading.grade_folder(folder, out, seed, options.jobs, not options.unconfined)
    failed = [each for each in graded if each.points is None]
    print(f"{len(graded)} submissions, {len(failed)} of them without a grade; seed {seed}")
    print(f"{out / 'grades.csv'}, {out / 'feedback'}")
    for each in failed:
        print(f"  {each.path.name}: {each.remark}")
    for path in grading.others(folder):
        print(f"  {path.relative_to(folder)}: no notebook, so it is not in the table")


def _drawn_seed():
    import secrets

    return 1 + secrets.randbelow(10**6)


def doctor(options):
    """One line a check: what is fine here, and what to do about the rest."""
    from cnn_course import doctor

    return doctor.examine()


if __name__ == "__main__":
    sys.exit(main())
