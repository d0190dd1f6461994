"""What a training step has to keep in memory: measured, where `counts` only counts."""

from __future__ import annotations

from copy import deepcopy


def kept_bytes(net, input_shape: tuple[int, ...] | None = None) -> int:
    """The bytes that the forward pass of one image of `input_shape` (C, H, W) keeps for the backward pass, in float32.

    Measured with torch's saved-tensor hooks in a real pass of two images, in training mode: the storage of every tensor that
    autograd holds on to, each counted once, parameters and buffers left out. That is less than all outputs where a layer works
    in place or needs none of its numbers for its gradient, and more where it keeps extra ones (pooling its places, normalization
    its statistics). The net is copied, onto the CPU if it is on "meta", and left as it was.

    Raises ValueError where no input_shape is given and the net declares none.
    """
    import torch

    shape = input_shape or getattr(net, "input_shape", None)
    if shape is None:
        raise ValueError("input_shape is missing, and the net declares none; give it as (C, H, W), as in (3, 32, 32)")
    net = deepcopy(net).requires_grad_(True).train()
    if any(tensor.is_meta for tensor in net.parameters()):
        net = net.to_empty(device="cpu")
    first = next(net.parameters(), torch.zeros(()))
    own = {tensor.untyped_storage().data_ptr() for tensor in (*net.parameters(), *net.buffers())}
    kept = {}  # where a storage lies -> its bytes; autograd keeps all of them alive meanwhile, so no place is used twice

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    images = torch.zeros(2, *shape, device=first.device)
    with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = net(images)  # and with it what it keeps, until the function ends
    del outputs
    return sum(kept.values()) // 2
