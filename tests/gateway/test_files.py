"""OpenAI's files over HTTP: what is sent comes back byte for byte, within bounds of time and bytes."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from gateway.batches.uploads import PIECE_CHARS
from tests.gateway.batching import build_line, encode_lines, post_file, upload_lines
from tests.gateway_process import GatewayProcess

CREATED = {"expires_after[anchor]": "created_at"}
LONG = "x" * (3 * PIECE_CHARS)
MANY_LINES = encode_lines(build_line(str(number)) for number in range(2000))


@pytest.fixture(scope="module")
def gateway(redis_server: EmbeddedRedis) -> Iterator[GatewayProcess]:
    """A gateway that no worker stands behind: it loads its scripts itself, where it may."""
    with GatewayProcess(redis_server.url, prefix="test-files", gateway_max_file_bytes=1_000_000) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "text",
    ["", "{}", "{}\r\n\r\n{}", MANY_LINES, f"{LONG}\n{LONG}é\n€", "\ufeff{}\n"],
    ids=["empty", "one line", "Windows", "many lines", "long lines", "BOM"],
)
def test_a_file_comes_back_as_it_was_sent(gateway: GatewayProcess, text: str) -> None:
    """Whatever its lines are."""
    answer = post_file(gateway, text)

    file = answer.json()
    assert answer.status_code == 200, answer.text
    assert file == {
        "id": file["id"],
        "object": "file",
        "bytes": len(text.encode()),
        "created_at": file["created_at"],
        "expires_at": file["created_at"] + 86_400,
        "filename": "in.jsonl",
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
    }
    assert gateway.http.get(f"/v1/files/{file['id']}").json() == file
    content = gateway.http.get(f"/v1/files/{file['id']}/content")
    assert content.content == text.encode()
    assert int(content.headers["content-length"]) == file["bytes"]
    gateway.http.delete(f"/v1/files/{file['id']}")


def test_a_deleted_file_is_gone(gateway: GatewayProcess) -> None:
    """By every path."""
    file_id = upload_lines(gateway, "{}")

    assert gateway.http.delete(f"/v1/files/{file_id}").json() == {"id": file_id, "object": "file", "deleted": True}
    for path in (f"/v1/files/{file_id}", f"/v1/files/{file_id}/content"):
        refused = gateway.http.get(path)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert gateway.http.delete(f"/v1/files/{file_id}").status_code == 404
    assert file_id not in gateway.http.get("/v1/files").text


def test_files_are_listed_in_pages(gateway: GatewayProcess) -> None:
    """The newest first; behind an id; of one purpose."""
    ids = [upload_lines(gateway, "{}") for _ in range(3)]

    def list_files(**query: str) -> tuple[list[str], bool]:
        found = gateway.http.get("/v1/files", params=query).json()
        return [file["id"] for file in found["data"] if file["id"] in ids], found["has_more"]

    assert list_files() == (ids[::-1], False)
    assert list_files(limit="2") == (ids[:0:-1], True)
    assert list_files(limit="2", after=ids[1]) == (ids[:1], False)
    assert list_files(order="asc", after=ids[0]) == (ids[1:], False)
    assert list_files(purpose="batch_output") == ([], False)
    assert gateway.http.get("/v1/files", params={"after": "x"}).status_code == 400
    for file_id in ids:
        gateway.http.delete(f"/v1/files/{file_id}")


def test_the_files_of_a_tenant_have_a_limit_together(gateway: GatewayProcess) -> None:
    """What is too much leaves nothing behind; a deleted file makes room."""
    file_id = upload_lines(gateway, "x" * 600_000)

    refused = post_file(gateway, "x" * 600_000)

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "files_too_large")
    assert "LLAMAQ_GATEWAY_MAX_FILE_BYTES" in refused.json()["error"]["message"]
    assert len(gateway.http.get("/v1/files").json()["data"]) == 1
    gateway.http.delete(f"/v1/files/{file_id}")
    gateway.http.delete(f"/v1/files/{upload_lines(gateway, 'x' * 600_000)}")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"purpose": "fine-tune"}, "unsupported_parameter", "purpose"),
        ({"colour": "red"}, "unsupported_parameter", "colour"),
        ({**CREATED, "expires_after[seconds]": "1"}, "invalid_value", "expires_after.seconds"),
        ({**CREATED, "expires_after[seconds]": f"3600{'0' * 50}"}, "invalid_value", "expires_after.seconds"),
        ({**CREATED, "expires_after[seconds]": f"000000003600{'0' * 50}"}, "invalid_value", "expires_after.seconds"),
        ({**CREATED, "expires_after[seconds]": f"000000003600{'0' * 5000}"}, "invalid_value", "expires_after.seconds"),
        ({"expires_after[anchor]": "now", "expires_after[seconds]": "4000"}, "invalid_value", "expires_after.anchor"),
    ],
)
def test_a_wrong_field_is_named(gateway: GatewayProcess, fields: dict[str, str], code: str, param: str) -> None:
    """In OpenAI's form."""
    refused = post_file(gateway, "{}", **fields)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, code, param)


def test_a_file_lives_as_long_as_it_says(gateway: GatewayProcess) -> None:
    """`expires_after`, within the lifetime of results."""
    given = {**CREATED, "expires_after[seconds]": "4000"}
    file = post_file(gateway, "{}", **given).json()
    assert file["expires_at"] - file["created_at"] == 4000


@pytest.mark.parametrize("data", [b"\xff\xfe{\x00}\x00", b"{}\n\xe9", b"x" * 300_000 + b"\xc3"])
def test_what_is_not_utf8_is_refused(gateway: GatewayProcess, data: bytes) -> None:
    """And says where, rather than at a line that cannot be read."""
    refused = post_file(gateway, data)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_file")
    assert "UTF-8" in refused.json()["error"]["message"]


def test_a_form_without_a_file_is_refused(gateway: GatewayProcess) -> None:
    """Nor is another body taken for one."""
    refused = gateway.http.post("/v1/files", data={"purpose": "batch"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "file")
    refused = gateway.http.post(
        "/v1/files", content=b"junk", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert refused.status_code == 400, refused.text
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}
