"""Small contents of analyses that hold every kind of figure, as tests of pages need them."""

import datetime as dt

from models.analyses.behaviour import Behaviour, Sentence
from models.analyses.channels import Channel, Channels
from models.analyses.figures import Content, Estimate, Rate
from models.analyses.funnel import Cost, Cut, Funnel, Gap, Group, Incidence, Month, Reason, Steps, TeamHandling
from models.analyses.personas import Compared, Likeness, Persona, Personas, Place, Spread, Tried, Yields
from models.analyses.points_audit import (
    Band,
    DecayStep,
    Judged,
    Looks,
    PointsAudit,
    ProposedRule,
    ProposedTable,
    Replay,
    Rule,
    Threshold,
    Trial,
)

EXPORTED = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
SOME = Rate(count=20, of=100, value=0.2, low=0.13, high=0.29)
NONE = Rate(count=0, of=0, value=None)
BOUNDS = Estimate(value=None, low=0.05, high=0.29)
GAIN = Estimate(value=0.12, low=0.1, high=0.14)
LABELS = {"en": "<b>pricing</b> & more", "de": "Preise"}


def points_audit() -> PointsAudit:
    """Make a points audit with every kind of threshold, and a name that must be escaped."""
    bands = (Band(low=0, high=50, rate=NONE), Band(low=50, high=None, rate=SOME))
    judged = {"auc": GAIN, "wins": GAIN, "log_loss": GAIN, "calibration_error": GAIN, "mean_probability": 0.2}
    trial = Trial(leads_per_group=262, rate=0.16, other_rate=0.08, power=0.8, confidence=0.95)
    return PointsAudit(
        source="test",
        exported_at=EXPORTED,
        threshold=50,
        observation_days=365,
        label_days=60,
        decay=(DecayStep(after_days=28, share=0.5),),
        replay=Replay(leads=1000, reached=400, mqls=390, both=380, highest=912.5),
        looks=tuple(
            Looks(moment=moment, leads=100, immature=7, just_above=0.7, median=55, bands=bands)
            for moment in ("mql", "handed_over")
        ),
        rules=(
            Rule(name="pricing", labels=LABELS, points=2.5, leads=90, log_odds=GAIN, verdict="signal"),
            Rule(name="fair", labels=LABELS, points=1, leads=3, log_odds=Estimate(value=None), verdict="too_few"),
        ),
        later=(Judged(score="points", **judged), Judged(score="model", **judged)),
        later_leads=100,
        later_positives=20,
        capacity=10,
        thresholds=(
            Threshold(threshold=25, move="lower", leads=700, evidence="trial", trial=trial),
            Threshold(threshold=38, move="lower", leads=500, evidence="extrapolated", added=SOME, modelled=BOUNDS),
            Threshold(threshold=50, move="current", leads=400, evidence="observed", observed=SOME, unknown=0),
        ),
        proposed=ProposedTable(
            rules=(ProposedRule(name="pricing", labels=LABELS, points=10, present=2.5),),
            decay=(DecayStep(after_days=28, share=0.5),),
            fitted_on=60,
            judged_on=40,
            gain=GAIN,
            threshold=20,
            reached=399,
        ),
        no_proposal=None,
    )


def funnel() -> Funnel:
    """Make a funnel with every verdict, and names that must be escaped."""
    steps = Steps(
        visitors=9000,
        visitor_to_lead=SOME,
        leads=1000,
        mql=400,
        sal=300,
        sales_qualified=60,
        customer=30,
        lead_to_mql=SOME,
        mql_to_sal=SOME,
        sal_to_qualified=SOME,
        qualified_to_customer=NONE,
        mql_to_qualified=SOME,
    )
    known = {"reference": 0.2, "actual": 0.1, "shortfall": 0.1, "leads": 100, "qualified": 10}
    parts = {"expected": GAIN, "quality": GAIN, "handling": GAIN}
    nothing = dict.fromkeys(parts, Estimate(value=None))
    gaps = (
        Gap(campaign="<b>pricing</b> & more", **known, **parts, blamed=("quality", "handling")),
        Gap(campaign="a", **known, **parts, blamed=("handling",)),
        Gap(campaign="b", **known, **parts),
        Gap(campaign="c", **known, **nothing, shortage="too_few"),
        *(
            Gap(campaign=cause, **known, **nothing, shortage="not_separable", cause=cause)
            for cause in ("no_like", "one_team", "no_others")
        ),
    )
    why = (Reason(reason="<b>pricing</b>", leads=9, share=0.9), Reason(reason=None, leads=1, share=0.1))
    team = TeamHandling(
        name="<b>pricing</b>", leads=90, actual=0.1, expected=GAIN, handling=GAIN, median_days=4.2, is_blamed=True
    )
    return Funnel(
        source="test",
        exported_at=EXPORTED,
        label_days=60,
        expire_days=120,
        total=steps,
        by=(
            Cut(
                dimension="campaign",
                groups=(
                    Group(value="<b>pricing</b>", steps=steps, reasons=why),
                    Group(value=None, steps=steps.model_copy(update={"visitors": None, "visitor_to_lead": None})),
                ),
            ),
            Cut(dimension="month", groups=(Group(value="2026-01", steps=steps),)),
            Cut(dimension="person", groups=(Group(value=None, is_rest=True, steps=steps),), hidden=3),
        ),
        incidence=(
            Incidence(
                campaign=None,
                leads=400,
                days=(0, 5),
                sales_qualified=(0.0, 0.2),
                rejected=(0.0, 0.5),
                expired=(0.0, 0.1),
            ),
        ),
        reasons=why,
        months=(Month(month="2026-01", leads=50, mql=20, mql_to_qualified=SOME, spent=900.0),),
        costs=(
            Cost(campaign="a", spent=900.0, mql=20, sales_qualified=0, per_mql=45.0, per_qualified=None),
            Cost(campaign="b", spent=None, mql=20, sales_qualified=4, per_mql=None, per_qualified=None),
        ),
        reference_rate=None,
        reference_days=4.2,
        gaps=gaps,
        teams=(team,),
        persons=(team,),
        min_leads=30,
    )


