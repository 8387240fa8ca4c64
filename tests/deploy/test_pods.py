"""Pods: the restricted security profile, probes, shutdown, threads, GPUs and secrets."""

import re
from collections.abc import Iterator

import pytest
from helm_python import HelmRenderError

from tests.deploy.rendering import CASES, Json, Release, render, render_case

# https://kubernetes.io/docs/concepts/security/pod-security-standards/, "restricted".
ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: Json) -> Iterator[str]:
    """What the restricted profile, and we beyond it, forbid in a pod."""
    spec = pod["spec"]
    context = spec.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccompProfile"
    if context.get("runAsUser", 0) < 10000:
        yield "runAsUser"
    if spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken"
    if spec.get("enableServiceLinks") is not False:
        yield "enableServiceLinks"
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= ALLOWED_VOLUMES:
            yield f"volume {volume['name']}"
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        yield from _container_violations(container)


def _container_violations(container: Json) -> Iterator[str]:
    context = container.get("securityContext", {})
    expected = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for name, value in expected.items():
        if context.get(name) != value:
            yield name
    # Nothing may be loosened again where it counts most.
    for name in set(context) - set(expected):
        yield name
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "hostPort"


@pytest.mark.parametrize("case", CASES)
def test_every_pod_keeps_to_the_restricted_profile(case: str) -> None:
    for pod in render_case(case).pods:
        assert list(violations(pod)) == []


def test_the_check_of_the_profile_finds_a_naive_pod() -> None:
    naive = {
        "spec": {
            "hostNetwork": True,
            "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
            "containers": [{"securityContext": {"privileged": True}, "ports": [{"hostPort": 1}]}],
        }
    }

    assert set(violations(naive)) == {
        "hostNetwork",
        "seccompProfile",
        "runAsUser",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "volume root",
        "allowPrivilegeEscalation",
        "readOnlyRootFilesystem",
        "runAsNonRoot",
        "capabilities",
        "privileged",
        "hostPort",
    }


@pytest.mark.parametrize("case", CASES)
def test_every_container_is_probed_over_grpc_on_the_health_port(case: str) -> None:
    container = render_case(case).container
    health = {one["name"]: one["containerPort"] for one in container["ports"]}["health"]

    probes = {name: container[f"{name}Probe"]["grpc"] for name in ("startup", "readiness")}
    liveness = container["livenessProbe"]["grpc"]

    assert probes["startup"] == {"port": health, "service": ""}
    assert probes["readiness"] == {"port": health, "service": "condensery.v1.CompressionService"}
    assert liveness == {"port": health, "service": "liveness"}


@pytest.mark.parametrize("case", CASES)
def test_the_grace_period_covers_the_sleep_and_the_drain(case: str) -> None:
    release = render_case(case)
    sleep = release.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
    drain = int(release.env["CONDENSERY_DRAIN_SECONDS"]["value"])

    grace = release.pod["spec"]["terminationGracePeriodSeconds"]

    assert grace > sleep.get("seconds", 0) + drain + 5


@pytest.mark.parametrize("case", CASES)
def test_a_rollout_is_not_given_up_while_models_may_still_load(case: str) -> None:
    release = render_case(case)
    startup = release.container["startupProbe"]
    spec = release.only("Deployment")["spec"]

    assert spec["progressDeadlineSeconds"] > startup["periodSeconds"] * startup["failureThreshold"]


def test_a_rollout_keeps_every_replica_by_default() -> None:
    strategy = render().only("Deployment")["spec"]["strategy"]["rollingUpdate"]

    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


@pytest.mark.parametrize("case", CASES)
def test_only_what_is_mounted_can_be_written(case: str) -> None:
    release = render_case(case)
    mounts = {one["mountPath"]: one for one in release.container["volumeMounts"]}

    volumes = {one["name"] for one in release.pod["spec"]["volumes"]}
    writable = {path for path, one in mounts.items() if not one.get("readOnly")}

    assert writable == {"/tmp", "/dev/shm"}  # noqa: S108 - the pod's own
    assert {one["name"] for one in mounts.values()} == volumes
    assert not any("subPath" in one for one in mounts.values())


@pytest.mark.parametrize(
    ("resources", "source"),
    [
        ({"limits": {"cpu": "4"}}, "limits.cpu"),
        ({"limits": {"cpu": 4}}, "limits.cpu"),
        ({}, "requests.cpu"),
    ],
)
def test_threads_follow_the_cpu_that_the_container_is_promised(
    resources: Json, source: str
) -> None:
    env = render({"resources": resources}).env

    for name in ("OMP_NUM_THREADS", "CONDENSERY_THREADS"):
        reference = env[name]["valueFrom"]["resourceFieldRef"]
        assert reference == {"containerName": "condensery", "resource": source, "divisor": "1"}


