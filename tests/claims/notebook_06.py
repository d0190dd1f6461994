"""What notebook 6, ResNet, claims."""

import math
from functools import lru_cache
from itertools import pairwise

import pandas as pd
import torch
import torch.nn.functional as F
from ledger import cifar, claims_of, says
from torch import nn

from cnn_course import anatomy, data, experiments, models, training
from cnn_course.models.resnet import BasicBlock, Bottleneck, PreActBasicBlock

claim = claims_of("06_resnet")


def silent(kind, channels=64):
    block = kind(channels, channels).eval()
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    return block


def difference(record, a, b):
    return experiments.recorded(record).difference(a, b)


@lru_cache
def trained(name, lr=0.02, steps=8):
    """Before the first step and after the last: the ratio of the gradients over weights, and the second convolution's length."""
    torch.manual_seed(0)
    net, seen = models.build(name), []
    convs = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum=0.9)
    for i in range(0, 32 * steps + 1, 32):
        net.train().zero_grad()
        F.cross_entropy(net(data.to_float(cifar().train.images[i : i + 32])), cifar().train.labels[i : i + 32]).backward()
        second, last = (conv.weight.grad.norm() / conv.weight.norm() for conv in (convs[1], convs[-1]))
        seen.append(((second / last).item(), convs[1].weight.norm().item()))
        optimizer.step()
    return seen[0], seen[-1]


# ------------------------------------------------------------------------------- the block
@claim("The block of 2015 gives $\\mathrm{ReLU}(x)$.", "computed")
def _():
    x = torch.randn(2, 64, 8, 8)
    assert torch.equal(silent(BasicBlock)(x), x.relu()) and not torch.equal(silent(BasicBlock)(x), x)


@claim("The block of 2016 gives $x$ itself, whatever its sign.", "computed")
def _():
    x = torch.randn(2, 64, 8, 8)
    assert x.min() < 0 and torch.equal(silent(PreActBasicBlock)(x), x)


@claim("Between two such blocks nothing is negative, so there it does pass on what it gets.", "computed")
def _():
    x = BasicBlock(64, 64).eval()(torch.randn(2, 64, 8, 8))
    assert x.min() >= 0 and torch.equal(silent(BasicBlock)(x), x)


@claim("The bottleneck has slightly fewer weights than the narrow basic block, and carries four times the channels.", "computed")
def _():
    narrow, bottleneck = (sum(m.weight.numel() for m in b.modules() if isinstance(m, nn.Conv2d)) for b in
                          (BasicBlock(64, 64), Bottleneck(256, 64)))  # fmt: skip
    assert 0.9 < bottleneck / narrow < 1 and Bottleneck(256, 64).bn3.num_features == 4 * 64


@claim("Against a basic block of equal width it saves 94% of the weights.", "computed")
def _():
    wide, bottleneck = 2 * 9 * 256 * 256, 2 * 256 * 64 + 9 * 64 * 64
    assert f"{1 - bottleneck / wide:.0%}" == "94%"


@claim("It keeps more than three times the bytes of the narrow one for the backward pass.", "computed")
def _():
    bottleneck = anatomy.kept_bytes(Bottleneck(256, 64), (256, 56, 56))
    assert 3 < bottleneck / anatomy.kept_bytes(BasicBlock(64, 64), (64, 56, 56)) < 3.5


# ------------------------------------------------------------------------------- gradients
def without_norm(net):
    for path in [path for path, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)]:
        net.set_submodule(path, nn.Identity())
    return net


@lru_cache
def batch():
    return data.to_float(cifar().train.images[:32]), cifar().train.labels[:32]


def gradients(net, dtype=torch.float32):
    """(norm of the gradient, norm of the weight) of each convolution."""
    images, labels = batch()
    F.cross_entropy(net.to(dtype).train()(images.to(dtype)), labels).backward()
    return [(m.weight.grad.norm().item(), m.weight.norm().item()) for m in net.modules() if isinstance(m, nn.Conv2d)]


def growth(net):
    relative = [gradient / weight for gradient, weight in gradients(net)]
    return relative[1] / relative[-1]


