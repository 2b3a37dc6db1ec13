"""What only the fold over an account's other leads measures."""

from features.operations.operation import Operation
from features.wording.phrases import Forms, Pair, counted

__all__ = ["OPERATIONS"]

OPERATIONS = (
    Operation(
        name="active_leads",
        unit="leads",
        spans="windows",
        group="account",
        empty=0.0,
        kernel="account",
        asked_by="built_in",
        meaning=Pair("{label}: people {lately}", "{label}: Personen {lately}"),
        words=counted(
            en=Forms("", "{label} {window}: from 1 person", "{label} {window}: from {n} people"),
            de=Forms("", "{label} {window}: von 1 Person", "{label} {window}: von {n} Personen"),
        ),
        change="count",
    ),
)
"""In column order."""
