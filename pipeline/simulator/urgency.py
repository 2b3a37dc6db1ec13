"""Who is called first: how much better a lead's traits are than the average, as sales sees them or as they really are."""

import numpy as np

from pipeline.simulator import world
from pipeline.simulator.chunks import Chunk, Setting
from pipeline.simulator.clocks import FloatArray, IntArray
from pipeline.simulator.outcomes import BUDGET, FIT, NEED, POWER, READINESS
from pipeline.simulator.touchpoints import DAY_SECONDS

__all__ = ["urgency"]

# Means and standard deviations over the MQLs of the default company, so that no chunk has to look at another.
VISIBLE = (-0.32, 1.27)
HIDDEN = (-0.93, 1.68)
FREE_MAIL = -0.8


def urgency(setting: Setting, chunk: Chunk, lead: IntArray, mql: IntArray) -> FloatArray:
    """Say by how many standard deviations each MQL's traits are above the average ones.

    Visible traits are role, seniority, industry and a free-mail address; hidden ones are what the outcome depends on: fit,
    need, budget, decision power, and readiness at the MQL moment.

    Parameters
    ----------
    setting, chunk
        The chunk; `setting.handover.first` says which traits count.
    lead : int64[k]
        0-based in the chunk.
    mql : int64[k]
        Seconds since the start.

    Returns
    -------
    float64[k]
        Zeros where nobody is called first.
    """
    people = chunk.people
    account = people.account[lead]
    if setting.handover.first == "visible":
        seen = (
            world.SENIORITY_POWER[people.seniority[lead]]
            + world.ROLE_POWER[people.role[lead]]
            + world.INDUSTRY_FIT[people.industry[account]]
            + FREE_MAIL * people.free_mail[lead]
        )
        return np.asarray((seen - VISIBLE[0]) / VISIBLE[1])
    if setting.handover.first == "hidden":
        day = np.minimum(mql // DAY_SECONDS, chunk.paths.readiness.shape[1] - 1)
        true = (
            FIT * people.fit[account]
            + NEED * people.need[lead]
            + BUDGET * people.budget[account]
            + POWER * people.power[lead]
            + READINESS * (chunk.paths.readiness[lead, day].astype(np.float64) - 0.4)
        )
        return np.asarray((true - HIDDEN[0]) / HIDDEN[1])
    return np.zeros(len(lead))