@claim("None of them vanishes.", "computed")
def _():
    torch.manual_seed(0)
    nets = models.build("plain56"), models.build("resnet56"), without_norm(models.build("plain56"))
    found = [growth(net) for net in nets]
    assert min(found) > 0.01 and max(found[1:]) < 100
    return ", ".join(f"{times:.3g}" for times in found)


@claim("the gradient *grows* on its way back, by a factor of more than a thousand here.", "computed")
def _():
    torch.manual_seed(0)
    found = growth(models.build("plain56"))
    assert found > 1000
    return f"{found:.0f}"


@claim("for wide dense layers with ReLU and large batches: 1.21 times a layer", "computed")
def _():
    assert f"{(torch.pi / (torch.pi - 1)) ** 0.5:.2f}" == "1.21"


def drawn_small(dtype):
    torch.manual_seed(0)
    net = without_norm(models.build("plain56"))
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.01)
    enters, returns = [], []

    def watch(conv, inputs, output):
        enters.append(inputs[0].norm().item())
        output.register_hook(lambda gradient: returns.insert(0, gradient.norm().item()))

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(watch)
    return [gradient for gradient, _ in gradients(net, dtype)], enters, returns


@claim("In float32 nothing arrives.", "computed")
def _():
    assert not any(drawn_small(torch.float32)[0])


@claim("In float64 all gradients of weights are tiny, and about equally tiny.", "computed")
def _():
    found, *_ = drawn_small(torch.float64)
    assert 0 < min(found) and max(found) < 1e-45 and max(found) < 10 * min(found) and found[0] > found[-1] / 10


@claim("the first fades towards the end, the second towards the image.", "computed")
def _():
    _, enters, returns = drawn_small(torch.float64)
    assert len(enters) == len(returns) == 55 and enters[0] > 1e40 * enters[-1] and returns[-1] > 1e40 * returns[0]
    assert all(near > far for values in (enters, returns[::-1]) for near, far in pairwise(values[::6]))
    return f"by 10^{math.log10(enters[0] / enters[-1]):.0f} and 10^{math.log10(returns[-1] / returns[0]):.0f}"


@claim("In eight steps the gradients of plain-56 turn round, those of ResNet-56 do not", "computed")
def _():
    (before, _), (after, _) = trained("plain56")
    assert before > 1_000 and after < 0.3
    assert all(2 < ratio < 30 for ratio, _ in trained("resnet56"))
    return f"plain-56 from {before:,.0f} to {after:.2f}, ResNet-56 from {trained('resnet56')[0][0]:.0f}"


@claim("The large gradients make the weights near the image some twenty times as long", "computed")
def _():
    plain, residual = (after[1] / before[1] for before, after in map(trained, ("plain56", "resnet56")))
    assert 14 < plain < 28 and residual < 1.1
    assert trained("resnet56")[0][0] < 10 * trained("resnet56")[1][0]
    return f"{plain:.0f} times; of ResNet-56 {residual:.2f} times"


@claim("At a rate of 0.001 the ratio of plain-56 is still far above 1 after eight steps.", "computed")
def _():
    (before, _), (after, _) = trained("plain56", lr=0.001)
    assert before > 1_000 and 20 < after < before
    return f"from {before:,.0f} to {after:.0f}"


@lru_cache
def agreement(name, norm=True):
    """Cosine of a logit's gradient by the pixels with that at the start, along WAY to another image; mean over eight pairs.

    Each network has the first weights of seed 0; in the notebook four are built one after the other.
    """
    torch.manual_seed(0)
    net = models.build(name) if norm else without_norm(models.build(name))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches, and there is one
    net.train()(batch()[0])
    x = torch.cat([torch.lerp(batch()[0][:8], batch()[0][8:16], share) for share in (0, *WAY)]).requires_grad_()
    net.eval()(x)[:, 0].sum().backward()
    start, *others = x.grad.flatten(1).chunk(1 + len(WAY))
    return [F.cosine_similarity(start, there).mean().item() for there in others]


WAY = [2.0**-k for k in range(14, -1, -1)]


