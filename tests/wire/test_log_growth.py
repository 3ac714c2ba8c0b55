"""A log that only grew is proven to have; one that was rewritten, cut or exchanged is found out by whoever kept a checkpoint."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clearing.client import Clearing, grew, verify_growth
from clearing.client.log import size_of
from clearing.errors import TokenInvalid
from clearing.ledger import reads
from clearing.rules import merkle
from clearing.signatures import note_sign
from tests.command_line import clearing
from tests.wire.front_room import Front
from tests.wire.make_vectors import HOUSE, STRANGER

ROOT = Path(__file__).parents[2]
LOG = "clearing.example/0"
JWKS = {"keys": [dict(HOUSE.public.jwk)]}
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(9)]
REWRITTEN = [*LEAVES[:2], merkle.leaf_hash(b"another"), *LEAVES[3:]]


def looking_up(leaves: list[bytes]) -> merkle.Lookup:
    def look_up(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return merkle.node_hash(look_up(level - 1, 2 * index), look_up(level - 1, 2 * index + 1))

    return look_up


def note(leaves: list[bytes], key: Any = HOUSE, log: str = LOG) -> str:
    return note_sign(log, len(leaves), merkle.subtree(0, len(leaves), looking_up(leaves)), key, log)


def answer(old: int, leaves: list[bytes], **more: Any) -> dict[str, Any]:
    path = [node.hex() for node in merkle.consistency(old, len(leaves), looking_up(leaves))]
    return {"checkpoint": note(leaves), "path": path} | more


@pytest.mark.parametrize("new", range(1, 10))
def test_a_log_that_only_grew_is_proven_to_have(new: int) -> None:
    for old in range(1, new + 1):
        findings = verify_growth(note(LEAVES[:old]), answer(old, LEAVES[:new]), JWKS)
        assert [finding.check for finding in findings if not finding.holds] == []
        assert grew(findings)


@pytest.mark.parametrize(
    ("old", "said", "check"),
    [
        (note(LEAVES[:5]), answer(5, REWRITTEN), "consistency"),
        (note(LEAVES[:5]), answer(4, LEAVES), "consistency"),
        (note(LEAVES), answer(5, LEAVES[:5]), "consistency"),
        (note(LEAVES[:5]), answer(5, LEAVES, path=[]), "consistency"),
        (note(LEAVES[:5]), answer(5, LEAVES, path=["zz"]), "consistency"),
        (note(LEAVES[:5]), {"checkpoint": note(LEAVES)}, "consistency"),
        (note(LEAVES[:5], log="elsewhere/0"), answer(5, LEAVES), "origin"),
        (note(LEAVES[:5], STRANGER), answer(5, LEAVES), "old_checkpoint"),
        (note(LEAVES[:5]), answer(5, LEAVES, checkpoint=note(LEAVES, STRANGER)), "checkpoint"),
        (note(LEAVES[:5]), answer(5, LEAVES, checkpoint="no note"), "checkpoint"),
        (note(LEAVES[:5]).replace("5", "4", 1), answer(4, LEAVES), "old_checkpoint"),
        ("", {}, "old_checkpoint"),
    ],
)
def test_a_log_that_did_not_only_grow_is_found_out(old: str, said: dict[str, Any], check: str) -> None:
    findings = verify_growth(old, said, JWKS)
    assert check in {finding.check for finding in findings if not finding.holds}
    assert not grew(findings)


def test_nothing_checked_has_not_grown() -> None:
    assert not grew(())
    with pytest.raises(TokenInvalid):
        size_of("no note", JWKS)


# --- at the house


def client(front: Front) -> Clearing:
    return Clearing(f"http://{front.host}", front.keys["palm"], front.house.keys)


def jwks(front: Front) -> dict[str, Any]:
    return {"keys": [dict(key.jwk) for key in front.house.keys.values()]}


def test_the_house_proves_that_its_log_only_grew(front: Front) -> None:
    with client(front) as palm:
        kept = [palm.checkpoint()]
        for _ in range(2):
            front.completed()
            kept.append(palm.checkpoint())
        sizes = [size_of(one, jwks(front)) for one in kept]
        assert sizes[0] < sizes[1] < sizes[2]
        for old, size in zip(kept, sizes, strict=True):
            assert grew(verify_growth(old, palm.consistency(size), jwks(front)))
        for size in range(1, sizes[-1] + 1, 7):
            said = palm.consistency(size)
            assert (said["since"], said["size"] >= sizes[-1]) == (size, True)


@pytest.mark.parametrize("size", ["0", "999999999", "-1", "x", "1" * 19, "1.0"])
def test_a_size_that_the_log_never_had_is_not_found(front: Front, size: str) -> None:
    refused = front.ask("GET", f"/v1/checkpoint/{size}/consistency")
    assert (refused.status, refused.code, refused.signed) == (404, "not_found", True)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return clearing("log", *words)


def test_a_house_that_signs_another_history_is_found_by_whoever_kept_a_checkpoint(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house: list[str | Path] = ["--key", front.folder / "palm.jwk", "--url", f"http://{front.host}"]
    kept, newer = tmp_path / "kept.txt", tmp_path / "newer.txt"
    front.completed()
    kept.write_text(run("checkpoint", *house).stdout)
    front.completed()
    told = run("verify", kept, *house, "--save", newer)
    assert (told.returncode, "✓ consistency" in told.stdout) == (0, True), told.stdout + told.stderr
    assert size_of(newer.read_text(), jwks(front)) > size_of(kept.read_text(), jwks(front))

    async def another(*given: Any) -> reads.Head:
        return replace(await usual(*given), root=merkle.leaf_hash(b"another history"))

    usual = reads.head
    monkeypatch.setattr("clearing.front.books.reads.head", another)
    forged = run("verify", kept, *house, "--save", tmp_path / "never.txt")
    assert (forged.returncode, "✗ consistency" in forged.stdout) == (1, True), forged.stdout + forged.stderr
    assert not (tmp_path / "never.txt").exists()


def test_a_checkpoint_that_the_house_never_signed_is_not_asked_about(front: Front, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(note(LEAVES))
    told = run("verify", kept, "--key", front.folder / "palm.jwk", "--url", f"http://{front.host}")
    assert (told.returncode, told.stdout[:16]) == (1, "✗ old_checkpoint")
