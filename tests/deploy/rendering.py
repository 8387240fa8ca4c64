"""The chart as a cluster would get it: rendered by Helm's own engine, read strictly."""

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart, values_from_yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/condensery"
CASES = sorted(path.stem for path in CHART.glob("ci/*.yaml"))

Json = dict[str, Any]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, as the API server does; YAML readers keep the last."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - as PyYAML has it
    ) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise ValueError(f"a key is given twice: {keys}")
        return super().construct_mapping(node, deep=deep)


def objects_of(text: str) -> list[Json]:
    """The objects of a manifest, none of them empty."""
    loaded = yaml.load_all(text, Loader=_StrictLoader)
    return [one for one in loaded if one]


@dataclass(frozen=True, slots=True)
class Release:
    """What one set of values renders to."""

    objects: tuple[Json, ...]
    notes: str

    def all(self, kind: str) -> list[Json]:
        return [one for one in self.objects if one["kind"] == kind]

    def only(self, kind: str) -> Json:
        (one,) = self.all(kind)
        return one

    def kinds(self) -> set[str]:
        return {one["kind"] for one in self.objects}

    @property
    def pod(self) -> Json:
        """The pod template of the Deployment."""
        template: Json = self.only("Deployment")["spec"]["template"]
        return template

    @property
    def container(self) -> Json:
        (container,) = self.pod["spec"]["containers"]
        found: Json = container
        return found

    @property
    def pods(self) -> list[Json]:
        """Everything that becomes a pod: with metadata and spec."""
        return [self.pod, *self.all("Pod")]

    @property
    def env(self) -> dict[str, Json]:
        return {one["name"]: one for one in self.container["env"]}


def render(values: Json | None = None) -> Release:
    """The release ``demo`` in the namespace ``rag`` with these values over the defaults."""
    with Chart.load(CHART) as chart:
        manifests = chart.render(values, name="demo", namespace="rag")
    notes = next(text for path, text in manifests.items() if path.endswith("NOTES.txt"))
    texts = [text for path, text in manifests.items() if not path.endswith("NOTES.txt")]
    return Release(tuple(one for text in texts for one in objects_of(text)), notes)


def case_values(case: str) -> Json:
    """The values of ci/<case>.yaml."""
    return values_from_yaml((CHART / f"ci/{case}.yaml").read_text())


@functools.cache
def render_case(case: str) -> Release:
    """What ci/<case>.yaml renders to. Not to be changed: it is shared."""
    return render(case_values(case))
