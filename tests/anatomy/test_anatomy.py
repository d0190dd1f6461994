"""`anatomy` against torch itself: output sizes, counts of its flop counter, regions of non-zero input gradient."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnn_course import anatomy, models
from cnn_course.anatomy import Window, conv, pool, walk

few = settings(deadline=None, max_examples=25, derandomize=True)
many = settings(few, max_examples=150)


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors are faster on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# ---------------------------------------------------------------------------- arithmetic
def either(compute):
    """The result, or "impossible" where the settings are refused."""
    try:
        return compute()
    except (ValueError, RuntimeError):
        return "impossible"


def torch_size(layer, size):
    return either(lambda: layer(torch.zeros(1, 1, size, size)).shape[-1])


@many
@given(st.integers(1, 20), st.integers(1, 7), st.integers(1, 5), st.integers(0, 5), st.integers(1, 3))
def test_output_size_of_convolutions(size, kernel, stride, padding, dilation):
    layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation)
    assert either(lambda: anatomy.output_size(size, kernel, stride, padding, dilation)) == torch_size(layer, size)


@many
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2), st.integers(1, 3))
def test_output_size_of_pooling(size, kernel, stride, padding, dilation):
    padding = min(padding, kernel // 2)
    layer = nn.MaxPool2d(kernel, stride, padding, dilation)
    size_here = either(lambda: anatomy.output_size(size, kernel, stride, padding, dilation))
    assert size_here == torch_size(layer, size)


@few
@given(st.integers(1, 7), st.integers(0, 5))
def test_padding_of_pooling(kernel, padding):
    refused = torch_size(nn.MaxPool2d(kernel, 1, padding), 20) == "impossible"
    assert (either(lambda: pool(kernel, 1, padding)) == "impossible") == refused


@pytest.mark.parametrize(
    "call, names",
    [
        (lambda: anatomy.output_size(5, 7), "window of 7"),
        (lambda: anatomy.output_size(0, 1), "size is 0"),
        (lambda: anatomy.output_size(5, 2.5), "kernel is 2.5"),
        (lambda: conv(0), "kernel is 0"),
        (lambda: conv(3, stride=0), "stride is 0"),
        (lambda: conv(3, padding=-1), "padding is -1"),
        (lambda: pool(2, padding=2), "padding is 2"),
        (lambda: anatomy.conv_parameters(3, 8, 3, groups=2), "in_channels is 3"),
        (lambda: anatomy.conv_macs(4, 8, 3, (0, 5)), "output_size is 0"),
        (lambda: anatomy.linear_macs(0, 5), "in_features is 0"),
        (lambda: anatomy.conv_macs(4, 8, 3, 5, groups=0), "groups is 0"),
        (lambda: anatomy.receptive_field([conv(3), 3]), "layer 2 is 3"),
        (lambda: anatomy.receptive_field(nn.ReLU()), r"layer 1 is ReLU\(\), .*for a network: anatomy.trace\(net\)"),
        (lambda: anatomy.receptive_fields([pool(2)] * 3, input_size=4), "window of 2"),
    ],
)
def test_impossible_settings_are_named(call, names):
    with pytest.raises(ValueError, match=names):
        call()


@few
@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.sampled_from([1, 2]), st.booleans())
def test_parameters_of_layers(width, out, kernel, groups, bias):
    layer = nn.Conv2d(width * groups, out * groups, (kernel, 3), groups=groups, bias=bias)
    count = anatomy.conv_parameters(width * groups, out * groups, (kernel, 3), groups, bias)
    assert count == anatomy.parameters(layer)
    assert anatomy.linear_parameters(width, out, bias) == anatomy.parameters(nn.Linear(width, out, bias))


def test_numpys_ints_do_not_overflow():
    assert anatomy.conv_macs(np.int32(512), np.int32(512), 3, 224) == 512 * 512 * 9 * 224**2


def test_numbers_from_the_papers():
    assert anatomy.receptive_field([conv(3)] * 3) == anatomy.receptive_field([conv(7)]) == 7
    assert 2 * anatomy.conv_parameters(128, 128, 3, bias=False) == 294_912
    table = anatomy.receptive_fields([conv(11, 4), pool(3, 2), conv(5, padding=2), pool(3, 2)], input_size=227)
    assert list(table.receptive_field) == [11, 19, 51, 67]
    assert list(table.jump) == [4, 8, 8, 16]
    assert list(table.output_size) == [55, 27, 27, 13]


# ---------------------------------------------------------------------------- receptive fields against gradients
class Average(nn.Module):
    """Stands in for a convolution: the same windows over the mean of all channels, with equal positive weights."""

    def __init__(self, conv):
        super().__init__()
        self.conv = nn.Conv2d(1, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation)

    def forward(self, x):
        return self.conv(x.mean(dim=1, keepdim=True))


def stand_in(module):
    """What lets a positive gradient through wherever `module` may pass one, at little cost."""
    if isinstance(module, nn.Conv2d):
        return Average(module)
    if isinstance(module, nn.MaxPool2d):
        return nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
    if isinstance(module, (nn.BatchNorm2d, nn.Linear)):  # pixel by pixel; behind the maps
        return nn.Identity()
    for name, child in module.named_children():
        setattr(module, name, stand_in(child))
    return module


def twin(net):
    """A copy in float64 where no path dies: positive weights, averages instead of maxima."""
    net = stand_in(copy.deepcopy(net)).to_empty(device="cpu").double().eval()
    for weight in net.parameters():
        nn.init.constant_(weight, 0.5 / max(1, weight[0].numel()))
    return net


def seen_by(i, window):
    """First and last input pixel that output i depends on, along one side."""
    return window.lo + i * window.jump, window.hi + i * window.jump


def windows_of(net, path, shape):
    return {step.path: step.windows for step in walk.steps(net, shape)}[path]


class Reached(Exception):
    """The last layer of interest has run: the rest of the network need not."""


def touched(net, windows, channels=3):
    """For each layer (path -> its windows), where the input gradient of one of its outputs is not zero, and where it ought to.

    The input is just large enough for windows that lie inside it, with a pixel to spare on each side.
    """
    places = {path: [max(0, -((w.lo - 1) // w.jump)) for w in sides] for path, sides in windows.items()}
    size = [
        max(32, *(seen_by(i, w)[1] + 2 for i, w in side))
        for side in zip(*(zip(places[p], windows[p], strict=True) for p in windows), strict=True)
    ]
    image, outputs = torch.ones(1, channels, *size, dtype=torch.double, requires_grad=True), {}

    def keep(path):
        def hook(module, inputs, output):
            outputs[path] = output.sum(dim=1)
            if len(outputs) == len(windows):
                raise Reached

        return hook

    hooks = [net.get_submodule(path).register_forward_hook(keep(path)) for path in windows]
    try:
        net.forward(image)  # not net(image): some networks take one image size only
    except Reached:
        pass
    for hook in hooks:
        hook.remove()
    found, wanted = {}, {}
    for path, (row, column) in places.items():
        (gradient,) = torch.autograd.grad(outputs[path][0, row, column], image, retain_graph=True)
        rows, columns = gradient[0].abs().sum(dim=0).nonzero(as_tuple=True)
        found[path] = [(int(side.min()), int(side.max())) for side in (rows, columns)]
        wanted[path] = list(map(seen_by, places[path], windows[path]))
    return found, wanted


kernels = st.integers(1, 5)


@st.composite
def stacks(draw):
    """Two to five convolutions and poolings as (torch module, Layer)."""
    layers = []
    for _ in range(draw(st.integers(2, 5))):
        kernel, stride, padding = draw(kernels), draw(st.integers(1, 2)), draw(st.integers(0, 2))
        if draw(st.booleans()):
            dilation = draw(st.integers(1, 2))
            settings_ = (kernel, stride, padding, dilation)
            layers.append((nn.Conv2d(1, 1, *settings_), conv(*settings_)))
        else:
            padding = min(padding, kernel // 2)
            layers.append((nn.MaxPool2d(kernel, stride, padding), pool(kernel, stride, padding)))
    return layers


@few
@given(stacks())
def test_receptive_field_of_stacks(layers):
    net, last = nn.Sequential(*(module for module, _ in layers)), str(len(layers) - 1)
    window = Window()
    for _, layer in layers:
        window = window.then(layer)
    table = anatomy.receptive_fields([layer for _, layer in layers])
    assert table.receptive_field.iloc[-1] == window.size == anatomy.receptive_field(layer for _, layer in layers)
    assert table.jump.iloc[-1] == window.jump
    assert windows_of(net, last, (1, 200, 200)) == (window, window)
    found, wanted = touched(twin(net), {last: (window, window)}, channels=1)
    assert found == wanted


class Block(nn.Module):
    """Branches with kernels of their own, concatenated and added to a shortcut that skips pixels."""

    def __init__(self, branches, stride, extra):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), nn.Conv2d(1, 1, sides, stride), nn.ReLU())
            for sides, left, right, top, bottom in branches
        )
        self.norm = nn.BatchNorm2d(len(branches))
        self.stride, self.extra = stride, extra
        self.last = nn.Conv2d(len(branches), 1, 1 + extra, padding="same", dilation=2)

    def forward(self, x):
        shortcut = F.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, len(self.branches) - 1))
        x = self.norm(torch.cat([branch(x) for branch in self.branches], dim=1)) + shortcut
        x = F.avg_pool2d(x, 3, 2, padding=1) + F.max_pool2d(x, kernel_size=1, stride=2)
        return self.last(F.pad(x, (self.extra, 1, 2 * self.extra, 0))[:, :, self.extra :, 1:])


@st.composite
def blocks(draw):
    stride, branches = draw(st.integers(1, 3)), []
    for _ in range(draw(st.integers(1, 3))):
        sides = draw(kernels), draw(kernels)
        # Any padding that adds up to kernel - 1 keeps the size: the branches must fit together.
        left, top = draw(st.integers(0, sides[1] - 1)), draw(st.integers(0, sides[0] - 1))
        branches.append((sides, left, sides[1] - 1 - left, top, sides[0] - 1 - top))
    return Block(branches, stride, draw(st.integers(0, 2)))


@few
@given(blocks())
def test_receptive_field_of_branches_and_skips(block):
    windows = windows_of(block, "last", (1, 30, 30))
    found, wanted = touched(twin(block), {"last": windows}, channels=1)
    assert found == wanted


# Their layers with windows of up to 40 pixels are those of resnet50, densenet121, vgg16 and vgg16_bn.
DEEPER = {"resnet101", "resnet152", "densenet169", "densenet201", "vgg19", "vgg19_bn"}


@pytest.mark.parametrize("name", [name for name in models.names() if name not in DEEPER])
def test_receptive_field_of_models(name):
    net = models.build(name, device="meta").eval()
    steps = {step.path: step.windows for step in walk.steps(net)}
    used_again = {path[:-2] for path in steps if path.endswith("_1")}
    largest = 64 if name in models.COURSE else 40
    paths = [
        path
        for path, module in net.named_modules()
        if path not in used_again and steps.get(path) and 1 < steps[path][0].size <= largest
    ]
    chosen = {path: steps[path] for path in (paths[0], paths[len(paths) // 2], paths[-1])}
    found, wanted = touched(twin(net), chosen, net.input_shape[0])
    assert found == wanted


# ---------------------------------------------------------------------------- counts against torch
class Functions(nn.Module):
    """Weights of its own used through functions, groups, a transposed convolution, a layer used twice."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 3, 3, 5))
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.twice = nn.Conv2d(8, 8, 3, padding="same", dilation=2, groups=4, padding_mode="reflect")
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, groups=2)
        self.left, self.right = nn.Parameter(torch.zeros(5, 6)), nn.Parameter(torch.zeros(7, 5))

    def forward(self, x):
        x = torch.relu(F.conv2d(x, self.weight, stride=(2, 1))) * self.scale.exp()
        x, y = self.twice(self.twice(x)).chunk(2, dim=1)
        x = self.up(torch.cat([y, x], dim=1))
        x = self.left @ x.flatten(2)
        return F.linear(x.transpose(1, 2), self.right).mean(1)


