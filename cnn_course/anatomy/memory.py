"""What a training step has to keep in memory: measured, where `counts` only counts."""

from __future__ import annotations


def kept_bytes(net, input_shape: tuple[int, ...] | None = None) -> int:
    """The bytes that the forward pass of one image of `input_shape` (C, H, W) keeps for the backward pass, in float32.

    Measured with torch's saved-tensor hooks in a pass of two images, in training mode: the storage of every tensor that autograd
    holds on to, each counted once, parameters and buffers left out. That is less than all outputs where a layer works in place
    or needs none of its numbers for its gradient, and more where it keeps extra ones (pooling its places, normalization its
    statistics). The pass runs on a copy of the net on the device "meta": every step and shape, but no numbers, so that a large
    network takes no memory.

    Raises ValueError where no input_shape is given and the net declares none, for lazy layers that have seen no batch yet, and
    where the net needs numbers or cannot take it.
    """
    import torch

    from cnn_course.anatomy import walk

    net = walk.network(net)
    shape = walk.image_shape(net, input_shape)
    net = walk.without_numbers(net).requires_grad_(True).train()
    own = {id(tensor.untyped_storage()): tensor.untyped_storage() for tensor in (*net.parameters(), *net.buffers())}
    kept = {}  # storages by their identity; they are held here, so that none is taken for a later one

    def keep(tensor):
        storage = tensor.untyped_storage()
        if id(storage) not in own:
            kept[id(storage)] = storage
        return tensor

    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            net(torch.zeros(2, *shape, device="meta"))
    except (RuntimeError, NotImplementedError) as error:
        told = f"{type(net).__name__} cannot run on shapes alone, without numbers, for {'x'.join(map(str, shape))}"
        raise ValueError(f"{told}: {error}{walk.order(net, shape)}") from error
    return sum(storage.nbytes() for storage in kept.values()) // 2
