"""What notebook 1 claims of its records. So far: the lesson of all networks."""

from ledger import claims_of, says

from cnn_course import experiments

claim = claims_of("01_ilsvrc")


def ahead(name):
    return experiments.recorded("lesson").difference(name, "lenet5")


@claim("AlexNet is some four points ahead.", "record lesson")
def _():
    found = ahead("alexnet_cifar")
    assert says(found, "+3.9") and found.decided
    return found


@claim("VGG, for all its parameters, may be no better than LeNet-5", "record lesson")
def _():
    found = ahead("vgg_cifar")
    assert says(found, "-0.3") and not found.decided
    return found


@claim("NIN, GoogLeNet, ResNet-20 and DenseNet lead by more, and NIN is the smallest of the six.", "record lesson")
def _():
    found = [ahead(name) for name in ("nin_cifar", "googlenet_cifar", "resnet20", "densenet_cifar")]
    assert [f"{difference.points:+.1f}" for difference in found] == ["+10.9", "+12.4", "+5.7", "+8.5"]
    assert all(difference.decided for difference in found)
    assert experiments.recorded("lesson").table()["parameters"].drop("lenet5").idxmin() == "nin_cifar"
    return found
