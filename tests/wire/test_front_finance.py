"""Finance's books through the doors and the command line of a real house: who sees what, and that every figure adds up."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.command_line import clearing
from tests.wire.front_room import Answer, Front

JUDGE = Path(sys.executable).with_name("bean-check")


def explain(front: Front, query: str, key: str = "palm") -> Answer:
    return front.ask("GET", f"/v1/explain?{query}", key=key)


def entries(said: dict[str, Any]) -> list[dict[str, Any]]:
    found = [entry for cause in said["exchanges"] for entry in cause["entries"]]
    return sorted(found, key=lambda entry: (entry["seq"], entry["line"]))


def whole(front: Front, figure: str, key: str = "palm") -> dict[str, Any]:
    """All pages as one."""
    said = page = explain(front, f"figure={figure}", key).json
    while page["next"]:
        page = explain(front, f"figure={figure}&after={page['next']}", key).json
        said = page | {"exchanges": said["exchanges"] + page["exchanges"]}
    found: dict[str, Any] = said
    return found


def run(front: Front, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return clearing(*words, CLEARING_DATABASE_URL=front.url, CLEARING_HOME=str(front.folder / "home"))


def test_a_partner_has_its_own_position_explained_down_to_its_signed_request(front: Front) -> None:
    done = front.completed()
    front.books()  # at rest
    said = whole(front, "palm.position")
    assert said["adds_up"] is True
    assert said["amount"] == said["carried"] == str(sum(int(entry["amount"]) for entry in entries(said)))
    assert said["amount"] == front.ask("GET", "/v1/position").json["position"]
    (cause,) = [one for one in said["exchanges"] if one["exchange"] == done["exchange"]]
    assert cause["terms"] == "card 1, agreements 1 and 1"
    assert len(cause["agreements"]) == 2
    with psycopg.connect(front.url) as connection:
        signed = connection.execute(
            "SELECT key_id FROM evidence WHERE evidence_id = %s", [cause["evidence"]]
        ).fetchone()
        card = connection.execute("SELECT 1 FROM rate_card WHERE digest = %s", [cause["card"]]).fetchone()
    assert signed == (front.keys["palm"].public.key_id,) == (cause["signed_by"],)
    assert card is not None
    told = run(front, "evidence", "verify", cause["evidence"])
    assert told.returncode == 0, told.stdout


def test_who_did_not_ask_sees_its_own_side_and_not_the_request(front: Front) -> None:
    done = front.completed()
    front.books()
    said = whole(front, "lotus.position", "lotus")
    (cause,) = [one for one in said["exchanges"] if one["exchange"] == done["exchange"]]
    assert (cause["evidence"], cause["signed_by"], cause["signed_at"]) == (None, None, None)
    assert [entry["account"] for entry in cause["entries"]] == ["lotus.position"]
    for name, key in (("palm.position", "lotus"), ("palm-hotels.outstanding", "lotus"), ("house.fee", "palm")):
        answer = explain(front, f"figure={name}", key)
        assert (answer.status, answer.code) == (404, "not_found"), name
    assert explain(front, "figure=house.fee", "operator").json["adds_up"] is True


def test_an_exchange_is_explained_to_each_side_by_its_own_accounts(front: Front) -> None:
    done = front.completed()
    front.books()
    figure = f"figure={done['exchange']}"
    mine, theirs, every = (explain(front, figure, key).json for key in ("palm", "lotus", "operator"))
    assert {entry["account"].partition(".")[0] for entry in entries(mine)} == {"palm", "palm-hotels"}
    assert {entry["account"].partition(".")[0] for entry in entries(theirs)} == {"lotus", "lotus-air"}
    assert len(entries(every)) > len(entries(mine)) + len(entries(theirs))  # and the house's
    assert (mine["adds_up"], theirs["adds_up"], every["adds_up"]) == (True, True, True)
    answer = explain(front, figure, "kiosk")
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("figure=palm.position&window=W-1999-01", 404),
        ("figure=palm.nothing", 404),
        ("figure=01a2008f-81fc-85d4-82a4-382b6b75b8a2", 404),
        ("figure=01a2008f-81fc-85d4-82a4-382b6b75b8a2&after=1.1", 422),
        ("", 404),
        ("figure=palm.position&after=1", 422),
        ("figure=palm.position&after=99999999999999999999.1", 422),
        ("figure=palm.position&after=1.32767", 200),
        ("figure=palm.position&after=1.32768", 422),
        ("figure=palm.position&figure=palm.position", 422),
        ("what=palm.position", 422),
    ],
)
def test_a_question_has_one_form(front: Front, query: str, status: int) -> None:
    answer = explain(front, query)
    assert (answer.status, answer.signed) == (status, True)


def test_a_page_goes_on_where_the_one_before_ended(front: Front) -> None:
    front.completed()
    front.books()
    begin = explain(front, "figure=palm.position").json
    first = entries(begin)[0]
    rest = explain(front, f"figure=palm.position&after={first['seq']}.{first['line']}").json
    assert rest["brought"] == first["amount"]
    assert rest["amount"] == begin["amount"]
    left = entries(begin)[1:]
    assert entries(rest)[: len(left)] == left


# --- what programs report


def wish(**changes: Any) -> dict[str, Any]:
    as_of = (datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0)
    return {"as_of": as_of.isoformat().replace("+00:00", "Z"), "points": 70, "reference": "sweep 2026"} | changes


def expired(front: Front, told: dict[str, Any], program: str = "palm-hotels", key: str = "palm") -> Answer:
    return front.ask("POST", f"/v1/programs/{program}/expiries", told, key=key)


def test_a_report_of_expired_points_is_kept_once_with_its_signed_request(front: Front) -> None:
    told = wish(reference="once")
    before = front.books()
    first, again = expired(front, told), expired(front, told)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    other = expired(front, told | {"points": 71})
    assert (other.status, other.code) == (409, "reference_used")
    shown = run(front, "evidence", "show", first.json["evidence"])
    assert json.loads(shown.stdout)["key_id"] == front.keys["palm"].public.key_id
    after = front.books()
    assert [row for row in after if row[0] != "evidence"] == [row for row in before if row[0] != "evidence"]


def test_nobody_reports_for_a_program_of_others_or_from_the_future(front: Front) -> None:
    for program, key in (("palm-hotels", "lotus"), ("nobody", "palm")):
        answer = expired(front, wish(), program, key)
        assert (answer.status, answer.code) == (404, "not_found")
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert expired(front, wish(as_of=later)).code == "occurred_out_of_range"
    for points in (0, -1, "70", 1.5):
        assert expired(front, wish(points=points)).code == "validation_failed"


def outside(front: Front, reference: str, program: str = "lotus-air", key: str = "lotus", **changes: Any) -> Answer:
    as_of = wish()["as_of"]
    told = {"as_of": as_of, "reference": reference, "opening": 5_000, "issued": 70, "redeemed": 30, "expired": 10}
    return front.ask("POST", f"/v1/programs/{program}/outside", told | changes, key=key)


def test_what_moved_outside_of_the_house_is_reported_once_in_a_window_with_its_signed_request(front: Front) -> None:
    front.completed()
    front.books()
    none = outside(front, "books", opening=None)
    assert (none.status, none.code) == (422, "validation_failed")
    for program, key in (("lotus-air", "palm"), ("nobody", "lotus")):
        assert outside(front, "books", program, key).status == 404
    assert outside(front, "books", issued=-1).status == 422
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert outside(front, "books", as_of=later).code == "occurred_out_of_range"
    at = wish()["as_of"]
    first, again = outside(front, "books", as_of=at), outside(front, "books", as_of=at)
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    other, second = outside(front, "books", as_of=at, issued=71), outside(front, "more", as_of=at)
    assert (other.code, second.code, second.status) == ("reference_used", "reference_used", 409)
    shown = run(front, "evidence", "show", first.json["evidence"])
    assert json.loads(shown.stdout)["key_id"] == front.keys["lotus"].public.key_id
    told = json.loads(run(front, "books", "liability", "--program", "lotus-air").stdout)["programs"][0]
    assert told["as_reported"] == {"opening": 5_000, "issued": 70, "redeemed": 30, "expired": 10, "closing": 5_030}
    assert told["outstanding"] == told["closing"] + 5_030
    said = explain(front, "figure=lotus-air:issued_outside", "lotus").json
    (part,) = said["parts"]
    assert (said["amount"], part["what"], part["evidence"]) == ("70", "books", first.json["evidence"])
    assert explain(front, "figure=lotus-air:issued_outside", "palm").status == 404
    assert run(front, "verify").returncode == 0
    keyed = (
        "books", "outside", "lotus-air", "books", "--as-of", at, "--opening", "5000", "--issued", "70", "--redeemed", "30",
        "--expired", "10", "--key", front.folder / "lotus.jwk", "--url", f"http://{front.host}",
    )  # fmt: skip
    assert json.loads(run(front, *keyed).stdout) == first.json


# --- the command line


def test_the_command_line_explains_any_figure(front: Front) -> None:
    done = front.completed()
    front.books()
    told = run(front, "explain", "palm.position")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert done["exchange"] in {cause["exchange"] for cause in said["exchanges"]}
    keyed = run(front, "explain", done["exchange"], "--key", front.folder / "palm.jwk", "--url", f"http://{front.host}")
    assert entries(json.loads(keyed.stdout))
    assert run(front, "explain", "nobody.position").returncode == 4


def test_the_books_of_a_real_house_close_and_an_independent_judge_agrees(front: Front, tmp_path: Path) -> None:
    front.completed()
    expired(front, wish(reference="for the books"))
    front.books()
    told = run(front, "books", "liability")
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    hotels = next(one for one in said["programs"] if one["program"] == "palm-hotels")
    lines = [
        amount
        for name, amount in hotels.items()
        if name not in {"opening", "closing", "expired_as_reported", "outstanding"} and type(amount) is int
    ]
    assert hotels["opening"] + sum(lines) - (hotels["left_after_expiry"] or 0) == hotels["closing"]
    assert hotels["expired_as_reported"] >= 70
    positions = [one["position"] for one in said["partners"]]
    assert sum(Decimal(amount) for amount in (*positions, said["house"], said["cash"])) == 0  # other tests pay
    file = tmp_path / "house.beancount"
    file.write_text(run(front, "books", "journal", "--format", "beancount").stdout)
    judged = subprocess.run([JUDGE, file], capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"currency": "EUR", "kinds": [{"kind": "position", "code": "1200"}]}')
    records = run(front, "books", "journal", "--mapping", mapping).stdout
    assert ",1200," in records
    assert run(front, "books", "journal", "--format", "xml").returncode == 2


def test_a_months_accruals_are_journals_that_an_independent_judge_agrees_with(front: Front, tmp_path: Path) -> None:
    front.completed()
    front.books()
    month = f"{datetime.now(UTC):%Y-%m}"
    told = run(front, "books", "accruals", "--month", month, "--format", "beancount")
    assert told.returncode == 0, told.stderr
    assert "Assets:Unbilled:Palm" in told.stdout
    file = tmp_path / "accruals.beancount"
    file.write_text(told.stdout)
    judged = subprocess.run([JUDGE, file], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"currency": "EUR", "accounts": [{"account": "palm.unbilled", "code": "1400"}]}))
    lines = run(front, "books", "accruals", "--month", month, "--mapping", mapping).stdout.splitlines()
    assert [line for line in lines if ",1400," in line and ",EUR,accrual of fee" in line]
    assert run(front, "books", "accruals", "--month", "2026-13").returncode == 2


def test_what_is_owed_and_will_be_owed_is_told_as_decimals(front: Front) -> None:
    front.completed()
    front.books()
    position = int(front.ask("GET", "/v1/position").json["position"])
    said = json.loads(run(front, "books", "ageing").stdout)
    aged = said["aged"]
    for side in ("receivable", "payable"):
        sums = {
            sum(int(one[side].replace(".", "")) for one in lines)
            for lines in (aged, said["currencies"], [said["total"]])
        }
        assert len(sums) == 1
    assert [(one["currency"], one["pay_in"]) for one in said["currencies"]] == [(None, None)]  # no run was frozen
    mine = [one for one in aged if one["partner"] == "palm"]
    assert (
        sum(int(one["receivable"].replace(".", "")) - int(one["payable"].replace(".", "")) for one in mine) == position
    )
    forecast = json.loads(run(front, "books", "forecast").stdout)["forecast"]
    (palm,) = [one for one in forecast if one["partner"] == "palm"]
    posted, pending, at_most = (int(palm[name].replace(".", "")) for name in ("posted", "pending", "at_most"))
    assert (posted, at_most) == (position, posted + pending)  # there was one window only
    later = run(front, "books", "ageing", "--as-of", "2999-01-01T00:00:00Z")
    assert {one["bucket"] for one in json.loads(later.stdout)["aged"]} == {"over-90"}
    assert run(front, "books", "ageing", "--as-of", "2999-01-01T00:00:00").returncode == 2


def test_deferred_revenue_is_a_schedule_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sale.json"
    file.write_text('{"price": 100000, "goods": 100000, "points": {"expected": 9500}, "periods": [{"redeemed": 4500}]}')
    told = clearing("deferral", file)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["periods"] == [
        {"redeemed": 4_500, "expected": 9_500, "revenue": 4_110, "catch_up": 0, "liability": 4_566}
    ]
    file.write_text('{"price": 1}')
    assert clearing("deferral", file).returncode == 4


def test_the_verifier_looks_at_the_books_of_finance(front: Front) -> None:
    front.completed()
    front.books()
    told = run(front, "verify")
    assert told.returncode == 0, told.stdout
    for law in ("rolls forward", "zero together", "expired points"):
        assert law in told.stdout.replace("\n", " ")
