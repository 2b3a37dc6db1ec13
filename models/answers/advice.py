"""What a decision may advise."""

from typing import Literal, get_args

__all__ = ["ADVICE", "Advice"]

Advice = Literal["hand_over_now", "wait_until", "later", "too_little_data", "unknown"]
ADVICE: tuple[Advice, ...] = get_args(Advice)
"""`hand_over_now`: sales speaks next. `wait_until`: marketing does until the date, as waiting raises the chance. `later`:
sales, but others come first this week. The other two: nothing is advised."""
