"""Block explorers: arithmetic against the real modules, sentences, pictures, speed."""

from importlib import import_module

import pytest
import torch
from torch import nn

from cnn_course import anatomy, experiments, models, training
from cnn_course.models.densenet import DenseBlock, Transition
from cnn_course.models.inception import Inception
from cnn_course.models.resnet import BasicBlock, Bottleneck
from cnn_course.training import History
from cnn_course.widgets import dense, inception, orthogonal, residual

# The package exports functions of the same names.
compare, gradients = (import_module(f"cnn_course.widgets.{name}") for name in ("comparison", "gradient_flow"))


# ---------------------------------------------------------------- Inception
@pytest.mark.parametrize("block", inception.PRESETS)
def test_inception_counts_are_those_of_the_module(block):
    channels, size, widths = inception.PRESETS[block]
    n1, reduce3, n3, reduce5, n5, pool = widths
    settings = dict(zip(inception.WIDTHS, widths, strict=True))
    for reductions, module in ((True, Inception(channels, *widths)), (False, Inception(channels, n1, 0, n3, 0, n5, pool))):
        cost = anatomy.cost(module, (channels, size, size))
        result = inception.inception_cost(block, reductions, **settings)
        assert (result.parameters, result.macs) == (cost.parameters, cost.macs)
        assert result.out_channels == module.out_channels
        branches = (module.branch1, module.branch2, module.branch3, module.branch4)
        assert [b.parameters for b in result.branches] == [anatomy.parameters(b) for b in branches]


def test_inception_branches_are_the_papers_arithmetic():
    """Of table 1's block 3a, each convolution by hand: kernel, channels in and out."""
    by_hand = [[(1, 192, 64)], [(1, 192, 96), (3, 96, 128)], [(1, 192, 16), (5, 16, 32)], [(1, 192, 32)]]
    for branch, layers in zip(inception.inception_cost().branches, by_hand, strict=True):
        assert branch.convolutions == tuple((kernel, c_out) for kernel, _, c_out in layers)
        assert branch.parameters == sum(anatomy.conv_parameters(c_in, c_out, kernel) for kernel, c_in, c_out in layers)
        assert branch.macs == sum(anatomy.conv_macs(c_in, c_out, kernel, 28) for kernel, c_in, c_out in layers)


def test_inception_presets_follow_one_another_and_save_what_the_course_says():
    results = []
    for block, (_, _, widths) in inception.PRESETS.items():
        results.append(inception.inception_cost(block, True, *widths))
    for before, after in zip(results, results[1:], strict=False):
        assert after.in_channels == before.out_channels
    assert [r.size for r in results] == [28, 28, 14, 14, 14, 14, 14, 7, 7]
    assert (results[0].parameters_reduced, results[0].parameters_full) == (163_696, 393_472)
    share = sum(r.parameters_reduced for r in results) / sum(r.parameters_full for r in results)
    assert round(share, 2) == 0.24


def test_inception_sentence_says_whose_widths_and_what_is_saved():
    paper, full = inception.inception_cost(), inception.inception_cost(reductions=False)
    assert "163,696" in inception.describe(paper) and "42%" in inception.describe(paper)
    assert "2.4 times as many" in inception.describe(full)
    own = inception.inception_cost("3a", True, n1=8)
    assert "your widths" in inception.describe(own)
    wide = {"n1": 64, "reduce3": 192, "n3": 8, "reduce5": 96, "n5": 8, "pool": 32}
    reduced, full = (inception.describe(inception.inception_cost("3a", reductions, **wide)) for reductions in (True, False))
    assert "is no smaller with its 1x1 reductions than without" in reduced and "% as many as with them" in full


# ---------------------------------------------------------------- orthogonal
@pytest.mark.parametrize("times", [0, 1, 3, 6])
def test_the_explorers_values_are_those_of_a_matrix_that_muon_steps_with(times):
    left, right = (torch.linalg.qr(torch.randn(n, orthogonal.VALUES, dtype=torch.float64))[0] for n in (24, 40))
    shown = orthogonal.compute(times)
    matrix = 7 * (left * torch.tensor(shown.before)) @ right.T
    found = torch.linalg.svdvals(training.orthogonalized(matrix, steps=times))
    assert torch.allclose(found, torch.tensor(sorted(shown.after, reverse=True)), rtol=1e-5)
    assert shown.near == sum(0.68 <= value <= 1.14 for value in found.tolist()) and str(shown.near) in orthogonal.describe(shown)


def test_every_polynomial_of_the_explorer_leads_near_one():
    for name in orthogonal.POLYNOMIALS:
        assert orthogonal.compute(12, name, 10).near == orthogonal.VALUES


