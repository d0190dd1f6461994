"""Every lab: right answers pass however they are written, every mistake of the catalogue gets its own sentence, and whatever else
a student's code does ends in one."""

import copy
import inspect
import os
import signal
import time
from importlib import import_module
from pathlib import Path

import pytest
import striped
import student
import torch
import torch.nn.functional as F
from torch import nn

from cnn_course import anatomy, labs, models, training
from cnn_course.grading import wire
from cnn_course.labs import sandbox

ANSWERS = [import_module(path.stem) for path in sorted(Path(__file__).parent.glob("answers_*.py"))]
RIGHT = [(name, answer) for module in ANSWERS for name, answers in module.RIGHT.items() for answer in answers]
WRONG = [(name, answer, start) for module in ANSWERS for name, pairs in module.WRONG.items() for answer, start in pairs.items()]


def named(value):
    """The same in every process: no address of a function."""
    return getattr(value, "__name__", None) or str(value)[:20]


def said(capsys, name, answer):
    labs.check(name, answer)
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=named)
def test_a_right_answer_passes(name, answer):
    assert labs.find(name).judge(answer) == ""


@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=named)
def test_a_right_answer_passes_a_grader_too(name, answer):
    """Other weights, other inputs, more sizes; and what it gives is compared after it has travelled as text."""
    lab = labs.find(name)
    assert lab.judge(answer, seed=123, more=True) == ""
    assert lab.agrees(wire.read(wire.written(lab.observed(answer, seed=123))), lab.observed(lab.reference, seed=123))


@pytest.mark.parametrize("name", labs.names())
def test_no_mistake_passes_a_grader(name):
    """Neither by its sentence nor, had the check been silenced, by what it gives; but for those that only a look inside finds."""
    lab = labs.find(name)
    expected = lab.observed(lab.reference, seed=123)
    for mistake in lab.mistakes:
        made = mistake.made or next(answer for other, answer, start in WRONG if other == name and mistake.says.startswith(start))
        seen_inside = any(test(made) for test in lab.tests)
        assert seen_inside or not lab.agrees(lab.observed(made, seed=123), expected), mistake.says


@pytest.mark.parametrize("name", labs.names())
def test_the_first_answer_stands_in_a_cell_of_its_own(name):
    """So that a browser can type it into a notebook."""
    cell = {"__name__": "__main__"}
    exec(student.source(student.right(name), "Mine"), cell)
    assert labs.find(name).judge(cell["Mine"]) == ""


@pytest.mark.parametrize(("name", "answer", "start"), WRONG, ids=named)
def test_a_mistake_gets_its_own_sentence(name, answer, start):
    assert labs.find(name).judge(answer).startswith(start)


@pytest.mark.parametrize("name", labs.names())
def test_the_catalogue(name):
    """Six mistakes or more, all tried above; none is what the lab asks for, none gives the solution away; the course's passes."""
    lab = labs.find(name)
    starts = [start for other, _, start in WRONG if other == name]
    sentences = [mistake.says for mistake in lab.mistakes]
    assert len(sentences) >= 6 and len(set(sentences)) == len(sentences) and len(lab.hints) >= 2
    assert all(any(sentence.startswith(start) for start in starts) for sentence in sentences)
    assert all("?" in sentence and len(sentence) < 200 for sentence in sentences)
    assert sum(other == name for other, _ in RIGHT) >= 3 and lab.judge(lab.reference) == ""
    if lab.solution.__module__.startswith("cnn_course.labs"):  # written for the lab, and to be read
        assert lab.judge(lab.solution) == "" and "mistake" not in inspect.getsource(lab.solution)
    assert all(lab.judge(mistake.made) == mistake.says for mistake in lab.mistakes if mistake.made)


@pytest.mark.parametrize("name", labs.names())
def test_the_reference_makes_no_error(name):
    """Two errors are alike for a check, so a lab whose own answer fails would let everything pass."""

    def wrong(*_, **__):
        return "wrong"

    found = [case.difference(wrong, labs.find(name).reference) for case in labs.find(name).cases]
    assert all(found) and not any("no error comes" in sentence for sentence in found)