@claim("In plain-56 the cosine is 0.2 after a 16,000th of the way, which changes a pixel by 0.005 of a grey level (of 255) on "
       "average, and 0 soon after.", "computed")  # fmt: skip
def _():
    found, pixels = agreement("plain56"), cifar().train.images[:16].float()
    assert 0.1 < found[0] < 0.3 and all(abs(cosine) < 0.15 for cosine in found[1:]) and 1 / WAY[0] == 16_384
    assert 0.004 < WAY[0] * (pixels[:8] - pixels[8:]).abs().mean() < 0.006
    return ", ".join(f"{cosine:.2f}" for cosine in found[:4])


@claim("ResNet-56 keeps more than half over hundreds of times that distance, and plain-20 lies between.", "computed")
def _():
    residual, plain = (max(share for share, each in zip(WAY, agreement(name), strict=True) if each > 0.5) / WAY[0]
                       for name in ("resnet56", "plain20"))  # fmt: skip
    assert 200 < residual < 1_000 and 1 < plain < residual
    return f"{residual:.0f} and {plain:.0f} times"


@claim("Without it plain-56 keeps them as well.", "computed")
def _():
    found = dict(zip(WAY, agreement("plain56", norm=False), strict=True))
    assert found[2**-9] > 0.7
    return f"{found[2**-9]:.2f} after a 512th of the way"


@claim("this network hardly tells two images apart. With batch normalization images stay further apart", "computed")
@torch.no_grad()
def _():
    found = {}
    for name, norm in (("plain20", True), ("plain56", True), ("resnet56", True), ("plain56", False)):
        torch.manual_seed(0)
        net = (models.build(name) if norm else without_norm(models.build(name))).train()
        made = F.normalize(net.stages(net.stem(batch()[0])).flatten(1), dim=1)
        found[name, norm] = ((made @ made.T).sum().item() - len(made)) / (len(made) * (len(made) - 1))
    *with_norm, without = found.values()
    assert max(with_norm) < 0.7 and without > 0.85
    return ", ".join(f"{cosine:.2f}" for cosine in found.values())


@claim("With batch normalization the variance of the sum grows by about one a block, and the branch has less than a fifth of the "
       "skip's variance there; without it this variance multiplies from block to block, and the branch has more than two fifths.",
       "computed")  # fmt: skip
@torch.no_grad()
def _():
    torch.manual_seed(0)
    means, sums = [], []
    for change in (lambda net: net, without_norm):
        net = change(models.build("preact_resnet56")).train()
        x, shares, variances = net.stem(batch()[0]), [], []
        for block in (block for stage in net.stages for block in stage):
            skip = block.shortcut(F.relu(block.bn1(x)) if block.first else x)
            x = block(x)
            shares.append(((x - skip).var() / skip.var()).item())
            variances.append(x.var().item())
        means.append((shares[8] + shares[17] + shares[26]) / 3)
        sums.append(variances)
    assert means[0] < 0.2 and means[1] > 0.4
    added = [(stage[8] - stage[0]) / 8 for stage in (sums[0][start : start + 9] for start in (0, 9, 18))]
    assert all(0.7 < each < 1.3 for each in added)
    assert (sums[1][8] / sums[1][0]) ** (1 / 8) > 1.5 and sums[1][26] > 1e4 * sums[1][8]
    return f"{means[0]:.2f} and {means[1]:.2f}; {min(added):.2f} to {max(added):.2f} a block"


# ------------------------------------------------------------------------------- depth
@claim("on the training images plain-56 is 22.8 points behind plain-20, on test images 21.2 (95% interval 16.0 to 27.6; "
       "for other seeds alone 5.8 to 36.5).", "record degradation")  # fmt: skip
def _():
    record = experiments.recorded("degradation")
    found, learned = record.difference("plain-56", "plain-20"), record.table()["training accuracy"]
    assert says(found, "-21.2") and found.decided and f"{100 * (learned['plain-20'] - learned['plain-56']):.1f}" == "22.8"
    ends = (found.interval[1], found.interval[0], found.of_seeds[1], found.of_seeds[0])
    assert [f"{-end:.1f}" for end in ends] == ["16.0", "27.6", "5.8", "36.5"]
    return found


