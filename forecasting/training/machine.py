"""Say what of this machine a training may use: one thread, and a graphics card if it has one."""

import torch


def one_thread() -> None:
    """Give this thread one torch thread, and this process one for linear algebra in numpy.

    Two threads were 5 to 9 times slower than one on a shared two-core machine, and sums in
    another order would make the same seed give other weights.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - it sets the environment

    torch.set_num_threads(1)
    threadpool_limits(limits=1, user_api="blas")


def best_device() -> torch.device:
    """Return CUDA where it is present, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
