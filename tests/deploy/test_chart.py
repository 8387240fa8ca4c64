"""The chart renders, lints and validates for every values file, and the checks can fail."""

import copy
from collections.abc import Iterator

import pytest
import yaml
from helm_python import Chart, HelmValuesError, lint
from kubernetes_validate import ValidationError, validate

from tests.deploy.rendering import (
    CASES,
    CHART,
    ROOT,
    Json,
    case_values,
    objects_of,
    render,
    render_case,
)

OLDEST, NEWEST = "1.30", "1.37"
# The shape of a resource claim changed in 1.31.
OLDEST_OF = {"gpu-claim": "1.31"}
# Their definitions are not Kubernetes' own, so there is no schema for them here.
CUSTOM = {"ScaledObject", "ServiceMonitor", "PrometheusRule"}


@pytest.mark.parametrize("case", CASES)
def test_every_case_validates_on_the_oldest_and_the_newest_kubernetes(case: str) -> None:
    built_in = [one for one in render_case(case).objects if one["kind"] not in CUSTOM]

    for version in (OLDEST_OF.get(case, OLDEST), NEWEST):
        validated = {validate(one, version, strict=True) for one in built_in}

        assert validated == {version}


@pytest.mark.parametrize("case", CASES)
def test_every_case_lints_without_a_warning(case: str) -> None:
    report = lint(CHART, case_values(case), strict=True)

    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


def test_the_defaults_validate() -> None:
    for one in render().objects:
        assert validate(one, NEWEST, strict=True) == NEWEST


def test_the_oldest_kubernetes_is_the_one_that_the_chart_asks_for() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["kubeVersion"] == f">={OLDEST}.0-0"


def test_the_cases_together_render_every_template() -> None:
    with Chart.load(CHART) as chart:
        names = {
            path
            for case in CASES
            for path, text in chart.render(case_values(case), name="demo", namespace="rag").items()
            if text.strip()
        }
        templates = {f"condensery/{one['name']}" for one in chart.templates}

    assert names == {one for one in templates if not one.endswith(".tpl")}


def test_validation_catches_a_field_that_does_not_exist() -> None:
    deployment = copy.deepcopy(render().only("Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}

    with pytest.raises(ValidationError, match="livenessProb"):
        validate(deployment, NEWEST, strict=True)


def test_validation_knows_which_kubernetes_has_what() -> None:
    with pytest.raises(ValidationError, match="sleep"):
        validate(render().only("Deployment"), "1.28", strict=True)


def test_reading_catches_a_key_that_is_given_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        objects_of("metadata: {name: a, name: b}")


def _places(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all objects whose members the schema lists."""
    if schema.get("additionalProperties") is False:
        yield path
    for name, below in schema.get("properties", {}).items():
        yield from _places(below, (*path, name))


def _schema() -> Json:
    with Chart.load(CHART) as chart:
        schema = chart.schema
    assert schema is not None
    return schema


@pytest.mark.parametrize("path", list(_places(_schema())), ids=".".join)
def test_an_unknown_value_is_refused_wherever_it_stands(path: tuple[str, ...]) -> None:
    values: Json = {"bogus": 1}
    for name in reversed(path):
        values = {name: values}

    with Chart.load(CHART) as chart, pytest.raises(HelmValuesError, match="bogus"):
        chart.validate_schema(values)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"device": "tpu"}, "device"),
        ({"device": "auto"}, "device"),
        ({"replicas": "2"}, "replicas"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"image": {"digest": "sha256:12"}}, "digest"),
        ({"ports": {"grpc": 80}}, "grpc"),
        ({"gpu": {"count": 2}}, "count"),
        ({"shutdown": {"marginSeconds": 5}}, "marginSeconds"),
        ({"settings": {"port": 1}}, "port"),
        ({"settings": {"CONDENSERY_X": 1}}, "CONDENSERY_X"),
        ({"llm": {"baseUrl": "https://user:password@llm"}}, "baseUrl"),
        ({"podLabels": {"app.kubernetes.io/name": "other"}}, "app.kubernetes.io/name"),
        ({"models": {"summary": "google/mt5-small"}}, "summary"),
        ({"networkPolicy": {"dnsTo": []}}, "dnsTo"),
        ({"logLevel": "LOUD"}, "logLevel"),
    ],
)
def test_nonsense_is_refused_by_name(values: Json, complaint: str) -> None:
    with Chart.load(CHART) as chart, pytest.raises(HelmValuesError, match=complaint):
        chart.validate_schema(values)


def test_every_value_that_the_schema_knows_has_a_default() -> None:
    with Chart.load(CHART) as chart:
        defaults = chart.values

    for path in _places(_schema()):
        listed, given = _schema(), defaults
        for name in path:
            listed, given = listed["properties"][name], given.get(name, {})
        known = set(listed["properties"]) - {"global"}
        # Entries of lists have no default.
        assert set(given) == known or not given, path


def test_chart_and_image_have_the_version_of_the_server() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == project["version"]


def test_the_readme_lists_every_value_with_its_default() -> None:
    import json

    def leaves(values: Json, path: str = "") -> Iterator[tuple[str, object]]:
        for name, value in values.items():
            if isinstance(value, dict) and value and name not in {"requests", "limits", "labels"}:
                yield from leaves(value, f"{path}{name}.")
            else:
                yield path + name, value

    rows = [
        [cell.strip().strip("`") for cell in line.split("|")[1:3]]
        for line in (CHART / "README.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    with Chart.load(CHART) as chart:
        expected = dict(leaves(chart.values))

    assert {key: json.loads(default) for key, default in rows} == expected


def test_the_notes_warn_of_what_is_open() -> None:
    assert "no authentication" in render().notes
    assert "WARNING" not in render_case("everything").notes