def macs_by_torch(net, shape):
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, *shape, device=next(net.parameters()).device))
    return counter.get_total_flops() // 2


PAPERS = ["lenet5_1998", "alexnet_two_gpus", "vgg16_c", "googlenet_aux", "resnet50"]


@pytest.mark.parametrize("name", [*models.COURSE, *PAPERS])
def test_cost_and_stages_of_models(name):
    net = models.build(name, device="meta").to("meta").train("aux" in name)
    cost, stages = anatomy.cost(net), anatomy.stages(net)
    of_kind = {kind: sum(anatomy.parameters(m) for m in net.modules() if isinstance(m, kind)) for kind in (nn.Conv2d, nn.Linear)}
    assert cost.macs == macs_by_torch(net, net.input_shape)
    assert cost.parameters == anatomy.parameters(net)
    assert (cost.conv_parameters, cost.linear_parameters) == (of_kind[nn.Conv2d], of_kind[nn.Linear])
    assert stages.index.is_unique
    for column in ("parameters", "macs", "output_bytes"):
        assert stages[column].sum() == getattr(cost, column)


def test_macs_of_1x1_convolutions():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 5, 1), nn.Conv2d(5, 2, (1, 3)), nn.Flatten(), nn.Linear(80, 4))
    assert anatomy.cost(net, (3, 12, 8)).macs_1x1 == 8 * 5 * 10 * 6 == anatomy.conv_macs(8, 5, 1, (10, 6))


