"""Laws of signing, over random requests: what is signed verifies, and what is changed does not."""

import string
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing import errors
from clearing.signatures import (
    Message,
    PrivateKey,
    confirm,
    parse_public_jwk,
    present,
    require_normal_target,
    sign_request,
    sign_response,
    verify_response,
)
from tests.wire.make_vectors import AUTHORITIES, ED, GET, HOST, HOUSE, NONCE, NOW, P256, POST, answer, freely, signed

SAFE = string.ascii_letters + string.digits + "._~-"
segments = st.text(SAFE, min_size=1, max_size=8).filter(lambda text: text not in {".", ".."})
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
queries = st.text(SAFE + "=&:+", max_size=20).map(lambda text: f"?{text}")
visible = st.text(string.digits + string.ascii_letters + string.punctuation, min_size=1, max_size=20)
keys = st.one_of(st.binary(min_size=32, max_size=32).map(PrivateKey.generate), st.just(P256))
nonces = st.text(string.ascii_letters + string.digits + "-_", min_size=22, max_size=64)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    method = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]))
    fields = [("host", HOST), ("content-type", draw(visible)), ("idempotency-key", f'"{draw(segments)}"')]
    return Message(method, HOST, draw(paths), draw(queries), tuple(fields), draw(st.binary(max_size=40)))


def verify(message: Message, key: PrivateKey, now: int = NOW) -> None:
    confirm(present(message, now=now, authorities=AUTHORITIES), key.public, message)


@given(messages(), keys, nonces, st.integers(1, 300))
def test_what_is_signed_verifies(message: Message, key: PrivateKey, nonce: str, life: int) -> None:
    added = sign_request(message, key, created=NOW, expires=NOW + life, nonce=nonce)
    received = replace(message, headers=(*message.headers, *added))
    presented = present(received, now=NOW, authorities=AUTHORITIES)
    confirm(presented, key.public, received)
    assert (presented.key_id, presented.nonce, presented.expires) == (key.public.key_id, nonce, NOW + life)


@given(messages(), keys, st.integers(100, 599), st.binary(max_size=40))
def test_an_answer_verifies_for_its_request_and_for_no_other(
    message: Message, key: PrivateKey, status: int, body: bytes
) -> None:
    sent = signed(message)
    fields = [("content-type", "application/json")]
    added = sign_response(sent, status, fields, body, key, created=NOW, expires=NOW + 60)
    said = Message("", "", "", "", (*fields, *added), body, status)
    verify_response(sent, said, {key.public.key_id: key.public}.get, now=NOW)
    with pytest.raises(errors.SignatureInvalid):
        verify_response(signed(message, nonce="B" * 22), said, {key.public.key_id: key.public}.get, now=NOW)


def changed_at(text: str, place: int, character: str) -> str:
    place %= len(text)
    return text[:place] + character + text[place + 1 :]


printable = st.sampled_from(string.digits + string.ascii_letters + string.punctuation + " ")


@settings(max_examples=600)
@given(st.data(), st.integers(0, 10_000), printable)
def test_a_change_of_one_character_anywhere_covered_is_refused(data: st.DataObject, place: int, new: str) -> None:
    good = data.draw(st.sampled_from([signed(POST), signed(POST, P256), freely(order=("tag", "created"))]))
    covered = ("content-type", "idempotency-key", "content-digest", "signature-input", "signature")
    part = data.draw(st.sampled_from(["method", "authority", "path", "query", "body", *covered]))
    if part in covered:
        lines = tuple((name, changed_at(text, place, new) if name == part else text) for name, text in good.headers)
        bad = replace(good, headers=lines)
    elif part == "body":
        bad = replace(good, body=changed_at(good.body.decode(), place, new).encode())
    else:
        change: dict[str, Any] = {part: changed_at(getattr(good, part), place, new)}
        bad = replace(good, **change)
    if unchanged(bad, good):
        return
    key = P256 if P256.public.key_id in dict(good.headers)["signature-input"] else ED
    with pytest.raises(errors.SignatureRefused):
        verify(bad, key)


def unchanged(bad: Message, good: Message) -> bool:
    """Equal, or equal after what RFC 9421 takes away: outer white space of a field."""
    return replace(bad, headers=tuple((name, text.strip()) for name, text in bad.headers)) == good


@settings(max_examples=300)
@given(st.integers(0, 10_000), printable)
def test_a_change_of_one_character_in_an_answer_is_refused(place: int, new: str) -> None:
    sent = signed(POST)
    good = answer(sent)
    name, text = good.headers[place % len(good.headers)]
    other = changed_at(text, place, new)
    if other.strip() == text:
        return
    bad = replace(good, headers=tuple((field, other if field == name else line) for field, line in good.headers))
    with pytest.raises(errors.SignatureRefused):
        verify_response(sent, bad, {HOUSE.public.key_id: HOUSE.public}.get, now=NOW)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["signature-input", "signature", "content-digest", "host"]), st.text())))
