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
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)"
)
SERIES = '{namespace="rag",service="squeeze"%s}'


def rules() -> Json:
    spec: Json = render_case("everything").only("PrometheusRule")["spec"]
    return spec


def panels() -> list[Json]:
    (dashboard,) = render_case("everything").only("ConfigMap")["data"].values()
    found: list[Json] = json.loads(dashboard)["panels"]
    return found


def shown() -> list[str]:
    """The expressions of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def scaled_by() -> str:
    (trigger,) = render_case("everything").only("ScaledObject")["spec"]["triggers"]
    query: str = trigger["metadata"]["query"]
    return query


def asked_for() -> set[str]:
    """The metrics in the expressions of rules, dashboard and scaler."""
    expressions = [
        scaled_by(),
        *(rule["expr"] for group in rules()["groups"] for rule in group["rules"]),
        *shown(),
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


def test_panels_have_numbers_and_places_of_their_own() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]

    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert len(set(places)) == len(places)


def _promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments],  # noqa: S607 - wherever it is installed
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
    )


@needs_promtool
def test_prometheus_reads_every_expression_of_dashboard_and_scaler(tmp_path: Path) -> None:
    # Grafana fills in what stands after a dollar; within quotes it may stay.
    expressions = [text.replace("$__rate_interval", "5m") for text in (*shown(), scaled_by())]
    records = [{"record": f"read:{n}", "expr": text} for n, text in enumerate(expressions)]
    group = {"name": "read", "rules": records}
    (tmp_path / "read.yaml").write_text(yaml.safe_dump({"groups": [group]}))
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules()))

    result = _promtool("check", "rules", "read.yaml", "rules.yaml", folder=tmp_path)

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(expressions)} rules found" in result.stdout


@needs_promtool
def test_the_dashboard_shows_fill_and_savings_as_they_are(tmp_path: Path) -> None:
    labels = '{namespace="$namespace",service="$service",pod="%s",model="m"}'
    tokens = '{namespace="$namespace",service="$service",direction="%s",chain="%s",tenant="a"}'
    # Two pods: 10 batches a minute of 1,000 in 2,000 tokens, and 30 of 500 in 1,000.
    series = {
        "condensery_batch_runs_total" + labels % "p": "0+10x60",
        "condensery_batch_padded_tokens_total" + labels % "p": "0+10000x60",
        "condensery_batch_tokens_total" + labels % "p": "0+8000x60",
        "condensery_batch_budget_tokens" + labels % "p": "2000x60",
        "condensery_batch_runs_total" + labels % "q": "0+30x60",
        "condensery_batch_padded_tokens_total" + labels % "q": "0+15000x60",
        "condensery_batch_tokens_total" + labels % "q": "0+12000x60",
        "condensery_batch_budget_tokens" + labels % "q": "1000x60",
        "condensery_tokens_total" + tokens % ("in", "full"): "0+600x60",
        "condensery_tokens_total" + tokens % ("out", "full"): "0+180x60",
    }
    expected = {
        "How full batches are": ('{model="m"}', 0.5),
        "Padding, as a share of what is computed": ('{model="m"}', 0.2),
        "Tokens saved per second, by chain": ('{chain="full"}', 7),
        "Tokens saved per second, by tenant": ('{tenant="a"}', 7),
    }
    by_title = {panel["title"]: panel["targets"][0]["expr"] for panel in panels()}
    asked = [
        {
            "expr": f"round({by_title[title].replace('$__rate_interval', '5m')}, 0.001)",
            "eval_time": "30m",
            "exp_samples": [{"labels": labels, "value": value}],
        }
        for title, (labels, value) in expected.items()
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": asked}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"tests": [test]}))

    result = _promtool("test", "rules", "test.yaml", folder=tmp_path)

    assert result.returncode == 0, result.stdout + result.stderr


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
        "process_start_time_seconds" + SERIES % "": bad.get("began", "5000x120"),
        "condensery_engine_alive" + SERIES % "": bad.get("alive", "1x120"),
        "condensery_engine_stalled_seconds" + SERIES % "": bad.get("stalled", "0x120"),
        "condensery_out_of_memory_total" + SERIES % "": bad.get("out_of_memory", "0x120"),
        "condensery_queue_tokens" + SERIES % "": bad.get("queued", "1000x120"),
        "condensery_queue_limit_tokens" + SERIES % "": "100000x120",
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


@needs_promtool
@pytest.mark.parametrize(
    ("alert", "series"),
    [
        ("", _series()),
        ("CondenseryDown", _series(up="0x120")),
        ("CondenseryQueueOld", _series(oldest="9x120")),
        ("CondenseryDied", _series(began="5000x110 6000x10")),
        ("CondenseryDied", _series(alive="1x60 0x60")),
        ("CondenseryStalled", _series(stalled="0x60 0+60x60")),
        ("", _series(stalled="20x120")),
        ("CondenseryOutOfMemory", _series(out_of_memory="1x120")),
        ("CondenseryQueueNearlyFull", _series(queued="90000x120")),
        ("", _series(queued="70000x120")),
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

    result = _promtool("test", "rules", "test.yaml", folder=tmp_path)

    assert result.returncode == 0, result.stdout + result.stderr