def test_functions_shared_layers_and_rows():
    net = Functions()
    table, cost = anatomy.trace(net, (3, 24, 24)), anatomy.cost(net, (3, 24, 24))
    assert cost.macs == macs_by_torch(net, (3, 24, 24)) > 0
    assert cost.parameters == anatomy.parameters(net)
    assert list(table.loc[["twice", "twice_1"], "parameters"]) == [anatomy.parameters(net.twice), 0]
    assert tuple(table.loc["conv2d", ["kernel", "stride", "receptive_field", "jump"]]) == ((3, 5), (2, 1), (3, 5), (2, 1))
    assert tuple(table.loc["chunk", ["input", "output", "output_bytes"]]) == ("8x11x20", "2 of 4x11x20", 7040)
    assert table.loc["up", "receptive_field"] is None


@torch.fx.wrap
def same_pad(x):
    return F.pad(x, (1, 1, 1, 1))


class FurtherFunctions(nn.Module):
    """A transposed convolution as a function, a padding of somebody's own, a matrix times a vector."""

    def __init__(self):
        super().__init__()
        self.up, self.mix = nn.Parameter(torch.randn(3, 5, 4, 4)), nn.Parameter(torch.randn(5, 7))
        self.last = nn.Parameter(torch.randn(7))

    def forward(self, x):
        x = F.conv_transpose2d(same_pad(x), self.up, stride=2, padding=1)
        return (x.mean((2, 3)) @ self.mix) @ self.last


