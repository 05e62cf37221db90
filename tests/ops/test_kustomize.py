"""ops/kustomize: each overlay names files that are there, and its patches fit what the base has."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.topology import compose
from tests.commands import run
from tests.gateway.clients.installed import install_node_modules
from tests.ops.kustomize import built
from tests.ops.test_kubernetes import BASE, FOLDER, KEDA, MANIFESTS, OVERLAY, documents, one, validate

pytestmark = [pytest.mark.needs("npm", "npm registry"), pytest.mark.xdist_group("kustomize")]
TYPESCRIPT = "typescript@5.9.3"
PACKAGE_OF = {"keda.sh": "@kubernetes-models/keda", "monitoring.coreos.com": "@kubernetes-models/prometheus-operator"}
"""Group of kinds -> the package that is generated from their definitions."""
COMPONENTS = sorted(path.parent for path in OVERLAY.glob(f"*/{BASE}"))


def kustomization(folder: Path) -> dict[str, Any]:
    """What a folder's file says."""
    (found,) = documents(folder / BASE)
    return found


def worker() -> dict[str, Any]:
    """The Deployment of the workers, with all components."""
    named = ("Deployment", "llamaq-worker")
    (found,) = (each for each in built(OVERLAY) if (each["kind"], each["metadata"]["name"]) == named)
    return found


def is_custom(of: dict[str, Any]) -> bool:
    """Whether its kind is not one of Kubernetes' own."""
    return of["apiVersion"].partition("/")[0] in PACKAGE_OF


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


def test_kubernetes_takes_what_kustomize_makes(tmp_path: Path) -> None:
    """Every field is one that it knows, and no container or volume came in by a name that the base does not have."""
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([each for each in built(OVERLAY) if not is_custom(each)]))
    for kind in ("initContainers", "containers", "volumes"):
        before, after = (each["spec"]["template"]["spec"][kind] for each in (one("Deployment"), worker()))
        assert sorted(each["name"] for each in after) == sorted(each["name"] for each in before)

    validate(tmp_path / "all.yaml")


def test_it_has_all_objects_of_the_base() -> None:
    """And those of the components."""
    base, all_of_them = ({(each["kind"], each["metadata"]["name"]) for each in built(at)} for at in (FOLDER, OVERLAY))
    assert all_of_them - base == {("PersistentVolumeClaim", "llamaq-models"), ("PodMonitor", "llamaq")}
    assert base <= all_of_them


def test_their_operators_take_the_custom_kinds(tmp_path: Path) -> None:
    """The scaler and the monitor have fields, with types, of the definitions that KEDA and Prometheus publish."""
    custom = [*documents(KEDA), *(each for each in built(OVERLAY) if is_custom(each))]
    assert [each["kind"] for each in custom] == ["ScaledObject", "PodMonitor"]
    lines = []
    for number, each in enumerate(custom):
        group, version = each["apiVersion"].split("/")
        path = f"{PACKAGE_OF[group]}/{group}/{version}/{each['kind']}"
        lines.append(f"import type {{ I{each['kind']} as T{number} }} from {json.dumps(path)};")
        lines.append(f"export const o{number}: T{number} = {json.dumps(each)};")
    packages = ("@kubernetes-models/keda@2.0.0", "@kubernetes-models/prometheus-operator@6.0.0", TYPESCRIPT)
    folder = install_node_modules(*packages)
    (tmp_path / "node_modules").symlink_to(folder / "node_modules")
    (tmp_path / "objects.ts").write_text("\n".join(lines))
    options = ("--strict", "--noEmit", "--skipLibCheck", "--module", "nodenext", "--target", "es2022")
    done = run([folder / "node_modules" / ".bin" / "tsc", *options, "objects.ts"], cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_models_are_kept_on_the_claim() -> None:
    """One volume in place of the pod's own, which all pods may write; no Ollama removes what another one pulls."""
    pod = worker()["spec"]["template"]["spec"]
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
    pod = worker()["spec"]["template"]["spec"]

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
    assert flower["args"] == compose.read_services()["flower"]["command"]
