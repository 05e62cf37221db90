"""ops/kubernetes, checked by the schema of Kubernetes itself; test_kustomize.py has the kinds of operators."""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from llamaq import __version__
from ops.topology import compose
from tests.commands import run
from tests.worker_process import CHECKOUT

FOLDER = CHECKOUT / "ops" / "kubernetes"
OVERLAY = CHECKOUT / "ops" / "kustomize"
BASE = "kustomization.yaml"
MANIFESTS = sorted(path for path in FOLDER.glob("*.yaml") if path.name != BASE)
KEDA = FOLDER / "scaling.yaml"
"""Kubernetes' own schema does not know it."""
# Of KEDA's trigger `prometheus`, whose fields its definition leaves open: name -> whether it has to be there.
TRIGGER = {"serverAddress": True, "query": True, "threshold": True, "activationThreshold": False, "namespace": False}
TRIGGER |= {"ignoreNullValues": False, "unsafeSsl": False, "authModes": False, "timeout": False}


def documents(path: Path) -> list[dict[str, Any]]:
    """What a file holds."""
    return list(yaml.safe_load_all(path.read_text()))


def validate(*files: Path) -> None:
    """One run for all files, because its start takes seconds."""
    done = run([str(Path(sys.executable).parent / "kubernetes-validate"), "--strict", *map(str, files)], timeout=110)

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall("passed", done.stdout + done.stderr)) == sum(len(documents(file)) for file in files)


def one(kind: str, name: str = "llamaq-worker") -> dict[str, Any]:
    """The one object of a kind and a name."""
    objects = [each for path in MANIFESTS for each in documents(path)]
    (found,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def test_kubernetes_takes_them() -> None:
    """Every field is one that Kubernetes knows, of the right type."""
    validate(*(path for path in MANIFESTS if path != KEDA))


def fits(given: dict[str, Any], known: dict[str, bool]) -> bool:
    """Whether it has what it must have, and nothing unknown."""
    return {name for name, needed in known.items() if needed} <= given.keys() <= known.keys()


def test_keda_takes_it() -> None:
    """A ScaledObject with the fields of its reference; all of a trigger's metadata are strings, as KEDA reads them."""
    (scaled,) = documents(KEDA)
    (trigger,) = scaled["spec"]["triggers"]

    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert fits(trigger["metadata"], TRIGGER)
    assert trigger["type"] == "prometheus"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert float(trigger["metadata"]["threshold"]) > 0
    assert 0 <= scaled["spec"]["minReplicaCount"] <= scaled["spec"]["maxReplicaCount"]
    assert float(trigger["metadata"]["activationThreshold"]) == 0  # one job starts the first host


def test_keda_scales_the_deployment_by_a_metric_that_exists() -> None:
    """The query's metric is one that workers and the exporter serve, joined by max: each tells the whole fleet's."""
    (scaled,) = documents(KEDA)
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    (metric,) = set(re.findall(r"llamaq_\w+", query))

    assert scaled["spec"]["scaleTargetRef"]["name"] == one("Deployment")["metadata"]["name"]
    assert f"`{metric}`" in (CHECKOUT / "docs" / "metrics.md").read_text()
    assert query == f"max({metric})"


def test_the_exporter_is_locked_in_and_reached_by_prometheus_alone() -> None:
    """As the workers are; it has a user of its own, and needs no Ollama."""
    pod, policy = one("Deployment", "llamaq-exporter")["spec"]["template"], one("NetworkPolicy", "llamaq-exporter")
    (container,) = pod["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}

    assert container["args"] == ["python", "-m", "worker", "exporter"]
    assert container["image"] == one("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert "llamaq-exporter@" in variables["LLAMAQ_REDIS_URL"]
    assert not [name for name in variables if "OLLAMA" in name]
    assert pod["spec"]["securityContext"] == one("Deployment")["spec"]["template"]["spec"]["securityContext"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert policy["spec"]["ingress"] == one("NetworkPolicy")["spec"]["ingress"]


def test_the_images_are_of_this_version() -> None:
    """A release does not leave the version before it in a manifest."""
    found = [image for path in MANIFESTS for image in re.findall(r"image: llamaq:(\S+)", path.read_text())]

    assert set(found) == {__version__}


def test_all_speak_of_the_same_pods() -> None:
    """The budget, the policy and the Deployment select what the Deployment makes."""
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in (
        one("Deployment")["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"],
        one("NetworkPolicy")["spec"]["podSelector"],
    ):
        assert selector["matchLabels"].items() <= labels.items()


def test_the_pods_are_locked_in_and_have_time_to_drain() -> None:
    """Not root, nothing writable but its volumes; the grace is above the drain; Ollama ends after the worker."""
    pod = one("Deployment")["spec"]["template"]["spec"]
    drain = float(one("ConfigMap")["data"]["LLAMAQ_DRAIN_SECONDS"])
    ollama = pod["initContainers"][0]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["terminationGracePeriodSeconds"] > drain + 10
    assert (ollama["name"], ollama["restartPolicy"]) == ("ollama", "Always")
    for container in [*pod["initContainers"], *pod["containers"]]:
        locked = container["securityContext"]
        assert locked["readOnlyRootFilesystem"] is True
        assert locked["allowPrivilegeEscalation"] is False
        assert locked["capabilities"] == {"drop": ["ALL"]}
        assert not container["image"].endswith("latest")
        assert ":" in container["image"]


def test_a_rollout_needs_no_further_gpu() -> None:
    """Where all GPUs are in use, a pod that is started beside the old ones would never begin, nor the rollout end."""
    spec = one("Deployment")["spec"]
    containers = spec["template"]["spec"]["initContainers"]
    gpus = [container["resources"]["limits"].get("nvidia.com/gpu") for container in containers]

    assert "1" in gpus
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_probes_ask_the_worker_itself() -> None:
    """Start, readiness and liveness: the file that the worker touches when it hears its own message."""
    (worker,) = one("Deployment")["spec"]["template"]["spec"]["containers"]
    file = one("ConfigMap")["data"]["LLAMAQ_LIVENESS_FILE"]

    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert worker[probe]["exec"]["command"] == ["python", "-m", "worker.liveness_probe", file]


def test_a_pod_has_the_memory_that_compose_gives() -> None:
    """Two pictures of the largest size at a time take most of a gigabyte, in whichever way the process is started."""
    for name in ("worker", "gateway"):
        (container,) = one("Deployment", f"llamaq-{name}")["spec"]["template"]["spec"]["containers"]
        given = compose.read_services()[name]["mem_limit"]

        assert container["resources"]["limits"]["memory"] == given.replace("g", "Gi")