@claim("each network has its own, with a worse one on either side.", "record degradation")
def _():
    record = experiments.recorded("degradation")
    assert len(record.sweeps) == 4
    assert all(pairs[0][0] < record.rate(label) < pairs[-1][0] for label, pairs in record.sweeps.items())


@claim("With skips depth pays: ResNet-56 is 2.3 points ahead of ResNet-20 (95% interval 1.8 to 2.9), for three times the "
       "multiply-adds.", "record degradation")  # fmt: skip
def _():
    macs = experiments.recorded("degradation").table()["multiply-adds"]
    assert round(macs["ResNet-56"] / macs["ResNet-20"]) == 3
    found = difference("degradation", "ResNet-56", "ResNet-20")
    assert says(found, "+2.3") and found.decided and [f"{end:.1f}" for end in found.interval] == ["1.8", "2.9"]
    return found


@claim("after 64,000 steps, fourteen times as many as here.", "computed")
def _():
    assert round(64_000 / (experiments.find("degradation").epochs * math.ceil(50_000 / 128))) == 14


@claim("in the last epoch, while the rate falls to zero, all runs still gain 1.5 to 5.3 points.", "record degradation")
def _():
    runs = [run for group in experiments.recorded("degradation").runs.values() for run in group]
    gains = [100 * (run.rows[-1]["test_accuracy"] - run.rows[-2]["test_accuracy"]) for run in runs]
    assert len(runs) == 12 and (f"{min(gains):.1f}", f"{max(gains):.1f}") == ("1.5", "5.3")


@claim("Plain-56 ends far behind plain-20, ResNet-56 ahead of ResNet-20", "record degradation")
def _():
    record = experiments.recorded("degradation")
    plain, residual = record.difference("plain-56", "plain-20"), record.difference("ResNet-56", "ResNet-20")
    assert plain.interval[1] < -10 and plain.of_seeds[1] < 0 and residual.interval[0] > 0 and plain.decided and residual.decided
    return [plain, residual]


@claim("plain-56 is 21.2 points behind plain-20 after twelve epochs, in training too, and ResNet-56 ahead of ResNet-20.",
       "record degradation")  # fmt: skip
def _():
    record = experiments.recorded("degradation")
    learned, depth = record.table()["training accuracy"], record.difference("ResNet-56", "ResNet-20")
    assert says(record.difference("plain-56", "plain-20"), "-21.2") and learned["plain-20"] - learned["plain-56"] > 0.1
    assert depth.decided and depth.points > 0


@claim("Where shapes stay, the derivative through a chain of blocks of 2016 is the product of $(1 + F_i')$, $F_i'$ being the "
       "derivative of branch $i$; multiplied out, one term is 1. In 2015 the ReLU after the sum multiplies each factor by 0 or "
       "1.", "computed")  # fmt: skip
def _():
    for kind, allowed in ((PreActBasicBlock, {1.0}), (BasicBlock, {0.0, 1.0})):
        x = torch.randn(1, 4, 6, 6, requires_grad=True)
        silent(kind, 4)(x).sum().backward()
        assert set(x.grad.unique().tolist()) == allowed


# ------------------------------------------------------------------------------- training
@claim("In the lesson GoogLeNet leads ResNet-20 by 6.7 points (95% interval 3.8 to 9.6).", "record lesson")
def _():
    found = difference("lesson", "googlenet_cifar", "resnet20")
    assert says(found, "+6.7") and found.decided and [f"{end:.1f}" for end in found.interval] == ["3.8", "9.6"]
    return found


@claim("ResNet-20 is ahead in each of the five seeds, by 0.3 points in the mean.", "record comparison")
def _():
    runs, found = experiments.recorded("comparison").runs, difference("comparison", "resnet20", "googlenet_cifar")
    pairs = list(zip(runs["resnet20"], runs["googlenet_cifar"], strict=True))
    assert len(pairs) == 5 and all(a.seed == b.seed and a.test_accuracy > b.test_accuracy for a, b in pairs)
    assert f"{found.points:.2f}" == "0.35" and found.of_seeds[0] > 0
    return found


