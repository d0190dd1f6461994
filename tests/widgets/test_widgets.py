"""Explorers of notebooks 01 to 04: pure functions against torch itself, sentences, pictures, speed."""

import math
from functools import partial

import ipywidgets
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from torch import nn

from cnn_course import anatomy, data, experiments, models, training, widgets
from cnn_course.data import augment
from cnn_course.widgets import conv1x1
from cnn_course.widgets.alexnet import (
    FUNCTIONS,
    SPREADS,
    UNITS,
    _numbers,
    alexnet_after_conv1,
    compute_activation,
    compute_first_filter,
    compute_groups,
    describe_activation,
)
from cnn_course.widgets.augmenting import TRANSFORMS, pipeline
from cnn_course.widgets.augmenting import compute as compute_augmentation
from cnn_course.widgets.sliding import KERNELS, make_kernel
from cnn_course.widgets.sliding import compute as compute_convolution
from cnn_course.widgets.sliding import describe as describe_convolution
from cnn_course.widgets.sliding import draw as draw_convolution
from cnn_course.widgets.windows import OWN, effective_field, inner_side, layers
from cnn_course.widgets.windows import compute as compute_field
from cnn_course.widgets.windows import describe as describe_field

IMAGE = torch.randint(256, (3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def weights(module):
    return sum(parameter.numel() for parameter in module.parameters())


# ------------------------------------------------------------------------------ convolution
@settings(max_examples=30, deadline=None)
@given(
    st.integers(4, 32),
    st.integers(1, 11),
    st.integers(1, 6),
    st.integers(0, 5),
    st.integers(1, 4),
    st.integers(1, 2000),
    st.sampled_from(KERNELS[:4]),
)
def test_convolution_is_torch_convolution(size, kernel, stride, padding, dilation, position, kind):
    settings = dict(stride=stride, padding=padding, dilation=dilation)
    layer = nn.Conv2d(3, 7, kernel, **settings)
    call = partial(compute_convolution, IMAGE, size, kernel, position=position, kind=kind, filters=7, **settings)
    if (size + 2 * padding < dilation * (kernel - 1) + 1) or (kernel == 1 and kind in ("edge", "sharpen")):
        with pytest.raises(ValueError, match="window|1x1 kernel sees one pixel"):
            call()
        return
    result = call()
    small = nn.functional.adaptive_avg_pool2d(IMAGE.float() / 255, size)[None].requires_grad_()
    layer.weight.data[:] = make_kernel(kind, kernel) / 3  # the same numbers on R, G and B: on their mean
    layer.bias.data[:] = 0
    expected = layer(small)[0, 0]
    torch.testing.assert_close(result.output, expected.detach(), atol=1e-5, rtol=1e-5)
    assert result.parameters == weights(layer)
    assert result.output[result.row, result.column] == result.value
    assert result.position == min(position, expected.numel()) == result.row * result.out_size + result.column + 1
    # The rows that some output depends on, told by the gradient.
    layer.weight.data[:] = 1
    layer(small).sum().backward()
    reached = small.grad.abs().sum((0, 1, 3)).nonzero().flatten().tolist()
    assert result.seen == set(reached) and result.unseen == (size - 1 - max(reached) if reached else size)


def test_kernels_do_what_their_names_say():
    ramp = torch.arange(9.0).repeat(9, 1)[None, None]  # grows by 1 a pixel to the right
    answer = {kind: nn.functional.conv2d(ramp, make_kernel(kind, 3)[None, None])[0, 0, 0, 0] for kind in KERNELS[:4]}
    assert answer["edge"].item() == pytest.approx(2)  # two pixels apart
    assert [answer[kind].item() for kind in KERNELS[1:4]] == pytest.approx([1, 1, 1])  # the middle pixel
    assert make_kernel("own numbers", 2, "1, 2\n3 -4").tolist() == [[1, 2], [3, -4]]
    with pytest.raises(ValueError, match="^An 8x8 kernel takes 64 numbers"):
        make_kernel("own numbers", 8, "1")
    drawn = draw_convolution(compute_convolution(IMAGE, 4, 1, kind="own numbers", numbers="10.5"))
    assert "10.5" in [text.get_text() for text in drawn.findobj(Text)]
    wrong = {"1 2 3": "takes 4 numbers", "": "takes 4 numbers", "1 2 3 x": "are read as numbers", "1 2 3 inf": "must be finite"}
    for numbers, words in wrong.items():
        with pytest.raises(ValueError, match=words):
            make_kernel("own numbers", 2, numbers)


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_the_numbers_of_a_kernel_stand_apart(kernel):
    figure = draw_convolution(compute_convolution(IMAGE, 16, kernel))
    figure.canvas.draw()
    texts = {text.get_position(): text.get_window_extent() for text in figure.findobj(Text) if text.get_text()[-1:].isdigit()}
    row = sorted((x, box) for (x, y), box in texts.items() if 3.65 < x < 4.95 and 1.9 - 1.3 / kernel < y < 1.9)
    assert len(row) == kernel and all(a.x1 + 1 < b.x0 for (_, a), (_, b) in zip(row, row[1:], strict=False))


@pytest.mark.parametrize("kernel, words", [(5, "A 5x5 kernel"), (8, "An 8x8 kernel"), (11, "An 11x11 kernel")])
def test_a_kernel_of_eight_or_eleven_is_an_eight_or_eleven(kernel, words):
    assert describe_convolution(compute_convolution(IMAGE, 16, kernel)).startswith(words)


# ---------------------------------------------------------------------------------- AlexNet
@pytest.mark.parametrize("kernel, stride", [(11, 4), (7, 2), (3, 1), (8, 3)])
def test_first_filter_counts(kernel, stride):
    photograph = data.photograph(227)
    result = compute_first_filter(photograph, IMAGE, kernel, stride)
    layer = nn.Conv2d(3, 96, kernel, stride)
    assert result.parameters == weights(layer)
    for picture, sizes in zip((photograph, IMAGE), result.sizes, strict=True):
        assert sizes == (picture.shape[-1], layer(picture[None].float()).shape[-1])
    assert result.macs == layer.weight.numel() * result.sizes[0][1] ** 2
    parameters, macs = (sum(column) for column in zip(*result.shares.values(), strict=True))
    assert (parameters, macs) == pytest.approx((1, 1))


def test_first_filter_stands_in_the_published_alexnet():
    rest = sum(parameters for parameters, _ in alexnet_after_conv1().values())
    assert compute_first_filter(data.photograph(227), IMAGE).parameters + rest == 60_965_224
    net = models.build("alexnet_two_gpus", device="meta")
    assert anatomy.cost(net).macs == sum(macs for _, macs in alexnet_after_conv1().values()) + 105_415_200


def test_the_layers_behind_a_first_filter_work_on_its_maps():
    """Kernel 7 at stride 2 makes maps of 111; the network is followed by its parts, for fc6 has other weights then."""
    features = models.build("alexnet_two_gpus", device="meta").features
    features.conv1 = nn.Conv2d(3, 96, 7, stride=2, device="meta")
    table, rest = anatomy.trace(features, (3, 227, 227)), alexnet_after_conv1(111)
    assert all(rest[name][1] == table.loc[name, "macs"] for name in ("conv2", "conv3", "conv4", "conv5"))
    flat = math.prod(features(torch.zeros(1, 3, 227, 227, device="meta")).shape)
    assert rest["fc6"] == (flat * 4096 + 4096, flat * 4096) and flat > 9_216


@pytest.mark.parametrize(
    "name, start, depth", [("ReLU", "He, 2/n", 20), ("sigmoid", "Glorot, 1/n", 9), ("tanh", "AlexNet, 0.01²", 50)]
)
def test_gradients_by_layer_are_autograds(name, start, depth):
    numbers, sums = _numbers(), []
    signal = numbers[-2, :32]
    for weight in numbers[:depth] * SPREADS[start](UNITS):
        sums.append((signal @ weight).requires_grad_())
        sums[-1].retain_grad()
        signal = FUNCTIONS[name](sums[-1])
    signal.backward(numbers[-1, :32])
    norms = torch.stack([total.grad.norm() for total in sums])
    result = compute_activation(name, 0.5, depth, start)
    torch.testing.assert_close(result.gradients[name], norms / norms[-1])
    x = torch.tensor(0.5)
    slope = float(FUNCTIONS[name](x + 1e-2) - FUNCTIONS[name](x - 1e-2)) / 2e-2
    assert (result.value, result.slope) == (pytest.approx(FUNCTIONS[name](x).item()), pytest.approx(slope, abs=1e-3))


def test_a_gradient_that_rounds_to_zero_has_no_sign():
    assert describe_activation(compute_activation("GELU", -4.0)).startswith("At x = −4.0 the gradient of GELU is 0.00;")
    assert "about 10^−" in describe_activation(compute_activation("sigmoid", depth=50))


def test_sigmoid_loses_the_gradient_and_relu_with_he_keeps_it():
    gradients = compute_activation(depth=20).gradients
    assert gradients["sigmoid"][0] < 1e-6 < 0.3 < gradients["ReLU"][0] < 3
    assert compute_activation(depth=20, start="AlexNet, 0.01²").gradients["ReLU"][0] < 1e-6


@pytest.mark.parametrize("channels, filters, kernel, groups", [(96, 256, 5, 2), (8, 16, 1, 8), (96, 96, 3, 96)])
def test_groups_are_torch_groups(channels, filters, kernel, groups):
    layer = nn.Conv2d(channels, filters, kernel, groups=groups)
    result = compute_groups(channels, filters, kernel, groups)
    assert result.parameters == weights(layer) == result.curve[groups]
    assert result.curve[1] == weights(nn.Conv2d(channels, filters, kernel))
    assert result.seen == layer.weight.shape[1]
    with pytest.raises(ValueError, match="5 groups"):
        compute_groups(channels, filters, kernel, 5)


# ----------------------------------------------------------------------------- augmentation
@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_transform_changes_the_draws_and_nothing_else(name):
    still = dict.fromkeys(TRANSFORMS, 0)
    most = TRANSFORMS[name].most
    result = compute_augmentation(IMAGE, **still | {name: most})
    assert (result.draws != IMAGE).flatten(1).any(1).float().mean() > 0.7 and result.strengths == {name: most}
    assert torch.equal(result.draws, compute_augmentation(IMAGE, **still | {name: most}).draws)
    assert name == "flip" or not torch.equal(result.draws, compute_augmentation(IMAGE, 2, **still | {name: most}).draws)
    (transform,) = pipeline(**still | {name: most})
    assert transform.func is getattr(augment, name)
    assert torch.equal(*torch.broadcast_tensors(compute_augmentation(IMAGE, **still).draws, IMAGE))


# -------------------------------------------------------------------------- receptive field
@pytest.mark.parametrize("kernel, depth, stride, pooling", [(3, 2, 1, 0), (3, 4, 2, 1), (5, 3, 1, 2), (1, 3, 1, 0)])
def test_receptive_field_is_where_gradients_arrive(kernel, depth, stride, pooling):
    result = compute_field(IMAGE, OWN, kernel, depth, stride, pooling, channels=4)
    modules = []
    for layer in layers(kernel, depth, stride, pooling):
        pooled = layer == anatomy.pool(2)
        modules.append(nn.AvgPool2d(2) if pooled else nn.Conv2d(1, 1, kernel, layer.stride, bias=False))
    net = nn.Sequential(*modules)
    for parameter in net.parameters():
        nn.init.ones_(parameter)
    x = torch.ones(1, 1, 200, 200, requires_grad=True)
    net(x)[0, 0, 1, 1].backward()
    assert (x.grad[0, 0].sum(0) > 0).sum() == result.size == result.sizes[-1]
    assert result.parameters == sum(16 * p.numel() for p in net.parameters())
    assert result.one_kernel == weights(nn.Conv2d(4, 4, result.size, bias=False))
    assert result.field.shape == (min(result.size, 32),) * 2 and result.field.max() == 1


def test_effective_field_gathers_in_the_middle():
    """Luo et al. 2016: a stack's gradient is a bell, a single layer's is flat."""
    deep, flat = (effective_field(tuple(layers(kernel, depth)), 64) for kernel, depth in ((3, 10), (21, 1)))
    assert deep.shape == flat.shape == (21, 21)
    assert inner_side(deep) < 10 < inner_side(flat)
    assert deep[10, 10] > 4 * deep[0].mean() and flat[7:14, 7:14].mean() < 1.2 * flat.mean()


@pytest.mark.parametrize("middle, side", [(0.501, 1), (0.499, 3)])
def test_half_of_the_squared_gradient_is_meant(middle, side):
    """A middle pixel with a share of the energy, eight neighbours with the rest: the share asked for is one half."""
    field = torch.full((3, 3), ((1 - middle) / 8) ** 0.5)
    field[1, 1] = middle**0.5
    assert inner_side(torch.nn.functional.pad(field, [2] * 4)) == side


def test_a_pooling_that_would_come_behind_the_stack_is_none():
    without, behind = (compute_field(IMAGE, depth=2, pooling=pooling) for pooling in (0, 3))
    assert behind.priced and behind.sizes == without.sizes
    assert describe_field(behind).startswith("2 layers of 3x3 (too few for a pooling after every 3) see 5x5 pixels")


def test_a_window_with_pixels_that_nobody_reads_is_spanned():
    """1x1 at stride 4, then 2x2 pooling: four pixels of 5x5."""
    spans, sees = compute_field(IMAGE, kernel=1, depth=1, stride=4, pooling=1), compute_field(IMAGE, kernel=5, stride=4)
    assert (spans.field > 0).sum() == 4 and "one value spans 5x5 pixels" in describe_field(spans)
    assert (sees.field > 0).all() and "one value sees 21x21 pixels" in describe_field(sees)


def test_receptive_field_of_a_model():
    result = compute_field(IMAGE, "resnet20")
    trace = anatomy.trace(models.build("resnet20"))
    assert result.size == trace["receptive_field"].dropna().max() == 81
    assert list(result.sizes) == sorted(set(result.sizes))
    assert result.side == 32 and result.field.shape == (32, 32)
    assert 1 < result.inner == inner_side(result.field, 0.5) < 32


# ----------------------------------------------------------------------------- 1x1 and bottleneck
@given(st.tuples(*[st.floats(-2, 2, width=32)] * 4), st.booleans())
@settings(max_examples=20, deadline=None)
def test_mix_is_a_1x1_convolution(numbers, relu):
    layer = nn.Conv2d(3, 1, 1)
    layer.weight.data[:] = torch.tensor(numbers[:3]).view(1, 3, 1, 1)
    layer.bias.data[:] = numbers[3]
    expected = layer(IMAGE[None].float() / 255)[0, 0].detach()
    result = conv1x1.compute_mix(IMAGE, *numbers, relu)
    torch.testing.assert_close(result.output, expected.relu() if relu else expected, atol=1e-5, rtol=1e-5)
    assert f"with {weights(layer)} parameters" in conv1x1.describe_mix(result)


@pytest.mark.parametrize("channels, width", [(128, 32), (16, 16), (256, 64)])
def test_bottleneck_counts(channels, width):
    def conv(a, b, kernel):
        return nn.Conv2d(a, b, kernel, padding=kernel // 2, bias=False)

    nets = (
        nn.Sequential(conv(channels, width, 1), conv(width, channels, 3)),
        nn.Sequential(conv(channels, width, 1), conv(width, width, 3), conv(width, channels, 1)),
    )
    for shape, net in zip(conv1x1.SHAPES, nets, strict=True):
        result = conv1x1.compute_bottleneck(channels, width, 8, shape)
        assert result.weights == weights(net) == result.curve[width]
        assert result.weights * result.size**2 == anatomy.cost(net, (channels, 8, 8)).macs
        assert result.direct == weights(conv(channels, channels, 3))
    with pytest.raises(ValueError, match="nothing is squeezed"):
        conv1x1.compute_bottleneck(16, 32)


def test_recorded_accuracies_stand_beside_the_counts():
    def history(accuracy):
        return training.History("vgg_cifar", "CIFAR-10", 0, 1000, 50_000, rows=[{"test_accuracy": accuracy}])

    runs = {"without": [history(0.9)], "sixteen": [history(0.85), history(0.87)], "8 of 128": [history(0.8)]}
    widths = {"without": None, "sixteen": 16, "8 of 128": 8}
    variants = {label: {"varied": {"bottleneck": width}} for label, width in widths.items()}
    record = experiments.Record("widths", "How narrow?", "record widths", variants=variants, runs=runs)
    known = conv1x1.accuracies_by_width(record)
    assert list(known) == [8, 16, None] and known[16] == pytest.approx([85, 87])
    explorer = widgets.bottleneck(record)
    assert explorer.result.accuracies == known and explorer.picture != widgets.bottleneck().picture
    assert explorer.sentence == widgets.bottleneck().sentence
    explorer.controls["channels"].value = 256
    assert not explorer.result.accuracies  # nothing is recorded of 256 channels


def test_no_words_stand_on_the_axis_of_the_recorded_accuracies():
    explorer = widgets.bottleneck(experiments.recorded("bottleneck"))
    explorer.set(width=128)
    figure = explorer._draw(explorer.result)
    figure.canvas.draw()
    words = next(text for text in figure.findobj(Text) if text.get_text() == "no bottleneck")
    assert words.get_window_extent().x0 > words.axes.bbox.x0 + 5


# --------------------------------------------------------------------------------- their own parts
def test_play_steps_through_the_outputs():
    explorer = widgets.convolution()
    play = next(w for w in explorer.children[0].children if isinstance(w, ipywidgets.Play))
    assert play.max == explorer.controls["position"].max == 14**2
    explorer.set(stride=2)
    assert play.max == explorer.controls["position"].max == explorer.result.out_size**2 == 7**2
    assert explorer.controls["position"].value == explorer.result.position == 49


def test_mix_buttons_move_the_sliders():
    explorer = widgets.one_by_one()
    shown = {getattr(each, "description", ""): each for each in explorer.children[0].children}
    buttons = {label: shown[label] for label in shown if label in conv1x1.MIXES}
    assert buttons.keys() == conv1x1.MIXES.keys()
    for label, button in buttons.items():
        button.click()
        assert explorer.result.weights + (explorer.result.bias,) == conv1x1.MIXES[label]


def test_channels_can_be_set_only_where_they_change_the_answer():
    explorer = widgets.receptive_field()
    assert not explorer.controls["channels"].disabled
    explorer.set(stride=2)
    assert explorer.controls["channels"].disabled
    explorer.reset()
    assert not explorer.controls["channels"].disabled