def test_whatever_the_headers_say_only_refusals_come_out(lines: list[tuple[str, str]]) -> None:
    with pytest.raises(errors.SignatureRefused):
        verify(replace(POST, headers=(*POST.headers, *lines)), ED)


@settings(max_examples=300)
@given(st.text(string.printable, max_size=40), st.text(string.printable, max_size=40))
def test_whatever_follows_the_label_only_refusals_come_out(field: str, proof: str) -> None:
    lines = (("signature-input", f"sig1={field}"), ("signature", f"sig1=:{proof}:"))
    with pytest.raises(errors.SignatureRefused):
        verify(replace(POST, headers=(*POST.headers, *lines)), ED)


@pytest.mark.parametrize(
    "part", ['"x";d=@99999999999999999', '"x";d=%"%00"', "1", "tok", ":AA==:", '"x" "x"', '"@signature-params"']
)
def test_strange_components_are_refused(part: str) -> None:
    good = signed(GET)
    lines = tuple((name, text.replace('("@method"', f'({part} "@method"')) for name, text in good.headers)
    with pytest.raises(errors.SignatureRefused):
        verify(replace(good, headers=lines), ED)


@given(st.binary(min_size=32, max_size=32))
def test_every_honest_key_may_register(seed: bytes) -> None:
    key = PrivateKey.generate(seed)
    assert parse_public_jwk(key.public.jwk) == key.public
    assert PrivateKey.from_jwk(key.to_jwk()).sign(b"x") == key.sign(b"x")


@given(st.integers(1, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550))
def test_every_honest_p256_key_may_register(secret: int) -> None:
    key = PrivateKey._p256(ec.derive_private_key(secret, ec.SECP256R1()))
    assert parse_public_jwk(key.public.jwk) == key.public
    assert PrivateKey.from_jwk(key.to_jwk()).public == key.public


def test_a_private_key_of_another_public_part_is_refused() -> None:
    for key, other in ((ED, HOUSE), (P256, PrivateKey._p256(ec.derive_private_key(7, ec.SECP256R1())))):
        with pytest.raises(errors.KeyRefused):
            PrivateKey.from_jwk(other.public.jwk | {"d": key.to_jwk()["d"]})


def test_no_key_shows_its_secret() -> None:
    for key in (ED, P256):
        assert key.to_jwk()["d"] not in repr(key)
        assert "PrivateKey" not in repr(key.public)


def test_a_mistaken_key_is_no_verdict_on_the_signature() -> None:
    message = signed(POST)
    with pytest.raises(errors.SignatureKeyUnknown):
        verify(message, HOUSE)


@pytest.mark.parametrize(
    ("message", "terms", "refusal"),
    [
        (replace(POST, headers=POST.headers[:2]), {}, errors.IdempotencyKeyRequired),
        (replace(POST, headers=POST.headers[::2]), {}, errors.SignatureHeaderMalformed),
        (replace(POST, path="/a%20b"), {}, errors.TargetMalformed),
        (replace(POST, method="post"), {}, errors.TargetMalformed),
        (POST, {"nonce": "short"}, errors.SignatureParamsIncomplete),
        (POST, {"expires": NOW + 301}, errors.SignatureWindowInvalid),
        (signed(POST), {}, errors.SignatureHeaderMalformed),
        (
            replace(POST, headers=(*POST.headers[:1], ("content-type", "a\r\nb"), POST.headers[2])),
            {},
            errors.SignatureHeaderMalformed,
        ),
    ],
)
def test_what_would_be_refused_is_not_signed(message: Message, terms: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        signed(message, **terms)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/.well-known/jwks.json", "/v1/a..b", "/v1/..a", "/v1/a:b@c"])
def test_normal_paths_are_normal(path: str) -> None:
    require_normal_target(replace(GET, path=path))


@pytest.mark.parametrize("host", ["a", "127.0.0.1:8080", "[::1]:8443", "api.clearing.example:8443"])
def test_normal_hosts_are_normal(host: str) -> None:
    require_normal_target(replace(GET, authority=host))


@pytest.mark.parametrize(
    "host", ["", "A", "a:80", "a:443", "a:", "a:0", "a b", "ä", "a\n", "-a", "a.", "user@a", "a/b"]
)
def test_other_hosts_are_not(host: str) -> None:
    with pytest.raises(errors.TargetMalformed):
        require_normal_target(replace(GET, authority=host))


def test_an_unsigned_request_is_bound_by_its_target() -> None:
    said = answer(GET, 401)
    verify_response(GET, said, {HOUSE.public.key_id: HOUSE.public}.get, now=NOW)
    with pytest.raises(errors.SignatureComponentsIncomplete):
        verify_response(signed(GET), said, {HOUSE.public.key_id: HOUSE.public}.get, now=NOW)


def test_the_clock_is_an_argument() -> None:
    message = signed(POST, nonce=NONCE)
    verify(message, ED, NOW + 180)
    for now in (NOW - 61, NOW + 181):
        with pytest.raises(errors.SignatureWindowInvalid):
            verify(message, ED, now)
