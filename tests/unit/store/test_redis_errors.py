"""Redis that does not answer: one error, with the remedy, and without the password."""

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import redis
import trustme

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet
from llamaq import BrokerUnavailable, JobQueue
from llamaq.store.connections.address import describe_url
from llamaq.store.redis_errors import is_refusal, refuses, translate_errors

SECRET = "hunter2"


def _refused(url: str) -> str:
    """What a producer reads, and what its log would hold with the causes."""
    queue = JobQueue(url)
    with pytest.raises(BrokerUnavailable) as refused:
        queue.generate("m", "x")
    queue.close()
    causes = [refused.value, refused.value.__cause__, refused.value.__context__]
    assert SECRET not in " ".join(f"{cause} {cause!r}" for cause in causes)
    return str(refused.value)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_closed_port_names_the_address_and_the_setting() -> None:
    """Start it, or look at the URL."""
    port = _closed_port()

    message = _refused(f"redis://user:{SECRET}@127.0.0.1:{port}/0")

    assert message.startswith(f"Redis at 127.0.0.1:{port}/0: no answer")
    assert message.endswith("is it running there? The address is the argument `url`")


def test_an_address_of_the_environment_is_named_by_its_variable() -> None:
    """What stands in the code is found by the name of the argument, and nobody looks for a variable that is not set."""
    with (
        JobQueue.from_env({"LLAMAQ_REDIS_URL": f"redis://127.0.0.1:{_closed_port()}/0"}) as queue,
        pytest.raises(BrokerUnavailable, match=r"The address is LLAMAQ_REDIS_URL$"),
    ):
        queue.hosts()


@pytest.mark.parametrize("user", [f":{SECRET}@", f"somebody:{SECRET}@", ""])
def test_a_wrong_password_points_to_the_password(user: str) -> None:
    """Wrong, of a user that is not there, or missing."""
    with EmbeddedRedis.start(appendonly=False) as server:
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", "right")

        message = _refused(f"redis://{user}127.0.0.1:{server.port}/0")

        wanted = "look at the user and password" if user else "wants a password, and"
        assert wanted in message
        assert "the argument `url`" in message
        assert "LLAMAQ_REDIS_PASSWORD_FILE" not in message  # it is not read


@pytest.mark.parametrize("given", ["", "ssl_certfile={cert}&ssl_keyfile={key}"])
def test_what_is_wrong_with_a_certificate_of_the_client_points_to_its_options(tmp_path: Path, given: str) -> None:
    """It is missing, which some connections see as a reset, or the key is that of another one."""
    authority = trustme.CA()
    ours, other = authority.issue_cert("127.0.0.1"), authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert")
    other.private_key_pem.write_to_path(tmp_path / "key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    def shake() -> None:
        with suppress(OSError):  # at the end the listener is closed
            while True:
                one, _ = listener.accept()
                with suppress(OSError), one, context.wrap_socket(one, server_side=True):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=shake)
        thread.start()
        options = given.format(cert=tmp_path / "cert", key=tmp_path / "key")
        message = _refused(f"rediss://127.0.0.1:{listener.getsockname()[1]}/0?ssl_ca_certs={tmp_path / 'ca'}&{options}")
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()

    assert "ssl_" in message


def test_a_user_without_rights_points_to_the_acl() -> None:
    """An ACL that forgets a command is found by its message."""
    with EmbeddedRedis.start(appendonly=False) as server:
        with redis.Redis(port=server.port) as client:
            client.acl_setuser("weak", enabled=True, passwords=[f"+{SECRET}"], commands=["+ping"], keys=["*"])

        message = _refused(f"redis://weak:{SECRET}@127.0.0.1:{server.port}/0")

        assert "the ACL" in message


@pytest.mark.parametrize("command", ["time", "xadd"])
def test_a_command_that_the_user_may_not_run_in_a_script_is_named(command: str) -> None:
    """An ACL that forgets one is mended by its name."""
    with EmbeddedRedis.start(appendonly=False) as server:
        with redis.Redis(port=server.port) as client:
            rights = ["+@all", f"-{command}"]
            client.acl_setuser(
                "weak", enabled=True, passwords=[f"+{SECRET}"], commands=rights, keys=["*"], channels=["*"]
            )

        message = _refused(f"redis://weak:{SECRET}@127.0.0.1:{server.port}/0")

        assert command.upper() in message
        assert "the ACL" in message


@pytest.mark.parametrize("command", ["EVALSHA", "PUBLISH", "TIME", "XADD"])
def test_a_command_that_is_not_there_is_named_without_what_was_sent(command: str) -> None:
    """Redis quotes it, and it may be a part of a prompt; of a command within a script it does not say which it is."""
    with (
        EmbeddedRedis.start(appendonly=False, options=("--rename-command", command, "")) as server,
        JobQueue(server.url, prefix="quoted") as queue,
        pytest.raises(BrokerUnavailable) as refused,
    ):
        queue.generate("m", "x", wait_for_model=True)

    assert "`rename-command`" in str(refused.value)
    assert command in str(refused.value)
    assert refuses(refused.value)
    assert "quoted" not in str(refused.value)


