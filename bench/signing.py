"""What a signature costs: our profile, tokens and proofs, and the http-message-signatures library doing the same.

The library does less: it verifies signature, digest and tag, and leaves policy (required coverage, nonce, lifetime, normal target, doubled
fields) to its caller; ours does all of that within the figure. Ed25519 throughout, body 900 bytes, answer 1,400 bytes.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bench.ground import BODY_BYTES, SOURCE, TARGET, TERMS
from bench.judge import Judge, request_of, response_of
from bench.report import Options, Report, Rounds, Row, middle, spread
from clearing import exchange
from clearing.exchange import Quote
from clearing.ledger.outcomes import LeafView
from clearing.rules import merkle
from clearing.signatures import (
    QUOTE,
    REQUEST_TAG,
    RESPONSE_TAG,
    Message,
    PrivateKey,
    confirm,
    jws_verify,
    present,
    sign_request,
    sign_response,
    verify_response,
)

LOOPS, ROUNDS, SECONDS = 1_000, 7, 40.0
TREE, ANSWER_BYTES = 4_096, 1_400
HOST = "clearing.example"
JSON = ("content-type", "application/json")
UNITS = {
    "operation": "what is done once",
    "us": "microseconds of one core, median of all rounds",
    "library_us": "the same by http-message-signatures, where it can",
    "library_ratio": "library_us / us",
    "spread_pct": "us: largest minus smallest round, in percent of the median",
}
NOTES = [
    "our figures include the policy that the library leaves to its caller: coverage, lifetime, nonce, normal target"
]

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to do, and how the library does it."""

    name: str
    ours: Work
    library: Work | None = None


def _cases() -> list[Case]:
    partner, house = PrivateKey.generate(os.urandom(32)), PrivateKey.generate(os.urandom(32))
    return [*_messages(partner, house), *_tokens(house), _proof()]


def _messages(partner: PrivateKey, house: PrivateKey) -> list[Case]:
    now, nonce, judge = int(time.time()), "n" * 24, Judge(partner, house)
    lines = (("host", HOST), JSON, ("idempotency-key", f'"{uuid4()}"'), ("prefer", "wait=10"))
    plain = Message("POST", HOST, "/v1/exchanges", "?", lines, os.urandom(BODY_BYTES))
    body, expires = os.urandom(ANSWER_BYTES), now + 120
    signed = replace(plain, headers=(*lines, *sign_request(plain, partner, nonce=nonce, created=now, expires=expires)))
    added = sign_response(signed, 201, [JSON], body, house, created=now, expires=expires)
    answer = Message("", "", "", "", (JSON, *added), body, 201)
    theirs, their_answer, fresh = request_of(signed), response_of(answer, signed), response_of(answer, signed)

    def verify_request() -> None:
        presented = present(signed, now=now, authorities=frozenset({HOST}))
        confirm(presented, partner.public, signed)

    keys = {house.public.key_id: house.public}
    return [
        Case(
            "sign request",
            lambda: sign_request(plain, partner, nonce=nonce, created=now, expires=expires),
            lambda: judge.sign_request(plain, partner, now, nonce),
        ),
        Case("verify request", verify_request, lambda: judge.verify(theirs, REQUEST_TAG, signed.body)),
        Case(
            "sign response",
            lambda: sign_response(signed, 201, [JSON], body, house, created=now, expires=expires),
            lambda: judge.sign_response(fresh, body, house, now),
        ),
        Case(
            "verify response",
            lambda: verify_response(signed, answer, keys.get, now=now),
            lambda: judge.verify(their_answer, RESPONSE_TAG, body),
        ),
    ]


def _tokens(house: PrivateKey) -> list[Case]:
    later = datetime.now(UTC) + timedelta(minutes=10)
    said = Quote(uuid4(), "palm", SOURCE, uuid4(), TARGET, uuid4(), TERMS, "card 3, agreements 2 and 5", later, 120)
    token, keys = exchange.quote_token(said, house), {house.public.key_id: house.public}
    salt, event = os.urandom(32), os.urandom(600)
    leaf = LeafView(0, 7, salt, event, merkle.leaf_hash(merkle.commitment(salt, event)))
    receipt_id = uuid4()
    return [
        Case("quote token: issue", lambda: exchange.quote_token(said, house)),
        Case("quote token: read (signed again)", lambda: exchange.read_quote(token, house, keys.get)),
        Case("quote token: verify", lambda: jws_verify(token, keys.get, QUOTE)),
        Case("receipt: issue", lambda: exchange.receipt(receipt_id, leaf, house)),
    ]


def _proof() -> Case:
    leaves = [merkle.leaf_hash(os.urandom(32)) for _ in range(TREE)]

    def look_up(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return merkle.node_hash(look_up(level - 1, 2 * index), look_up(level - 1, 2 * index + 1))

    index = TREE // 3
    path, root = merkle.inclusion(index, TREE, look_up), merkle.subtree(0, TREE, look_up)
    return Case(
        f"Merkle proof of {len(path)} hashes: verify",
        lambda: merkle.verify_inclusion(leaves[index], index, TREE, path, root),
    )


def _us(work: Work, loops: int) -> float:
    started = time.perf_counter()
    for _ in range(loops):
        work()
    return 1e6 * (time.perf_counter() - started) / loops


def bench(options: Options) -> Report:
    """The whole bench: ours and the library's in turn, so that noise meets both."""
    loops, rounds, cases = options.most(LOOPS), Rounds(options, ROUNDS, SECONDS), _cases()
    ours: dict[str, list[float]] = {case.name: [] for case in cases}
    library: dict[str, list[float]] = {case.name: [] for case in cases if case.library is not None}
    for case in cases:
        for work in (case.ours, case.library):
            if work is not None:
                _us(work, max(1, loops // 10))  # warm
    while rounds.more():
        options.say(f"signing: round {rounds.done}")
        for case in cases:
            ours[case.name].append(_us(case.ours, loops))
            if case.library is not None:
                library[case.name].append(_us(case.library, max(1, loops // 4)))
    return Report("signing", [_row(name, took, library.get(name)) for name, took in ours.items()], UNITS, NOTES)


def _row(name: str, took: list[float], theirs: list[float] | None) -> Row:
    own = middle(took)
    return {
        "operation": name,
        "us": round(own, 1),
        "library_us": None if theirs is None else round(middle(theirs), 1),
        "library_ratio": None if theirs is None else round(middle(theirs) / own, 2),
        "spread_pct": spread(took),
    }
