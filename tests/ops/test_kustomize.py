"""ops/kustomize: each overlay names files that are there, and its patches fit what the base has."""

from pathlib import Path
from typing import Any

import yaml

from ops.topology import compose
from tests.ops.test_kubernetes import BASE, FOLDER, KEDA, MANIFESTS, OVERLAY, documents, one, validate

COMPONENTS = sorted(path.parent for path in OVERLAY.glob(f"*/{BASE}"))


def kustomization(folder: Path) -> dict[str, Any]:
    """What a folder's file says."""
    (found,) = documents(folder / BASE)
    return found


def patched(given: Any, patch: Any) -> Any:
    """A strategic merge, as far as these patches need it: lists of named things by name; null removes."""
    if isinstance(given, dict) and isinstance(patch, dict):
        merged = {name: patched(given.get(name), value) for name, value in patch.items()}
        return {name: value for name, value in (given | merged).items() if value is not None}
    if isinstance(given, list) and isinstance(patch, list) and all("name" in each for each in [*given, *patch]):
        names = {each["name"]: each for each in given}
        changed = {each["name"]: patched(names.get(each["name"]), each) for each in patch}
        return list((names | changed).values())
    return patch


def worker_with(component: str) -> dict[str, Any]:
    """The Deployment of the workers, as the component makes it."""
    (patch,) = kustomization(OVERLAY / component)["patches"]
    change = yaml.safe_load(patch["patch"])
    found: dict[str, Any] = patched(one(change["kind"], change["metadata"]["name"]), change)
    return found


def test_the_base_has_all_but_the_scaler() -> None:
    """A cluster without KEDA would refuse its kind."""
    assert sorted(kustomization(FOLDER)["resources"]) == [path.name for path in MANIFESTS if path != KEDA]


def test_the_overlay_names_what_there_is() -> None:
    """The base, and each component; each file of a component is one of its resources."""
    overlay = kustomization(OVERLAY)

    assert [(OVERLAY / each).resolve() for each in overlay["resources"]] == [FOLDER]
    assert sorted(OVERLAY / each for each in overlay["components"]) == COMPONENTS
    for folder in COMPONENTS:
        files = {path.name for path in folder.iterdir()} - {BASE}
        assert set(kustomization(folder).get("resources", [])) == files
        assert kustomization(folder)["kind"] == "Component"


def test_kubernetes_takes_the_patched_deployments(tmp_path: Path) -> None:
    """Every field is one that it knows, and no container or volume came in by a name that the base does not have."""
    for component in ("gpu-nodes", "model-cache"):
        deployment = worker_with(component)
        (tmp_path / f"{component}.yaml").write_text(yaml.safe_dump(deployment))
        for kind in ("initContainers", "containers", "volumes"):
            before, after = (each["spec"]["template"]["spec"][kind] for each in (one("Deployment"), deployment))
            assert [each["name"] for each in after] == [each["name"] for each in before]

    validate(*tmp_path.iterdir(), OVERLAY / "model-cache" / "claim.yaml")


def test_models_are_kept_on_the_claim() -> None:
    """One volume in place of the pod's own, which all pods may write; no Ollama removes what another one pulls."""
    pod = worker_with("model-cache")["spec"]["template"]["spec"]
    (claim,) = documents(OVERLAY / "model-cache" / "claim.yaml")
    (models,) = [volume for volume in pod["volumes"] if volume["name"] == "models"]
    ollama = pod["initContainers"][0]

    assert models == {"name": "models", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert {"name": "OLLAMA_NOPRUNE", "value": "1"} in ollama["env"]
    assert {"name": "models", "mountPath": "/models"} in ollama["volumeMounts"]
    assert len(ollama["env"]) == len(one("Deployment")["spec"]["template"]["spec"]["initContainers"][0]["env"]) + 1


def test_workers_may_run_on_tainted_nodes_with_a_gpu() -> None:
    """And on no others."""
    pod = worker_with("gpu-nodes")["spec"]["template"]["spec"]

    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert [(each["key"], each["operator"], each["effect"]) for each in pod["tolerations"]] == [
        ("nvidia.com/gpu", "Exists", "NoSchedule")
    ]


def test_prometheus_scrapes_every_pod_that_has_metrics() -> None:
    """By the labels and the port that the pods have."""
    (monitor,) = documents(OVERLAY / "monitoring" / "pods.yaml")
    (rule,) = monitor["spec"]["selector"]["matchExpressions"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    pods = [each["spec"]["template"] for path in MANIFESTS for each in documents(path) if each["kind"] == "Deployment"]
    with_metrics = {
        pod["metadata"]["labels"]["app.kubernetes.io/name"]
        for pod in pods
        for container in pod["spec"]["containers"]
        if endpoint["port"] in [port["name"] for port in container.get("ports", [])]
    }

    assert (rule["key"], rule["operator"], set(rule["values"])) == ("app.kubernetes.io/name", "In", with_metrics)
    assert len(with_metrics) == 3


def test_flower_is_started_as_compose_does_it() -> None:
    """The same program and user; it is locked in as the exporter is."""
    names = ("llamaq-flower", "llamaq-exporter")
    pod, exporter = (one("Deployment", name)["spec"]["template"]["spec"] for name in names)
    (flower,) = pod["containers"]
    variables = {each["name"]: each["value"] for each in flower["env"]}
    service = one("Service", "llamaq-flower")["spec"]

    assert pod["securityContext"] == exporter["securityContext"]
    assert flower["securityContext"] == exporter["containers"][0]["securityContext"]
    assert "llamaq-flower@" in variables["LLAMAQ_REDIS_URL"]
    assert variables.keys() == {"LLAMAQ_REDIS_URL", "LLAMAQ_REDIS_PASSWORD_FILE", "LLAMAQ_FLOWER_PASSWORD_FILE"}
    assert service["selector"] == one("Deployment", "llamaq-flower")["spec"]["selector"]["matchLabels"]
    assert flower["args"] == compose.services()["flower"]["command"]
