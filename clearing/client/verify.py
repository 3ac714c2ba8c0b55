"""What a program needs at its own door: check a call of the house, and sign the answer to it."""

from collections.abc import Callable, Iterable

from clearing import errors
from clearing.signatures import Message, Presented, PrivateKey, PublicKey, confirm, present, sign_response

LIFETIME_SECONDS = 120


def verify_call(
    message: Message, key_of: Callable[[str], PublicKey | None], now: int, authorities: frozenset[str]
) -> Presented:
    """Who called, and that nothing was changed. Raises an errors.SignatureRefused, whose `code` belongs in the answer.

    Left to the caller: remember `nonce` until `expires` + 60 and refuse it the second time; honour the ids of
    operations. `authorities` are the hosts, with port unless it is the default one, under which the program is called.
    """
    presented = present(message, now=now, authorities=authorities)
    key = key_of(presented.key_id)
    if key is None:
        raise errors.SignatureKeyUnknown
    confirm(presented, key, message)
    return presented


def sign_answer(
    request: Message, status: int, headers: Iterable[tuple[str, str]], body: bytes, key: PrivateKey, now: int
) -> list[tuple[str, str]]:
    """All headers of the answer, signed and bound to the request; `headers` has at least the content type of a body."""
    given = [(name.lower(), value) for name, value in headers]
    return [*given, *sign_response(request, status, given, body, key, created=now, expires=now + LIFETIME_SECONDS)]
