"""The address of Redis: a client of exactly the server that is meant, or one clear error."""

import os
import ssl
import time
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from kombu.utils.url import url_to_parts

from llamaq import InvalidRequest
from llamaq.store.connections.address import describe_url, normalise_url, parse_url
from llamaq.store.connections.clients import connect, connect_async
from llamaq.store.connections.sockets import TlsConnection
from worker.celery import broker_address

FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))
SEED = int(os.environ.get("LLAMAQ_TEST_FUZZ_SEED", "11"))


class Meant(NamedTuple):
    """What a client must connect to, and as whom."""

    host: str
    port: int = 6379
    db: int = 0
    username: str = ""
    password: str = ""
    path: str = ""


def _of(client: Any) -> Meant:
    options = client.connection_pool.connection_kwargs
    return Meant(
        options.get("host", "localhost"),
        options.get("port", 6379),
        options.get("db", 0),
        options.get("username", ""),
        options.get("password", ""),
        options.get("path", ""),
    )


def _of_celery(url: str) -> Meant:
    parts = url_to_parts(broker_address.kombu_url(parse_url(url)).removeprefix("redis+"))
    user, password = parts.username or "", parts.password or ""
    if parts.scheme == "socket":
        assert parts.hostname is None
        return Meant("localhost", 6379, int(parts.query["virtual_host"]), user, password, "/" + (parts.path or ""))
    return Meant(parts.hostname, parts.port, int(parts.path or 0), user, password)


