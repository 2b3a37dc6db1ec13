"""What a feature measures, in one sentence without a value, in English and German: for the catalog, tables and figures."""

__all__ = ["MEANINGS"]

_LATELY = ("in the last {days} days", "in den letzten {days} Tagen")


def _both(english: str, german: str) -> tuple[str, str]:
    return english.replace("{lately}", _LATELY[0]), german.replace("{lately}", _LATELY[1])


MEANINGS: dict[str, tuple[str, str]] = {
    "count": _both("{label}: number {lately}", "{label}: Anzahl {lately}"),
    "decayed_count": _both(
        "{label}: weighted by recency (half-life {days} days)",
        "{label}: nach Aktualität gewichtet (Halbwertszeit {days} Tage)",
    ),
    "days_since_last": _both("{label}: days since the latest", "{label}: Tage seit dem letzten Mal"),
    "days_since_first": _both("{label}: days since the first", "{label}: Tage seit dem ersten Mal"),
    "distinct_days": _both("{label}: different days {lately}", "{label}: verschiedene Tage {lately}"),
    "distinct_channels": _both("{label}: channels {lately}", "{label}: Kanäle {lately}"),
    "distinct_assets": _both(
        "{label}: different pages and materials (for orders: products) {lately}",
        "{label}: verschiedene Seiten und Materialien (bei Bestellungen: Produkte) {lately}",
    ),
    "sum_value": _both("{label}: total value {lately}", "{label}: Gesamtwert {lately}"),
    "visits": _both(
        "{label}: visits {lately}; a silence of more than {visit_minutes} minutes ends a visit",
        "{label}: Besuche {lately}; mehr als {visit_minutes} Minuten Stille beenden einen Besuch",
    ),
    "mean_gap": _both(
        "{label}: mean days from the start of one visit to the next {lately}",
        "{label}: mittlere Tage von Beginn zu Beginn zweier Besuche {lately}",
    ),
    "gap_ratio": _both(
        "{label}: time since the latest as a multiple of the usual gap between visits {lately}",
        "{label}: Zeit seit dem letzten Mal als Vielfaches des üblichen Abstands der Besuche {lately}",
    ),
    "longest_gap": _both(
        "{label}: longest gap between two {lately}", "{label}: längste Lücke zwischen zweien {lately}"
    ),
    "pauses": _both(
        "{label}: gaps of more than {pause_days} days {lately}, the present one included",
        "{label}: Lücken von mehr als {pause_days} Tagen {lately}, die jetzige eingeschlossen",
    ),
    "returns": _both(
        "{label}: returns after more than {pause_days} days {lately}",
        "{label}: Rückkehr nach mehr als {pause_days} Tagen {lately}, Anzahl",
    ),
    "days_since_return": _both(
        "{label}: days since the latest return after more than {pause_days} days",
        "{label}: Tage seit der letzten Rückkehr nach mehr als {pause_days} Tagen",
    ),
    "busiest_day": _both(
        "{label}: most on one calendar day (UTC) {lately}", "{label}: meiste an einem Kalendertag (UTC) {lately}"
    ),
    "trend": _both(
        "{label}: pace of the last quarter {lately} against that of the three before: 0.5 is steady, more is rising",
        "{label}: Tempo des letzten Viertels {lately} gegen das der drei davor: 0,5 ist gleichmäßig, mehr ist steigend",
    ),
    "acceleration": _both(
        "{label}: more per day in the second half than in the first {lately}",
        "{label}: Mehr pro Tag in der zweiten Hälfte als in der ersten {lately}",
    ),
    "working_hours_share": _both(
        "{label}: share from {hours} o'clock, Monday to Friday ({time_zone}) {lately}",
        "{label}: Anteil von {hours} Uhr, Montag bis Freitag ({time_zone}) {lately}",
    ),
    "weekend_share": _both(
        "{label}: share on Saturdays and Sundays ({time_zone}) {lately}",
        "{label}: Anteil samstags und sonntags ({time_zone}) {lately}",
    ),
    "channel_switches": _both("{label}: changes of channel {lately}", "{label}: Wechsel des Kanals {lately}"),
    "first_channel": _both("{label}: channel of the first", "{label}: Kanal des ersten Mals"),
    "last_channel": _both("{label}: channel of the latest", "{label}: Kanal des letzten Mals"),
    "deepest_content": _both(
        "{label}: deepest content {lately}: 1 a first look, 2 weighing up, 3 deciding",
        "{label}: tiefster Inhalt {lately}: 1 Orientierung, 2 Abwägung, 3 Entscheidung",
    ),
    "mean_content": _both(
        "{label}: mean depth of content {lately}, 1 to 3", "{label}: mittlere Tiefe der Inhalte {lately}, 1 bis 3"
    ),
    "step_backs": _both(
        "{label}: steps back from content for deciding to a first look {lately}",
        "{label}: Rückschritte von Inhalten zur Entscheidung zu solchen zur Orientierung {lately}",
    ),
    "transition_likeness": _both(
        "{label}: how much likelier their order is in journeys that ended well {lately}",
        "{label}: um wie viel wahrscheinlicher ihre Reihenfolge in erfolgreichen Journeys ist {lately}",
    ),
    "mean_transition_likeness": _both(
        "{label}: how much likelier each step is in journeys that ended well {lately}",
        "{label}: um wie viel wahrscheinlicher jeder Schritt in erfolgreichen Journeys ist {lately}",
    ),
    "mix_likeness": _both(
        "{label}: how much likelier their mix is in journeys that ended well {lately}",
        "{label}: um wie viel wahrscheinlicher ihre Mischung in erfolgreichen Journeys ist {lately}",
    ),
    "mean_mix_likeness": _both(
        "{label}: how much likelier each is in journeys that ended well {lately}",
        "{label}: um wie viel wahrscheinlicher jeder in erfolgreichen Journeys ist {lately}",
    ),
    "pace_likeness": _both(
        "{label}: how much likelier their gaps are in journeys that ended well {lately}",
        "{label}: um wie viel wahrscheinlicher ihre Abstände in erfolgreichen Journeys sind {lately}",
    ),
    "mean_pace_likeness": _both(
        "{label}: how much likelier each gap is in journeys that ended well {lately}",
        "{label}: um wie viel wahrscheinlicher jeder Abstand in erfolgreichen Journeys ist {lately}",
    ),
    "progress": _both(
        "share of what buyers typically do that the lead has done",
        "Anteil dessen, was Käufer üblicherweise tun, den der Lead getan hat",
    ),
    "days_before": _both(
        "{label}: days by which the first came before the first of {other}",
        "{label}: Tage, um die das erste Mal vor dem ersten Mal lag von: {other}",
    ),
    "active_leads": _both("{label}: people {lately}", "{label}: Personen {lately}"),
    "attribute": ("{label} (attribute)", "{label} (Attribut)"),
    "missing": ("attributes of the {selector} that are not known", "unbekannte Merkmale ({selector})"),
}
"""Operation to its meaning in English and German, with places for label, days, and the parameters it depends on."""
