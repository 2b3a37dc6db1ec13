"""What `pipeline.population.machine_traffic` found, in the words of people."""

from collections.abc import Mapping
from typing import Any

from models.presentation.catalogues import words
from models.presentation.numbers import number, percent
from pipeline.population.machine_traffic import AT_ONCE_SECONDS, LINKS

__all__ = ["busy_sentence", "mail_sentences", "traffic_lines"]

NAMED = 20


def busy_sentence(leads: int, touchpoints: int, language: str) -> str:
    """Say how many leads have a machine's volume."""
    return words(language).ngettext(
        "{leads} lead has more touchpoints than people make ({touchpoints}): bots?",
        "{leads} leads have more touchpoints than people make ({touchpoints}): bots?",
        leads,
        leads=number(leads, 0, language),
        touchpoints=number(touchpoints, 0, language),
    )


def mail_sentences(mails: Mapping[str, Any], language: str) -> list[str]:
    """Say which opens and clicks of mails machines made; nothing where there are no mails.

    Parameters
    ----------
    mails : mapping
        The fields of `pipeline.population.machine_traffic.MailTraffic`.
    language : str
    """
    say, sentences = words(language), []

    def part(name: str, whole: str) -> str:
        return say.gettext(
            "{part} of {whole} ({share})",
            part=number(mails[name], 0, language),
            whole=number(mails[whole], 0, language),
            share=percent(mails[name] / mails[whole], language),
        )

    if mails["clicks"]:
        sentences.append(
            say.gettext(
                "Clicks in mails that rather a scanner made: {clicks}; {links} or more different links within {seconds} "
                "seconds, or within {seconds} seconds of the sending.",
                clicks=part("machine_clicks", "clicks"),
                links=LINKS,
                seconds=AT_ONCE_SECONDS,
            )
        )
    if mails["comparable_opens"]:
        sentences.append(
            say.gettext(
                "Opens within {seconds} seconds of the sending, rather by a proxy: {opens} whose sending is known.",
                seconds=AT_ONCE_SECONDS,
                opens=part("opens_at_once", "comparable_opens"),
            )
        )
    elif mails["opens"]:
        sentences.append(
            say.gettext(
                "Whether proxies opened mails can't be seen: of none of {opens} opens is the sending known (touchpoints "
                "mail_sent).",
                opens=number(mails["opens"], 0, language),
            )
        )
    return sentences


def traffic_lines(traffic: Mapping[str, Any]) -> list[str]:
    """Say it in a few lines for a terminal, with the ids of the busiest leads.

    Parameters
    ----------
    traffic : mapping
        The fields of `pipeline.population.machine_traffic.MachineTraffic`.
    """
    leads, lines = traffic["leads"], []
    if leads:
        lines.append(busy_sentence(len(leads), sum(lead["touchpoints"] for lead in leads), "en"))
        for lead in leads[:NAMED]:
            day = f", {lead['on_busiest_day']:,} of them on {lead['busiest_day']}" if lead["busiest_day"] else ""
            lines.append(f"  {lead['lead_id']}: {lead['touchpoints']:,} touchpoints{day}")
        if len(leads) > NAMED:
            lines.append(f"  and {len(leads) - NAMED:,} more; docs/your-own-data.md says how to list them all")
    return lines + mail_sentences(traffic["mails"], "en")
