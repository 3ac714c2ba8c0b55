"""Keys as JWKs (RFC 7517, 8037), named by their thumbprint (RFC 7638); weak and ambiguous public keys are refused."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import nacl.bindings as sodium
import nacl.exceptions
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from clearing import errors

ED25519 = "ed25519"
ECDSA_P256 = "ecdsa-p256-sha256"
ALGORITHMS = frozenset({ED25519, ECDSA_P256})
SEED_BYTES, SIGNATURE_BYTES = 32, 64
JOSE_NAMES = {ED25519: "Ed25519", ECDSA_P256: "ES256"}  # RFC 9864: "EdDSA" is deprecated, and accepted in a JWK only

_ACCEPTED_NAMES = {ED25519: ("Ed25519", "EdDSA"), ECDSA_P256: ("ES256",)}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_ECDSA = ec.ECDSA(hashes.SHA256())
_ECDSA_DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979

# Edwards25519 (RFC 8032 section 5.1): -x^2 + y^2 = 1 + d x^2 y^2 over p. Then the y of the eight points whose order
# divides 8: under such a key one fixed signature verifies any message.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7,
    }
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that passed every check of `parse_public_jwk`."""

    key_id: str
    alg: str
    jwk: dict[str, str] = field(compare=False)
    _key: bytes | ec.EllipticCurvePublicKey = field(
        compare=False, repr=False
    )  # Ed25519: the 32 bytes that libsodium takes

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`; ECDSA signatures are r || s (RFC 9421 section 3.3.4)."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            if isinstance(self._key, bytes):
                sodium.crypto_sign_open(signature + data, self._key)
            else:
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                self._key.verify(encode_dss_signature(r, s), data, _ECDSA)
        except (InvalidSignature, nacl.exceptions.BadSignatureError):
            return False
        return True

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key; signed notes name keys by them. Raises errors.KeyRefused for other kinds."""
        if not isinstance(self._key, bytes):
            raise errors.KeyRefused("only Ed25519 keys have a raw form")
        return self._key


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. It never shows its secret in a repr."""

    public: PublicKey
    _key: bytes | ec.EllipticCurvePrivateKey = field(
        compare=False, repr=False
    )  # Ed25519: seed || public, as libsodium takes it

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, deterministic for both kinds of key."""
        if isinstance(self._key, bytes):
            return sodium.crypto_sign(data, self._key)[:SIGNATURE_BYTES]
        r, s = decode_dss_signature(self._key.sign(data, _ECDSA_DETERMINISTIC))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    @classmethod
    def generate(cls, seed: bytes) -> "PrivateKey":
        """The Ed25519 key of 32 seed bytes (RFC 8032 section 5.1.5); the caller brings the randomness."""
        if len(seed) != SEED_BYTES:
            raise errors.KeyRefused("an Ed25519 seed has 32 bytes")
        public, secret = sodium.crypto_sign_seed_keypair(seed)
        return cls(_ed25519_public(public), secret)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> "PrivateKey":
        """A private JWK; its public part must be the one that belongs to it. Raises errors.KeyRefused."""
        public = parse_public_jwk({name: value for name, value in jwk.items() if name not in _PRIVATE_MEMBERS})
        secret = _bytes_member(jwk, "d")
        if public.alg == ED25519:
            key = cls.generate(secret)
        else:
            try:
                key = cls._p256(ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))
            except ValueError as reason:
                raise errors.KeyRefused("d is out of range for P-256") from reason
        if key.public.key_id != public.key_id:
            raise errors.KeyRefused("the private and the public part are not one pair")
        return key

    def to_jwk(self) -> dict[str, str]:
        """The private JWK. A secret: store it, never show it."""
        key = self._key
        secret = key[:SEED_BYTES] if isinstance(key, bytes) else key.private_numbers().private_value.to_bytes(32, "big")
        return {**self.public.jwk, "d": encode(secret)}

    @classmethod
    def _p256(cls, key: ec.EllipticCurvePrivateKey) -> "PrivateKey":
        numbers = key.public_key().public_numbers()
        return cls(_p256_public(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")), key)


def parse_public_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """The key of a public JWK, if it may be registered. Raises errors.KeyRefused.

    1. no private member; 2. OKP/Ed25519 or EC/P-256 and nothing else (no RSA); 3. use, key_ops and alg, if present, say
    "verifies with this algorithm"; 4. coordinates in canonical base64url and full length; 5. the point is canonical, on
    its curve, and not of small order.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):  # 1
        raise errors.KeyRefused("the key carries its private part; consider it compromised")
    kind = (jwk.get("kty"), jwk.get("crv"))
    if kind == ("OKP", "Ed25519"):  # 2
        _require_purpose(jwk, ED25519)  # 3
        return _ed25519_public(_bytes_member(jwk, "x"))  # 4, 5
    if kind == ("EC", "P-256"):
        _require_purpose(jwk, ECDSA_P256)
        return _p256_public(_bytes_member(jwk, "x"), _bytes_member(jwk, "y"))
    raise errors.KeyRefused("only OKP/Ed25519 and EC/P-256 keys are accepted")


def parse_jwks(jwks: Mapping[str, object]) -> dict[str, PublicKey]:
    """The usable keys of a JWK set by key id; what is not understood or not safe is left out (RFC 7517 section 5)."""
    members = jwks.get("keys")
    if not isinstance(members, list):
        raise errors.KeyRefused("a JWK set has a list of keys")
    found: dict[str, PublicKey] = {}
    for member in members:
        try:
            key = parse_public_jwk(member if isinstance(member, Mapping) else {})
        except errors.KeyRefused:
            continue
        found[key.key_id] = key
    return found


def thumbprint(jwk: Mapping[str, object]) -> str:
    """RFC 7638 section 3: SHA-256 over the required members only, sorted, without white space, in base64url."""
    required = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}[str(jwk["kty"])]
    canonical = json.dumps({name: jwk[name] for name in required}, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(canonical.encode()).digest())


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of canonical, unpadded base64url; any other spelling of the same bytes raises ValueError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as reason:
        raise ValueError("not base64url") from reason
    if encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def _require_purpose(jwk: Mapping[str, object], alg: str) -> None:
    if jwk.get("alg", JOSE_NAMES[alg]) not in _ACCEPTED_NAMES[alg]:
        raise errors.KeyRefused("the alg of the key does not fit its kind")
    if jwk.get("use", "sig") != "sig":
        raise errors.KeyRefused("the use of the key is not sig")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise errors.KeyRefused("the key_ops of the key do not include verify")


def _bytes_member(jwk: Mapping[str, object], name: str) -> bytes:
    text = jwk.get(name)
    try:
        data = decode(text) if isinstance(text, str) else b""
    except ValueError as reason:
        raise errors.KeyRefused(f"{name} is {reason}") from reason
    if len(data) != 32:
        raise errors.KeyRefused(f"{name} is not 32 bytes")
    return data


def _ed25519_public(raw: bytes) -> PublicKey:
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P:
        raise errors.KeyRefused("y is not in canonical form")
    if y in _SMALL_ORDER_Y:
        raise errors.KeyRefused("the point has small order")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:  # Euler: x exists; x = 0 only for points of small order
        raise errors.KeyRefused("the point is not on the curve")
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
    return PublicKey(thumbprint(jwk), ED25519, jwk, raw)


def _p256_public(x: bytes, y: bytes) -> PublicKey:
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    try:
        key = numbers.public_key()
    except ValueError as reason:
        raise errors.KeyRefused("the point is not on P-256") from reason
    jwk = {"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)}
    return PublicKey(thumbprint(jwk), ECDSA_P256, jwk, key)
