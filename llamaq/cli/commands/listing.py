"""The command that lists the models and hosts of the fleet."""

from collections.abc import Sequence
from typing import Any

import click
from rich.live import Live

from llamaq.cli.program import program
from llamaq.cli.session import Session
from llamaq.cli.terminal import tables
from llamaq.cli.terminal.duration import format_seconds, format_size, seconds_since
from llamaq.cli.terminal.interrupts import Interrupts, ignore_interrupts
from llamaq.cli.terminal.tables import Column, Sheet
from llamaq.cli.verb import Verb
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.models import HostStatus, ModelStatus
from llamaq.vocabulary.wire import wire_object

WATCH_SECONDS = 2.0
_CIRCUITS = (("closed", "green"), ("open", "red"), ("half", "yellow"))
_MODELS = (
    Column("Model", folds=True),
    Column("Host", folds=True),
    Column("Slots", right=True),
    Column("Loaded", styles=(("yes", "green"), ("no", "dim"))),
    Column("Circuit", styles=_CIRCUITS),
    Column("Size", right=True, spare=True),
    Column("Parameters", spare=True),
    Column("Context", right=True, spare=True),
    Column("Capabilities", spare=True),
    Column("GPU", right=True, spare=True),
    Column("Version", spare=True),
    Column("Last error", spare=True),
)
_HOSTS = (
    Column("Host", folds=True),
    Column("State", styles=(("running", "green"), ("paused", "yellow"), ("draining", "yellow"))),
    Column("Circuit", styles=_CIRCUITS),
    Column("Slots used", right=True),
    Column("Slots", right=True),
    Column("Models at a time", right=True, spare=True),
    Column("Models", right=True),
    Column("Loaded", spare=True),
    Column("Version", spare=True),
    Column("Seen", right=True),
    Column("Last error", folds=True),
)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq models
  llamaq models --watch
  llamaq models --hosts
  llamaq models --json | jq -r 'select(.loaded).model'""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with all fields.")
@click.option("--watch", is_flag=True, help="Keep it fresh on the terminal, until Ctrl-C.")
@click.option("--hosts", is_flag=True, help="One line for each host instead, failing and empty ones too.")
@click.pass_obj
def models(session: Session, *, as_json: bool, watch: bool, hosts: bool) -> None:
    """List what the fleet offers: each model on each host, as the workers last reported it.

    Slots are used/served. A circuit that is open means that the host failed, and gets nothing until it answers. A
    terminal shows as many columns as fit. In a pipe all are there, separated by tabs, with a line of titles first.
    """
    _list(session, as_json=as_json, watch=watch, hosts=hosts)


@click.command(cls=Verb, epilog="\b\nExamples:\n  llamaq hosts\n  llamaq hosts --watch")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with all fields.")
@click.option("--watch", is_flag=True, help="Keep it fresh on the terminal, until Ctrl-C.")
@click.pass_obj
def hosts(session: Session, *, as_json: bool, watch: bool) -> None:
    """List the hosts: whether they run, are paused or drained, their circuits, slots, models and last errors."""
    _list(session, as_json=as_json, watch=watch, hosts=True)


def _list(session: Session, *, as_json: bool, watch: bool, hosts: bool) -> None:
    if watch:
        if as_json or not session.screen.terminal:
            raise click.UsageError("--watch needs a terminal, and goes without --json")
        _watch(session, hosts=hosts)
        return
    known = session.queue.hosts()
    if as_json:
        for record in _records(known, hosts=hosts):
            session.screen.write_record(record)
        return
    tables.write(session.screen, _sheet(known, hosts=hosts))
    _remark(session, known)


def _remark(session: Session, known: Sequence[HostStatus]) -> None:
    """Write notes about what the list of models does not show."""
    if not known:
        session.screen.note("no host has reported in the last 15 s: is a worker running, with the same --prefix?")
    for host in known:
        if host.sizes:
            stated = f"the workers of {host.host} state {host.sizes} (LLAMAQ_SLOTS x LLAMAQ_MAX_MODELS)"
            session.screen.note(f"{stated}; the least counts: set the same for all")
        if host.machines:
            session.screen.note(
                f"{host.host} is {host.machines} machines of one name: give each a LLAMAQ_HOST of its own"
            )
        if host.state != "running":
            session.screen.note(f"{host.host} is {host.state}: `{program()} resume --host {host.host}` ends that")
        if not host.models:
            reason = host.last_error if host.circuit != "closed" and host.last_error else "it has none: pull one first"
            session.screen.note(f"{host.host} offers no model: {reason}")


def _records(known: Sequence[HostStatus], *, hosts: bool) -> list[dict[str, Any]]:
    if not hosts:
        return [wire_object(model) for host in known for model in host.models]
    return [wire_object(host) | {"models": [model.model for model in host.models]} for host in known]


def _sheet(known: Sequence[HostStatus], *, hosts: bool) -> Sheet:
    return hosts_sheet(known) if hosts else models_sheet([model for host in known for model in host.models])


def _watch(session: Session, *, hosts: bool) -> None:
    console = session.screen.stdout_console()
    with Interrupts(), Live(console=console, auto_refresh=False, screen=True) as live:
        try:
            while True:
                sheet = _sheet(session.queue.hosts(), hosts=hosts)
                live.update(tables.build_table(sheet.fit(console.width)), refresh=True)
                SYSTEM.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            ignore_interrupts()


def hosts_sheet(known: Sequence[HostStatus]) -> Sheet:
    """The hosts as rows, by name."""
    return Sheet(_HOSTS, [_host_row(host) for host in sorted(known, key=lambda each: each.host)])


def _host_row(host: HostStatus) -> list[str]:
    return [
        host.host,
        host.state,
        host.circuit.replace("_", " "),
        str(host.slots_used),
        str(host.slots),
        str(host.max_models),
        str(len(host.models)),
        " ".join(model.model for model in host.models if model.loaded),
        host.version or "",
        "never" if host.seen_at is None else format_seconds(max(0.0, seconds_since(host.seen_at))),
        _last_error(host),
    ]


def models_sheet(offered: Sequence[ModelStatus]) -> Sheet:
    """The models as rows, by name and host."""
    return Sheet(_MODELS, [_model_row(model) for model in sorted(offered, key=lambda each: (each.model, each.host))])


def _model_row(model: ModelStatus) -> list[str]:
    return [
        model.model,
        model.host,
        f"{model.slots_used}/{model.slots}",
        _describe_loaded(model),
        model.circuit.replace("_", " "),
        "" if model.size is None else format_size(model.size),
        " ".join(filter(None, (model.parameter_size, model.quantization))),
        "" if model.context_length is None else str(model.context_length),
        " ".join(model.capabilities),
        "" if model.gpu_share is None else f"{model.gpu_share:.0%}",
        model.version or "",
        _last_error(model),
    ]


def _last_error(status: HostStatus | ModelStatus) -> str:
    """The error with its age. Where the host is well again, it is marked as past."""
    if status.last_error is None:
        return ""
    if status.last_error_at is None:
        return status.last_error
    past = status.circuit == "closed" and status.seen_at is not None and status.last_error_at < status.seen_at
    age = format_seconds(max(0.0, seconds_since(status.last_error_at)))
    return f"{'past, ' * past}{age} ago: {status.last_error}"


def _describe_loaded(model: ModelStatus) -> str:
    if not model.loaded:
        return "no"
    until = "" if model.expires_at is None else f" for {format_seconds(max(0.0, -seconds_since(model.expires_at)))}"
    return f"yes{until}"
