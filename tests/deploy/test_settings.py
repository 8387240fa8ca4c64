"""Chart and images set only what the server knows: it refuses everything else at its start."""

import re
from dataclasses import fields

import pytest

from tests.deploy.rendering import CASES, CHART, ROOT, case_values, render_case

NAME = re.compile(r"\bCONDENSERY_[A-Z0-9_]*[A-Z0-9]\b")


def known_names() -> set[str]:
    from service.settings import Settings

    return {f"CONDENSERY_{field.name.upper()}" for field in fields(Settings)}


@pytest.mark.parametrize("case", CASES)
def test_every_variable_that_is_rendered_is_a_setting(case: str) -> None:
    names = {name for name in render_case(case).env if name.startswith("CONDENSERY_")}

    assert names
    assert names <= known_names()


def test_every_setting_that_a_template_or_the_dockerfile_names_exists() -> None:
    paths = [ROOT / "deploy/Dockerfile", *CHART.glob("templates/**/*")]
    texts = [path.read_text() for path in paths if path.is_file()]

    # Comments may speak of the values (settings.*), but these are names like any other.
    names = {name for text in texts for name in NAME.findall(text)}

    assert len(names) > 15
    assert names <= known_names()


@pytest.mark.parametrize("case", CASES)
def test_the_server_accepts_the_environment_that_is_rendered(case: str) -> None:
    from service.settings import Settings

    env = {name: one.get("value", "4") for name, one in render_case(case).env.items()}

    settings = Settings.load(env)

    assert settings.port == int(env["CONDENSERY_PORT"])
    assert settings.device == env["CONDENSERY_DEVICE"]


def test_the_values_file_names_an_example_that_exists() -> None:
    (example,) = re.findall(r"e\.g\. \{(\w+): \d+\} becomes", (CHART / "values.yaml").read_text())

    assert f"CONDENSERY_{example.upper()}" in known_names()


def test_names_that_the_chart_sets_cannot_be_set_twice() -> None:
    import json

    schema = json.loads((CHART / "values.schema.json").read_text())
    taken = set(schema["properties"]["settings"]["propertyNames"]["not"]["enum"])
    set_by_chart = {
        name.removeprefix("CONDENSERY_").lower()
        for case in CASES
        for name in render_case(case).env
        if name.startswith("CONDENSERY_")
        and name.removeprefix("CONDENSERY_").lower() not in case_values(case).get("settings", {})
    }

    assert set_by_chart == taken