def test_a_user_who_may_not_mend_a_key_is_told_what_is_wrong_with_it(fleet: Fleet) -> None:
    """And not that a right is missing. So it is with Celery's queue of a host, and the user of producers."""
    fleet.add_host()
    fleet.redis.hset(f"{fleet.keys.prefix}.host.alpha", "x", 1)
    fleet.redis.acl_setuser(
        "narrow", enabled=True, passwords=[f"+{SECRET}"], commands=["+@all", "-type"], keys=["*"], channels=["*"]
    )
    try:
        url = fleet.url.replace("//", f"//narrow:{SECRET}@")
        told = pytest.raises(BrokerUnavailable, match="something else has written over a key of llamaq")
        with JobQueue(url, prefix=fleet.keys.prefix) as queue, told:
            queue.generate(MODEL, "x")
    finally:
        fleet.redis.acl_deluser("narrow")


def test_a_redis_without_memory_says_so() -> None:
    """At `maxmemory` with noeviction: nothing is queued, and both remedies are named."""
    with EmbeddedRedis.start(appendonly=False, maxmemory="100mb") as server:
        with redis.Redis(port=server.port) as client:
            client.config_set("maxmemory", "1")

        message = _refused(f"redis://127.0.0.1:{server.port}/0")

        assert "out of memory" in message
        assert "LLAMAQ_RESULT_TTL" in message
        with redis.Redis.from_url(server.url) as client:
            assert client.dbsize() == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://u:{SECRET}@h:1/2", "h:1/2"),
        (f"redis://:{SECRET}@h/0", "h:6379/0"),
        (f"rediss://h:1/0?password={SECRET}", "h:1/0"),
        ("redis://", "localhost:6379/0"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    """In whichever part of the URL it stands."""
    assert describe_url(url) == shown


def test_the_callers_own_patience_is_not_redis_fault() -> None:
    """A `TimeoutError` of `result(timeout=...)` passes through as it is."""
    with pytest.raises(TimeoutError, match="mine"), translate_errors("redis://h:1/0"):
        raise TimeoutError("mine")


def test_the_patience_for_a_result_ends_during_an_outage_too(redis_server: EmbeddedRedis) -> None:
    """`result(timeout=...)` does not wait on for Redis to come back."""
    with EmbeddedRedis.start(appendonly=False) as server, JobQueue(server.url) as queue:
        job = queue.generate("m", "x")
        server.kill()

        with pytest.raises(TimeoutError):
            job.result(timeout=0.1)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("WRONGTYPE Operation against a key holding the wrong kind of value", True),
        ("user_script:721: Script attempted to access nonexistent global variable 'x'", True),
        ("Error running script (call to f_0): @user_script:3: @user_script: 3: too many results to unpack", True),
        ("MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk", False),
        ("Error running script (call to f_0): @user_script:3: @user_script: 3: -OOM command not allowed", False),
        ("NOREPLICAS Not enough good replicas to write.", False),
        ("BUSY Redis is busy running a script.", False),
        ("NOPERM User default has no permissions", False),
    ],
)
def test_a_call_that_redis_refuses_is_told_from_a_state_of_redis(text: str, *, refused: bool) -> None:
    """The first would fail each time, and must not be sent again; the second passes."""
    assert is_refusal(redis.ResponseError(text)) is refused
    assert not is_refusal(redis.ConnectionError(text))
    assert not is_refusal(redis.exceptions.ReadOnlyError(text))


@pytest.mark.parametrize(
    "said",
    [
        "Script attempted to access a non local key in a cluster node script: x, on @user_script:1.",  # Redis 7.0
        "Script attempted to access a slot not served script: x, on @user_script:1.",  # Redis 8
        "Hash slot not served",
        "CROSSSLOT Keys in request don't hash to the same slot",
    ],
)
def test_a_cluster_is_named(said: str) -> None:
    """Each version of Redis has words of its own for it."""
    with pytest.raises(BrokerUnavailable, match="it is a Redis Cluster"), translate_errors("redis://127.0.0.1:1/0"):
        raise redis.ResponseError(said)


def test_a_script_that_failed_names_what_may_be_wrong() -> None:
    """Its own words are those of Lua; a lack of memory, disk or rights, in the same form, has a remedy of its own."""
    said = "user_script:9: attempt to compare nil with number script: 0a, on @user_script:9."
    url = "redis://127.0.0.1:1/0"
    with pytest.raises(BrokerUnavailable, match="the workers mend it within 10 s"), translate_errors(url):
        raise redis.ResponseError(said)
    with pytest.raises(BrokerUnavailable, match="it is out of memory"), translate_errors(url):
        raise redis.ResponseError("OOM command not allowed script: 0a, on @user_script:9.")
    with pytest.raises(BrokerUnavailable, match="look for a full disk"), translate_errors(url):
        raise redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device, on @user_script:1.")
    with pytest.raises(BrokerUnavailable, match="look at the user"), translate_errors(url):
        raise redis.ResponseError("The user executing the script can't run this command script: 0a, on @user_script:9.")