class Whole(models.resnet.BasicBlock):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride, "A")


class Capped(Whole):
    def forward(self, x):
        return super().forward(x).clamp(max=6)


class InDouble(Whole):
    def forward(self, x):
        return super().forward(x).double()


class CutOff(Whole):
    def forward(self, x):
        return super().forward(x).detach()


class Flat(Whole):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.conv1.weight = nn.Parameter(self.conv1.weight.detach().transpose(2, 3).reshape(3 * width, in_channels * 3))


class ListedAndRegistered(Whole):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.conv2 = nn.Conv2d(width, width, 1, bias=False)
        self.layers = [self.conv1, self.conv2]


class OnlyInTraining(Whole):
    def forward(self, x):
        return super().forward(x) if self.training else None


class HalvedInEvaluation(Whole):
    def forward(self, x):
        return super().forward(x)[:, :, :: 1 if self.training else 2]


class Huge(Whole):
    def forward(self, x):
        return super().forward(x) + 1e30


@pytest.mark.parametrize(
    ("answer", "found"),
    [(Whole, ""), (Capped, "of the output values differ"), (InDouble, "the output is of torch.float64, expected torch.float32."),
     (CutOff, "no gradient flows back from the output."), (Flat, "RuntimeError"),
     (Huge, "the first is 1e+30 at [0, 0, 0, 0], expected "),
     (ListedAndRegistered, "the layer has 384 parameters, expected 672."),
     (OnlyInTraining, "in evaluation mode the layer returns nothing; expected a tensor of 3x6x9x7."),
     (HalvedInEvaluation, "in evaluation mode the output is 3x6x5x7, expected 3x6x9x7.")],
    ids=named,
)  # fmt: skip
def test_what_is_in_no_catalogue_is_told_by_what_it_does(answer, found):
    told = labs.find("basic_block").judge(answer)
    assert found in told if found else not told


# ------------------------------------------------------------------------------- whatever a student's code does
class Stub(nn.Module):
    """(N, C, H, W) -> (N, C', H', W')"""

    def __init__(self, in_channels, width, stride=1):
        super().__init__()
        ...

    def forward(self, x): ...


class Endless(Stub):
    def forward(self, x):
        while True:
            pass


class Crash(Stub):
    def forward(self, x):
        os._exit(1)


class Greedy(Stub):
    def forward(self, x):
        return torch.zeros(10**11) + x


class Greedier(Stub):
    def forward(self, x):
        return [0] * 10**10


class Slip(Stub):
    def forward(self, x):
        return self.conv(x)


class Word(Stub):
    def forward(self, x):
        return "done"


class Nothing(Stub):
    def forward(self, x):
        x.mean()


class Quit(Stub):
    def forward(self, x):
        raise SystemExit


class Cut(Stub):
    def __init__(self, in_channels, width, stride=1):
        super().__init__(in_channels, width, stride)
        self.own = models.BasicBlock(in_channels, width, stride, "A")

    def forward(self, x):
        return self.own(x).detach()


class Deep(Stub):
    def forward(self, x):
        return self.forward(x)


ANYTHING = {
    Stub: "Not started: write the block",
    None: "Not started: write the block",
    ...: "Not started: write the block",
    nn.ReLU(): "Not yet. The check was given a ReLU that is made already, expected the class, by its name.",
    3: "Not yet. The check was given 3, expected the class or function itself",
    Endless: "Not yet. Your code was stopped after",
    Crash: "Not yet. Your code ended the process",
    Greedy: "More memory was asked for",
    Greedier: "More memory was asked for",
    Slip: "AttributeError: 'Slip' object has no attribute 'conv'. It happened in `return self.conv(x)` (line",
    Word: "the layer returns a str; expected a tensor",
    Nothing: "the layer returns nothing",
    Quit: "SystemExit",
    Deep: "RecursionError",
    Cut: "in training mode no gradient flows back from the output. What cuts it off: detach, no_grad, numpy?",
}


