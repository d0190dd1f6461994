"""What notebook 6, ResNet, claims of its records. So far: the order of a block."""

from ledger import claims_of, says

from cnn_course import experiments

claim = claims_of("06_resnet")


@claim("At twenty layers, after four epochs, the order of 2015 is ahead in each seed", "record block_order")
def _():
    record = experiments.recorded("block_order")
    pairs = zip(record.runs["after"], record.runs["before"], strict=True)
    leads = [f"{100 * (after.test_accuracy - before.test_accuracy):+.1f}" for after, before in pairs]
    assert leads == ["+1.2", "+1.2", "+0.4"] and all(len(run.rows) == 4 for group in record.runs.values() for run in group)
    return ", ".join(leads)


@claim("The test images decide for it, and so do both together; by the spread of three seeds alone, a fourth could say "
       "otherwise.", "record block_order")  # fmt: skip
def _():
    found = experiments.recorded("block_order").difference("after", "before")
    assert says(found, "+0.9") and found.of_images[0] > 0 and found.interval[0] > 0 and found.of_seeds[0] < 0
    return found
