"""Operations as codes and sets of codes, as constants that compile into the kernels.

A code is the operation's place in `OPERATIONS`; a set holds one bit per code. A record names the kernel that it belongs to.
"""

from features.operations import OPERATIONS, Kernel

__all__ = [
    "CHANNEL_PATH",
    "CONTENT",
    "COUNTS",
    "GAPS",
    "LIKENESS",
    "LOCAL_HOURS",
    "PATH",
    "RHYTHM",
    "code",
    "codes_and_kernels",
]

_CODES = {name: position for position, name in enumerate(OPERATIONS)}


def code(name: str) -> int:
    """Give an operation's code, the place of its features in `Plan.sections` and of its bit in `Plan.asked`."""
    return _CODES[name]


def codes_and_kernels() -> str:
    """Write down all that compiled kernels take from the records: which operation has which code and kernel."""
    return " ".join(f"{operation.name}:{operation.kernel}" for operation in OPERATIONS.values())


def _of(*kernels: Kernel) -> int:
    return sum(1 << code(name) for name, operation in OPERATIONS.items() if operation.kernel in kernels)


COUNTS, LIKENESS = _of("counts"), _of("likeness")
CHANNEL_PATH, CONTENT = _of("channels"), _of("content")
PATH = CHANNEL_PATH | CONTENT
GAPS, LOCAL_HOURS = _of("gaps"), _of("local_hours")
RHYTHM = GAPS | LOCAL_HOURS | _of("busiest_day", "pace")
