"""What the fields of a CRM hold: the file's decision, in the language of the people who read it."""

import pandas as pd

from pipeline.crm.updates import updates
from pipeline.params import CrmFields

FIELDS = CrmFields(probability="p", tier="t", decision="d", advice="a", reasons="r")


def scores(**changes: object) -> pd.DataFrame:
    row = {"lead_id": "7", "probability": 0.123456, "tier": "B", "within_capacity": True, "reasons": "3 Besuche der Preisseite",
           "not_scored": None, "advice_text": "Jetzt anrufen."}  # fmt: skip
    return pd.DataFrame([{**row, **changes}])


def test_all_fields_speak_one_language() -> None:
    (update,) = updates(scores(), FIELDS, "de")
    assert update.values == {
        "p": 0.1235,
        "t": "B",
        "d": "B, innerhalb der Kapazität",
        "a": "Jetzt anrufen.",
        "r": "3 Besuche der Preisseite",
    }
    (update,) = updates(scores(within_capacity=False), FIELDS, "en")
    assert update.values["d"] == "B, beyond capacity"


def test_a_lead_without_a_score_says_why_and_nothing_else() -> None:
    gone = scores(
        probability=None, tier=None, within_capacity=None, reasons=None, not_scored="objected", advice_text=None
    )
    (update,) = updates(gone, FIELDS, "de")
    assert update.values == {
        "p": None,
        "t": None,
        "d": "nicht bewertet: die Person hat widersprochen",
        "a": None,
        "r": None,
    }
    assert updates(gone.assign(not_scored="new_code"), FIELDS, "en")[0].values["d"] == "not scored: new_code"


def test_without_advice_in_the_file_or_a_field_for_it_none_is_written() -> None:
    assert "a" not in updates(scores().drop(columns="advice_text"), FIELDS, "en")[0].values
    without = FIELDS.model_copy(update={"advice": None})
    assert set(updates(scores(), without, "en")[0].values) == {"p", "t", "d", "r"}
