"""Announcing behaviour and channels as the figures of their analyses."""

from features.params import FeaturesParams
from features.timeline import from_micros
from models.analyses.behaviour import Behaviour, Sentence
from models.analyses.channels import Channel, Channels
from models.analyses.figures import Estimate
from pipeline.params import LabelsParams, PersonasParams
from pipeline.sales_funnel.behaviour import Announced, announcing_behaviour
from pipeline.sales_funnel.channels import RULES, channel_shares
from pipeline.sales_funnel.first_mqls import FirstMqls
from pipeline.sales_funnel.journey_paths import JourneyPaths
from pipeline.sales_funnel.personas import content_labels

__all__ = ["behaviour_content", "channels_content"]


def behaviour_content(
    paths: JourneyPaths,
    mqls: FirstMqls,
    source: str,
    features: FeaturesParams,
    labels: LabelsParams,
    params: PersonasParams,
) -> Behaviour | None:
    """Search announcing behaviour; None: fewer than two leads ever became MQL."""
    if len(mqls) < 2:
        return None
    search = announcing_behaviour(paths, mqls, labels, params)
    return Behaviour(
        source=source,
        exported_at=from_micros(mqls.exported_at),
        sentences=tuple(_sentence(item) for item in search.announced),
        candidates=search.candidates,
        held=search.held,
        looks=search.looks,
        leads=search.leads,
        split_at=from_micros(search.split_at),
        label_days=labels.label_days,
        purchase_days=params.purchase_days,
        labels=content_labels(paths.contents, features),
    )


def _sentence(item: Announced) -> Sentence:
    return Sentence(
        kind=item.pattern.kind,
        first=item.pattern.first,
        then=item.pattern.then,
        days=item.pattern.days,
        outcome=item.outcome,
        share=item.share,
        base=item.base,
        ratio=Estimate(**item.ratio),
        looks=item.test.looks,
        positives=item.test.positives,
        accounts=item.test.accounts,
        lead_days=item.lead_days,
    )


def channels_content(
    paths: JourneyPaths, mqls: FirstMqls, source: str, labels: LabelsParams, params: PersonasParams
) -> Channels | None:
    """Measure channels along paths; None: no channel is named, or no path converts."""
    found = channel_shares(paths, mqls, params.path_days, labels.recording_delay_days, params.resamples, params.seed)
    if found is None:
        return None

    def estimate(rule: str, place: int) -> Estimate:
        low, high = float(found.low[rule][place]), float(found.high[rule][place])
        return Estimate(value=float(found.share[rule][place]), low=low, high=high)

    channels = [
        Channel(
            name=name,
            removal=float(found.removal[place]),
            on_path=float(found.on_path[place]),
            **{rule: estimate(rule, place) for rule in RULES},
        )
        for place, name in enumerate(found.channels)
    ]
    return Channels(
        source=source,
        exported_at=from_micros(mqls.exported_at),
        paths=found.paths,
        conversions=found.conversions,
        path_days=params.path_days,
        channels=tuple(sorted(channels, key=lambda channel: -channel.removal)),
    )
