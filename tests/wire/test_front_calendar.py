"""The calendar at the door: two keys publish what was reviewed, the watch closes what is due, and a late item says so."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from clearing import database, errors, partners
from clearing.front import calendar_messages as messages
from clearing.front import calendars, cli, logs, wiring
from clearing.front.app import create_app
from clearing.front.house import LANE
from clearing.front.materialised import calendar_of
from clearing.front.settings import Environment, Settings
from clearing.rules.windows import containing
from tests.rules.test_settlement_calendar import DOCUMENT
from tests.settlement.billing_room import table
from tests.wire.front_room import Front, listening
from tests.wire.test_front_doors import validator

YEAR = datetime.now(UTC).year + 1
FIELDS = ["window", "cut_off_utc", "advice_date", "value_date"]


def wish(code: str, year: int = YEAR, **changes: Any) -> dict[str, Any]:
    made = calendar_of(DOCUMENT | {"code": code} | changes, year)
    assert isinstance(made, dict)
    return made


def published(front: Front, said: dict[str, Any]) -> dict[str, Any]:
    proposed = front.ask("POST", "/v1/calendar", said, key="operator")
    assert proposed.status == 202, proposed.body
    done = front.ask("POST", f"/v1/calendar/{proposed.json['proposal']}/confirm", {}, key="second")
    assert done.status == 201, done.body
    found: dict[str, Any] = done.json
    return found


# --- publication


def test_a_calendar_is_proposed_by_one_key_and_confirmed_by_another(risky: Front) -> None:
    said = wish("two-keys")
    proposed = risky.ask("POST", "/v1/calendar", said, key="operator")
    assert (proposed.status, proposed.json["kind"], proposed.json["document"]) == (202, "calendar", said)
    at = f"/v1/calendar/{proposed.json['proposal']}/confirm"
    alone = risky.ask("POST", at, {}, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")
    waiting = risky.ask("GET", "/v1/proposals", key="second").json["proposals"]
    assert proposed.json["proposal"] in [one["proposal"] for one in waiting]
    done = risky.ask("POST", at, {}, key="second")
    assert (done.status, done.json["document"]) == (201, said)
    waiting = risky.ask("GET", "/v1/proposals", key="second").json["proposals"]
    assert proposed.json["proposal"] not in [one["proposal"] for one in waiting]
    for again in (risky.ask("POST", at, {}, key="second"), risky.ask("POST", "/v1/calendar", said, key="operator")):
        assert (again.status, again.json) == (200, done.json)
    shown = risky.ask("GET", f"/v1/calendar?year={YEAR}").json
    validator(json.loads(json.dumps(create_app().openapi())), "CalendarSaid").validate(shown)
    assert shown["versions"][-1] == done.json
    assert [{name: one[name] for name in FIELDS} for one in shown["windows"] if one["version"]] == said["windows"][
        -len([one for one in shown["windows"] if one["version"]]) :
    ]
    assert shown["windows"][-1]["window"] == f"{YEAR}-12-4"


def test_the_running_house_goes_by_what_was_published_and_both_keys_are_audited(risky: Front) -> None:
    version = published(risky, wish("running"))["version"]
    risky.completed()
    with psycopg.connect(risky.url) as connection:
        assert connection.execute("SELECT calendar FROM lane").fetchall() == [(version,)]

    async def audited() -> list[str]:
        async with risky.house.reads.connection() as connection:
            found = (await partners.seconded(connection, LANE))[1]
        return [one for one in found if one.startswith("calendar")]  # this room's agreements are not what was signed

    def now() -> list[str]:
        return asyncio.run_coroutine_threadsafe(audited(), risky.loop).result(20)

    assert now() == []
    change = "UPDATE calendar_version SET document = jsonb_set(document, '{year}', %s) WHERE version = %s"
    with psycopg.connect(risky.url, autocommit=True) as owner:
        try:
            owner.execute(change, ["1999", version])
            assert len(now()) == 1
        finally:
            owner.execute(change, [str(YEAR), version])


def test_fees_are_billed_in_the_currency_of_the_scheme_and_in_no_other(risky: Front) -> None:
    published(risky, wish("billed"))
    said = table("billed", customers=[])
    del said["digits"]
    refused = risky.ask("POST", "/v1/taxes", said | {"currency": "USD"}, key="operator")
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert "the scheme's own currency, EUR" in refused.json["detail"]
    assert risky.ask("POST", "/v1/taxes", said, key="operator").status == 202


REFUSED: list[tuple[dict[str, Any], str]] = [
    (wish("refused") | {"scheme": DOCUMENT | {"zone": "Europe/Atlantis"}}, "$.zone: zone"),
    (wish("refused") | {"scheme": DOCUMENT | {"calendars": {"currency": ["XX"]}}}, "no calendar is called XX"),
    (wish("refused") | {"windows": wish("refused")["windows"][1:]}, "$.windows: are not those"),
    (wish("refused") | {"opens_at": "2026-01-01T00:00:00Z"}, "$.windows: are not those"),
    (wish("refused", YEAR - 2), "no window is left"),
    (
        wish("refused") | {"scheme": DOCUMENT | {"cycle": {"weekly": ["SU"]}, "cut_off": "02:30"}},
        "02:30 does not exist in Europe/Berlin",
    ),
]


@pytest.mark.parametrize(("said", "told"), REFUSED)
def test_what_the_scheme_does_not_give_is_refused_and_leaves_nothing(
    risky: Front, said: dict[str, Any], told: str
) -> None:
    before = risky.ask("GET", "/v1/calendar").json, risky.ask("GET", "/v1/proposals", key="second").json
    answer = risky.ask("POST", "/v1/calendar", said, key="operator")
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert told in answer.json["detail"]
    assert (risky.ask("GET", "/v1/calendar").json, risky.ask("GET", "/v1/proposals", key="second").json) == before


@pytest.mark.parametrize("environment", [Environment.LIVE, Environment.SANDBOX])
def test_a_rehearsal_is_refused_where_points_are_real(environment: Environment) -> None:
    cycle = {"rehearsal": {"begins_at": f"{YEAR}-03-01T12:00:00Z", "seconds": 5, "windows": 2}}
    said = messages.CalendarWish.model_validate(wish("rehearsal", cycle=cycle))
    asked = SimpleNamespace(idempotency_key="k", parse=lambda _: said)

    class Passed(Exception):
        """It was not refused for where it is."""

    def connection() -> None:
        raise Passed

    reads, settings = SimpleNamespace(connection=connection), SimpleNamespace(environment=environment)
    house = SimpleNamespace(settings=settings, reads=reads)
    live = pytest.raises(errors.ValidationFailed, match="rehearsal: is for sandboxes")
    with live if environment is Environment.LIVE else pytest.raises(Passed):
        asyncio.run(calendars.propose_calendar(cast("Any", house), cast("Any", asked)))


def test_only_operators_publish(risky: Front) -> None:
    assert risky.ask("POST", "/v1/calendar", wish("not-mine")).code == "forbidden"


# --- the command line


def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["clearing", "calendar", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    told = capsys.readouterr()
    return int(left.value.code or 0), told.out, told.err


@pytest.mark.parametrize(
    "words", [("{file}", "--year", str(YEAR)), ("--year", YEAR, "{file}"), ("windows", "{file}", "--year", YEAR)]
)
def test_the_windows_of_a_file_are_printed_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[object, ...]
) -> None:
    file = tmp_path / "scheme.json"
    file.write_text(json.dumps(DOCUMENT))
    code, out, _ = ran(monkeypatch, capsys, *(str(word).replace("{file}", str(file)) for word in words))
    assert code == 0
    assert json.loads(out) == wish("aviation-eur")["windows"]
    assert list(json.loads(out)[0]) == FIELDS


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("{", 4, "body_malformed"),
        (json.dumps(DOCUMENT | {"roll": "BACK"}), 4, "validation_failed: {file}: $.roll: range"),
        (json.dumps(DOCUMENT | {"cycle": {"weekly": ["SU"]}, "cut_off": "02:30"}), 6, ""),
    ],
)
def test_a_file_that_is_no_calendar_is_refused_with_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, code: int, told: str
) -> None:
    file = tmp_path / "scheme.json"
    file.write_text(text)
    left, out, err = ran(monkeypatch, capsys, file, "--year", "2026")
    assert left == code
    assert told.replace("{file}", str(file)) in err
    if code == 6:
        refusal = json.loads(out)["refusal"]
        assert (refusal["code"], refusal["date"], refusal["local_time"]) == (
            "no_such_local_time",
            "2026-03-29",
            "02:30",
        )
    else:
        assert out == ""


def test_two_operators_publish_a_file(risky: Front, tmp_path: Path) -> None:
    file = tmp_path / "scheme.json"
    file.write_text(json.dumps(DOCUMENT | {"code": "by-command"}))

    def calendar(key: str, *words: str | Path) -> Any:
        done = risky.command("calendar", *words, key=key)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    proposal = calendar("operator", "publish", file, "--year", str(YEAR))["proposal"]
    version = calendar("second", "confirm", proposal)
    assert version["document"]["scheme"]["code"] == "by-command"
    assert calendar("operator", "show", "--year", str(YEAR))["versions"][-1] == version


# --- closing


async def test_the_watch_closes_what_is_due_window_by_window_and_tells_of_each(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A house that slept for three weeks: nobody writes, and all the same its windows close."""
    monkeypatch.setattr(wiring, "WATCH_SECONDS", 0.05)
    slept = datetime.now(UTC) - timedelta(weeks=3)
    async with await database.connect(database_url, application=False) as owner:
        await owner.set_autocommit(True)
        await partners.fill_calendar(owner, slept)
        await partners.open_lane(owner, LANE, slept)
        calendar = await partners.calendar(owner)
    first, last = containing(calendar, slept), containing(calendar, datetime.now(UTC))
    with listening() as told:
        async with wiring.open_house(Settings(home=tmp_path), database_url) as house:
            for _ in range(200):
                logs.flush()
                if told.getvalue().count('"sealed"') == last - first:
                    break
                await asyncio.sleep(0.05)
            figures = house.meters.text().decode()
    lines = [json.loads(line) for line in told.getvalue().splitlines() if '"sealed"' in line]
    assert [line["window"] for line in lines] == [window.code for window in calendar[first:last]]
    for line in lines:
        assert (line["count"], line["size"]) == (0, 0)
        assert f'clearing_window_sealed{{root="{line["root"]}",window="{line["window"]}"}} 0.0' in figures
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT window_id, sealed_at IS NULL FROM lane_window ORDER BY 1").fetchall()
    assert found == [
        (window.number, place == last) for place, window in enumerate(calendar[: last + 1]) if place >= first
    ]


# --- late items


def test_an_exchange_that_missed_the_cut_off_says_what_it_was_carried_to(front: Front) -> None:
    done = front.completed()
    at = f"/v1/exchanges/{done['exchange']}"
    assert done["carried_to"] is None
    windows = front.ask("GET", "/v1/calendar").json["windows"]
    running = next(one for one in windows if one["number"] == done["window"])
    earlier = datetime.fromisoformat(running["opens_at"]) - timedelta(seconds=1)
    owner = psycopg.connect(front.url, autocommit=True)
    change = "UPDATE exchange SET reserved_at = %s WHERE exchange_id = %s"
    try:
        owner.execute(change, [earlier, done["exchange"]])
        carried = front.ask("GET", at).json["carried_to"]
        assert (carried["window"], carried["reason"]) == (running["window"], "credited_after_cut_off")
        year, week, _ = earlier.isocalendar()
        assert carried["accepted_in"] == f"W-{year}-{week:02}"
    finally:
        owner.execute(change, [done["reserved_at"], done["exchange"]])
        owner.close()
    assert front.ask("GET", at).json == done