def assert_means(url: str, meant: Meant) -> None:
    """Both clients, and Celery, read it alike."""
    found = [_of(connect(url)), _of(connect_async(url)), _of_celery(url)]
    lower = meant._replace(host=meant.host.strip("[]").lower())
    assert [one._replace(host=one.host.lower()) for one in found] == [lower] * 3
    where = f"{meant.path} (database {meant.db})" if meant.path else f"{meant.host}:{meant.port}/{meant.db}"
    assert describe_url(url).lower() == where.lower()


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("redis://", Meant("localhost")),
        ("redis:///3", Meant("localhost", db=3)),
        ("redis://h", Meant("h")),
        ("REDIS://H:1/2", Meant("h", 1, 2)),
        ("redis://h:1/02/", Meant("h", 1, 2)),
        ("redis://[::1]:7/1", Meant("[::1]", 7, 1)),
        ("redis://my_redis.local:7", Meant("my_redis.local", 7)),
        ("redis://u:p@h", Meant("h", username="u", password="p")),
        ("redis://:p@h", Meant("h", password="p")),
        ("redis://u@h?password=p", Meant("h", username="u", password="p")),
        ("redis://h?db=4", Meant("h", db=4)),
        ("redis://:a@b:c@h:1", Meant("h", 1, password="a@b:c")),
        ("redis://:%23%2F%3F%40%25%20@h", Meant("h", password="#/?@% ")),
        ("redis://:pässwörd@h", Meant("h", password="pässwörd")),
        ("rediss://u:p@h:1/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ca.pem", Meant("h", 1, 0, "u", "p")),
        ("redis://h?client_name=mine", Meant("h")),
        ("redis://h:1/2\n", Meant("h", 1, 2)),
        (" \t'redis://:p@h:1/2' \r\n", Meant("h", 1, 2, password="p")),
        ('"redis://:p\'@h"', Meant("h", password="p'")),
        ("valkey://u:p@h", Meant("h", username="u", password="p")),
        ("valkeys://u:p@h:1/2", Meant("h", 1, 2, "u", "p")),
        ("unix:///run/redis.sock", Meant("localhost", path="/run/redis.sock")),
        ("unix://u:p%40@/run/a%20b/r.sock?db=2", Meant("localhost", 6379, 2, "u", "p@", "/run/a b/r.sock")),
    ],
)
def test_these_are_addresses(url: str, meant: Meant) -> None:
    """As their documentation has them."""
    assert_means(url, meant)
    assert normalise_url(normalise_url(url)) == normalise_url(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:pa#ss@h:6379/0", "%23"),
        ("redis://:pa/ss@h:6379/0", "percent-encode"),
        ("redis://h:1/0?client_name=x@other:6379/0", "%40"),
        ("redis://:pa%ss@h", "%25"),
        ("redis://:pa ss@h", "%20"),
        ("redis://:pa\nss@h", "percent-encode"),
        ("redis://:%ff@h", "UTF-8"),
        ("redis://h?host=other", "does not take"),
        ("redis://h?port=1", "does not take"),
        ("redis://h?socket_timeout=1", "does not take"),
        ("redis://h?ssl_cert_reqs=required", "rediss://"),
        ("redis://h/0?ssl_ca_certs=/ca.pem", "rediss://"),
        ("rediss://h?ssl_cert_reqs=CERT_SOME", "none, optional, required"),
        ("rediss://h?ssl_cert_reqs=CERT_CERT_NONE", "none, optional, required"),
        ("'redis://h\"", "must look like"),
        ("'", "must look like"),
        ("'redis://h' 'redis://g'", "%20"),
        ("valkey+socket://h", "must look like"),
        ("redis://h/1?db=2", "two values"),
        ("redis://:a@h?password=b", "two values"),
        ("redis://h?db=1&db=2", "once"),
        ("redis://h:0", "port"),
        ("redis://a..b", "must look like"),
        ("redis://.a", "must look like"),
        (f"redis://{'a' * 64}.b:1", "must look like"),
        ("redis+sentinel://a:1,b..c:2/MASTER", "must look like"),
        ("redis://h:65536", "port"),
        ("redis://h:port/0", "must look like"),
        ("redis://h/zero", "must look like"),
        ("redis://h/٣", "must look like"),
        ("redis://[::g]", "must look like"),
        ("redis://[1]", "IPv6"),
        ("redis://höst", "must look like"),
        ("redis://h\\@other", "backslash"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("unix:///" + "x" * 107, "107 bytes"),
        ("redis://a:1,b:2/0", "redis.sentinel://"),
        ("redis+sentinel://a:1,b:2", "name of the master"),
        ("redis+sentinel://a:1,b:2/0/zero", "name of the master"),
        ("redis+sentinel://:pa/ss@a:1/mymaster/0", "percent-encode"),
        ("redis+sentinel://a:1,,b:2/m/0", "must look like"),
        ("redis+sentinel://a:1/m/0?ssl_cert_reqs=none", "rediss://"),
        ("redis://h?sentinel_password=x", "redis.sentinel://"),
        ("redis+cluster://h", "must look like"),
        ("http://h", "must look like"),
        ("h:6379", "must look like"),
        ("", "must look like"),
    ],
)
def test_these_are_none_and_say_why(url: str, says: str) -> None:
    """Before anything connects, and without a part of the password."""
    for make in (connect, connect_async, normalise_url):
        with pytest.raises(InvalidRequest, match=says) as refused:
            make(url)
        assert refused.value.problems[0].field == "url"
        assert not any(part in str(refused.value) for part in ("pa#ss", "pa/ss", "pa%ss", "pa ss"))


@pytest.mark.parametrize(
    ("url", "servers", "master", "database", "account"),
    [
        ("redis+sentinel://a:1,b,[::1]:3/mymaster", [("a", 1), ("b", 26379), ("[::1]", 3)], "mymaster", 0, ("", "")),
        ("redis+sentinel://u:p%2C@a/my.master-1/2", [("a", 26379)], "my.master-1", 2, ("u", "p,")),
        ("REDISS+SENTINEL://:p@a:1/m?db=3&ssl_ca_certs=/ca.pem", [("a", 1)], "m", 3, ("", "p")),
    ],
)
def test_sentinels(
    url: str, servers: list[tuple[str, int]], master: str, database: int, account: tuple[str, str]
) -> None:
    """All Sentinels, the master's name, and the database and account of Redis, for both clients and Celery."""
    found = parse_url(url)
    assert (list(found.servers), found.master, found.database) == (servers, master, database)
    assert normalise_url(normalise_url(url)) == normalise_url(url)
    clients: list[Any] = [connect(url), connect_async(url)]
    for client in clients:
        assert client.connection_pool.service_name == master
        assert _of(client)._replace(host="", port=0) == Meant("", 0, database, *account)
    celery = _of_celery(url)
    assert broker_address.kombu_url(found).startswith("sentinel://")
    assert celery == Meant(servers[0][0], servers[0][1], database, *account)


