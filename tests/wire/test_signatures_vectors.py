"""The published vectors: each gets exactly its verdict, and the files are what the script writes."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from clearing import errors
from clearing.signatures import Message, confirm, jws_verify, note_verify, parse_public_jwk, present, verify_response
from tests.wire import make_vectors

KEYS = Path(__file__).parents[2] / "docs" / "keys.md"
# What has no bytes of its own; docs/keys.md says why.
WITHOUT = {
    "revocation_stale",
    "replay_store_unavailable",
    "validation_failed",
    "idempotency_key_required",
    "forbidden",
    "not_found",
}
TABLE = {
    "signature_required",
    "signature_header_malformed",
    "target_malformed",
    "signature_params_incomplete",
    "signature_tag_invalid",
    "signature_alg_not_allowed",
    "signature_window_invalid",
    "signature_components_incomplete",
    "signature_key_unknown",
    "signature_key_purpose_invalid",
    "signature_key_revoked",
    "signature_rate_abuse",
    "signature_invalid",
    "content_digest_mismatch",
    "signature_replayed",
    "body_malformed",
}


def load(name: str) -> list[Any]:
    rows: list[Any] = json.loads((make_vectors.FOLDER / name).read_text())
    return rows


def cases(*names: str) -> list[Any]:
    return [pytest.param(row, id=f"{row['expect']}: {row['name']}") for name in names for row in load(name)]


def message_of(written: dict[str, Any]) -> Message:
    method, authority, path, query = (written.get(name, "") for name in ("method", "authority", "path", "query"))
    headers = tuple((name, value) for name, value in written["headers"])
    body = base64.b64decode(written["body"])
    return Message(method, authority, path, query, headers, body, written.get("status"))


def keys_of(verifier: dict[str, Any]) -> dict[str, Any]:
    return {parse_public_jwk(row["jwk"]).key_id: (parse_public_jwk(row["jwk"]), row) for row in verifier["keys"]}


def read_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise errors.RequestMalformed
    return dict(pairs)


def receive(vector: dict[str, Any]) -> bytes:
    """The verification order of the reference, with the caller's steps in their places; the signature base."""
    verifier, message = vector["verifier"], message_of(vector["request"])
    presented = present(message, now=verifier["now"], authorities=frozenset(verifier["authorities"]))  # 0 to 6
    key, row = keys_of(verifier).get(presented.key_id, (None, None))
    if key is None:  # 7
        raise errors.SignatureKeyUnknown
    if (row["purpose"], row["environment"]) != ("api", "sandbox"):  # 8
        raise errors.SignatureKeyPurposeInvalid
    if row["revoked"]:  # 9
        raise errors.SignatureKeyRevoked
    if not verifier["nonces_left"]:  # 9a
        raise errors.SignatureRateAbuse
    confirm(presented, key, message)  # 10, 11
    if [presented.key_id, presented.nonce] in verifier["seen"]:  # 12
        raise errors.SignatureReplayed
    if message.body:  # 14
        json.loads(message.body, object_pairs_hook=read_once)
    return presented.base


@pytest.mark.parametrize("vector", cases("requests-accepted.json", "requests-refused.json"))
def test_each_request_gets_its_verdict(vector: dict[str, Any]) -> None:
    if vector["expect"] == "accepted":
        assert receive(vector).decode() == vector["base"]
    else:
        with pytest.raises(errors.ClearingError) as refused:
            receive(vector)
        assert refused.value.code == vector["expect"], refused.value


@pytest.mark.parametrize("vector", cases("answers-accepted.json", "answers-refused.json"))
def test_each_answer_gets_its_verdict(vector: dict[str, Any]) -> None:
    keys = {key_id: key for key_id, (key, _) in keys_of(vector["verifier"]).items()}
    request, response = message_of(vector["request"]), message_of(vector["response"])
    if vector["expect"] == "accepted":
        verify_response(request, response, keys.get, now=vector["verifier"]["now"])
    else:
        with pytest.raises(errors.ClearingError) as refused:
            verify_response(request, response, keys.get, now=vector["verifier"]["now"])
        assert refused.value.code == vector["expect"], refused.value


@pytest.mark.parametrize("vector", cases("keys.json"))
def test_each_key_gets_its_verdict(vector: dict[str, Any]) -> None:
    if vector["expect"] == "accepted":
        assert parse_public_jwk(vector["jwk"]).key_id == vector["key_id"]
    else:
        with pytest.raises(errors.KeyRefused):
            parse_public_jwk(vector["jwk"])


def test_tokens_and_notes_verify() -> None:
    *tokens, note = load("tokens.json")
    for row in tokens:
        key = parse_public_jwk(row["jwk"])
        assert jws_verify(row["token"], {key.key_id: key}.get, row["typ"]).decode() == row["payload"]
    name = "clearing.example/lane/0"
    assert note_verify(note["note"], make_vectors.HOUSE.public, name) == (name, 5, bytes(range(32)))


def test_every_code_of_the_table_has_a_vector_that_must_fail() -> None:
    assert {row["expect"] for row in load("requests-refused.json")} == TABLE


def test_the_page_names_every_code_with_its_status_and_its_vectors_or_why_it_has_none() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.+) \|$", KEYS.read_text("utf-8"), re.MULTILINE)
    filed = {code: told for code, _, told in rows if told.startswith(("requests-refused.json", "keys.json"))}
    assert set(filed) == TABLE | {"key_refused"}
    assert {code for code, _, _ in rows} - set(filed) == WITHOUT
    assert {row["expect"] for row in load("keys.json")} == {"accepted", "key_refused"}
    given = {one.code: one.status for one in _tree(errors.ClearingError)}
    assert given.keys() >= TABLE | WITHOUT - {"revocation_stale"}
    assert {code: int(status) for code, status, _ in rows if code in given} == {
        code: status for code, status in given.items() if code in TABLE | WITHOUT | {"key_refused"}
    }


def _tree(error: type[errors.ClearingError]) -> list[type[errors.ClearingError]]:
    return [error, *(below for one in error.__subclasses__() for below in _tree(one))]


def test_the_published_files_are_what_the_script_writes() -> None:
    assert {path.name: path.read_text() for path in make_vectors.FOLDER.glob("*.json")} == make_vectors.files()