# ---------------------------------------------------------------- residual
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("option", "ABC")
@pytest.mark.parametrize("kind, module", [("basic", BasicBlock), ("bottleneck", Bottleneck)])
def test_residual_counts_are_those_of_the_module(kind, module, option, stride):
    result = residual.residual_cost(kind, 32, option, stride, size=14)
    block = module(result.in_channels, 32, stride, option)
    cost = anatomy.cost(block, (result.in_channels, 14, 14))
    assert (result.weights, result.macs) == (cost.conv_parameters, cost.macs)
    wide = 32 if kind == "basic" else 128
    by_hand = [(3, wide // stride, 32), (3, 32, 32)] if kind == "basic" else [(1, wide // stride, 32), (3, 32, 32), (1, 32, wide)]
    assert [layer.parameters for layer in result.layers] == [k * k * c_in * c_out for k, c_in, c_out in by_hand]
    projects = option == "C" or (option == "B" and stride == 2)
    assert (result.projection.parameters if result.projection else 0) == projects * wide // stride * wide
    output = block(torch.zeros(2, result.in_channels, 14, 14))
    assert output.shape == (2, result.out_channels, result.out_size, result.out_size)


def test_residual_rivals_are_the_papers_argument():
    assert [r.weights for r in residual.rivals(residual.residual_cost())] == [73_728, 69_632, 1_179_648]
    assert "identity" in residual.describe(residual.residual_cost())
    assert "zeros" in residual.describe(residual.residual_cost(stride=2))
    assert "projection" in residual.describe(residual.residual_cost(stride=2, shortcut="B"))
    assert "0.94 times" in residual.describe(residual.residual_cost("bottleneck"))


def test_an_odd_width_that_somebody_types_is_refused():
    explorer = residual.residual_block()
    explorer.set(width=17)
    assert explorer.problem.startswith("width is 17; it must be even")


# ---------------------------------------------------------------- dense
@pytest.mark.parametrize("bottleneck", [True, False])
@pytest.mark.parametrize("growth_rate, layers, channels, compression", [(32, 6, 64, 0.5), (12, 16, 24, 1.0), (4, 1, 10, 0.3)])
def test_dense_counts_are_those_of_the_modules(growth_rate, layers, channels, compression, bottleneck):
    result = dense.dense_cost(growth_rate, layers, channels, compression, bottleneck)
    block = DenseBlock(layers, channels, growth_rate, bottleneck)
    transition = Transition(block.out_channels, compression)
    assert result.layer_parameters == tuple(anatomy.parameters(layer) for layer in block)
    assert result.transition_parameters == anatomy.parameters(transition)
    assert (result.out_channels, result.transition_channels) == (block.out_channels, transition.out_channels)
    switched = dense.dense_cost(growth_rate, layers, channels, compression, not bottleneck)
    assert result.other_parameters == switched.layer_parameters


def test_dense_channels_are_a_straight_line_below_the_exponential():
    ends = []
    channels = 64
    for layers in (6, 12, 24, 16):  # DenseNet-121
        result = dense.dense_cost(32, layers, channels, 0.5)
        ends.append((channels, result.out_channels))
        channels = result.transition_channels
    assert ends == [(64, 256), (128, 512), (256, 1024), (512, 1024)]
    assert {b - a for a, b in zip(result.channels, result.channels[1:], strict=False)} == {32}
    assert result.exponential[:2] == pytest.approx(result.channels[:2])
    assert all(e > c for e, c in zip(result.exponential[2:], result.channels[2:], strict=True))
    assert "straight line" in dense.describe(result) and f"{result.block_parameters:,}" in dense.describe(result)


def test_the_dense_sentence_writes_channels_in_one_way():
    said = dense.describe(dense.dense_cost(48, 48, 512, 1.0))
    assert "512 to 2816 in" in said and "keeps 2816 channels" in said


# ---------------------------------------------------------------- gradients
def test_gradient_norms_are_those_of_a_network_of_modules():
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(gradients.IMAGES, 3, gradients.SIDE, gradients.SIDE, generator=generator, dtype=torch.float64)
    weights = gradients.new_weights(6, "Glorot", generator)
    convs = [nn.Conv2d(w.shape[1], w.shape[0], 3, padding=1, bias=False).double() for w in weights[:-1]]
    for conv, weight in zip(convs, weights[:-1], strict=True):
        conv.weight.data = weight.detach().clone()
    norms = [nn.BatchNorm2d(gradients.CHANNELS).double() for _ in convs]
    x = torch.relu(norms[0](convs[0](images)))
    for i in (1, 3):
        x = torch.relu(norms[i + 1](convs[i + 1](torch.relu(norms[i](convs[i](x))))) + x)
    logits = x.mean((2, 3)) @ weights[-1].detach()[:, :, 0, 0].T
    loss = nn.functional.cross_entropy(logits, torch.arange(gradients.IMAGES) % gradients.CLASSES)
    loss.backward()
    expected = [(conv.weight.grad.norm() / conv.weight.norm()).item() for conv in convs]
    assert gradients.gradient_norms(6, True, True, "Glorot", seed=3).relative == pytest.approx(expected)


def test_gradients_explode_with_batch_norm_and_a_skip_tames_them():
    for seed in range(3):
        plain = gradients.gradient_norms(56, True, False, "He", seed)
        assert plain.ratio > 1000 and "explodes" in gradients.describe(plain)
        assert gradients.gradient_norms(56, True, True, "He", seed).ratio < plain.ratio / 50
        assert gradients.gradient_norms(20, True, False, "He", seed).ratio < plain.ratio / 50


def test_gradients_without_batch_norm_depend_on_the_initialization():
    he, glorot, small = (gradients.gradient_norms(56, False, False, init) for init in ("He", "Glorot", "small"))
    assert small.middle < gradients.FLOAT32_TINIEST < glorot.middle < gradients.HEALTHY[0] < he.middle
    assert "float32" in gradients.describe(small) and "fades" in gradients.describe(glorot)
    assert "grows" in gradients.describe(gradients.gradient_norms(56, False, True, "He"))


@pytest.mark.parametrize(
    "settings, words",
    [
        ((8, False, True, "small"), "too small in all layers but the first"),
        ((14, False, True, "He"), "too large in all layers but the first"),
        ((20, False, True, "He"), "too large in all layers alike"),
    ],
)
def test_gradients_say_which_layers_lie_outside_the_band(settings, words):
    shown = gradients.gradient_norms(*settings)
    low, high = gradients.HEALTHY
    inside = [layer for layer, size in enumerate(shown.relative, 1) if low <= size <= high]
    assert words in gradients.describe(shown) and inside == [1] * ("first" in words)


def test_gradients_leave_the_callers_threads_and_random_numbers_alone():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    gradients.gradient_norms.cache_clear()
    gradients.gradient_norms(8)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


# ---------------------------------------------------------------- compare
def history(name, accuracies, seed=0, images=50_000, source="CIFAR-10", parameters=1000):
    rows = [
        {"epoch": i + 1, "train_loss": 1.0, "train_accuracy": a - 0.1, "test_loss": 1.0, "test_accuracy": a, "seconds": 10.0}
        for i, a in enumerate(accuracies)
    ]
    return History(name, source, seed, parameters, images, held_out_images=10_000, rows=rows)


def record(**runs):
    return experiments.Record("comparison", "Which?", "python -m cnn_course record comparison", runs=runs)


@pytest.fixture(scope="module")
def results():
    return record(
        lenet5=[history("lenet5", (0.5, a), seed, parameters=62_006) for seed, a in enumerate((0.69, 0.70, 0.71))],
        resnet20=[history("resnet20", (0.6, a), seed, parameters=269_722) for seed, a in enumerate((0.89, 0.90, 0.91))],
        other=[history("other", (0.4, 0.5), parameters=300_000)],
    )


def test_compare_knows_no_cost_of_a_network_with_settings_of_its_own():
    run = history("resnet20", (0.9,), parameters=123)
    run.label = "wider"
    (model,) = compare.gather(None, run).values()
    assert (model.label, model.family) == ("your wider", "ResNet")
    assert model.costs["parameters"] == 123 and model.costs["macs"] is None
    stranger = History("", "CIFAR-10", 0, 5, 10, rows=run.rows)
    assert list(compare.gather(None, stranger)) == ["your network"]


def test_compare_gathers_costs_and_deviations(results):
    found = compare.gather(results, history("resnet20", (0.3,), images=5_000, parameters=269_722))
    assert list(found) == ["lenet5", "resnet20", "other", "your resnet20"]
    cost = anatomy.cost(models.build("resnet20", device="meta"))
    assert found["resnet20"].costs == {
        "parameters": 269_722,
        "macs": cost.macs,
        "output_bytes": cost.output_bytes,
        "kept_bytes": anatomy.kept_bytes(models.build("resnet20")),
    }
    assert found["resnet20"].accuracy == pytest.approx(0.9)
    assert found["resnet20"].interval == pytest.approx(experiments.mean_interval([89, 90, 91], 10_000))
    shown = compare.comparison(found, "macs")
    assert shown.missing == ("other",) and shown.chosen.label == "resnet20"
    unknown = compare.comparison(found, "macs", "other", ["other"])
    assert "not known" in compare.describe(unknown) and compare.draw(unknown).png()


def test_compare_says_what_is_better_for_less(results):
    found = compare.gather(results)
    best = compare.describe(compare.comparison(found))
    assert best.startswith("resnet20 gets 90.0%") and "3 seeds" in best and "no recorded model" in best
    assert "lenet5 and resnet20 are better" in compare.describe(compare.comparison(found, curves="other"))
    assert "resnet20 is better" in compare.describe(compare.comparison(found, curves="other", shown=["resnet20"]))


@pytest.mark.parametrize(
    "shown, words", [(["other"], "for other test images."), (["lenet5", "other"], "where there are several")]
)
def test_compare_says_what_its_bars_hold(results, shown, words):
    figure = compare.draw(compare.comparison(compare.gather(results), shown=shown))
    assert words in " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


@pytest.mark.parametrize("accuracy", [0.93, 0.94, 0.995, 1.0])
def test_compare_has_room_for_a_single_run_of_ones_own(accuracy):
    figure = compare.draw(compare.comparison(compare.gather(None, history("resnet20", (accuracy,), parameters=269_722))))
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in axes.texts]
    assert all(text.get_window_extent().x0 >= 0 for text in texts)
    assert all(float(text.get_text()) <= 100 for text in texts if text.get_text().replace(".", "").isdigit())
    assert ("Bars: 95% interval" in figure.texts[-1].get_text()) == (accuracy < 1)


def test_compare_default_sentence_does_not_depend_on_the_readers_run(results):
    best = compare.compare(results, history("resnet20", (0.99,), parameters=10)).sentence
    assert best == compare.compare(results).sentence
    own = compare.compare(None, [history("vgg_cifar", (0.5, 0.6)), history("vgg_cifar", (0.7,))])
    assert list(own.controls)[2:] == ["your vgg_cifar", "your vgg_cifar (2)"]


def test_a_click_on_a_point_shows_its_curves(results):
    explorer = compare.compare(results)
    spots = {button.tooltip.removeprefix("curves of "): button for button in explorer._spots.values()}
    assert set(spots) == set(explorer.controls["curves"].options)
    for label in spots:
        spots[label].click()
        assert explorer.result.chosen.label == label and explorer.sentence.startswith(label)
    figure = explorer._draw(explorer.result)
    axes = figure.axes[0]
    for model in explorer.result.shown:  # the spot lies on the dot
        x, y = figure.spots[model.label]
        inverse = (figure.transFigure - axes.transData).transform((x, 1 - y))
        assert inverse == pytest.approx((model.costs["parameters"], 100 * model.accuracy))
    explorer.set(**{label: False})
    assert spots[label].layout.display == "none" and label not in explorer._draw(explorer.result).spots


def test_compare_says_which_images_were_held_out():
    rows = [
        {"epoch": 1, "train_accuracy": 0.5, "train_loss": 1.0, "validation_loss": 1.0, "validation_accuracy": 0.6, "seconds": 1}
    ]
    own = History("resnet20", "CIFAR-10", 0, 5_000, 10, split="validation", held_out_images=1_000, rows=rows)
    explorer = compare.compare(None, own)
    assert "60.0% of the validation images right" in explorer.sentence
    figure = compare.draw(compare.comparison(compare.gather(None, own)))
    words = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.yaxis.label, axes._left_title)]
    assert "validation accuracy (%)" in words and "solid: validation, dashed: training" in words