@claim("Other test images could turn that round; the runs would have shown a lead of more than 1.0 points.", "record comparison")
def _():
    found = difference("comparison", "resnet20", "googlenet_cifar")
    assert found.of_images[0] < 0 < found.interval[1] and f"{found.missed:.1f}" == "1.0"
    return found


@claim("GoogLeNet starts faster; in the end ResNet-20 is level or a little ahead", "record comparison")
def _():
    record = experiments.recorded("comparison")
    first = {name: sum(run.rows[0]["test_accuracy"] for run in record.runs[name]) for name in ("googlenet_cifar", "resnet20")}
    found = record.difference("resnet20", "googlenet_cifar")
    assert first["googlenet_cifar"] > first["resnet20"] and found.points > 0 and not found.decided
    return found


@claim("GoogLeNet has no skip connection and needs half of the multiply-adds.", "computed")
def _():
    google, res = (anatomy.cost(models.build(name, device="meta")).macs for name in ("googlenet_cifar", "resnet20"))
    assert 0.5 < google / res < 0.55


# ------------------------------------------------------------------------------- further
@lru_cache
def dropped():
    """Accuracy of the recorded ResNet-20 on 1,000 test images: whole, and without each block."""
    test, net = cifar().test.subset(1_000), models.build("resnet20", pretrained=True)
    whole, left = training.evaluate(net, test).accuracy, {}
    for path, block in [pair for pair in net.named_modules() if isinstance(pair[1], BasicBlock)]:
        hook = block.bn2.register_forward_hook(lambda layer, inputs, output: 0 * output)
        left[path] = training.evaluate(net, test).accuracy
        hook.remove()
    return whole, left


@claim("With any one of its blocks taken out ResNet-20 stays above chance; VGG with one layer taken out falls to it.", "computed")
def _():
    assert len(dropped()[1]) == 9 and min(dropped()[1].values()) > 0.15
    for stage in ("stage1", "stage2", "stage3"):
        vgg = models.build("vgg_cifar", pretrained=True)
        del getattr(vgg.features, stage)[3:6]
        assert training.evaluate(vgg, cifar().test.subset(1_000)).accuracy < 0.13


@claim("of nine blocks, each costs 9 points or more, and in each stage the first block costs most.", "computed")
def _():
    whole, left = dropped()
    assert 0.085 < whole - max(left.values()) < 0.1
    for stage in ("stage1", "stage2", "stage3"):
        own = {path: accuracy for path, accuracy in left.items() if stage in path}
        assert min(own, key=own.get).endswith(f"{stage}.0")


@claim("At twenty layers, after four epochs, the order of 2015 is ahead in each seed", "record block_order")
def _():
    record = experiments.recorded("block_order")
    pairs = zip(record.runs["after"], record.runs["before"], strict=True)
    leads = [f"{100 * (after.test_accuracy - before.test_accuracy):+.1f}" for after, before in pairs]
    assert leads == ["+1.2", "+1.2", "+0.4"] and all(len(run.rows) == 4 for group in record.runs.values() for run in group)
    return ", ".join(leads)


@claim("On other test images the order of 2015 stays ahead, and so it does in the bar, for images and seeds together. With three "
       "seeds such a bar can be too narrow (notebook 8): by the seeds' spread alone, 2016 could be ahead.",
       "record block_order")  # fmt: skip
def _():
    found = difference("block_order", "after", "before")
    assert says(found, "+0.9") and found.of_images[0] > 0 and found.interval[0] > 0 and found.of_seeds[0] < 0
    return found


@claim("There may be no difference; the runs could have missed one of up to 1.7 points.", "record shortcut")
def _():
    found = difference("shortcut", "B: projection", "A: padding")
    assert says(found, "-0.3") and not found.decided and f"{found.missed:.1f}" == "1.7"
    return found


