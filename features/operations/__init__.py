"""The operations: what can be measured of a set of touchpoints. One record each, in the module of the group that it speaks of.

A record holds all that the product asks of an operation but for two things: the compiled loop that computes it, in
`features.kernels`, and its definition in plain loops, in `tests/oracle.py`. `python -m pipeline.new_operation`
writes the start of all three.
"""

from features.operations import account, attributes, buyer_profile, engagement, path, rhythm
from features.operations.operation import GROUPS, Group, Kernel, Operation, Spans

__all__ = ["GROUPS", "OPERATIONS", "SELECTOR_OPERATIONS", "Group", "Kernel", "Operation", "Spans"]

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for module in (engagement, rhythm, path, buyer_profile, account, attributes)
    for operation in module.OPERATIONS
}
"""Every operation by its name, in the order of the matrix's columns within a group and selector."""

SELECTOR_OPERATIONS: tuple[str, ...] = tuple(
    name for name, operation in OPERATIONS.items() if operation.asked_by == "selector"
)
"""What a selector in `params.yaml` may ask for."""
