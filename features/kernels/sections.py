"""Operations as codes and sets of codes, as constants that compile into the kernels.

A code is the operation's place in `JOURNEY_OPERATIONS` or `ACCOUNT_OPERATIONS`; a set holds one bit per code.
"""

from features.operations import ACCOUNT_OPERATIONS, JOURNEY_OPERATIONS

__all__ = [
    "ACCELERATION",
    "ACCOUNT_ACTIVE_LEADS",
    "ACCOUNT_COUNT",
    "ACCOUNT_DAYS_SINCE_LAST",
    "ACCOUNT_DECAYED_COUNT",
    "BUSIEST_DAY",
    "CHANNEL_PATH",
    "CHANNEL_SWITCHES",
    "CONTENT",
    "COUNT",
    "COUNTS",
    "DAYS_SINCE_FIRST",
    "DAYS_SINCE_LAST",
    "DAYS_SINCE_RETURN",
    "DECAYED_COUNT",
    "DEEPEST_CONTENT",
    "DISTINCT_ASSETS",
    "DISTINCT_CHANNELS",
    "DISTINCT_DAYS",
    "FIRST_CHANNEL",
    "GAPS",
    "GAP_RATIO",
    "LAST_CHANNEL",
    "LIKENESS",
    "LOCAL_HOURS",
    "LONGEST_GAP",
    "MEAN_CONTENT",
    "MEAN_GAP",
    "MEAN_MIX_LIKENESS",
    "MEAN_PACE_LIKENESS",
    "MEAN_TRANSITION_LIKENESS",
    "MIX_LIKENESS",
    "PACE_LIKENESS",
    "PATH",
    "PAUSES",
    "PROGRESS",
    "RETURNS",
    "RHYTHM",
    "STEP_BACKS",
    "SUM_VALUE",
    "TRANSITION_LIKENESS",
    "TREND",
    "VISITS",
    "WEEKEND_SHARE",
    "WORKING_HOURS_SHARE",
]

_at = JOURNEY_OPERATIONS.index
COUNT, SUM_VALUE = _at("count"), _at("sum_value")
DAYS_SINCE_LAST, DAYS_SINCE_FIRST = _at("days_since_last"), _at("days_since_first")
DECAYED_COUNT, DISTINCT_DAYS = _at("decayed_count"), _at("distinct_days")
DISTINCT_CHANNELS, DISTINCT_ASSETS = _at("distinct_channels"), _at("distinct_assets")
VISITS, MEAN_GAP, GAP_RATIO, LONGEST_GAP = _at("visits"), _at("mean_gap"), _at("gap_ratio"), _at("longest_gap")
PAUSES, RETURNS, DAYS_SINCE_RETURN = _at("pauses"), _at("returns"), _at("days_since_return")
BUSIEST_DAY, TREND, ACCELERATION = _at("busiest_day"), _at("trend"), _at("acceleration")
WORKING_HOURS_SHARE, WEEKEND_SHARE = _at("working_hours_share"), _at("weekend_share")
CHANNEL_SWITCHES, FIRST_CHANNEL, LAST_CHANNEL = _at("channel_switches"), _at("first_channel"), _at("last_channel")
DEEPEST_CONTENT, MEAN_CONTENT, STEP_BACKS = _at("deepest_content"), _at("mean_content"), _at("step_backs")
TRANSITION_LIKENESS, MEAN_TRANSITION_LIKENESS = _at("transition_likeness"), _at("mean_transition_likeness")
MIX_LIKENESS, MEAN_MIX_LIKENESS = _at("mix_likeness"), _at("mean_mix_likeness")
PACE_LIKENESS, MEAN_PACE_LIKENESS, PROGRESS = _at("pace_likeness"), _at("mean_pace_likeness"), _at("progress")

_at_account = ACCOUNT_OPERATIONS.index
ACCOUNT_COUNT, ACCOUNT_DAYS_SINCE_LAST = _at_account("count"), _at_account("days_since_last")
ACCOUNT_DECAYED_COUNT, ACCOUNT_ACTIVE_LEADS = _at_account("decayed_count"), _at_account("active_leads")


def _set(*codes: int) -> int:
    return sum(1 << code for code in codes)


CHANNEL_PATH = _set(CHANNEL_SWITCHES, FIRST_CHANNEL, LAST_CHANNEL)
CONTENT = _set(DEEPEST_CONTENT, MEAN_CONTENT, STEP_BACKS)
COUNTS = _set(
    COUNT,
    SUM_VALUE,
    DAYS_SINCE_LAST,
    DAYS_SINCE_FIRST,
    DECAYED_COUNT,
    DISTINCT_DAYS,
    DISTINCT_CHANNELS,
    DISTINCT_ASSETS,
)
GAPS = _set(VISITS, MEAN_GAP, GAP_RATIO, LONGEST_GAP, PAUSES, RETURNS, DAYS_SINCE_RETURN)
LOCAL_HOURS = _set(WORKING_HOURS_SHARE, WEEKEND_SHARE)
LIKENESS = _set(
    TRANSITION_LIKENESS,
    MEAN_TRANSITION_LIKENESS,
    MIX_LIKENESS,
    MEAN_MIX_LIKENESS,
    PACE_LIKENESS,
    MEAN_PACE_LIKENESS,
    PROGRESS,
)
PATH = CHANNEL_PATH | CONTENT
RHYTHM = GAPS | LOCAL_HOURS | _set(BUSIEST_DAY, TREND, ACCELERATION)