@claim("A to B costs 0.17 million parameters and gains 0.30 points; B to C costs 0.92 million for 0.06", "computed")
def _():
    a, b, c = (anatomy.parameters(models.build("resnet34", device="meta", shortcut=option)) for option in "ABC")
    assert (f"{(b - a) / 1e6:.2f}", f"{(c - b) / 1e6:.2f}") == ("0.17", "0.92")


@claim("With 1202 layers and 19.4 million parameters", "computed")
def _():
    with torch.device("meta"):
        assert f"{anatomy.parameters(models.resnet.cifar_resnet(1202)) / 1e6:.1f}" == "19.4"


@claim("In convolutions ResNet-152 has almost three times as many parameters as VGG-19.", "computed")
def _():
    vgg, res = (anatomy.cost(models.build(name, device="meta")).conv_parameters for name in ("vgg19", "resnet152"))
    assert 2.7 < res / vgg < 3


@claim("Its multiply-adds are 11.5 billion here", "computed")
def _():
    assert f"{anatomy.cost(models.build('resnet152', device='meta')).macs / 1e9:.1f}" == "11.5"


def overfitted():
    """Means of the three seeds: the epoch of the lowest test loss, and the last."""
    runs = experiments.recorded("overfitting").runs["nothing against it"]
    mean = pd.concat([run.table() for run in runs]).groupby("epoch").mean()
    assert len(runs) == 3
    return mean.loc[mean["test_loss"].idxmin()], mean.iloc[-1]


@claim("From the lowest test loss on the training error falls to a third, the test loss climbs, and the test error hardly moves: "
       "23.1 and 22.6%.", "record overfitting")  # fmt: skip
def _():
    turn, end = overfitted()
    assert 0.3 < (1 - end["train_accuracy"]) / (1 - turn["train_accuracy"]) < 0.35
    assert (f"{1 - turn['test_accuracy']:.1%}", f"{1 - end['test_accuracy']:.1%}") == ("23.1%", "22.6%")
    assert end["test_loss"] > 1.2 * turn["test_loss"]


@claim("The test loss turns and climbs; the test error hardly moves", "record overfitting")
def _():
    turn, end = overfitted()
    assert 1 < turn.name < 10 and end["test_loss"] > 1.2 * turn["test_loss"]
    assert abs(end["test_accuracy"] - turn["test_accuracy"]) < 0.01


@claim(
    "By the images alone such a difference has a standard error of up to 0.17, so 0.30 says little and 0.06 nothing.", "computed"
)
def _():
    error = (2 * 7.6 * 92.4 / 50_000) ** 0.5
    assert f"{error:.2f}" == "0.17" and error < 0.30 < 2 * error and 0.06 < error / 2


@claim("Standard error of a difference, by the images alone: up to 0.28.", "computed")
def _():
    assert f"{(27.94 * 72.06 / 50_000 + 28.54 * 71.46 / 50_000) ** 0.5:.2f}" == "0.28"


# ------------------------------------------------------------------------------- a rate for each depth
def best_of_four(name):
    """The label of the rate at which a network is best in the record."""
    table = experiments.recorded("rates").table()["test accuracy"]
    return table[[label for label in table.index if label.startswith(name)]].idxmax()


@claim("By the first seed the search gives plain-20 ten times the rate of plain-56, by the last three times, by the three "
       "between them the same.", "record rates")  # fmt: skip
def _():
    record, found = experiments.recorded("rates"), {}
    for name in ("plain-20", "plain-56"):
        for seed in range(5):
            losses = {rate: record.find(f"{name}, {rate:g}", seed).rows[-1]["test_loss"] for rate in (0.01, 0.03, 0.1, 0.3)}
            found[name, seed] = min(list(losses)[:3], key=losses.get)  # the grid; then, if it ends there, one beyond
            if found[name, seed] == 0.1:
                found[name, seed] = min((0.1, 0.3), key=losses.get)
    assert [round(found["plain-20", seed] / found["plain-56", seed], 1) for seed in range(5)] == [10, 1, 1, 1, 3.3]


