"""Where pages are: their templates, and the links between those that `dvc repro` writes. It knows nothing of trained models."""

from pathlib import Path

from models.analyses import ANALYSES
from models.presentation.catalogues import n_

__all__ = ["TEMPLATES", "links_beside"]

TEMPLATES = Path(__file__).parent / "templates"
LINKS = {
    "report": n_("Report"),
    "model_card": n_("Model card"),
    "figures": n_("Figures to explore"),
    "audit": n_("Leakage audit"),
    **{analysis.name: analysis.title for analysis in ANALYSES.values()},
}


def links_beside(page: str) -> dict[str, str]:
    """Give the other pages of `dvc repro` with their addresses beside this one."""
    return {text: f"{name}.html" for name, text in LINKS.items() if name != page}
