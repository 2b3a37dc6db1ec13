"""Figures as SVG and PNG, by vl-convert: no browser, the same bytes for the same figure. The only importer of vl_convert."""

import base64
import re
import zlib
from functools import cache

import vl_convert

from models.presentation.chart import BLUE, GREEN, GREY, INK, LIGHT, ORANGE, PALE, RED, Chart, Panel
from models.presentation.vega_lite import AXIS, chart_spec, number_format, panel_spec
from models.presentation.vega_marks import PAPER

__all__ = ["DARK", "panel_png", "panel_svg", "png", "svg_address", "vega_script"]

DARK = {
    INK: "#e4eaf0",
    PALE: "#2c3741",
    AXIS: "#586572",
    PAPER: "#161c22",
    GREY: "#8b97a2",
    LIGHT: "#6b7783",
    BLUE: "#6cb2f0",
    RED: "#ee7365",
    ORANGE: "#f09a62",
    GREEN: "#74c492",
}
"""Colours of a figure to those that it has where the reader's screen is dark."""
SCALE = 2.0
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CLIP = re.compile(r"\bclip\d+\b")


def panel_svg(panel: Panel, language: str) -> str:
    """Draw one panel; its colours follow the reader's light or dark screen."""
    spec = panel_spec(panel, language)
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=_version(), format_locale=number_format(language))
    rules = "".join(
        f"[fill='{light}']{{fill:{dark}}}[stroke='{light}']{{stroke:{dark}}}"
        for light, dark in DARK.items()
        if light in drawn
    )
    numbers = {name: f"c{place}" for place, name in enumerate(dict.fromkeys(CLIP.findall(drawn)))}
    drawn = CLIP.sub(lambda match: numbers[match[0]], drawn)  # Vega counts on over all figures of a process
    opening, end, rest = drawn.partition(">")
    return f"{opening}{end}<style>@media (prefers-color-scheme:dark){{{rules}}}</style>{rest}"


def svg_address(svg: str) -> str:
    """Give an SVG as an address that an image element takes."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode('ascii')}"


def panel_png(svg: str) -> bytes:
    """Turn what `panel_svg` drew into a PNG on white, for places that take no SVG; twice as many pixels as on the page."""
    on_white = svg.replace("</style>", f'</style><rect width="100%" height="100%" fill="{PAPER}"/>', 1)
    return _packed(vl_convert.svg_to_png(on_white, scale=SCALE))


def png(chart: Chart, language: str) -> bytes:
    """Draw a whole figure with its title on white, for places that take no SVG; twice as many pixels as on the page."""
    return _packed(
        vl_convert.vegalite_to_png(
            chart_spec(chart, language), vl_version=_version(), scale=SCALE, format_locale=number_format(language)
        )
    )


def _packed(content: bytes) -> bytes:
    """Compress a PNG's pixels as far as they can be: vl-convert hardly does, and a figure would take five times its room."""
    chunks, place = list[tuple[bytes, bytes]](), len(SIGNATURE)
    while place < len(content):
        size = int.from_bytes(content[place : place + 4])
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    pixels = zlib.compress(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")), 9)
    others = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    written = [*others, (b"IDAT", pixels), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in written
    )


def vega_script() -> str:
    """Give the script that draws specifications on a page: ``vegaEmbed``, with all that it needs."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_version()))


@cache
def _version() -> str:
    return str(vl_convert.get_vegalite_versions()[-1])
