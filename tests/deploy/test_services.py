"""What stands around the pods: services, policies, scaling and monitoring all mean these pods."""

import json

import pytest
from helm_python import HelmRenderError

from tests.deploy.rendering import CASES, Json, render, render_case


def selects(selector: Json, pod: Json) -> bool:
    """Whether the pod has all the labels."""
    return all(pod["metadata"]["labels"].get(name) == value for name, value in selector.items())


@pytest.mark.parametrize("case", CASES)
def test_every_selector_means_the_servers_pods_and_no_other(case: str) -> None:
    release = render_case(case)
    selectors = [
        release.only("Deployment")["spec"]["selector"]["matchLabels"],
        *(one["spec"]["selector"] for one in release.all("Service")),
        *(one["spec"]["selector"]["matchLabels"] for one in release.all("PodDisruptionBudget")),
        *(one["spec"]["podSelector"]["matchLabels"] for one in release.all("NetworkPolicy")),
        *(
            one["labelSelector"]["matchLabels"]
            for one in release.pod["spec"].get("topologySpreadConstraints", [])
        ),
    ]

    for selector in selectors:
        assert selects(selector, release.pod)
        # The test pod must never get calls.
        assert not any(selects(selector, pod) for pod in release.all("Pod"))


def test_a_selector_never_holds_a_version() -> None:
    selector = render().only("Deployment")["spec"]["selector"]["matchLabels"]

    assert selector == {
        "app.kubernetes.io/name": "condensery",
        "app.kubernetes.io/instance": "demo",
    }


@pytest.mark.parametrize("case", CASES)
def test_ports_are_named_and_lead_to_ports_of_the_container(case: str) -> None:
    release = render_case(case)
    ports = {one["name"]: one["containerPort"] for one in release.container["ports"]}

    for service in release.all("Service"):
        for port in service["spec"]["ports"]:
            assert port["targetPort"] == port["name"]
            # The addresses of a headless service are the pods': there, nothing maps ports.
            assert port["port"] == ports[port["name"]]
            assert port["appProtocol"]


def test_the_protocol_says_whether_there_is_tls() -> None:
    def protocols(case: str) -> set[str]:
        services = render_case(case).all("Service")
        ports = [port for service in services for port in service["spec"]["ports"]]
        return {port["appProtocol"] for port in ports if port["name"] == "grpc"}

    assert protocols("cpu") == {"kubernetes.io/h2c"}
    assert protocols("everything") == {"https"}


def test_one_service_has_an_address_and_one_has_none() -> None:
    services = {one["metadata"]["name"]: one["spec"] for one in render().all("Service")}

    assert set(services) == {"demo-condensery", "demo-condensery-headless"}
    assert services["demo-condensery"]["type"] == "ClusterIP"
    assert services["demo-condensery-headless"]["clusterIP"] == "None"


@pytest.mark.parametrize("case", CASES)
def test_at_most_one_autoscaler_and_no_fixed_number_beside_it(case: str) -> None:
    release = render_case(case)
    scalers = [*release.all("HorizontalPodAutoscaler"), *release.all("ScaledObject")]
    deployment = release.only("Deployment")

    assert len(scalers) <= 1
    assert ("replicas" in deployment["spec"]) == (not scalers)
    for scaler in scalers:
        target = scaler["spec"]["scaleTargetRef"]
        assert target["name"] == deployment["metadata"]["name"]
        assert (target["apiVersion"], target["kind"]) == ("apps/v1", "Deployment")


def test_two_autoscalers_are_refused() -> None:
    both = {"autoscaling": {"hpa": {"enabled": True}, "keda": {"enabled": True}}}

    with pytest.raises(HelmRenderError, match="both enabled"):
        render(both)


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    with pytest.raises(HelmRenderError, match="more than maxReplicas"):
        render({"autoscaling": {"minReplicas": 9}})


def test_pods_go_more_slowly_than_they_come() -> None:
    hpa = render_case("cpu").only("HorizontalPodAutoscaler")["spec"]["behavior"]
    keda = render_case("gpu").only("ScaledObject")["spec"]["advanced"]

    assert hpa == keda["horizontalPodAutoscalerConfig"]["behavior"]
    assert hpa["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert hpa["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert (hpa["scaleUp"]["selectPolicy"], hpa["scaleDown"]["selectPolicy"]) == ("Max", "Min")


def test_keda_counts_the_waiting_tokens_of_this_release() -> None:
    (trigger,) = render_case("gpu").only("ScaledObject")["spec"]["triggers"]

    assert trigger["metricType"] == "AverageValue"
    assert trigger["metadata"]["threshold"] == "100000"
    assert trigger["metadata"]["query"] == (
        'sum(condensery_queue_tokens{namespace="rag",service="demo-condensery"})'
    )


def test_a_broken_pod_does_not_block_its_node() -> None:
    budget = render().only("PodDisruptionBudget")["spec"]

    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_network_is_closed_but_for_calls_metrics_and_names() -> None:
    policy = render().only("NetworkPolicy")["spec"]

    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert [rule["ports"][0]["port"] for rule in policy["ingress"]] == ["grpc", "metrics", "health"]
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{53}]
    # A rule without peers lets everybody in.
    assert all(rule["from"] for rule in policy["ingress"])
    assert all(rule["to"] for rule in policy["egress"])


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://vllm.llm.svc:8000/v1", 8000),
        ("http://vllm/v1", 80),
        ("https://api.example.com/v1", 443),
        ("https://[2001:db8::1]:8443/v1", 8443),
        ("https://[2001:db8::1]/v1", 443),
    ],
)
def test_the_llm_can_be_reached_on_its_port(url: str, port: int) -> None:
    policy = render({"llm": {"baseUrl": url, "model": "any"}}).only("NetworkPolicy")["spec"]

    assert [one["port"] for one in policy["egress"][1]["ports"]] == [port]


def test_the_llm_may_be_confined_to_a_place() -> None:
    policy = render_case("everything").only("NetworkPolicy")["spec"]
    (rule,) = [rule for rule in policy["egress"] if rule["ports"][0]["port"] == 8000]

    assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "llm"
    }


def test_metrics_are_scraped_once() -> None:
    release = render_case("everything")
    monitor = release.only("ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"]

    (service,) = [
        one for one in release.all("Service") if wanted.items() <= one["metadata"]["labels"].items()
    ]

    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"
    assert monitor["namespaceSelector"] == {"matchNames": ["rag"]}


@pytest.mark.parametrize("case", CASES)
def test_names_fit_and_everything_is_labelled_and_in_the_namespace(case: str) -> None:
    for one in render_case(case).objects:
        meta = one["metadata"]
        assert len(meta["name"]) <= 63
        assert meta["namespace"] == "rag"
        assert meta["labels"]["app.kubernetes.io/instance"] == "demo"
        assert meta["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_a_long_name_is_cut_so_that_suffixes_still_fit() -> None:
    services = render({"nameOverride": "x" * 50}).all("Service")

    assert max(len(one["metadata"]["name"]) for one in services) <= 63


def test_the_dashboard_is_json_that_draws_something() -> None:
    (text,) = render_case("everything").only("ConfigMap")["data"].values()
    dashboard = json.loads(text)

    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) >= 8
    assert all(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
