"""What torchvision's weight cards say: the accuracy of trained networks on ImageNet, to be read without any download."""

CARDS = ("alexnet", "vgg16", "vgg19", "googlenet", "resnet18", "resnet50", "resnet152", "densenet121", "densenet201")


def cards(names=CARDS, weights="IMAGENET1K_V1"):
    """DataFrame, one row a network of torchvision: parameters, multiply-adds (billions), top-1 and top-5 accuracy in percent.

    Measured by torchvision's authors on the 50,000 validation images, one network, one central crop. The networks are
    torchvision's: its AlexNet, GoogLeNet and deep ResNets (stride in the 3x3) are not quite the papers'. names: several or one.
    ValueError for a name or weights that it does not have.
    """
    import pandas as pd
    from torchvision.models import get_model_weights

    rows = {}
    for name in [names] if isinstance(names, str) else names:
        known = {card.name: card.meta for card in get_model_weights(name)}
        if weights not in known:
            raise ValueError(f"{name} has no weights {weights!r}; it has {', '.join(known)}")
        meta = known[weights]
        accuracy = meta["_metrics"]["ImageNet-1K"]
        rows[name] = {
            "parameters": meta["num_params"],
            "multiply-adds (billions)": meta["_ops"],
            "top-1 (%)": accuracy["acc@1"],
            "top-5 (%)": accuracy["acc@5"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")
