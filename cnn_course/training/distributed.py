"""Several processes that train one network together, started by `torchrun`; in a single process every function here does nothing.

Each process holds the whole network and takes its share of every batch; torch's DistributedDataParallel averages the gradients.
"""

import contextlib
import os

import torch
import torch.distributed as dist
from torch import nn


@contextlib.contextmanager
def group():
    """Join the processes that torchrun started, and leave them at the end. Yields the device of this one, None when alone."""
    if "LOCAL_RANK" not in os.environ:  # some clusters set WORLD_SIZE by themselves
        yield None
        return
    on_cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_cuda else torch.device("cpu")
    if on_cuda:
        if device.index >= torch.cuda.device_count():
            raise RuntimeError(
                f"process {device.index} of this machine has no GPU of its own: there are {torch.cuda.device_count()}; "
                f"start torchrun with --nproc-per-node={torch.cuda.device_count()}"
            )
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield device
        dist.barrier()  # they leave together: one that ends while another still speaks to it can take both down
    finally:
        dist.destroy_process_group()


def active() -> bool:
    """Whether this process has joined others, see `group`."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """The number of this process; 0 is the one that evaluates, prints and saves."""
    return dist.get_rank() if active() else 0


def processes() -> int:
    """How many train together; 1 when alone."""
    return dist.get_world_size() if active() else 1


@contextlib.contextmanager
def first_alone():
    """The first process does what follows before the others do: one download, not one each."""
    if active() and rank() > 0:
        dist.barrier()
    try:
        yield
    finally:
        if active() and rank() == 0:
            dist.barrier()


def wrap(net: nn.Module) -> nn.Module:
    """The network as it has to be called in training: within DistributedDataParallel, or itself.

    Batch norm takes the statistics of each process's own share, and the first process's running statistics are kept.
    """
    return nn.parallel.DistributedDataParallel(net) if active() else net


def share(batch: torch.Tensor) -> torch.Tensor:
    """This process's part of a batch, along the first axis; parts differ by one image at most."""
    return batch.tensor_split(processes())[rank()]


def total(number: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes."""
    if active():
        number = number.clone()
        dist.all_reduce(number)
    return number


def from_first(make):
    """What `make()` returns in the first process; the others wait for it."""
    if not active():
        return make()
    box = [make() if rank() == 0 else None]
    dist.broadcast_object_list(box)
    return box[0]