@pytest.mark.parametrize(("answer", "words"), ANYTHING.items(), ids=named)
def test_anything_ends_in_a_sentence_soon(answer, words, capsys):
    if not sandbox.FORKS and (answer is Crash or answer is Endless and not hasattr(signal, "setitimer")):
        pytest.skip("the code runs in this process")
    if answer in (Greedy, Greedier) and not Path("/proc/self/status").exists():
        pytest.skip("no limit of memory here")
    begun = time.monotonic()
    assert words in said(capsys, "basic_block", answer)
    assert time.monotonic() - begun < sandbox.SECONDS + 20  # a busy machine starts a process slowly


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such signal")
def test_where_the_code_runs_in_the_kernel_a_loop_ends_too(monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "FORKS", False)
    before = signal.getsignal(signal.SIGALRM)
    assert sandbox.apart(lambda: "fine") == ("fine", "")
    begun = time.monotonic()
    endless = Endless(3, 3)
    assert sandbox.apart(lambda: endless(0), seconds=1) == (None, "Your code was stopped after 1 seconds: does a loop end?")
    assert time.monotonic() - begun < 20 and signal.getsignal(signal.SIGALRM) is before
    own = next(answer for name, answer in RIGHT if name == "basic_block")
    assert said(capsys, "basic_block", own).startswith("Passed: ")
    assert said(capsys, "basic_block", Slip).startswith("Not yet.")  # last: what passed would stay in this process


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such signal")
def test_a_limit_within_a_limit_leaves_the_outer_one():
    begun = time.monotonic()
    with sandbox.limited(1):
        with sandbox.limited(5):
            pass
        while time.monotonic() - begun < 30:
            pass
    assert time.monotonic() - begun < 20


def test_hints_come_one_by_one_and_the_solution_says_what_it_spoils(capsys):
    for number in (1, 2, 3):
        labs.hint("basic_block")
        assert capsys.readouterr().out.startswith(f"Hint {number} of 3: ")
    labs.hint("basic_block")
    assert 'labs.solution("basic_block")' in capsys.readouterr().out
    assert "class BasicBlock(nn.Module)" in repr(labs.solution("basic_block"))
    assert capsys.readouterr().out.startswith("What follows answers the lab.")


FITTING = {  # lab: what builds the course's network with such a part
    "basic_block": lambda part: models.build("resnet20", block=part),
    "bottleneck": lambda part: models.build("resnet50", block=part, blocks=(1, 1, 1, 1), widths=(8, 8, 16, 16)),
    "dense_layer": lambda part: models.build("densenet_cifar", layer=part),
    "mlpconv": lambda part: models.build("nin_cifar", mlpconv=part),
    "inception_block": lambda part: models.build("googlenet_cifar", inception=part),
    "vgg_stage": lambda part: models.build("vgg_cifar", stage=part),
}


@pytest.mark.parametrize(("name", "answer"), [pair for pair in RIGHT if pair[0] in FITTING], ids=named)
def test_a_right_answer_fits_into_the_network(name, answer):
    lab, build = labs.find(name), FITTING[name]
    net, own = build(lab.fits(answer)), build(lab.source)
    images = torch.randn(2, 3, 64, 64) if name == "bottleneck" else torch.randn(2, 3, 32, 32)
    assert net.eval()(images).shape == own.eval()(images).shape
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in own.parameters())


@pytest.mark.parametrize(("name", "network", "own"), [("basic_block", "plain20", "A"), ("bottleneck", "resnet20", "B")])
def test_a_block_of_the_readers_refuses_a_shortcut_that_the_lab_does_not_ask_for(name, network, own):
    answer = next(answer for lab, answer in RIGHT if lab == name)
    with pytest.raises(ValueError, match=f"shortcut is '.*'; the lab's block has '{own}': build it with shortcut='{own}'"):
        models.build(network, block=labs.find(name).fits(answer))


NORMED = ("vgg_stage", "mlpconv", "inception_block")


@pytest.mark.parametrize(("name", "answer"), [pair for pair in RIGHT if pair[0] in NORMED], ids=named)
def test_the_course_puts_one_batch_norm_behind_each_convolution_of_the_reader(name, answer):
    net, other = (FITTING[name](labs.find(name).fits(answer)) for _ in range(2))
    images = torch.randn(4, 3, 32, 32)
    net.train()(images)
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert all(norm.num_batches_tracked == 1 for norm in norms)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other.eval()(images), net.eval()(images)) and torch.equal(copy.deepcopy(net)(images), net(images))


