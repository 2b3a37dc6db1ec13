"""The picture of what was measured: seconds on a logarithmic scale, one panel per setting and measure."""

from typing import Any

from bench.peers.rounds import CONTENDERS, EXTRAPOLATED
from models.presentation.chart import Chart, Panel, Series
from models.presentation.drawing import png
from pipeline.pages.charts import COLOURS

__all__ = ["picture_png"]

_SETTINGS = {"one": "1 snapshot per lead", "weekly": "26 weekly snapshots per lead"}
_MEASURES = {"end_to_end": "End to end, Parquet to Parquet", "compute": "In memory, data loaded"}
_PEER, _LIMIT = "#9aa3ad", "#dfe5ea"


def picture_png(figures: dict[str, Any]) -> bytes:
    """Draw the figures of `bench.feature_peers`; the same figures give the same bytes.

    Returns
    -------
    bytes
        A PNG.
    """
    panels = [
        _panel(
            measured["summary"],
            measure,
            f"{text}: {_SETTINGS[setting]}, {measured['touchpoints'] / 1e6:g} M touchpoints",
        )
        for setting, measured in figures["settings"].items()
        for measure, text in _MEASURES.items()
    ]
    any_setting = next(iter(figures["settings"].values()))
    title = (
        f"{any_setting['features']} features, {any_setting['processors']} processors: seconds, and times the engine's "
        "(* extrapolated)"
    )
    return png(Chart(title, panels), "en")


def _panel(table: dict[str, dict[str, float]], measure: str, title: str) -> Panel:
    rows = sorted((row[measure], name) for name, row in table.items() if measure in row)
    low, high = rows[0][0], rows[-1][0]
    start, end = low / 3, high * (high / low * 3) ** 0.3  # room for the words
    series = []
    for place, (seconds, name) in enumerate(rows):
        colour = {"engine": COLOURS["product"], "limit": _LIMIT}.get(name, _PEER)
        ratio = "" if name == "engine" else f"   ({_number(table[name][f'{measure}_ratio'])}×)"
        words = f"{_number(seconds)} s{ratio}"
        series.append(Series("bars", [seconds], [place], colour=colour, base=start))
        series.append(Series("text", [seconds], [place], hover=[words], bold=name == "engine"))
    names = [CONTENDERS[name].title + ("*" if name == EXTRAPOLATED else "") for _, name in rows]
    return Panel(
        series,
        title=title,
        x_log=True,
        x_range=(start, end),
        y_format="none",
        y_ticks=names,
        height=90 + 26 * len(rows),
    )


def _number(value: float) -> str:
    """Write two figures that count.

    Examples
    --------
    >>> _number(0.346), _number(4.21), _number(38.4), _number(5170.0)
    ('0.35', '4.2', '38', '5,170')
    """
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:,.0f}"
