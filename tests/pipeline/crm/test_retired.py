"""Old ids leave every table, whatever the order in which a CRM tells."""

from pipeline.crm.retired import ACCOUNT, CONTACT, LEAD, Retired, learn, resolve, without_retired


def test_chains_lead_to_what_stands_for_an_id_today() -> None:
    retired: Retired = {(LEAD, "1"): "2", (LEAD, "2"): "50", (LEAD, "3"): "4", (LEAD, "4"): None, (ACCOUNT, "50"): "9"}
    assert [resolve(retired, LEAD, i) for i in ("1", "2", "50", "3", "4")] == ["50", "50", "50", None, None]


def test_a_circle_is_no_record() -> None:
    assert resolve({(LEAD, "1"): "2", (LEAD, "2"): "1"}, LEAD, "1") is None


def test_a_merge_counts_more_than_a_deletion_and_a_restored_record_is_one_again() -> None:
    said = [{"entity": LEAD, "id": "1", "into": "50"}, {"entity": LEAD, "id": "1", "into": None}]
    assert learn({}, said, {}) == {(LEAD, "1"): "50"}
    assert learn({}, said[::-1], {}) == {(LEAD, "1"): "50"}
    assert learn({(LEAD, "1"): "50"}, said[1:], {}) == {(LEAD, "1"): "50"}  # the next night's list of archived records
    assert learn({(LEAD, "7"): None}, [], {LEAD: {"7"}}) == {}
    assert learn({(LEAD, "7"): None}, [{"entity": LEAD, "id": "7", "into": None}], {LEAD: {"7"}}) == {(LEAD, "7"): None}


def test_rows_go_along_or_go() -> None:
    tables = {
        "leads": [{"id": i, "account_id": "9", "contact_id": "c1"} for i in ("1", "2", "50", "7")],
        "touchpoints": [{"id": f"t{i}", "lead_id": i} for i in ("1", "2", "50", "7", "c1")]
        + [{"id": "v", "lead_id": None}],
        "stage_changes": [{"id": f"{i}-mql", "lead_id": i} for i in ("1", "50", "7")]
        + [{"id": "deal-3", "lead_id": "1"}],
        "attribute_changes": [
            {"id": "a1", "lead_id": "1", "account_id": None, "attribute": "role", "value": "buyer"},
            {"id": "a2", "lead_id": "50", "account_id": None, "attribute": "account_id", "value": "9"},
            {"id": "a3", "lead_id": None, "account_id": "9", "attribute": "industry", "value": "steel"},
        ],
        "accounts": [{"id": "9"}, {"id": "90"}],
        "orders": [{"id": "o", "account_id": "9", "lead_id": None}],
    }
    retired: Retired = {
        (LEAD, "1"): "2",
        (LEAD, "2"): "50",
        (LEAD, "7"): None,
        (ACCOUNT, "9"): "90",
        (CONTACT, "c1"): None,
    }
    kept = without_retired(tables, retired)
    assert kept["leads"] == [{"id": "50", "account_id": "90", "contact_id": None}]
    assert [(row["id"], row["lead_id"]) for row in kept["touchpoints"]] == [
        ("t1", "50"),
        ("t2", "50"),
        ("t50", "50"),
        ("v", None),  # nobody's: it was nobody's before
    ]
    assert [(row["id"], row["lead_id"]) for row in kept["stage_changes"]] == [("50-mql", "50"), ("deal-3", "50")]
    assert [(row["id"], row["value"]) for row in kept["attribute_changes"]] == [("a2", "90")]
    assert kept["accounts"] == [{"id": "90"}]
    assert kept["orders"][0]["account_id"] == "90"
    assert len(tables["leads"]) == 4  # the tables that were given are as they were