def in_batch_norms(net):
    """How many parameters stand in the rows of batch norms."""
    table = anatomy.trace(net)
    return table.parameters[table.kind.str.startswith("BatchNorm")].sum()


@pytest.mark.parametrize("name", NORMED)
def test_anatomy_shows_the_batch_norm_that_the_course_adds(name):
    net, own = FITTING[name](labs.find(name).fits(student.right(name))), FITTING[name](labs.find(name).source)
    assert in_batch_norms(net) == in_batch_norms(own) and list(anatomy.stages(net).macs) == list(anatomy.stages(own).macs)


class ByWeights(nn.Module):
    """A right stage, of which no layer is ever called."""

    def __init__(self, in_channels, width, convs):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width if i else in_channels, width, 3) for i in range(convs))

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(F.conv2d(x, conv.weight, conv.bias, padding=1))
        return F.max_pool2d(x, 2)


class Bare(ByWeights):
    """The same without layers."""

    def __init__(self, in_channels, width, convs):
        super().__init__(in_channels, width, convs)
        self.parts = nn.ParameterList([part for conv in self.convs for part in (conv.weight, conv.bias)])
        del self.convs

    def forward(self, x):
        for weight, bias in zip(self.parts[::2], self.parts[1::2], strict=True):
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
        return F.max_pool2d(x, 2)


@pytest.mark.parametrize("answer", [ByWeights, Bare], ids=named)
def test_where_batch_norm_finds_no_layer_the_course_says_so(answer):
    lab = labs.find("vgg_stage")
    assert lab.judge(answer) == ""
    with pytest.raises(ValueError, match="some of your convolutions call none, as in F.conv2d.* the course's own$"):
        models.build("vgg_cifar", stage=lab.fits(answer))


@pytest.mark.parametrize("answer", [answer for name, answer in RIGHT if name == "inception_block"], ids=named)
def test_the_course_gives_an_inception_block_its_batch_norm_and_trains_it(answer):
    net = models.build("googlenet_cifar", inception=labs.find("inception_block").fits(answer))
    history = training.fit(net, striped.cifar(64, 20), 1, quiet=True)
    assert history.parameters == sum(p.numel() for p in models.build("googlenet_cifar", device="meta").parameters())
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 37 and all(norm.running_mean.any() for norm in norms)  # each of them is used


def test_what_passed_is_what_trains(capsys):
    assert labs.yours("basic_block") is models.BasicBlock
    assert "has not been passed in this kernel" in capsys.readouterr().out
    own = next(answer for name, answer in RIGHT if name == "basic_block")
    assert said(capsys, "basic_block", own) == "Passed: it does what the course's own does, in 5 cases."
    net = models.build("resnet20", block=labs.yours("basic_block"))
    assert sum(isinstance(module, own) for module in net.modules()) == 9 and capsys.readouterr().out == ""
    history = training.fit(net, striped.cifar(64, 20), 1, quiet=True)
    assert history.parameters == 269_722 and history.rows
    said(capsys, "basic_block", Stub)
    assert labs.yours("basic_block") is models.BasicBlock
    with pytest.raises(ValueError, match="the course puts what .* asks for nowhere; it has a place for: vgg_stage"):
        labs.yours("output_size")


def test_a_slow_answer_is_called_once_in_each_case():
    lab, calls = labs.find("pointwise"), []

    def slow(maps, weight, bias):
        calls.append(1)
        return maps.sum()

    assert len(lab.mistakes) > len(lab.cases) and "expected" in lab.judge(slow)
    assert 0 < len(calls) - 1 <= len(lab.cases)  # and once to see whether it convolves


def test_a_lab_is_displayed_in_a_line_that_spoils_nothing():
    shown = repr(labs.find("basic_block"))
    assert shown.startswith("basic_block: the block") and len(shown) < 500 and "shortcut averages" not in shown


def test_an_unknown_lab_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'basic_block'"):
        labs.check("basicblock", Stub)