def test_functions_that_are_seldom_written():
    net = FurtherFunctions()
    assert anatomy.cost(net, (3, 6, 6)).macs == macs_by_torch(net, (3, 6, 6)) + 7  # it knows no product with a vector


# ---------------------------------------------------------------------------- how it runs
@torch.fx.wrap
def checked(x):
    if x.shape[1] != 3:
        raise ValueError("three channels, please")
    return x


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.norm(self.conv(checked(x))))


@pytest.mark.parametrize("device, dtype", [("cpu", torch.float32), ("meta", torch.float32), ("cpu", torch.bfloat16)])
@pytest.mark.parametrize("training", [True, False])
def test_the_net_is_left_as_it_was(device, dtype, training):
    net = Wrapped().to(device, dtype).train(training)
    before = {name: (tensor, tensor.clone()) for name, tensor in net.state_dict(keep_vars=True).items()}
    table = anatomy.trace(net, (3, 5, 6))
    assert list(table.index) == ["conv", "norm", "drop"]  # the check is no layer
    assert list(table.output) == ["4x3x4"] * 3
    assert net.training == training
    for name, tensor in net.state_dict(keep_vars=True).items():
        old, content = before[name]
        assert tensor is old and (device == "meta" or torch.equal(tensor, content))


def test_whole_input():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    seen = anatomy.trace(net, (3, 10, 10)).receptive_field
    assert list(seen) == [3, 4, None, None, None]
    assert windows_of(net, "3", (3, 10, 10)) is None
    for mixing in (nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.LayerNorm([4, 8, 8])):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), mixing, nn.ReLU())
        assert list(anatomy.trace(net, (3, 10, 10)).receptive_field) == [3, None, None]


