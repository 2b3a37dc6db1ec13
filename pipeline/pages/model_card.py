"""The model card: what the model predicts, for whom, on which data, how well, and where it must not be used."""

from models.presentation.catalogues import n_, words
from models.presentation.rendering import file_page, render
from pipeline.pages.audit_page import findings_values
from pipeline.pages.memorisation import memorisation_values
from pipeline.pages.page_places import TEMPLATES, links_beside
from pipeline.pages.page_values import model_values
from pipeline.pages.trained import Trained

__all__ = ["model_card"]

TOP = 12
STABLE, CHANGED = 0.1, 0.25  # the usual marks of credit scoring (Siddiqi 2006)
SLICES = {
    "train": n_("training"),
    "early_stopping": n_("early stopping"),
    "calibration": n_("calibration"),
    "test": n_("test"),
}
DROPPED = {
    "immature": n_("label window still open at the export"),
    "label_purge": n_("label window reaches into the next slice"),
    "straddles": n_("lead or account belongs to another slice"),
    "before_train_from": n_("before split.train_from"),
    "after_test_until": n_("after split.test_until"),
}


def model_card(trained: Trained) -> str:
    """Write the model card as one HTML page.

    Parameters
    ----------
    trained : Trained
        The model and what was measured.
    """
    return file_page(
        lambda language: words(language).gettext(
            "Model card: {task}, {source}",
            task=trained.words.spoken(language).task,
            source=trained.metadata["source"],
        ),
        lambda language: words(language).gettext(
            "The calibrated probability {predicts}", predicts=_predicts(trained, language)
        ),
        lambda language: render(
            TEMPLATES,
            "model_card.html",
            language,
            **model_values(trained, language),
            **findings_values(trained.findings, language),
            **memorisation_values(trained.metadata, trained.train, trained.memorisation),
            slices=SLICES,
            dropped=DROPPED,
            top=TOP,
            stable=STABLE,
            changed=CHANGED,
        ),
        links=links_beside("model_card"),
    )


def _predicts(trained: Trained, language: str) -> str:
    say = words(language)
    within = "" if trained.ordinal else say.gettext(" within {days} days", days=trained.metadata["label_days"])
    return trained.words.spoken(language).predicts.format(within=within)
