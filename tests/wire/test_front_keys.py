"""Keys that change hands on purpose, and keys that were in other hands: what docs/keys.md says of both."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clearing.front import sources
from clearing.partners import KEY_PROOF, key_proof
from clearing.signatures import PrivateKey, jws_sign
from tests.command_line import clearing
from tests.wire.front_room import Answer, Front

ROOT = Path(__file__).parents[2]


def registered(front: Front, by: str | PrivateKey = "palm") -> PrivateKey:
    """A second key of the hotel's, live at once."""
    new = PrivateKey.generate(sources.random(32))
    answer = register(front, new, by)
    assert answer.status == 201, answer.body
    return new


def register(front: Front, new: PrivateKey, by: str | PrivateKey = "palm") -> Answer:
    proof = jws_sign(key_proof(new.public.key_id, "palm", "requests"), new, KEY_PROOF)
    return front.ask("POST", "/v1/keys", {"jwk": dict(new.public.jwk), "purpose": "requests", "proof": proof}, key=by)


def revoke(front: Front, key: PrivateKey, since: datetime | None = None, by: str | PrivateKey = "palm") -> Any:
    wish = {} if since is None else {"compromised_since": since.isoformat().replace("+00:00", "Z")}
    answer = front.ask("POST", f"/v1/keys/{key.public.key_id}/revoke", wish, key=by)
    assert answer.status == 200, answer.body
    return answer.json


def submitted(front: Front, key: str | PrivateKey) -> str:
    wish = {"quote": front.quote().json["quote"]}
    answer = front.ask("POST", "/v1/exchanges", wish, key=key, headers={"prefer": "wait=20"})
    assert answer.status == 201, answer.body
    exchange: str = answer.json["exchange"]
    return exchange


def test_a_partner_changes_its_key_without_a_moment_without_one(front: Front) -> None:
    new = registered(front)
    assert register(front, PrivateKey.generate(sources.random(32))).code == "key_refused"
    live = [row["key_id"] for row in front.ask("GET", "/v1/keys", key=new).json["keys"] if row["revoked_at"] is None]
    assert {front.keys["palm"].public.key_id, new.public.key_id} <= set(live)
    newest = None
    try:
        revoke(front, new, by="palm")
        newest = registered(front)  # there is room again
        assert front.ask("GET", "/v1/position", key=new).code == "signature_key_revoked"
        assert front.ask("GET", "/v1/position", key=newest).status == 200
    finally:
        if newest is not None:
            revoke(front, newest)


def test_what_a_compromised_key_asked_for_since_then_is_listed_and_nothing_else(front: Front) -> None:
    stolen = registered(front)
    before = submitted(front, stolen)
    since = datetime.now(UTC)
    others = submitted(front, "palm")
    doubted = submitted(front, stolen)
    reversal = front.ask(
        "POST", f"/v1/exchanges/{others}/reversals", {"reason": "theft"}, key=stolen, headers={"prefer": "wait=20"}
    ).json["exchange"]
    said = revoke(front, stolen, since)
    assert [(row["exchange"], row["event"]) for row in said["in_doubt"]] == [
        (doubted, "reserved"),
        (reversal, "reversal_reserved"),
    ]
    assert (said["more"], said["key_id"]) == (False, stolen.public.key_id)
    earlier = revoke(front, stolen, since - timedelta(hours=2), by="operator")
    assert [row["exchange"] for row in earlier["in_doubt"]] == [before, doubted, reversal]


def test_a_key_that_was_only_retired_puts_nothing_in_doubt(front: Front) -> None:
    retired = registered(front)
    submitted(front, retired)
    said = revoke(front, retired)
    assert (said["in_doubt"], said["more"], said["compromised_since"]) == ([], False, None)


def run(front: Front, *words: str) -> subprocess.CompletedProcess[str]:
    home = str(front.folder / "home")
    return clearing("key", *words, CLEARING_DATABASE_URL=front.url, CLEARING_HOME=home)


def test_a_long_list_is_told_in_part_at_the_door_and_whole_on_the_command_line(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearing.front.keys.DOUBTS_MOST", 2)
    stolen = registered(front)
    since = datetime.now(UTC) - timedelta(seconds=1)
    exchanges = [submitted(front, stolen) for _ in range(3)]
    said = revoke(front, stolen, since)
    assert ([row["exchange"] for row in said["in_doubt"]], said["more"]) == (exchanges[:2], True)
    told = run(front, "doubts", stolen.public.key_id)
    assert told.returncode == 0, told.stderr
    assert [line.split()[0] for line in told.stdout.splitlines() if " reserved " in line] == exchanges
    assert told.stdout.splitlines()[-1].startswith("3 in doubt since ")
    assert run(front, "doubts", "nobody").returncode == 4


def test_the_command_that_revokes_takes_its_instant_as_utc_and_lists(front: Front) -> None:
    stolen = registered(front)
    since = datetime.now(UTC) - timedelta(seconds=2)
    exchange = submitted(front, stolen)
    told = run(front, "revoke", stolen.public.key_id, "--compromised-since", since.strftime("%Y-%m-%dT%H:%M:%S"))
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0].split()[:2] == [exchange, "reserved"]
    rows = front.ask("GET", "/v1/keys").json["keys"]
    (kept,) = [row["compromised_since"] for row in rows if row["key_id"] == stolen.public.key_id]
    assert kept == since.strftime("%Y-%m-%dT%H:%M:%SZ")