class Along(nn.Module):
    """A convolution of (1, 5) pixels, and one operation."""

    def __init__(self, operation):
        super().__init__()
        self.conv, self.operation = nn.Conv2d(3, 3, (1, 5), padding=(0, 2)), operation

    def forward(self, x):
        return self.operation(self.conv(x))


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: F.linear(x, torch.ones(8, 8)),
        lambda x: x.transpose(2, 3),
        lambda x: torch.permute(x, (0, 1, 3, 2)),
        lambda x: x.cumsum(-1),
        lambda x: F.softmax(x, 2),
        lambda x: x.log_softmax(dim=3),
        lambda x: F.normalize(x, dim=-1),
        nn.Softmax(dim=-2),
        nn.Linear(8, 8),
    ],
)
def test_what_mixes_or_turns_a_map_has_no_known_window(operation):
    assert list(anatomy.trace(Along(operation), (3, 8, 8)).receptive_field) == [(1, 5), None]


@pytest.mark.parametrize(
    "operation", [lambda x: x.cumsum(1), lambda x: F.softmax(x, 1), nn.LogSoftmax(dim=-3), nn.Softmax2d(), F.normalize]
)
def test_what_mixes_channels_alone_keeps_the_window(operation):
    assert list(anatomy.trace(Along(operation), (3, 8, 8)).receptive_field) == [(1, 5)] * 2


class Deciding(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    "call, names",
    [
        (lambda: anatomy.trace(nn.Conv2d(3, 4, 3)), r"input_shape of Conv2d is None.*cost\(net, \(3, 32"),
        (lambda: anatomy.trace(nn.Conv2d(3, 4, 3), (3, 0, 5)), "input_shape is 0"),
        (lambda: anatomy.trace(nn.Conv2d(3, 4, 3), 32), "input_shape of Conv2d is 32"),
        (lambda: anatomy.trace("resnet20"), "net is the name 'resnet20'"),
        (lambda: anatomy.cost(Deciding(), (3, 5, 5)), "torch.fx cannot follow Deciding"),
        (lambda: anatomy.stages(Wrapped(), (4, 5, 5)), "Wrapped cannot take 4x5x5.*three channels, please"),
        (lambda: anatomy.stages(nn.Sequential(nn.Conv2d(3, 4, 9)), (3, 5, 5)), "Sequential cannot take 3x5x5: 0 fails"),
        (lambda: anatomy.cost(nn.Sequential(nn.Conv2d(3, 4, 3)), (8, 8, 3)), "reads 3 channels.*8: input_shape is .channels"),
        (lambda: anatomy.kept_bytes(nn.Sequential(nn.Conv2d(3, 4, 3)), (8, 8, 3)), "reads 3 .*8: input_shape is .channels"),
        (lambda: anatomy.costs(["lenet5"]), "nets is a list, expected name -> network"),
        (lambda: anatomy.trace(nn.Sequential(nn.BatchNorm2d(4)), (3, 5, 5)), "3 channels, expected 4"),
    ],
)
def test_errors_name_what_is_wrong(call, names):
    with pytest.raises(ValueError, match=names):
        call()


def test_a_dense_block_tells_how_strongly_it_reads_each_source():
    block = models.DenseBlock(3, 8, 4, bottleneck=False)
    for layer in block:
        nn.init.ones_(layer.layers[2].weight)
    block[2].layers[2].weight.data[:, 8:12] = -4  # the maps that layer 1 made
    found = anatomy.source_weights(block)
    assert list(found.index) == ["layer 1", "layer 2", "layer 3"] and list(found.columns) == ["input", "layer 1", "layer 2"]
    assert found.loc["layer 3"].tolist() == pytest.approx([0.5, 2, 0.5]) and found.loc["layer 2"].dropna().tolist() == [1, 1]
    assert found.isna().sum().sum() == 3


