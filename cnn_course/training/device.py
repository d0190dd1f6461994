"""The device that trains: which one, in which precision, with which memory."""

import ctypes
import sys
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache

import torch


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def precision(device: torch.device) -> torch.dtype:
    """The dtype of the convolutions: bfloat16 where the hardware multiplies it, float16 on older CUDA, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    if device.type == "cpu":
        # Without such instructions bfloat16 is emulated: measured at a third of float32's speed on an AVX-512 machine.
        checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        if any(getattr(torch.cpu, check, lambda: False)() for check in checks):
            return torch.bfloat16
    return torch.float32


def name_of(dtype: torch.dtype) -> str:
    """A dtype as records and tables name it: "bfloat16"."""
    return str(dtype).removeprefix("torch.")


def autocast(device, weights: torch.dtype = torch.float32):
    """Convolutions in `precision`, for weights in float32; others are their owner's choice and stay as they are."""
    dtype = precision(device)
    return torch.autocast(device.type, dtype) if weights == torch.float32 != dtype else nullcontext()


@lru_cache(maxsize=1)
def reuse_memory() -> None:
    """Ask the C library on Linux to keep memory that torch gave back. Measured at batch 128: 10 to 20% more images a second.

    By default it returns the activations of every step to the system, and the next step waits for fresh, zeroed pages.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without mallopt
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: only tensors above 32 MB get pages of their own
            mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: give back what lies free at the top beyond 1 GB
            mallopt(-2, 64 << 20)  # M_TOP_PAD: and grow in large pieces


def return_memory() -> None:
    """Give the system what `reuse_memory` kept, between trainings: else a notebook grows each time its cells are run again."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def one_thread():
    """Torch on one thread inside the block: on small tensors a second one costs more than it brings, and rounds otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def seeded(seed: int):
    """Torch's random numbers begin at this seed inside; afterwards those of the CPU, and of a CUDA in use, go on as before."""
    with torch.random.fork_rng(range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []):
        torch.manual_seed(seed)
        yield
