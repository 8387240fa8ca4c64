"""Alerts and dashboard ask for metrics that the server has; alerts fire when they should."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.rendering import ROOT, Json, render_case

METRIC = re.compile(r"\b((?:condensery|grpc_server)_[a-z_]+)\b")
# Of a histogram, what Prometheus appends.
SUFFIXES = re.compile(r"_(bucket|sum|count)$")
SERIES = '{namespace="rag",service="squeeze"%s}'


def rules() -> Json:
    spec: Json = render_case("everything").only("PrometheusRule")["spec"]
    return spec


def asked_for() -> set[str]:
    """The metrics in the expressions of rules, dashboard and scaler."""
    release = render_case("everything")
    (dashboard,) = release.only("ConfigMap")["data"].values()
    (trigger,) = release.only("ScaledObject")["spec"]["triggers"]
    expressions = [
        trigger["metadata"]["query"],
        *(rule["expr"] for group in rules()["groups"] for rule in group["rules"]),
        *(t["expr"] for panel in json.loads(dashboard)["panels"] for t in panel["targets"]),
    ]
    return {SUFFIXES.sub("", name) for text in expressions for name in METRIC.findall(text)}


def test_every_metric_that_is_asked_for_is_the_servers() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "service").glob("**/*.py"))

    # The Prometheus client appends _total by itself, so the source may leave it out.
    missing = {
        name
        for name in asked_for()
        if not re.search(rf"\b{name.removesuffix('_total')}(_total)?\b", source)
    }

    assert len(asked_for()) >= 6
    assert missing == set()


def test_alerts_name_reasons_and_codes_as_the_server_does() -> None:
    import grpc

    from compressors.errors import Overloaded, Unavailable
    from service.metrics import code_name
    from service.status import reason_of

    reasons = [
        reason_of(error).lower()
        for error in (Overloaded("full", retry_after=1), Unavailable("off"))
    ]
    failed = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS)
    codes = [code_name(code) for code in failed]
    expressions = " ".join(rule["expr"] for rule in rules()["groups"][0]["rules"])

    assert f'reason=~"{"|".join(reasons)}"' in expressions
    assert f'grpc_code=~"{"|".join(codes)}"' in expressions


def test_every_alert_says_how_bad_it_is_and_what_it_means() -> None:
    for rule in rules()["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["for"]


def _test_of(alert: str, series: dict[str, str]) -> Json:
    """A promtool test: after 2 hours of these series, this alert and no other fires."""
    alerts = [rule["alert"] for group in rules()["groups"] for rule in group["rules"]]
    given = [{"series": name, "values": values} for name, values in series.items()]
    firing = {one: {"eval_time": "2h", "alertname": one, "exp_alerts": []} for one in alerts}
    if alert:
        found = next(r for g in rules()["groups"] for r in g["rules"] if r["alert"] == alert)
        firing.pop(alert)
        expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
        samples = [{"labels": "{}", "value": 1}]
        return {
            "interval": "1m",
            "input_series": given,
            "alert_rule_test": list(firing.values()),
            "promql_expr_test": [{"expr": expr, "eval_time": "2h", "exp_samples": samples}],
            "name": found["alert"],
        }
    return {"interval": "1m", "input_series": given, "alert_rule_test": list(firing.values())}


def _series(
    *, up: str = "1x120", oldest: str = "0x120", calls: str = "0+600x120", **bad: str
) -> dict[str, str]:
    """A healthy hour or two, but for what is given."""
    return {
        "up" + SERIES % "": up,
        "condensery_queue_oldest_seconds" + SERIES % "": oldest,
        "condensery_rejected_total" + SERIES % ',reason="overloaded"': bad.get(
            "rejected", "0+1x120"
        ),
        "condensery_rejected_total" + SERIES % ',reason="invalid_input"': "0+300x120",
        "grpc_server_handled_total" + SERIES % ',grpc_code="OK"': calls,
        "grpc_server_handled_total" + SERIES % ',grpc_code="Internal"': bad.get("failed", "0x120"),
        "condensery_tokens_total" + SERIES % ',direction="in"': "0+1000x120",
        "condensery_tokens_total" + SERIES % ',direction="out"': bad.get("out", "0+300x120"),
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
@pytest.mark.parametrize(
    ("alert", "series"),
    [
        ("", _series()),
        ("CondenseryDown", _series(up="0x120")),
        ("CondenseryQueueOld", _series(oldest="9x120")),
        ("CondenseryRejecting", _series(rejected="0+60x120")),
        ("CondenseryFailing", _series(failed="0+60x120")),
        ("CondenseryNotCompressing", _series(out="0+999x120")),
    ],
)
def test_an_alert_fires_alone_and_only_when_it_should(
    alert: str, series: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))
    test = {"rule_files": ["rules.yaml"], "tests": [_test_of(alert, series)]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))

    result = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"],  # noqa: S607 - wherever it is installed
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stdout + result.stderr
