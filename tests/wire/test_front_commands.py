"""The command line, the settings, onboarding, and the files that describe how the house runs."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from clearing import errors
from clearing.front import onboarding, settings, sources, stage, vault
from clearing.front.shapes import instant
from tests.command_line import ROOT, clearing
from tests.conftest import FixedClock
from tests.wire.front_room import CANARY, Front

# --- settings


def test_settings_come_from_the_environment_and_are_explained_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARING_DATABASE_URL", "postgresql://clearing:hush@db/clearing")
    monkeypatch.setenv("CLEARING_AUTHORITIES", "api.example, api.example:8443")
    given = settings.load(port=9000)
    rows = {row[0]: row[1:3] for row in settings.explain(given)}
    assert given.hosts == {"api.example", "api.example:8443"}
    assert rows["CLEARING_DATABASE_URL"] == ("********", "environment")
    assert rows["CLEARING_PORT"] == ("9000", "command line")
    assert rows["CLEARING_POOL_SIZE"] == ("4", "default")
    assert "hush" not in str(rows) + repr(given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLEARING_PORT", "70000"),
        ("CLEARING_ENVIRONMENT", "production"),
        ("CLEARING_KILL_AT", "everywhere"),
        ("CLEARING_LOG_NAME", "with space"),
    ],
)
def test_a_setting_that_cannot_be_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.Misconfigured) as refused:
        settings.load()
    assert name in refused.value.detail
    assert value not in refused.value.detail


def test_a_live_house_knows_no_loopback_and_no_crash_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARING_ENVIRONMENT", "live")
    for hosts, kill_at in (
        ("", None),
        ("localhost:8080", None),
        ("api.example,127.0.0.1", None),
        ("api.example", "reserve.after:1"),
    ):
        with pytest.raises(errors.Misconfigured):
            settings.load(authorities=hosts, kill_at=kill_at)
    assert settings.load(authorities="api.example").hosts == {"api.example"}


def test_secrets_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    given = settings.Settings(home=tmp_path)
    first, ring = vault.house_key(given), vault.keyring(given)
    assert vault.house_key(given).public == first.public
    assert vault.keyring(given) == ring
    assert given.house_key_path.stat().st_mode & 0o777 == 0o600
    given.house_key_path.chmod(0o644)
    with pytest.raises(errors.Misconfigured, match="chmod 600"):
        vault.house_key(given)


def test_a_crash_point_passes_until_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr("clearing.front.sources.os.kill", lambda pid, _signal: killed.append(pid))
    point = sources.points("reserve.after:2")
    for step in ("reserve.after", "reserve.before", "reserve.after", "reserve.after"):
        point(step)
    assert killed == [os.getpid()]


def test_the_clock_of_the_front_is_in_utc(clock: FixedClock) -> None:
    assert sources.clock().tzinfo == clock().tzinfo


# --- onboarding


def test_onboarding_again_changes_nothing(front: Front) -> None:
    import psycopg

    def directory() -> list[object]:
        tables = ("partner", "program", "key", "agreement", "rate_card", "cap_slice")
        with psycopg.connect(front.url) as connection:
            return [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]

    before = directory()
    told = clearing(
        "onboard", front.folder / "plan.yaml", CLEARING_DATABASE_URL=front.url, CLEARING_HOME=str(front.folder / "home")
    )
    assert told.returncode == 0, told.stderr
    assert "corridor from palm-hotels to lotus-air" in told.stdout
    assert directory() == before


@pytest.mark.parametrize(
    "text",
    [
        "partners: [{partner: a}]",
        "unknown: 1",
        "corridors: [{source: a, target: b, ratio: 0.5, step: 1, minimum: 1}]",
        "corridors: [{source: a, target: b, ratio: 1/3, step: 1.5, minimum: 1}]",
        "partners: [{partner: a, name: A, keys: [{purpose: requests}]}]",
        "partners: [{partner: a, name: A, keys: [{purpose: operator, key_file: x}]}]",
        "[",
    ],
)
def test_a_plan_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(errors.Misconfigured):
        onboarding.read_plan(tmp_path / "plan.yaml")


# --- commands


def test_help_names_every_command() -> None:
    told = clearing("--help")
    assert told.returncode == 0
    for name in (
        "demo",
        "serve",
        "work",
        "account",
        "link",
        "unlink",
        "consent",
        "erase",
        "quote",
        "exchange",
        "accrue",
        "redeem",
        "capture",
        "claim",
        "balance",
        "evidence",
        "key",
        "migrate",
        "verify",
        "doctor",
        "onboard",
        "review",
        "agreement",
        "cover",
    ):
        assert f" {name} " in told.stdout
    assert "Exit codes" in told.stdout
    assert clearing("nonsense").returncode == 2


def test_the_committed_description_is_current() -> None:
    told = clearing("openapi", "--check")
    assert told.returncode == 0, told.stderr


def test_a_house_without_its_database_says_so() -> None:
    told = clearing(
        "serve",
        "--port",
        "0",
        CLEARING_DATABASE_URL="postgresql://nobody:hush@127.0.0.1:1/none",
        CLEARING_HOME="/tmp/none",
        CLEARING_DATABASE_WAIT_SECONDS="1",
    )
    assert told.returncode == 3
    assert "CLEARING_DATABASE_URL" in told.stderr
    assert "hush" not in told.stderr + told.stdout


def test_a_database_that_nobody_prepared_is_told_in_one_sentence() -> None:
    told = clearing(
        "verify", CLEARING_DATABASE_URL="postgresql://nobody:hush@127.0.0.1:1/none", CLEARING_HOME="/tmp/no"
    )
    assert (told.returncode, told.stderr.count("\n")) == (3, 1)
    assert "CLEARING_HOME" in told.stderr
    assert "hush" not in told.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("card", "publish", "FILE", "--key", "FILE"),
        ("key", "register", "FILE"),
        ("receipt", "verify", "FILE", "--keys", "FILE"),
        ("log", "verify", "FILE", "--key", "FILE"),
    ],
)
def test_a_file_that_is_not_there_or_is_no_document_is_told_without_a_traceback(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    for text in (None, "no JSON", "[]"):
        file = tmp_path / "file.json"
        if text is not None:
            file.write_text(text)
        told = clearing(*(str(file) if word == "FILE" else word for word in words), CLEARING_HOME=str(tmp_path))
        assert told.returncode in {2, 3, 4}, told.stderr
        assert "Traceback" not in told.stderr


def test_what_a_rate_card_asks_of_the_member_is_said_with_a_quote(front: Front) -> None:
    house = ("--curl", "--key", front.folder / "palm.jwk", "--url", f"http://{front.host}")
    said = ("--tier", "gold", "--card", "metal", "--channel", "desk", "--segment", "a", "--segment", "b")
    body = clearing("quote", CANARY, CANARY, "--sent", "3000", *said, *house).stdout.split("--data-binary ")[1]
    wish = json.loads(body.strip().strip("'"))
    assert (wish["tier"], wish["card"], wish["channel"], wish["segments"]) == ("gold", "metal", "desk", ["a", "b"])


def test_what_the_demo_agrees_to_begins_no_later_than_the_cards_that_rest_on_it() -> None:
    told = dict.fromkeys(("hotel", "airline", "hotel_can", "airline_can"), "{}")
    plan = onboarding.Plan.model_validate(yaml.safe_load(stage.PLAN.format(**told, now="2026-03-02T09:00:00Z")))
    begins = {str(one["valid_from"]) for one in plan.cards}
    assert {instant(one.valid_from) for one in plan.partners if one.valid_from} == begins
    assert all(one.valid_from for one in plan.partners), "the next second could begin between card and agreement"


def test_keys_are_made_and_proven_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "new.jwk"
    made = json.loads(clearing("key", "generate", file).stdout)
    assert "d" not in made["jwk"]
    assert clearing("key", "generate", file).returncode == 2
    proven = json.loads(clearing("key", "prove", file, "--partner", "palm").stdout)
    assert proven["jwk"] == made["jwk"]
    assert proven["proof"].count(".") == 2


def test_the_story_of_an_engineer(front: Front, tmp_path: Path) -> None:
    house: list[str | Path] = ["--key", front.folder / "palm.jwk", "--url", f"http://{front.host}"]
    own = {"CLEARING_DATABASE_URL": front.url, "CLEARING_HOME": str(front.folder / "home")}
    source = json.loads(clearing("account", "palm-hotels", CANARY, *house).stdout)["account"]
    target = json.loads(clearing("account", "lotus-air", CANARY, *house).stdout)["account"]
    quote = json.loads(clearing("quote", source, target, "--sent", "3000", *house).stdout)
    done = clearing("exchange", quote["quote"], *house)
    exchange = json.loads(done.stdout)
    assert (done.returncode, exchange["state"]) == (0, "completed")
    again = clearing("exchange", quote["quote"], *house)
    assert (again.returncode, "quote_used" in again.stderr) == (4, True)
    proof = clearing("proof", exchange["exchange"], *house).stdout
    (tmp_path / "proof.json").write_text(proof)
    assert clearing("receipt", "verify", tmp_path / "proof.json", "--url", f"http://{front.host}").returncode == 0
    (tmp_path / "proof.json").write_text(proof.replace('"index": ', '"index": 1'))
    assert clearing("receipt", "verify", tmp_path / "proof.json", "--url", f"http://{front.host}").returncode == 1
    checked = clearing("verify", **own)
    assert (checked.returncode, "✗" in checked.stdout) == (0, False), checked.stdout
    told = clearing("doctor", **own)
    assert (told.returncode, "the sandbox in" in told.stdout) == (0, False)
    (front.folder / "home" / "sandbox").mkdir()
    told = clearing("doctor", **own)
    (front.folder / "home" / "sandbox").rmdir()
    assert (told.returncode, "bank_cooling_hours 0" in told.stdout.replace("\n", " ")) == (0, True)


def test_evidence_is_verified_again_and_a_forgery_is_found(front: Front) -> None:
    import psycopg

    front.completed()
    own = {"CLEARING_DATABASE_URL": front.url, "CLEARING_HOME": str(front.folder / "home")}
    with psycopg.connect(front.url) as connection:
        query = "SELECT DISTINCT ON (kind) evidence_id, kind FROM evidence ORDER BY kind, signed_at DESC"
        kept = connection.execute(query).fetchall()
    assert {kind for _, kind in kept} == {"request", "call"}
    for evidence_id, _ in kept[:2]:
        told = clearing("evidence", "verify", str(evidence_id), **own)
        assert told.returncode == 0, told.stdout
    shown = clearing("evidence", "show", str(kept[0][0]), **own)
    assert (shown.returncode, CANARY in shown.stdout) == (0, False)
    with psycopg.connect(front.url) as connection:
        connection.execute("UPDATE evidence SET base = base || 'x' WHERE evidence_id = %s", [kept[-1][0]])
        connection.commit()
        assert clearing("evidence", "verify", str(kept[-1][0]), **own).returncode == 1
        connection.execute(
            "UPDATE evidence SET base = substr(base, 1, length(base) - 1) WHERE evidence_id = %s", [kept[-1][0]]
        )


def test_a_ready_curl_command_is_signed(front: Front) -> None:
    told = clearing(
        "account", "palm-hotels", CANARY, "--curl", "--key", front.folder / "palm.jwk", "--url", f"http://{front.host}"
    )
    sent = subprocess.run(["bash", "-c", told.stdout], capture_output=True, text=True, check=False)
    assert json.loads(sent.stdout)["program"] == "palm-hotels"
    replayed = subprocess.run(["bash", "-c", told.stdout], capture_output=True, text=True, check=False)
    assert json.loads(replayed.stdout)["code"] == "signature_replayed"


# --- deployment


def test_compose_says_how_it_runs() -> None:
    said = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = said["services"]
    assert set(services) == {"db", "migrate", "onboard", "api", "worker", "lotus-air", "palm-hotels"}
    for service in services.values():
        assert "/" not in service["image"]  # plain names, no registry host
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", ()):
            assert volume.startswith("./") or volume.partition(":")[0] in said["volumes"]
    assert onboarding.read_plan(ROOT / "deploy" / "sandbox.yaml").corridors
