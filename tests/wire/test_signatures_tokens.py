"""Tokens and checkpoints: only the exact form, the exact type and the key's own algorithm pass."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import errors
from clearing.signatures import PrivateKey, decode, encode, jws_key_id, jws_sign, jws_verify, note_sign, note_verify
from tests.wire.make_vectors import ED, HOUSE, P256

TYP = "clearing-quote+jws"
KEYS = {key.public.key_id: key.public for key in (ED, P256)}
ROOT = bytes(range(32))
LOG = "clearing.example/lane/0"


def forged(header: object, key: PrivateKey = ED, payload: bytes = b"{}") -> str:
    text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    signed = f"{encode(text.encode())}.{encode(payload)}"
    return f"{signed}.{encode(key.sign(signed.encode()))}"


@given(st.binary(max_size=60), st.sampled_from([ED, P256]))
def test_what_is_signed_verifies(payload: bytes, key: PrivateKey) -> None:
    token = jws_sign(payload, key, TYP)
    assert jws_verify(token, KEYS.get, TYP) == payload
    assert jws_key_id(token) == key.public.key_id


@given(st.integers(0, 1000), st.sampled_from("AZaz09-_.=+/ \u00e4"), st.sampled_from([ED, P256]))
def test_any_other_character_anywhere_is_refused(place: int, new: str, key: PrivateKey) -> None:
    token = jws_sign(b'{"exchange":"0001"}', key, TYP)
    place %= len(token)
    if token[place] != new:
        with pytest.raises(errors.TokenInvalid):
            jws_verify(token[:place] + new + token[place + 1 :], KEYS.get, TYP)


HEADER = {"alg": "Ed25519", "kid": ED.public.key_id, "typ": TYP}


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"alg": "none"},
        HEADER | {"alg": "EdDSA"},
        HEADER | {"alg": "ES256"},
        HEADER | {"alg": "HS256"},
        HEADER | {"typ": "clearing-receipt+jws"},
        HEADER | {"typ": "JWT"},
        HEADER | {"kid": HOUSE.public.key_id},
        HEADER | {"kid": 1},
        HEADER | {"crit": ["exp"]},
        HEADER | {"jwk": ED.public.jwk},
        HEADER | {"jku": "https://evil.example"},
        {"alg": "Ed25519", "kid": ED.public.key_id},
        json.dumps(HEADER)[:-1] + f',"typ":"{TYP}"}}',
        [],
        [["alg", "Ed25519"]],
        "",
        "null",
        "[" * 5000,
    ],
)
def test_other_headers_are_refused_although_truly_signed(header: object) -> None:
    assert jws_verify(forged(HEADER), KEYS.get, TYP) == b"{}"
    with pytest.raises(errors.TokenInvalid):
        jws_verify(forged(header), KEYS.get, TYP)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "\x00.\x00.\x00", "é.é.é"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(errors.TokenInvalid):
        jws_verify(token, KEYS.get, TYP)


@given(st.binary(max_size=40))
def test_base64url_has_one_spelling(data: bytes) -> None:
    assert decode(encode(data)) == data
    for other in (encode(data) + "=", encode(data) + "\n", " " + encode(data)):
        with pytest.raises(ValueError, match="base64url"):
            decode(other)


def test_a_checkpoint_says_what_was_signed() -> None:
    note = note_sign(LOG, 7, ROOT, HOUSE, LOG)
    assert note.startswith(f"{LOG}\n7\nAAECAwQF")
    assert note_verify(note, HOUSE.public, LOG) == (LOG, 7, ROOT)


def test_c2sp_key_hash_of_the_published_example() -> None:
    """C2SP signed-note: the id is SHA-256(name, newline, 0x01, public key), first four bytes."""
    line = note_sign(LOG, 7, ROOT, HOUSE, "witness.example").rsplit(" ", 1)[1]
    wanted = hashlib.sha256(b"witness.example\n\x01" + HOUSE.public.raw).digest()[:4]
    assert base64.b64decode(line)[:4] == wanted
    assert len(base64.b64decode(line)) == 68


def test_signatures_of_witnesses_are_left_alone() -> None:
    note = note_sign(LOG, 7, ROOT, HOUSE, LOG)
    witness = note_sign(LOG, 7, ROOT, ED, "witness.example").rsplit("\n\n", 1)[1]
    assert note_verify(note + witness, HOUSE.public, LOG) == (LOG, 7, ROOT)
    assert note_verify(note + witness, ED.public, "witness.example") == (LOG, 7, ROOT)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace(LOG, "clearing.example/lane/1", 1),
        lambda note: note.replace("AAEC", "AAED", 1),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\u2014", "-"),
        lambda note: note.replace(f"\u2014 {LOG}", "\u2014 other.example"),
        lambda note: note[:-1],
        lambda note: note + "\n",
        lambda note: note + "more\n",
        lambda note: note[:-6] + "AA==\n",
        lambda _: "",
    ],
)
def test_a_changed_checkpoint_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(errors.TokenInvalid):
        note_verify(spoil(note_sign(LOG, 7, ROOT, HOUSE, LOG)), HOUSE.public, LOG)


def test_a_checkpoint_needs_the_key_and_the_name() -> None:
    note = note_sign(LOG, 7, ROOT, HOUSE, LOG)
    for key, name in ((ED, LOG), (HOUSE, "other.example")):
        with pytest.raises(errors.TokenInvalid):
            note_verify(note, key.public, name)
    with pytest.raises(errors.KeyRefused):
        note_sign(LOG, 7, ROOT, P256, LOG)
    for origin, size, root, name in (
        (LOG, -1, ROOT, LOG),
        (LOG, 1, b"", LOG),
        (LOG, 1, ROOT, "a b"),
        ("a\nb", 1, ROOT, LOG),
    ):
        with pytest.raises(ValueError, match="checkpoint"):
            note_sign(origin, size, root, HOUSE, name)