@claim(
    "by seed 3 plain-20's loss is smaller still at 0.3, but the search stopped at 0.03, between two worse rates.", "record rates"
)
def _():
    record = experiments.recorded("rates")
    losses = [record.find(f"plain-20, {rate}", 3).rows[-1]["test_loss"] for rate in ("0.01", "0.03", "0.1", "0.3")]
    assert losses[3] < losses[1] < min(losses[0], losses[2])


@claim("No rate of four lets plain-56 keep up with plain-20 for 125 steps; skips do", "record rates")
def _():
    record, ahead = experiments.recorded("rates"), best_of_four("plain-20")
    plain = [record.difference(ahead, f"plain-56, {rate}") for rate in ("0.01", "0.03", "0.1", "0.3")]
    skips = record.difference(best_of_four("ResNet-56"), ahead)
    assert all(map(says, [*plain, skips], ("+15.6", "+11.8", "+13.5", "+16.2", "+3.1")))
    assert all(found.decided for found in plain) and not skips.decided
    return [*plain, skips]


@claim("With skips the two depths have 85.7 and 85.8%. The best rates are 0.3 and 0.1 for the plain pair, 0.9 and 0.3 for the "
       "residual pair; but neighbouring rates are so close to the best that one seed does not tell whether depth wants a smaller "
       "one.", "record degradation")  # fmt: skip
def _():
    tried = {name: dict(map(tuple, pairs)) for name, pairs in experiments.recorded("degradation").sweeps.items()}
    assert [f"{max(tried[name].values()):.1%}" for name in ("ResNet-56", "ResNet-20")] == ["85.7%", "85.8%"]
    rate = {name: max(rates, key=rates.get) for name, rates in tried.items()}
    assert rate == {"plain-20": 0.3, "plain-56": 0.1, "ResNet-20": 0.9, "ResNet-56": 0.3}
    second = {name: sorted(rates.values())[-1] - sorted(rates.values())[-2] for name, rates in tried.items()}
    assert all(lead < 0.023 for lead in second.values())  # one training each: how far seeds spread at six epochs is not known
    return rate


@claim("At the best of its rates plain-56 has 45.5% of them right, plain-20 82.1%.", "record degradation")
def _():
    sweeps = experiments.recorded("degradation").sweeps
    best = {name: max(share for _, share in sweeps[name]) for name in ("plain-56", "plain-20")}
    assert {name: f"{share:.1%}" for name, share in best.items()} == {"plain-56": "45.5%", "plain-20": "82.1%"}
    experiment = experiments.find("degradation")
    assert (experiment.epochs // 2, experiment.train_images // 10, experiment.train_images * 9 // 10) == (6, 5_000, 45_000)
    return best


@claim("Each at the best of its four rates, plain-56 is 11.8 points behind plain-20", "record rates")
def _():
    found = difference("rates", best_of_four("plain-56"), best_of_four("plain-20"))
    assert says(found, "-11.8") and found.decided and (found.a, found.b) == ("plain-56, 0.03", "plain-20, 0.1")
    return found


@claim("a rate of 0.1 in place of 0.03 costs it 9.7 points.", "record rates")
def _():
    found = difference("rates", best_of_four("ResNet-56"), "ResNet-56, 0.1")
    assert says(found, "+9.7") and found.decided and found.a == "ResNet-56, 0.03"
    return found


@claim("As far as five seeds tell, plain-20's may be any of the upper three, ResNet-56's either of the lower two, and plain-56's "
       "any of the four.", "record rates")  # fmt: skip
def _():
    against = {
        "plain-20, 0.1": ("0.01", "0.03", "0.3"),
        "plain-56, 0.03": ("0.01", "0.1", "0.3"),
        "ResNet-56, 0.03": ("0.01", "0.1", "0.3"),
    }
    lost = [difference("rates", best, f"{best.split(', ')[0]}, {rate}") for best, rates in against.items() for rate in rates]
    assert all(map(says, lost, "+7.6 +2.8 +2.8 +3.8 +1.7 +4.4 +4.2 +9.7 +18.1".split()))
    assert [found.decided for found in lost] == [True, False, False, False, False, False, False, True, True]
    return lost
