"""Checks of Ollama: whether it answers, its version, its models, its slots."""

from collections.abc import Iterator

from api_client import Forbidden, OllamaError, UntrustedCertificate
from worker.host.inventory import read_version, select_usable
from worker.host.ollama_client import ollama_client
from worker.preflight.finding import Finding
from worker.settings.environment import Settings, read_ollama_parallel

FIXED = (0, 20, 3)
"""The first version without the known vulnerabilities of older ones (CVE-2026-7020, and before it CVE-2026-7482)."""


def check_ollama(config: Settings) -> Iterator[Finding]:
    """Check Ollama: all findings, or the one finding that it does not answer."""
    with ollama_client(config, retries=0) as ollama:
        try:
            version, installed = read_version(ollama), ollama.tags()
        except OllamaError as error:
            yield Finding("ollama", False, f"{error.message}; {_remedy(error)}")
            return
        yield _check_version(version, ollama.address)
    offered, unusable = select_usable(installed)
    names = ", ".join(model.name for model in offered)
    yield Finding("models", True if names else None, names or "none: pull one first, as in `ollama pull llama3.2`")
    if installed.problems:
        yield Finding("models", None, f"left out, since they cannot be read: {'; '.join(installed.problems)}")
    if unusable:
        yield Finding("models", None, f"left out: {'; '.join(unusable)}")
    yield _check_slots(config)


def _remedy(error: OllamaError) -> str:
    match error:
        case Forbidden():
            return "look at LLAMAQ_OLLAMA_TOKEN, and at the proxy's lists of addresses and paths"
        case UntrustedCertificate():
            return "LLAMAQ_OLLAMA_CA_FILE names the authority's certificate"
    return "is it running there? The address is LLAMAQ_OLLAMA_URL, else OLLAMA_HOST"


def _check_version(version: str, where: str) -> Finding:
    shown = f"{version or 'of unknown version'} at {where}"
    numbers = version.split("-", maxsplit=1)[0].split(".")
    # The version of a build from source is 0.0.0, or any text.
    if not all(number.isdecimal() for number in numbers) or not any(map(int, numbers)):
        return Finding("ollama", True, shown)
    if tuple(map(int, numbers)) < FIXED:
        fixed = ".".join(map(str, FIXED))
        return Finding("ollama", None, f"{shown}; versions before {fixed} have known vulnerabilities: upgrade it")
    return Finding("ollama", True, shown)


def _check_slots(config: Settings) -> Finding:
    shown = f"{config.slots} for each of {config.max_models} model(s) on {config.host}"
    parallel = read_ollama_parallel()
    if parallel is None:
        return Finding("slots", True, f"{shown}; set LLAMAQ_SLOTS to the server's OLLAMA_NUM_PARALLEL")
    if config.slots > parallel:
        problem = "the others would wait inside Ollama while their limits run"
    elif config.slots < parallel:
        problem = "Ollama keeps memory for slots that are not used"
    else:
        return Finding("slots", True, f"{shown}, as OLLAMA_NUM_PARALLEL")
    return Finding("slots", None, f"{shown}, and OLLAMA_NUM_PARALLEL={parallel}: {problem}; set both to the same")
