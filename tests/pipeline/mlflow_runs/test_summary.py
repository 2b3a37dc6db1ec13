from pipeline.mlflow_runs.summary import flat_metrics, flat_params


def test_selectors_are_one_parameter_each_without_their_labels() -> None:
    selectors = {"pricing": {"kind": ["page_view"], "channel": None, "label": {"en": "x", "de": "y"}}}
    assert flat_params({"features": {"selectors": selectors, "windows_days": [7]}}) == {
        "features.selectors.pricing": '{"kind": ["page_view"]}',
        "features.windows_days": "[7]",
    }


def test_metrics_that_are_missing_or_no_numbers_are_left_out() -> None:
    result = {
        "source": "x",
        "ok": True,
        "rows": 3,
        "baselines": {"points": None},
        "product": {"auc": {"value": None, "low": None}},
    }
    assert flat_metrics(result) == {"rows": 3.0}
