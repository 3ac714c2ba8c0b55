"""The log watched from outside: that a newer checkpoint extends an older one, so that nothing a receipt rests on was taken out."""

from collections.abc import Mapping
from typing import Any

from clearing import errors
from clearing.client.receipt import Finding, checkpoint
from clearing.rules import merkle
from clearing.signatures import PublicKey, parse_jwks

GROWN = frozenset({"old_checkpoint", "checkpoint", "origin", "consistency"})
"""Every check; a log of which not all of them were made is not proven to have only grown."""


def verify_growth(old: str, answer: Mapping[str, Any], jwks: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What can be said of a log with two checkpoints, the house's keys and nothing else. Nothing is skipped in silence.

    `old` is a checkpoint that was kept; `answer` is {"checkpoint", "path"}: a newer one, and the consistency proof from the old size to
    the new one, in hexadecimal (RFC 9162 section 2.1.4). Two old checkpoints that a third extends are of one log as well.

    1. old_checkpoint, 2. checkpoint: the note is the house's; without both nothing else is looked at. 3. origin: both are of the same log.
    4. consistency: every event of the old log stands unchanged at its place in the new one. From an empty log nothing is proven.
    """
    keys = tuple(parse_jwks(jwks).values())
    before, found = _read("old_checkpoint", old, keys)  # 1
    after, newer = _read("checkpoint", str(answer.get("checkpoint", "")), keys)  # 2
    findings = [found, newer]
    if before is None or after is None:
        return tuple(findings)
    (old_log, old_size, old_root), (log, size, root) = before, after
    try:
        path = [bytes.fromhex(node) for node in answer["path"]]
    except (KeyError, TypeError, ValueError) as reason:
        return (*findings, Finding("consistency", holds=False, detail=f"the path is unreadable: {reason}"))
    grown = merkle.verify_consistency(old_size, size, path, old_root, root)
    return (
        *findings,
        Finding("origin", holds=old_log == log, detail=f"both checkpoints are of the log {log}"),  # 3
        Finding("consistency", holds=grown, detail=f"the log of {size} extends the log of {old_size}"),  # 4
    )


def grew(findings: tuple[Finding, ...]) -> bool:
    """Whether every check was made and holds."""
    return {finding.check for finding in findings if finding.holds} == GROWN


def size_of(text: str, jwks: Mapping[str, Any]) -> int:
    """How many events a checkpoint of the house speaks of: what the proof is asked from. Raises errors.TokenInvalid."""
    return checkpoint(text, tuple(parse_jwks(jwks).values()))[1]


def _read(check: str, text: str, keys: tuple[PublicKey, ...]) -> tuple[tuple[str, int, bytes] | None, Finding]:
    try:
        log, size, root = checkpoint(text, keys)
    except (errors.TokenInvalid, ValueError) as reason:
        return None, Finding(check, holds=False, detail=str(reason))
    return (log, size, root), Finding(check, holds=True, detail=f"{log} had {size} leaves, signed by the house")