# ------------------------------------------------------------------------------- memory
def test_kept_bytes_are_what_a_hand_count_finds():
    pixels = 4 * 16 * 16
    conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1, bias=False)  # noqa: E731
    assert anatomy.kept_bytes(nn.Sequential(conv(3, 8)), (3, 16, 16)) == 3 * pixels  # its input
    in_place = nn.Sequential(conv(3, 8), nn.ReLU(inplace=True), conv(8, 5))
    assert anatomy.kept_bytes(in_place, (3, 16, 16)) == (3 + 8) * pixels  # what ReLU leaves is what the next one takes
    normed = nn.Sequential(conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(inplace=True), conv(8, 5))
    statistics = 2 * 8 * 4 // 2  # mean and deviation of eight channels, of two images
    assert anatomy.kept_bytes(normed, (3, 16, 16)) == (3 + 8 + 8) * pixels + statistics


@pytest.mark.parametrize("name", ["alexnet_cifar", "googlenet_cifar", "preact_resnet20", "densenet_cifar"])
def test_kept_bytes_are_those_of_a_real_pass(name):
    net, kept = models.build(name).train(), []
    own = {tensor.untyped_storage().data_ptr() for tensor in (*net.parameters(), *net.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: (kept.append(tensor), tensor)[1], lambda tensor: tensor):
        net(torch.randn(2, 3, 32, 32))
    places = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in kept}
    assert anatomy.kept_bytes(net) == sum(size for place, size in places.items() if place not in own) // 2


def test_costs_is_a_row_a_network():
    table = anatomy.costs({name: models.build(name, device="meta") for name in ("lenet5", "nin_cifar")})
    nin, cost = models.build("nin_cifar", device="meta"), anatomy.cost(models.build("nin_cifar", device="meta"))
    row = table.loc["nin_cifar"]
    assert list(table.index) == ["lenet5", "nin_cifar"] and row["image"] == "3x32x32"
    assert row["parameters"] == cost.parameters and row["multiply-adds"] == cost.macs
    assert row["kept for backward (bytes)"] == anatomy.kept_bytes(nin)
    assert row["1x1 (% of multiply-adds)"] == round(100 * cost.macs_1x1 / cost.macs, 1) > 0
    assert row["dense (% of parameters)"] == 0 < table["dense (% of parameters)"]["lenet5"] < 100
    with pytest.raises(ValueError, match="input_shape"):
        anatomy.costs({"none": nn.Conv2d(3, 8, 1)})


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_a_wrapped_network_has_the_stages_and_costs_of_the_plain_one(wrap):
    net = models.build("resnet20", device="meta")
    assert anatomy.stages(wrap(net)).equals(anatomy.stages(net))
    assert anatomy.costs({"net": wrap(net)}).equals(anatomy.costs({"net": net}))


def test_a_network_without_parameters_costs_nothing():
    net = nn.ReLU()
    net.input_shape = (3, 8, 8)
    assert anatomy.costs({"net": net}).loc["net"].tolist()[1:3] == [0, 0]


def test_kept_bytes_copies_no_numbers(monkeypatch):
    def copied(tensor, memo):
        raise AssertionError("a full copy")

    net = models.build("resnet20")
    monkeypatch.setattr(torch.Tensor, "__deepcopy__", copied)
    monkeypatch.setattr(nn.Parameter, "__deepcopy__", copied)
    assert anatomy.kept_bytes(net) > 0


def test_kept_bytes_leave_the_net_and_the_random_numbers_alone():
    net = models.build("alexnet_cifar", dropout=0.5).eval()
    before, state = {name: tensor.clone() for name, tensor in net.state_dict().items()}, torch.get_rng_state()
    real = anatomy.kept_bytes(net)
    assert not net.training and all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert real == anatomy.kept_bytes(models.build("alexnet_cifar", device="meta", dropout=0.5))
    with pytest.raises(ValueError, match=r"expected \(channels, height, width\)"):
        anatomy.kept_bytes(nn.Sequential(nn.Conv2d(3, 8, 3)))


def test_concatenation_keeps_more_than_addition():
    assert anatomy.kept_bytes(models.build("densenet_cifar")) > anatomy.kept_bytes(models.build("resnet20"))


