"""The picture of what was measured of both engines: seconds over touchpoints."""

from models.presentation.chart import BLUE, ORANGE, Chart, Panel, Series
from models.presentation.drawing import png

__all__ = ["picture_png"]


def picture_png(found: list[dict[str, float]]) -> bytes:
    """Draw seconds over touchpoints, both engines, and where a billion would lie.

    Parameters
    ----------
    found : list of dict
        One per size: touchpoints, and the seconds of ``local`` and ``spark``.

    Returns
    -------
    bytes
        A PNG.
    """
    series: list[Series] = []
    for key, label, colour in (("spark", "Spark, 2 workers", ORANGE), ("local", "one machine, 2 threads", BLUE)):
        x, y = [item["touchpoints"] for item in found], [item[key] for item in found]
        billion = y[-1] * 1e9 / x[-1]
        series += [
            Series("line", [x[-1], 1e9], [y[-1], billion], colour=colour, dashed=True),
            Series("points", x, y, label, colour, joined=True),
            Series(
                "text", [*x, 1e9], [*y, billion], hover=[*(f"{value:.3g} s" for value in y), f"{billion / 60:.0f} min"]
            ),
        ]
    panel = Panel(
        series,
        "touchpoints",
        "seconds, Parquet to Parquet",
        x_log=True,
        y_log=True,
        x_range=(found[0]["touchpoints"] / 2, 4e9),
        y_range=(min(item["local"] for item in found) / 2, 20 * found[-1]["spark"]),
        height=420.0,
    )
    return png(Chart("Up to a billion touchpoints (dashed: in proportion)", [panel]), "en")
