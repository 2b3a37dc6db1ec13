"""The monitor's section on touchpoints that no person made."""

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.pages.html import date, number, section, table
from pipeline.pages.machine_traffic_words import busy_sentence, mail_sentences
from pipeline.pages.report_parts import say

__all__ = ["machine_section"]

SHOWN = 20


def machine_section(result: Mapping[str, Any], language: str) -> str:
    """Name leads with a machine's volume, and say what machines did with mails; HTML.

    Parameters
    ----------
    result : mapping
        ``machine_traffic`` with the fields of `pipeline.population.machine_traffic.MachineTraffic`.
    language : {"en", "de"}
    """
    traffic = result["machine_traffic"]
    leads = traffic["leads"]
    sentences = mail_sentences(traffic["mails"], language)
    if leads:
        sentences.insert(0, busy_sentence(len(leads), sum(lead["touchpoints"] for lead in leads), language))
    else:
        none = say(
            language, "No lead has a machine's volume.", "Kein Lead hat so viele Kontaktpunkte wie eine Maschine."
        )
        sentences.insert(0, none)
    head = [
        say(language, "lead", "Lead"),
        say(language, "touchpoints", "Kontaktpunkte"),
        say(language, "busiest day (UTC)", "vollster Tag (UTC)"),
        say(language, "of them on that day", "davon an diesem Tag"),
    ]
    rows = [
        [
            escape(lead["lead_id"]),
            number(lead["touchpoints"], 0, language),
            date(lead["busiest_day"], language),
            number(lead["on_busiest_day"], 0, language),
        ]
        for lead in leads[:SHOWN]
    ]
    more = len(leads) - SHOWN
    rest = ""
    if more > 0:
        count = number(more, 0, language)
        rest = say(
            language,
            f"and {count} more, in the JSON file beside this page",
            f"und {count} weitere, in der JSON-Datei daneben",
        )
    return section(
        say(language, "Machines?", "Maschinen?"),
        "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences),
        table(head, rows) if rows else "",
        f"<p>{escape(rest)}</p>" if rest else "",
    )
