"""The one exception tree: strangers and misuse, each with a stable code, an HTTP hint and whether a repeat may help.

Expected refusals are not here: they are values (`clearing.rules.refusals`). The tree:

    ClearingError
     ├─ SignatureRefused   one class for each way a signature fails
     ├─ RequestMalformed   what was said cannot be read
     ├─ Forbidden, NotFound, MethodNotAllowed
     ├─ KeyRefused, SealBroken, AnswerUnreadable
     └─ Unavailable        the house cannot answer now; ask again
"""

from typing import ClassVar


class ClearingError(Exception):
    """The house met something it did not expect."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail or (type(self).__doc__ or "").strip())
        self.retry_after = retry_after

    @property
    def detail(self) -> str:
        """One sentence for the caller; never a secret, never a membership number."""
        return str(self.args[0])


class SignatureRefused(ClearingError):
    """The signature of this message was refused; sign again and repeat with the same Idempotency-Key."""

    code: ClassVar[str] = "signature_refused"
    status: ClassVar[int] = 401


class SignatureRequired(SignatureRefused):
    """The request carries no signature."""

    code = "signature_required"


class SignatureHeaderMalformed(SignatureRefused):
    """Signature-Input, Signature or a covered field is missing, doubled or not a structured field (RFC 9651)."""

    code = "signature_header_malformed"


class TargetMalformed(SignatureRefused):
    """The host is not ours, or the target is not in normal form (ASCII, no escapes, no dot segments, no default port)."""

    code = "target_malformed"
    status = 400


class SignatureParamsIncomplete(SignatureRefused):
    """created, expires, nonce, keyid, alg and tag are all required (RFC 9421 section 2.3)."""

    code = "signature_params_incomplete"


class SignatureTagInvalid(SignatureRefused):
    """The tag is not the one of this profile."""

    code = "signature_tag_invalid"


class SignatureAlgNotAllowed(SignatureRefused):
    """Only ed25519 and ecdsa-p256-sha256 are accepted."""

    code = "signature_alg_not_allowed"


class SignatureWindowInvalid(SignatureRefused):
    """The signature is too old, too new, expired, or lives longer than 300 seconds."""

    code = "signature_window_invalid"


class SignatureComponentsIncomplete(SignatureRefused):
    """The signature does not cover the required components, or carries unknown component parameters."""

    code = "signature_components_incomplete"


class SignatureKeyUnknown(SignatureRefused):
    """No key is registered under this keyid."""

    code = "signature_key_unknown"


class SignatureKeyPurposeInvalid(SignatureRefused):
    """The key is registered for another purpose, algorithm or environment."""

    code = "signature_key_purpose_invalid"


class SignatureKeyRevoked(SignatureRefused):
    """The key is revoked, expired or not yet valid."""

    code = "signature_key_revoked"


class SignatureRateAbuse(SignatureRefused):
    """This key has used too many nonces in a short time."""

    code = "signature_rate_abuse"
    status = 429
    retryable = True


class SignatureInvalid(SignatureRefused):
    """The signature does not verify with the registered key."""

    code = "signature_invalid"


class ContentDigestMismatch(SignatureRefused):
    """The body received is not the body that was signed (RFC 9530)."""

    code = "content_digest_mismatch"


class SignatureReplayed(SignatureRefused):
    """This nonce was used before: the same bytes are never accepted twice."""

    code = "signature_replayed"


class RequestMalformed(ClearingError):
    """The body is not the JSON that this operation takes."""

    code: ClassVar[str] = "body_malformed"
    status: ClassVar[int] = 400


class ValidationFailed(RequestMalformed):
    """A field of the body is missing, unknown or out of range."""

    code = "validation_failed"
    status = 422


class BodyTooLarge(RequestMalformed):
    """The body is larger than 64 KiB, or than 8 MiB where it is a file."""

    code = "body_too_large"
    status = 413


class IdempotencyKeyRequired(RequestMalformed):
    """A state-changing request needs an Idempotency-Key, a quoted string."""

    code = "idempotency_key_required"


class Forbidden(ClearingError):
    """The key that signed has no right to this."""

    code = "forbidden"
    status = 403


class NotFound(ClearingError):
    """Nothing of the caller's is here."""

    code = "not_found"
    status = 404


class MethodNotAllowed(ClearingError):
    """This path does not take this method."""

    code = "method_not_allowed"
    status = 405


class KeyRefused(ClearingError):
    """The public key cannot be registered: wrong kind, private part present, small order, or not in canonical form."""

    code = "key_refused"
    status = 422


class ProofOfPossessionInvalid(KeyRefused):
    """The proof is not a signature of the challenge by the key itself."""

    code = "proof_of_possession_invalid"


class TokenInvalid(ClearingError):
    """The token is not one of ours, or was changed."""

    code = "token_invalid"
    status = 422


class SealBroken(ClearingError):
    """A sealed record does not open: wrong key, wrong place, or changed bytes."""

    code = "seal_broken"


class AnswerUnreadable(ClearingError):
    """A partner's answer cannot be read; the outcome is unknown and is asked again."""

    code = "answer_unreadable"
    status = 502
    retryable = True


class ProgramUnavailable(ClearingError):
    """The program did not answer; nothing was changed."""

    code = "program_unavailable"
    status = 503
    retryable = True


class GlyphMissing(ClearingError):
    """A character of a statement is in none of the fonts that were given."""

    code = "glyph_missing"


class Unavailable(ClearingError):
    """The house cannot take this now; repeat with the same Idempotency-Key."""

    code: ClassVar[str] = "unavailable"
    status: ClassVar[int] = 503
    retryable: ClassVar[bool] = True


class Overloaded(Unavailable):
    """The queue of this lane is full."""

    code = "overloaded"


class ReplayStoreUnavailable(Unavailable):
    """The memory of used nonces cannot be reached, so nothing is accepted."""

    code = "replay_store_unavailable"


class ClockUnsound(Unavailable):
    """The clock of this process and of the database differ by more than two seconds."""

    code = "clock_unsound"


class ItemRejected(ClearingError):
    """The ledger could not write this item although it passed every check; nothing of it was kept."""

    code = "item_rejected"


class Misconfigured(ClearingError):
    """A setting is missing or cannot be used."""

    code = "misconfigured"
