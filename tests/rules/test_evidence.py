"""Laws of sealing, masks and evidence: pure, no database."""

import dataclasses
import hashlib
import os
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import errors
from clearing.evidence import (
    BUCKETS,
    Evidence,
    Keyring,
    Sealed,
    answer_key_id,
    blind_index,
    bucket,
    erase,
    mask,
    of_call,
    of_request,
    open_sealed,
    place,
    seal,
    verify,
)
from clearing.ledger import papers
from clearing.signatures import Message, Presented, PrivateKey, present, sign_request, sign_response, verify_response
from tests import canary

RING = Keyring("kek-1", bytes(range(32)), b"p" * 32, b"b" * 32)
CALLER, HOUSE, PROGRAM = (PrivateKey.generate(bytes([seed]) * 32) for seed in (1, 2, 3))
NOW, ID, CANARY = 1_770_000_000, UUID(int=7), canary.NUMBER
BODY = b'{"quote":"a token"}'

members = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


def test_data_key_is_wrapped_as_in_rfc_3394_section_4_6() -> None:
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    sealed = seal(RING, b"", b"plain", lambda size: (key + bytes(12))[:size])
    assert (
        sealed.wrapped.hex().upper()
        == "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    )


def test_box_is_aes_256_gcm_test_case_16() -> None:
    """McGrew and Viega, The Galois/Counter Mode of Operation, appendix B."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    sealed = seal(RING, bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), plain, lambda _: key + nonce)
    assert sealed.nonce == nonce
    assert sealed.box[-16:].hex() == "76fc6ece0f4e1768cddf8853bb2d551b"


@given(plain=st.binary(max_size=300), aad=st.binary(max_size=40))
def test_what_is_sealed_opens(plain: bytes, aad: bytes) -> None:
    assert open_sealed(RING, aad, seal(RING, aad, plain, os.urandom)) == plain


@given(part=st.sampled_from(["wrapped", "nonce", "box"]), place_of=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_a_sealed_record_can_be_changed(part: str, place_of: int, bit: int) -> None:
    sealed = seal(RING, b"here", b"plain text", os.urandom)
    changed = bytearray(getattr(sealed, part))
    changed[place_of % len(changed)] ^= 1 << bit
    with pytest.raises(errors.SealBroken):
        open_sealed(RING, b"here", _with(sealed, part, bytes(changed)))


@pytest.mark.parametrize(
    "elsewhere",
    [
        place("evidence", 0, ID, "box"),
        place("account", 1, ID, "box"),
        place("account", 0, UUID(int=8), "box"),
        place("account", 0, ID, "name"),
    ],
)
def test_box_does_not_open_at_another_place(elsewhere: bytes) -> None:
    sealed = seal(RING, place("account", 0, ID, "box"), b"plain", os.urandom)
    with pytest.raises(errors.SealBroken):
        open_sealed(RING, elsewhere, sealed)


def _with(sealed: Sealed, part: str, data: bytes) -> Sealed:
    parts: dict[str, Any] = {part: data}
    return dataclasses.replace(sealed, **parts)


def _cut(sealed: Sealed) -> Sealed:
    return dataclasses.replace(sealed, wrapped=sealed.wrapped[:-1])


def _short_nonce(sealed: Sealed) -> Sealed:
    return dataclasses.replace(sealed, nonce=b"")


def _other_kek(sealed: Sealed) -> Sealed:
    return dataclasses.replace(sealed, kek_id="kek-0")


@pytest.mark.parametrize("spoil", [erase, _cut, _short_nonce, _other_kek])
def test_every_broken_record_is_one_typed_error(spoil: Callable[[Sealed], Sealed]) -> None:
    with pytest.raises(errors.SealBroken):
        open_sealed(RING, b"", spoil(seal(RING, b"", b"plain", os.urandom)))


def test_two_records_never_share_key_or_nonce() -> None:
    one, two = (seal(RING, b"", b"plain", os.urandom) for _ in range(2))
    assert one.wrapped != two.wrapped
    assert one.nonce != two.nonce


@pytest.mark.parametrize("secrets", [(b"a" * 31, b"b" * 32, b"c" * 32), (b"a" * 32, b"a" * 32, b"c" * 32)])
def test_keyring_refuses_short_and_shared_secrets(secrets: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(errors.Misconfigured):
        Keyring("kek", *secrets)


# --- membership numbers


@given(member=members)
def test_mask_shows_at_most_four_and_never_more_than_a_third(member: str) -> None:
    masked = mask(member)
    shown = masked.removeprefix("****")
    assert masked == f"****{shown}"
    assert member.endswith(shown)
    assert len(shown) <= 4
    assert 3 * len(shown) <= len(member)


@given(member=members, other=members)
def test_numbers_are_found_by_a_keyed_hash_of_program_and_number(member: str, other: str) -> None:
    index = blind_index(RING, "air", member)
    assert (index == blind_index(RING, "air", other)) == (member == other)
    assert index != blind_index(RING, "hotel", member)
    assert index != blind_index(dataclasses.replace(RING, pepper=b"q" * 32), "air", member)
    assert 0 <= bucket(RING, "air", member) < BUCKETS


def test_buckets_spread_evenly() -> None:
    counts = [0] * 16
    for number in range(3200):
        counts[bucket(RING, "air", str(number)) // 64] += 1
    assert min(counts) > 140
    assert max(counts) < 260


def test_canary_is_in_no_repr() -> None:
    sealed = seal(RING, b"", CANARY.encode(), os.urandom)
    assert CANARY not in repr(sealed) + repr(RING) + mask(CANARY)
    for secret in (RING.kek, RING.pepper, RING.bucket_key):
        assert repr(secret) not in repr(RING)


# --- evidence


def _request(body: bytes = BODY, key: PrivateKey = CALLER, method: str = "POST") -> tuple[Presented, Message]:
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"), ("idempotency-key", '"k-1"'))
    plain = Message(method, "house.example", "/v1/exchanges", "?", headers if body else headers[1:], body)
    added = sign_request(plain, key, created=NOW, expires=NOW + 120, nonce="n" * 22)
    message = dataclasses.replace(plain, headers=(*plain.headers, *added))
    return present(message, now=NOW, authorities=frozenset({"house.example"})), message


def _evidence(body: bytes = BODY) -> Evidence:
    presented, message = _request(body)
    return of_request(presented, message, keyring=RING, lane=0, evidence_id=ID, random=os.urandom)


def _call(answer_body: bytes = b'{"results":[]}') -> Evidence:
    asked, request = _request(key=HOUSE)
    headers = (("content-type", "application/json"),)
    added = sign_response(request, 200, headers, answer_body, PROGRAM, created=NOW, expires=NOW + 120)
    answer = Message("", "", "", "?", (*headers, *added), answer_body, 200)
    answered = verify_response(request, answer, lambda _: PROGRAM.public, now=NOW)
    return of_call(asked, request, answered, answer, keyring=RING, lane=0, evidence_id=ID, random=os.urandom)


def test_evidence_is_what_the_ledger_stores() -> None:
    stored: papers.Evidence = _evidence()
    assert stored.kind == "request"
    assert stored.key_id == CALLER.public.key_id
    assert stored.digest == hashlib.sha256(BODY).digest()


@pytest.mark.parametrize("body", [BODY, b""])
def test_evidence_verifies_again(body: bytes) -> None:
    assert verify(_evidence(body), CALLER.public, RING) == []


def test_erased_body_leaves_base_and_digest() -> None:
    evidence = _evidence()
    erased = dataclasses.replace(evidence, sealed=erase(evidence.sealed))
    assert verify(erased, CALLER.public, RING) == ["body_erased"]
    assert verify(evidence, CALLER.public, None) == ["body_unread"]


def test_another_key_another_base_another_signature_are_found() -> None:
    evidence = _evidence()
    assert verify(evidence, PROGRAM.public, RING) == ["base"]
    altered = evidence.base.replace(b"/v1/exchanges", b"/v1/exchangeS")
    assert verify(dataclasses.replace(evidence, base=altered), CALLER.public, RING) == ["base"]
    assert verify(dataclasses.replace(evidence, signature=bytes(64)), CALLER.public, RING) == ["base"]


def test_another_digest_and_another_body_are_found() -> None:
    evidence = _evidence()
    assert "digest" in verify(dataclasses.replace(evidence, digest=bytes(32)), CALLER.public, RING)
    assert "digest" in verify(dataclasses.replace(evidence, digest=None), CALLER.public, RING)
    swapped = seal(RING, place("evidence", 0, ID, "box"), BODY + b" ", os.urandom)
    assert verify(dataclasses.replace(evidence, sealed=swapped), CALLER.public, RING) == ["digest"]


def test_box_of_other_evidence_does_not_open_here() -> None:
    evidence = dataclasses.replace(_evidence(), evidence_id=UUID(int=8))
    assert verify(evidence, CALLER.public, RING) == ["seal"]
    assert verify(_evidence(), CALLER.public, RING, lane=1) == ["seal"]


def test_call_keeps_both_signatures_and_both_bodies() -> None:
    evidence = _call()
    assert answer_key_id(evidence) == PROGRAM.public.key_id
    assert verify(evidence, HOUSE.public, RING, answer_key=PROGRAM.public) == []
    assert verify(evidence, HOUSE.public, RING) == ["answer_unverified"]
    assert verify(evidence, HOUSE.public, RING, answer_key=CALLER.public) == ["answer_base"]
    erased = dataclasses.replace(evidence, sealed=erase(evidence.sealed))
    assert verify(erased, HOUSE.public, RING, answer_key=PROGRAM.public) == ["body_erased"]


def test_changed_answer_of_a_call_is_found() -> None:
    evidence = _call()
    box = seal(RING, place("evidence", 0, ID, "box"), b'{"request":"","answer":""}', os.urandom)
    changed = dataclasses.replace(evidence, sealed=box)
    assert verify(changed, HOUSE.public, RING, answer_key=PROGRAM.public) == ["digest", "answer_digest"]


def test_unsigned_answer_is_kept_without_a_key() -> None:
    asked, request = _request(key=HOUSE)
    answer = Message("", "", "", "?", (), b"hello", 200)
    evidence = of_call(asked, request, None, answer, keyring=RING, lane=0, evidence_id=ID, random=os.urandom)
    assert answer_key_id(evidence) is None
    assert verify(evidence, HOUSE.public, RING) == []


def test_body_of_a_request_is_only_in_the_box() -> None:
    evidence = _evidence(f'{{"member":"{CANARY}"}}'.encode())
    everything = repr(evidence).encode() + evidence.meta + evidence.base + evidence.sealed.box
    assert CANARY.encode() not in everything
