"""Known answers of the RFCs: 9421 appendix B, 9530, 8032, 7638 and 8037."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from clearing import errors
from clearing.signatures import Message, PrivateKey, content_digest, parse_public_jwk, thumbprint
from clearing.signatures.message import require_digest, values_of
from clearing.signatures.profile import component, signature_base

BODY = b'{"hello": "world"}'
SHA512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"  # B.2
REQUEST = Message(
    "POST",
    "example.com",
    "/foo",
    "?param=Value&Pet=dog",
    (
        ("host", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-digest", SHA512),
        ("content-length", "18"),
    ),
    BODY,
)
RESPONSE = Message(
    "",
    "",
    "",
    "",
    (
        ("date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("content-type", "application/json"),
        (
            "content-digest",
            "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
        ),
        ("content-length", "23"),
    ),
    b'{"message": "good dog"}',
    200,
)
ED25519 = PrivateKey.from_jwk(  # B.1.4
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": "test-key-ed25519",
        "d": "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU",
        "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs",
    }
)
P256 = parse_public_jwk(  # B.1.3
    {
        "kty": "EC",
        "crv": "P-256",
        "kid": "test-key-ecc-p256",
        "x": "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
        "y": "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
    }
)


def base_of(message: Message, names: str, rest: str) -> bytes:
    parts = [component(name) for name in names.split()]
    return signature_base(parts, values_of(message), None, f"({' '.join(part.text for part in parts)}){rest}")


def test_rfc9421_b26_ed25519_base_and_signature_byte_for_byte() -> None:
    base = base_of(
        REQUEST,
        "date @method @path @authority content-type content-length",
        ';created=1618884473;keyid="test-key-ed25519"',
    )
    assert base.decode() == (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
        '"@method": POST\n'
        '"@path": /foo\n'
        '"@authority": example.com\n'
        '"content-type": application/json\n'
        '"content-length": 18\n'
        '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"'
    )
    signature = base64.b64encode(ED25519.sign(base)).decode()
    assert signature == "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="


def test_rfc9421_b24_ecdsa_p256_of_an_answer_verifies() -> None:
    base = base_of(
        RESPONSE,
        "@status content-type content-digest content-length",
        ';created=1618884473;keyid="test-key-ecc-p256"',
    )
    signature = base64.b64decode(
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="
    )
    assert P256.verify(signature, base)
    assert not P256.verify(signature, base.replace(b"1618884473", b"1618884474"))


def test_rfc9421_b25_base_under_hmac() -> None:
    """The profile takes no shared secrets; the base is the RFC's all the same."""
    base = base_of(REQUEST, "date @authority content-type", ';created=1618884473;keyid="test-shared-secret"')
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    assert hmac.digest(secret, base, "sha256") == base64.b64decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")


def test_rfc9421_b3_what_a_terminating_proxy_signs() -> None:
    certificate = (
        ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVk"
        "aWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8"
        "YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBg"
        "NVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYE"
        "PYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5"
        "r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
    )
    fields = (*REQUEST.headers[1:], ("client-cert", certificate))
    message = replace(REQUEST, authority="service.internal.example", headers=fields)
    rest = ';created=1618884473;keyid="test-key-ecc-p256"'
    base = base_of(message, "@path @query @method @authority client-cert", rest)
    signature = base64.b64decode(
        "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw=="
    )
    assert P256.verify(signature, base)


def test_rfc9421_b4_what_a_proxy_may_change_and_what_not() -> None:
    fields = (("host", "example.org"), ("accept", "application/json"), ("accept", "*/*"))
    message = Message("GET", "example.org", "/demo", "?name1=Value1&Name2=value2", fields, b"")
    signature = base64.b64decode(
        "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA=="
    )

    def verifies(other: Message) -> bool:
        rest = ';created=1618884473;keyid="test-key-ed25519"'
        return ED25519.public.verify(signature, base_of(other, "@method @path @authority accept", rest))

    assert verifies(message)
    assert verifies(replace(message, query="?name1=Value1&Name2=value2&param=added"))  # so we cover @query
    assert verifies(replace(message, headers=(("x-more", "y"), ("accept", "application/json, */*"))))
    assert not verifies(replace(message, method="POST"))
    assert not verifies(replace(message, authority="example.com"))
    assert not verifies(replace(message, headers=(fields[0], fields[2], fields[1])))


def test_rfc9530_digests_of_the_example() -> None:
    assert content_digest(BODY) == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    require_digest(content_digest(BODY), BODY)
    require_digest(SHA512, BODY)
    require_digest(f"{SHA512}, {content_digest(BODY)}", BODY)
    require_digest(dict(RESPONSE.headers)["content-digest"], RESPONSE.body)
    for field in ("", "sha-256", "sha-256=1", f"{content_digest(BODY)};a=1", f"{SHA512}, {SHA512}", "sha=:AAAA:"):
        with pytest.raises(errors.ContentDigestMismatch):
            require_digest(field, BODY)


@pytest.mark.parametrize(
    ("seed", "public", "message", "signature"),
    [  # RFC 8032 section 7.1, tests 1 to 3
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
                "be24655141438e7a100b"
            ),
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            (
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
                "2aeeb00d291612bb0c00"
            ),
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716e"
                "d28dc027beceea1ec40a"
            ),
        ),
    ],
)
def test_rfc8032_signatures(seed: str, public: str, message: str, signature: str) -> None:
    key = PrivateKey.generate(bytes.fromhex(seed))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature


def test_rfc7638_thumbprint_of_the_rsa_example() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha"
        "jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rfc8037_a3_thumbprint_of_an_ed25519_key() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert parse_public_jwk(jwk).key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    canonical = json.dumps(dict(sorted(jwk.items())), separators=(",", ":")).encode()
    assert base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode() == f"{thumbprint(jwk)}="