def personas() -> Personas:
    """Make two personas, one named, with every kind of attribute, and costs."""
    some = Compared(name="pricing", share=0.4, of_all=0.2)
    days = Spread(low=9.5, median=20, high=43)
    yields = Yields(
        mqls=100,
        sales_qualified=12,
        leads=180.5,
        cost=9000.0,
        sql_per_mql=GAIN,
        mql_per_lead=GAIN,
        sql_per_lead=GAIN,
        mql_per_1000=GAIN,
        sql_per_1000=GAIN,
    )
    one = Persona(
        key="P1",
        name="<b>pricing</b> & more",
        customers=40,
        share=0.4,
        returns=0.95,
        jaccard=0.9,
        who=(
            Compared(name="role", value="<b>pricing</b>", share=0.5, of_all=0.2),
            Compared(name="employees", high=50.0, share=0.5, of_all=0.2),
            Compared(name="employees", low=50.0, high=250.0, share=0.5, of_all=0.2),
            Compared(name="free_mail", value="true", share=0.5, of_all=0.2),
        ),
        channels=(Compared(name="email", share=0.4, of_all=0.2),),
        first_channels=(Compared(name="fax", share=0.4, of_all=0.2),),
        contents=(some,),
        last_steps=(some, Compared(name="webinar", share=0.4, of_all=0.2)),
        questions=(Compared(name="cost", share=0.4, of_all=0.2),),
        order=(Place(name="webinar", place=0.2, share=0.5), Place(name="pricing", place=0.8, share=0.9)),
        to_mql=days,
        to_qualified=None,
        to_purchase=days,
        touchpoints=days,
        decision_makers=Compared(name="title", share=0.3, of_all=0.2),
        yields=yields,
        open_leads=3,
        resembling=(Likeness(lead_id="<b>pricing</b>", likeness=0.9),),
    )
    nothing: dict[str, object] = {"who": (), "channels": (), "first_channels": (), "contents": (), "last_steps": ()}
    unknown = yields.model_copy(update={"cost": None, "mql_per_1000": None, "sql_per_1000": None})
    other = one.model_copy(
        update={**nothing, "key": "P2", "name": None, "questions": (), "order": (), "decision_makers": None,
                "yields": unknown, "open_leads": 0, "resembling": ()}
    )  # fmt: skip
    return Personas(
        source="test",
        exported_at=EXPORTED,
        customers=100,
        drawn=80,
        bought_by="order",
        half_samples=40,
        least_returns=0.8,
        dimensions=2,
        cut_by=("content", "order"),
        unstable=1,
        tried=(
            Tried(segments=2, stable=2, share=1.0, compact=True),
            Tried(segments=3, stable=0, share=0.0, compact=False),
        ),
        agreement=0.8,
        adjusted_rand=0.5,
        label_days=60,
        labels={"pricing": LABELS},
        costs_known=True,
        personas=(one, other),
        everybody=unknown,
        open_leads=30,
        none_alike=20,
    )


def behaviour() -> Behaviour:
    """Make one sentence of every kind, for both outcomes."""
    given = {"days": 28, "share": 0.3, "base": 0.1, "ratio": GAIN, "looks": 90, "positives": 20, "accounts": 80}
    kinds = ("did", "recently", "sequence", "more", "returned", "colleague", "colleagues_active")
    outcomes = ("sales_qualified", "purchase", "sales_qualified", "purchase", "purchase", "purchase", "purchase")
    return Behaviour(
        source="test",
        exported_at=EXPORTED,
        sentences=tuple(
            Sentence(kind=kind, first="pricing", then="webinar", outcome=outcome, lead_days=(3.0, 9.0, 20.5), **given)
            for kind, outcome in zip(kinds, outcomes, strict=True)
        ),
        candidates=400,
        held=30,
        looks=900,
        leads=700,
        split_at=EXPORTED - dt.timedelta(days=300),
        label_days=60,
        purchase_days=180,
        labels={"pricing": LABELS},
    )


def channels() -> Channels:
    """Make a channel that has a name in every language, and one that has none."""
    credited = {"markov": GAIN, "first": GAIN, "last": GAIN, "linear": GAIN, "removal": 0.4, "on_path": 0.7}
    named = (Channel(name="email", **credited), Channel(name="<b>pricing</b>", **credited))
    return Channels(source="test", exported_at=EXPORTED, paths=900, conversions=80, path_days=180, channels=named)


def examples() -> dict[str, Content]:
    """Give an example of every analysis, by name."""
    return {
        "funnel": funnel(),
        "points_audit": points_audit(),
        "personas": personas(),
        "behaviour": behaviour(),
        "channels": channels(),
    }