@pytest.mark.parametrize("value", ["none", "NONE", "CERT_NONE", "cert_none"])
def test_the_check_of_certificates_is_named_as_in_celery_too(value: str) -> None:
    """`CERT_NONE` is the name in Python's `ssl`, and in the URLs of platforms; redis-py knows `none` alone."""
    assert parse_url(f"rediss://h?ssl_cert_reqs={value}&ssl_check_hostname=False").options == {
        "ssl_cert_reqs": "none",
        "ssl_check_hostname": "false",
    }
    pool: Any = connect(f"valkeys://h?ssl_cert_reqs={value}&ssl_check_hostname=False")
    assert pool.connection_pool.make_connection().cert_reqs == ssl.CERT_NONE


def test_tls_is_what_the_scheme_says() -> None:
    """The connection verifies the certificate, by the authority that is named."""
    pool: Any = connect("rediss://h/0?ssl_ca_certs=/etc/ca.pem")
    assert pool.connection_pool.connection_class is TlsConnection
    assert pool.connection_pool.connection_kwargs["ssl_ca_certs"] == "/etc/ca.pem"


PIECES = (
    *"#/?@:%[]\\&=+ \t\n\x00é٣🦙",
    *("redis://", "rediss://", "unix://", "localhost", "evil", "h", "6379", "0", "%23", "%2f", "%zz", "\ud800"),
    *("?host=evil", "&db=1", "?ssl_cert_reqs=none", "password=", "client_name=", "//", "..", "127.1", "::1", "[::1]"),
)


def test_whatever_is_given_it_is_the_server_that_is_meant_or_an_error() -> None:
    """A URL that is made of known parts, written with and without escapes; and texts of odd pieces."""
    chance, limit, taken = Random(SEED), time.monotonic() + FUZZ_SECONDS, 0
    while time.monotonic() < limit or taken <= 100:  # fewer show nothing
        for _ in range(100):
            taken += _try_parts(chance)
            _try_text("".join(chance.choices(PIECES, k=chance.randint(1, 9))))


def _try_parts(chance: Random) -> bool:
    odd = ["".join(chance.choices([*PIECES, *"abc"], k=chance.randint(0, 4))) for _ in range(2)]
    user, password = (text.encode("utf-8", "replace").decode() for text in odd)
    host, port, db = chance.choice(["h", "real.host", "10.0.0.1", "[fe80::1]"]), chance.randint(1, 65535), 7
    written = [text if chance.random() < 0.4 else quote(text, safe="") for text in (user, password)]
    url = f"redis://{':'.join(written)}@{host}:{port}/{db}"
    try:
        normalise_url(url)
    except InvalidRequest:
        return False
    # An escape that was not written by us is one: `%23` as a raw text means `#`, as everywhere in a URL.
    if written == [user, password] or "%" in user + password:
        found = _of(connect(url))
        assert (found.host, found.port, found.db) == (host.strip("[]"), port, db), url
    elif ":" not in written[0]:
        assert_means(url, Meant(host, port, db, user, password))
    return True


def _try_text(text: str) -> None:
    for url in (text, f"redis://{text}", f"redis://:p{text}@real/0", f"rediss://real/{text}"):
        try:
            normalise_url(url)
        except InvalidRequest:
            continue
        found = [_of(connect(url)), _of(connect_async(url)), _of_celery(url)]
        assert found[0] == found[1] == found[2], url
        assert found[0].host.lower() in url.lower() or (found[0].host == "localhost" and "://" in url), url
        assert bool(found[0].path) == url.strip().lower().startswith("unix:"), url
        if url.startswith("redis://:p"):
            assert found[0].host == "real", url