def test_threads_can_be_set_and_are_the_servers_own_without_resources() -> None:
    fixed, free = render({"engine": {"threads": 3}}).env, render_case("minimal").env

    assert fixed["OMP_NUM_THREADS"]["value"] == fixed["CONDENSERY_THREADS"]["value"] == "3"
    # Without a limit, limits.cpu would be all of the node's.
    assert not {"OMP_NUM_THREADS", "CONDENSERY_THREADS"} & set(free)
    assert free["OMP_WAIT_POLICY"]["value"] == "PASSIVE"


@pytest.mark.parametrize("case", CASES)
def test_memory_cannot_be_taken_back(case: str) -> None:
    resources = render_case(case).container["resources"]

    assert resources.get("limits", {}).get("memory") == resources.get("requests", {}).get("memory")


@pytest.mark.parametrize("case", CASES)
def test_a_gpu_is_asked_for_only_on_cuda(case: str) -> None:
    release = render_case(case)
    resources = release.container["resources"]

    by_plugin = resources.get("limits", {}).get("nvidia.com/gpu", 0) == 1
    by_claim = bool(resources.get("claims"))

    assert release.env["CONDENSERY_DEVICE"]["value"] == ("cuda" if "gpu" in case else "cpu")
    assert [by_plugin, by_claim] == [case == "gpu", case == "gpu-claim"]
    assert by_claim == ("resourceClaims" in release.pod["spec"])


def test_cuda_uses_the_image_with_cuda() -> None:
    assert render().container["image"] == "condensery-server:0.1.0"
    assert render({"device": "cuda"}).container["image"] == "condensery-server:0.1.0-cuda"
    assert "@sha256:" in render_case("everything").container["image"]


def test_the_grpc_port_may_be_any() -> None:
    release = render_case("everything")
    ports = {one["name"]: one["containerPort"] for one in release.container["ports"]}

    assert ports == {"grpc": 8443, "health": 8444, "metrics": 8445}
    assert release.env["CONDENSERY_PORT"]["value"] == "8443"
    assert release.env["CONDENSERY_HEALTH_PORT"]["value"] == "8444"
    assert release.env["CONDENSERY_METRICS_PORT"]["value"] == "8445"


@pytest.mark.parametrize("case", CASES)
def test_secrets_are_files_and_never_values(case: str) -> None:
    release = render_case(case)
    volumes = {one["name"]: one for one in release.pod["spec"]["volumes"]}
    folders = {
        one["mountPath"]: {item["path"] for item in volumes[one["name"]]["secret"]["items"]}
        for one in release.container["volumeMounts"]
        if "secret" in volumes[one["name"]]
    }
    expected = {f"{folder}/{name}" for folder, names in folders.items() for name in names}

    given = {
        one["value"]
        for name, one in release.env.items()
        if re.search("TLS|AUTH|KEY|SECRET|PASSWORD", name)
    }

    assert given == expected
    assert "Secret" not in release.kinds()


def test_everything_mounts_each_secret_by_its_own_key() -> None:
    volumes = {one["name"]: one for one in render_case("everything").pod["spec"]["volumes"]}

    auth = volumes["auth"]["secret"]
    assert auth["secretName"] == "squeeze-tokens"
    assert auth["items"] == [{"key": "bearer", "path": "tokens"}]
    assert auth["defaultMode"] == 0o440
    assert set(volumes) >= {"auth", "tls", "client-ca", "llm"}


@pytest.mark.parametrize("case", CASES)
def test_no_variable_is_given_twice(case: str) -> None:
    release: Release = render_case(case)

    assert len(release.env) == len(release.container["env"])


def test_settings_without_a_value_of_their_own_go_through_as_written() -> None:
    settings = {"big": 2_000_000, "small": 0.25, "yes": True, "text": "a b"}

    env = render({"settings": settings}).env

    given = [env[f"CONDENSERY_{name.upper()}"]["value"] for name in settings]
    assert given == ["2000000", "0.25", "true", "a b"]


def test_indexes_are_named_by_their_place_in_the_container() -> None:
    env = render_case("everything").env

    assert env["CONDENSERY_INDEXES"]["value"] == (
        "handbook=/indexes/handbook,wiki=/indexes/wiki-2025"
    )


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"device": "cuda", "gpu": {"count": 0}}, "gpu.count"),
        ({"tls": {"clientCA": {"existingSecret": "ca"}}}, "needs tls.existingSecret"),
        ({"llm": {"apiKey": {"existingSecret": "key"}}}, "needs llm.baseUrl"),
        ({"llm": {"baseUrl": "http://llm/v1"}}, "needs llm.model"),
        ({"models": {"exitLora": "/models/lora"}}, "needs models.exitCausalLm"),
        ({"indexes": {"names": {"a": "a"}}}, "needs indexes.existingClaim"),
        ({"strategy": {"maxSurge": 0}}, "both 0"),
        ({"progressDeadlineSeconds": 600}, "startup probe"),
    ],
)
def test_what_cannot_work_is_refused(values: Json, complaint: str) -> None:
    with pytest.raises(HelmRenderError, match=complaint):
        render(values)