def test_compare_says_when_images_are_not_cifar10():
    found = compare.gather(None, history("resnet20", (0.9,), source="stand-in"))
    assert "not CIFAR-10" in compare.comparison(found).note


def test_compare_refuses_in_words(results):
    with pytest.raises(ValueError, match="python -m cnn_course record"):
        compare.gather(record())
    with pytest.raises(ValueError, match="no experiment is called 'nope'"):
        compare.compare("nope")
    assert list(compare.gather("comparison")) == list(experiments.recorded("comparison").runs)
    found = compare.gather(results)
    with pytest.raises(ValueError, match="at least one"):
        compare.comparison(found, shown=[])
    with pytest.raises(ValueError, match="the axes are"):
        compare.comparison(found, "price")
    with pytest.raises(ValueError, match="lenet6"):
        compare.comparison(found, curves="lenet6")


def test_choosing_a_googlenet_block_sets_its_widths_with_one_redraw():
    explorer, drawn = inception.inception_block(), []
    draw, explorer._draw = explorer._draw, lambda result: drawn.append(result) or draw(result)
    explorer.controls["block"].value = "4e"
    assert [(r.block, r.widths) for r in drawn] == [("4e", inception.PRESETS["4e"][2])]
    explorer.set(block="5a", n1=8)
    assert explorer.result.widths[0] == 8 and explorer.result.widths[1:] == inception.PRESETS["5a"][2][1:]