# ---------------------------------------------------------------------------- what readers bring
class Attending(nn.Module):
    """Attention over the pixels of a map, written in one of four ways."""

    def __init__(self, how, channels=16):
        super().__init__()
        self.how, self.to_qkv = how, nn.Linear(channels, 3 * channels, bias=False)

    def forward(self, x):
        q, k, v = self.to_qkv(x.flatten(2).transpose(1, 2)).chunk(3, dim=-1)
        if self.how == "sdpa":
            return F.scaled_dot_product_attention(q, k, v)
        if self.how == "einsum":
            return torch.einsum("nlm,nmc->nlc", torch.einsum("nlc,nmc->nlm", q, k).softmax(-1), v)
        if self.how == "bmm":
            return torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
        return (q @ k.transpose(1, 2)).softmax(-1) @ v


@pytest.mark.parametrize("how", ["@", "bmm", "einsum", "sdpa"])
def test_attention_counts_the_same_however_it_is_written(how):
    by_definition = 64 * 16 * 48 + 2 * 64 * 64 * 16  # the projections; then queries by keys, and weights by values
    assert anatomy.cost(Attending(how), (16, 8, 8)).macs == by_definition


class MultiHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x):
        x = x.flatten(2).transpose(1, 2)
        return self.attention(x, x, x, need_weights=False)[0]


def test_multi_head_attention_and_its_transformer_are_counted():
    attention = 64 * 16 * 16 * 4 + 2 * 64 * 64 * 16
    assert anatomy.cost(MultiHead(), (16, 8, 8)).macs == attention
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    assert anatomy.cost(layer, (64, 16)).macs == anatomy.cost(nn.Sequential(layer), (64, 16)).macs == attention + 2 * 64 * 16 * 32


def test_vit_has_the_published_multiply_adds():
    """By torchvision's weight card: 17.564 billion."""
    with torch.device("meta"):
        vit = torchvision.models.vit_b_16().eval()
    assert round(anatomy.cost(vit, (3, 224, 224)).macs / 1e9, 3) == torchvision.models.ViT_B_16_Weights.DEFAULT.meta["_ops"]


@pytest.mark.parametrize("kind", [nn.ConvTranspose2d, nn.LSTM, nn.GRU])
def test_a_lone_layer_counts_as_within_a_network(kind):
    layer, shape = (kind(3, 4, 2), (3, 8, 8)) if kind is nn.ConvTranspose2d else (kind(8, 4, batch_first=True), (5, 8))
    assert anatomy.cost(layer, shape).macs == anatomy.cost(nn.Sequential(layer), shape).macs > 0


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair = nn.Bilinear(4, 4, 3)

    def forward(self, x):
        return self.pair(x, x)


def test_what_nobody_can_count_is_named():
    with pytest.warns(UserWarning, match=r"multiply-adds that are not counted in Twice: pair \(Bilinear\)"):
        anatomy.cost(Twice(), (4,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        anatomy.cost(models.build("resnet20"))
        anatomy.cost(nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm((4, 6, 6))), (3, 8, 8))


def test_lazy_layers_are_told_to_run_first():
    with pytest.raises(ValueError, match="lazy layers.*pass one batch through it first"):
        anatomy.cost(nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2)), (3, 8, 8))
    with pytest.raises(ValueError, match="lazy layers.*pass one batch through it first"):
        anatomy.kept_bytes(nn.Sequential(nn.LazyConv2d(4, 3)), (3, 8, 8))


class Squeezing(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool2d(self.conv(x), 1).squeeze())


class LooksAtNumbers(Squeezing):
    def forward(self, x):
        return super().forward(x / 255 if x.mean() > 100 else x)


def test_what_cannot_be_read_is_told_in_the_courses_words():
    with pytest.raises(ValueError, match=r"drops the dimension of the batch too: write .flatten\(1\)"):
        anatomy.cost(Squeezing(), (3, 8, 8))
    with pytest.raises(ValueError, match="torch.fx cannot follow LooksAtNumbers.forward.*keep tensors out of `if`"):
        anatomy.cost(LooksAtNumbers(), (3, 8, 8))
    with pytest.raises(ValueError, match="LooksAtNumbers cannot run on shapes alone, without numbers, for 3x8x8"):
        anatomy.kept_bytes(LooksAtNumbers(), (3, 8, 8))
