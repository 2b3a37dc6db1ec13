"""The textbook case as an example page: two e-books, one with poor leads, one with good ones that sales lost."""

import datetime as dt

from models.analyses.figures import Estimate
from models.analyses.funnel import Funnel, Gap, Steps
from models.quality.gap_parts import expected_of_segments, gap_parts
from pipeline.sales_funnel.estimates import rate

__all__ = ["REFERENCE", "SEGMENTS", "example_funnel"]

REFERENCE = 0.20
RATES = {"decision-maker with budget": 1.0}
"""Rate of each segment at reference handling; others never qualify."""

SEGMENTS = {
    "ebook_free": ({"no decision-maker": 5000, "no budget": 4500, "decision-maker with budget": 500}, 500),
    "ebook_paid": ({"decision-maker with budget": 1000}, 5),
}
"""Leads by segment, and how many sales turned."""


def example_funnel() -> Funnel:
    """Make the example; its counts are made up, and exact."""
    gaps = []
    for campaign, (segments, won) in SEGMENTS.items():
        leads = sum(segments.values())
        expected = expected_of_segments(segments, RATES)
        parts = gap_parts(REFERENCE, expected, won / leads)
        gaps.append(
            Gap(
                campaign=campaign,
                leads=leads,
                qualified=won,
                reference=REFERENCE,
                actual=won / leads,
                expected=Estimate(value=expected),
                shortfall=parts.shortfall,
                quality=Estimate(value=parts.quality),
                handling=Estimate(value=parts.handling),
                blamed=tuple(name for name in ("quality", "handling") if getattr(parts, name) > 1e-9),
            )
        )
    leads, won = sum(gap.leads for gap in gaps), sum(gap.qualified for gap in gaps)
    nobody = rate(0, 0)
    return Funnel(
        source="example",
        exported_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        label_days=60,
        expire_days=None,
        total=Steps(
            visitors=None,
            leads=leads,
            mql=leads,
            sal=None,
            sales_qualified=won,
            customer=0,
            lead_to_mql=rate(leads, leads),
            mql_to_sal=None,
            sal_to_qualified=None,
            qualified_to_customer=nobody,
            mql_to_qualified=rate(won, leads),
        ),
        by=(),
        incidence=(),
        reasons=(),
        months=(),
        costs=(),
        reference_rate=REFERENCE,
        reference_days=None,
        gaps=tuple(gaps),
        teams=(),
        persons=(),
        min_leads=30,
        is_example=True,
    )
