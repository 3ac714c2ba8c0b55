"""Scenes of the demo about money: windows close by themselves, runs settle them, a partner's book is compared."""

import re
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import httpx
from rich.table import Table

from clearing import errors
from clearing.client import Problem
from clearing.front import demo_bank, demo_sharing, sources
from clearing.front.cli_ask import Session
from clearing.front.materialised import calendar_of
from clearing.front.shapes import instant
from clearing.front.stage import Stage
from clearing.front.story import WAIT_SECONDS, Story, common
from clearing.rules.units import MICRO
from clearing.signatures import parse_jwks
from settlement.reports import verify
from settlement.reports.invoice_file import verify_invoice

WINDOW_SECONDS, WINDOWS = 4, 60
LEAD = timedelta(seconds=4)  # in which two keys publish it, however busy the machine is
SEAL_SECONDS_MAX = WINDOW_SECONDS + 10.0
LOOK_SECONDS = 0.1
PARTNERS = ("corner", "lotus", "palm")
SENT_LATER, ACCRUED_LATER = 30_000, 18_000
SCHEME: dict[str, Any] = {
    "format": "settlement-scheme/1",
    "code": "demo-eur",
    "currency": "EUR",
    "zone": "UTC",
    "cut_off": "00:00",
    "advice_lag": 0,
    "value_lag": 0,
    "roll": "FOLLOWING",
    "calendars": {"currency": ["TARGET"]},
}
RATES = {
    "name": "demo-rates",
    "source": "demo",
    "rates": {"EUR": "1", "USD": "0.8621"},
}  # worth of one unit in the common unit
RATE_DAYS = timedelta(days=14)
CUSTOMERS: dict[str, dict[str, Any]] = {
    "corner": {"name": "Corner Shop S.L.", "address": ["Calle Mayor 4", "28013 Madrid"], "vat_id": "ESB12345674"},
    "lotus": {"name": "Lotus Air GmbH", "address": ["Weg 3", "10115 Berlin"], "vat_id": "DE123456789"},
    "palm": {"name": "Palm Hotels B.V.", "address": ["Quay 1", "1011 AA Amsterdam"], "vat_id": "NL001234567B01"},
}
TERMS = [{"partner": "lotus", "currency": "USD", "interest_basis_points": 800, "year_days": 360}]


def closing(story: Story) -> None:
    """Windows of four seconds are published with two keys; the open one closes by itself, with all that was done so far"""
    operator, second = _operators(story.stage)
    _two_keys(story, "/v1/rates", _rates())
    still_open = operator.ask("GET", "/v1/calendar")["windows"][:1]
    early = _refused(lambda: _draft(story, still_open, f"{sources.clock():%Y-%m-%d}"))
    story.shows("an open window is not settled", held=early == "window_not_sealed", detail=early)
    shared = demo_sharing.publish(operator, second, instant(_soon()) or "")
    told = f"{shared['contract']}, version {shared['version']}, from {shared['valid_from']}"
    story.shows(
        "what is earned from then on is shared, by a contract of two keys",
        held=shared["confirmed_by"] != shared["proposed_by"],
        detail=told,
    )
    begins = _soon()
    cycle = {"rehearsal": {"begins_at": instant(begins), "seconds": WINDOW_SECONDS, "windows": WINDOWS}}
    made = calendar_of(SCHEME | {"cycle": cycle}, begins.year)
    if not isinstance(made, dict):
        raise errors.ValidationFailed(str(made))
    proposed = operator.ask("POST", "/v1/calendar", made)["proposal"]
    alone = _refused(lambda: operator.ask("POST", f"/v1/calendar/{proposed}/confirm", {}))
    story.shows("one key publishes nothing", held=alone == "second_key_needed", detail=alone)
    second.ask("POST", f"/v1/calendar/{proposed}/confirm", {})
    story.windows = operator.ask("GET", "/v1/calendar")["windows"]
    first, after = story.windows[:2]
    told = f"{first['window']} until {first['cut_off_utc']}, then {after['window']}"
    story.shows("a rehearsal ends the open window", held=first["cut_off_utc"] == after["opens_at"], detail=told)
    _sealed(story, first)


def _soon() -> datetime:
    return sources.clock().replace(microsecond=0) + LEAD


def settling(story: Story) -> None:
    """The window is settled: drafted, previewed and approved by two keys, frozen, paid in, paid out, stated"""
    _banked(story)
    _settle(story, story.windows[:1], "run-1")
    owed = {partner: _position(story, partner) for partner in PARTNERS}
    told = ", ".join(f"{partner} {common(amount)}" for partner, amount in owed.items())
    story.shows("nobody owes anything any more", held=not any(owed.values()), detail=told)


def reconciling(story: Story) -> None:
    """Meanwhile the hotel sends its own book of that window, with three slips in it: each is found, one is agreed"""
    story.exchange(SENT_LATER, "later")  # for the windows after
    corner = story.stage.client("corner")
    corner.accrue(story.source, ACCRUED_LATER, sources.clock(), "receipt-3", key="receipt-3", wait=WAIT_SECONDS)
    story.traded_at = sources.clock()
    hotel, window = _session(story.stage, "palm-requests"), story.windows[0]
    known = hotel.ask("GET", f"/v1/explain?figure=palm.position&window={window['window']}")["exchanges"]
    book = demo_bank.hotels_book(window["number"], demo_bank.with_slips(demo_bank.items(known)))
    story.keep("palm-book.csv", book)
    taken = hotel.send("POST", "/v1/books", book.encode(), "text/csv")
    story.keep("palm-acknowledgement.json", taken)
    story.shows("the book is taken whole", held=taken["taken"], detail=f"{taken['lines']} lines, book {taken['book']}")
    found = hotel.ask("GET", "/v1/breaks")["breaks"]
    story.console.print(_breaks(found))
    classes = sorted(one["break_class"] for one in found)
    held = classes == ["AMOUNT_MISMATCH", "DUPLICATE_THEIRS", "TIMING"]
    story.shows("every slip is a break, and nothing else is", held=held, detail=", ".join(classes))
    wrong = next(one for one in found if one["break_class"] == "AMOUNT_MISMATCH")
    said = {"decision": "accept_ours", "note": "our clerk mistyped the amount"}
    hotel.ask("POST", f"/v1/breaks/{wrong['break_id']}/resolve", said)
    looked = [hotel.ask("GET", f"/v1/breaks/{one['break_id']}") for one in found]
    story.keep("palm-breaks.json", looked)
    ended = next(one for one in looked if one["break_id"] == wrong["break_id"])
    left = len(hotel.ask("GET", "/v1/breaks")["breaks"])
    story.shows(
        "the hotel accepts the house's amount", held=left == len(found) - 1, detail=f"{ended['state']}, {left} left"
    )


def settling_again(story: Story) -> None:
    """What was exchanged since is settled as well, once its windows have closed by themselves, and its fees are invoiced"""
    _two_keys(story, "/v1/taxes", _taxes())
    until = story.traded_at
    since = [one for one in story.windows[1:] if until and datetime.fromisoformat(one["opens_at"]) <= until]
    _sealed(story, since[-1])
    _settle(story, since, "run-2")
    _billed(story)


# --- a run


def _settle(story: Story, windows: list[dict[str, Any]], name: str) -> None:
    operator, second = _operators(story.stage)
    drafted = _draft(story, windows, story.windows[1]["value_date"])
    run, digest = drafted["run"], {"result_sha256": drafted["result_sha256"]}
    previewed = operator.ask("POST", f"/v1/runs/{run}/approve", digest)["state"]
    alone = _refused(lambda: operator.ask("POST", f"/v1/runs/{run}/approve", digest))
    approved = second.ask("POST", f"/v1/runs/{run}/approve", digest)["state"]
    steps = (previewed, alone, approved) == ("previewed", "second_key_needed", "approved")
    story.shows(f"{run} is previewed by one key and approved by another", held=steps, detail=drafted["result_sha256"])
    operator.ask("POST", f"/v1/runs/{run}/freeze", {})
    _pay(story, run, name)
    whole = operator.ask("GET", f"/v1/runs/{run}")
    story.keep(f"{name}.json", whole)
    story.shows(
        f"{run} is settled", held=whole["state"] == "settled", detail=f"{len(whole['events'])} steps, each signed"
    )
    _stated(story, run, name)
    result = whole["result"]
    story.console.print(_nets(result["nets"]))
    story.console.print(_matrix(result["bilateral"]))
    demo_sharing.tell(story, operator, run, result)
    zero = not sum(int(one["micros"]) for one in result["nets"]) and not any(_sums(result["nets"], "currency", "minor"))
    story.shows(
        "the nets are zero together, in value and in every currency", held=zero, detail=f"{len(result['nets'])} nets"
    )
    gross, net = int(result["gross_micros"]), int(result["net_micros"])
    told = f"gross {common(gross)}, net {common(net)}, {gross / net:.2f} : 1"
    story.shows("netting moves less money than was owed", held=0 < net <= gross, detail=told)
    story.shows("the kept inputs give the same result again, byte by byte", held=whole["replays"])


def _pay(story: Story, run: str, name: str) -> None:
    """The bank books what came in, then what was released by it."""
    operator, _ = _operators(story.stage)
    at = f"/v1/runs/{run}/instructions"
    due = operator.ask("GET", at)["instructions"]
    held = all(one["state"] == ("due" if one["direction"] == "pay_in" else "waiting") for one in due)
    told = ", ".join(f"{one['partner']} {one['direction']} {one['amount']} {one['currency']}" for one in due)
    story.shows("pay-outs wait for the pay-ins", held=held, detail=told)
    for direction in ("pay_in", "pay_out"):
        wanted = [one for one in operator.ask("GET", at)["instructions"] if one["direction"] == direction]
        released = all(one["state"] == "due" for one in wanted)
        if direction == "pay_out":
            story.keep(f"{name}-pain.001.xml", operator.fetch(f"{at}?format=pain.001"))
        file = demo_bank.notification(f"{name}-{direction}", wanted, sources.clock())
        story.keep(f"{name}-bank-{direction}.xml", file)
        booked = _confirm(operator, run, file)
        held = released and [one["outcome"] for one in booked] == ["confirmed"] * len(wanted)
        story.shows(
            f"the bank's file confirms every {direction}", held=held, detail=f"{len(wanted)} bookings, camt.054"
        )


def _confirm(operator: Session, run: str, file: str) -> list[dict[str, Any]]:
    """Send the run the bank's file, as it is; said twice, it has one effect."""
    at = f"/v1/runs/{run}/confirmations"
    told, again = [operator.send("POST", at, file.encode(), "application/xml") for _ in range(2)]
    found: list[dict[str, Any]] = told["confirmations"] if told == again else []
    return found


def _banked(story: Story) -> None:
    """Two keys say where the house and the airline are paid."""
    for details in demo_bank.DETAILS:
        _two_keys(story, "/v1/bank-details", details)


def _rates() -> dict[str, Any]:
    """What payments of these days are converted with."""
    now = sources.clock()
    days = {"valid_from": f"{now:%Y-%m-%d}", "valid_until": f"{now + RATE_DAYS:%Y-%m-%d}"}
    return RATES | days | {"published_at": instant(now.replace(microsecond=0))}


def _two_keys(story: Story, path: str, said: dict[str, Any]) -> None:
    operator, second = _operators(story.stage)
    proposed = operator.ask("POST", path, said)["proposal"]
    second.ask("POST", f"{path}/{proposed}/confirm", {})


def _stated(story: Story, run: str, name: str) -> None:
    """Every partner fetches its statement; the hotel's is checked with nothing but the house's public key."""
    keys = parse_jwks(story.stage.jwks)
    made = _operators(story.stage)[0].ask("GET", f"/v1/runs/{run}/statements")["statements"]
    told = ", ".join(f"{one['partner']} {one['lines']} lines" for one in made)
    story.shows("a statement for each party, sealed once", held=len(made) == len(PARTNERS) + 1, detail=told)
    hotel = _session(story.stage, "palm-requests")
    (own,) = [one for one in hotel.ask("GET", "/v1/statements")["statements"] if one["run"] == run]
    for file in own["files"]:
        kept = hotel.fetch(file["href"])
        story.keep(f"{name}-palm-statement.{file['format']}", kept)
        if file["format"] == "jsonl":
            changed = kept.replace(b'"credit":"0.000000"', b'"credit":"1.000000"', 1)
            held = verify(kept, keys).sealed is not None and changed != kept and verify(changed, keys).sealed is None
            story.shows("it verifies offline, and does not once a line is changed", held=held, detail=own["root"])


def _taxes() -> dict[str, Any]:
    """How fees are taxed: the hotel, of the house's own country, at 21 %; the others abroad, who owe it themselves."""
    now = sources.clock()
    house = {"name": "Demo House B.V.", "address": ["Canal 2", "1012 BB Amsterdam"], "vat_id": "NL009876543B01"}
    abroad = {"treatment": "reverse_charge", "reason": "Article 196 of Directive 2006/112/EC"}
    taxes = {"palm": {"treatment": "standard", "basis_points": 2_100}}
    customers = [CUSTOMERS[one] | {"partner": one, "taxes": [taxes.get(one, abroad)]} for one in PARTNERS]
    days = {"valid_from": f"{now - RATE_DAYS:%Y-%m-%d}", "valid_until": f"{now + RATE_DAYS:%Y-%m-%d}"}
    said = {"name": "demo-taxes", **days, "series": "DEMO", "currency": "EUR"}
    return said | {"supplier": house, "customers": customers}


def _billed(story: Story) -> None:
    """The hotel fetches its invoice, and checks it with nothing but the house's public key."""
    keys, hotel = parse_jwks(story.stage.jwks), _session(story.stage, "palm-requests")
    (one,) = hotel.ask("GET", "/v1/invoices")["invoices"]
    told = f"{one['invoice']}: net {one['net']}, tax {one['tax']}, gross {one['gross']} {one['currency']}"
    story.shows("the hotel's fees are invoiced, with tax", held=one["kind"] == "invoice", detail=told)
    files = {file["format"]: hotel.fetch(file["href"]) for file in one["files"]}
    for form, content in files.items():
        story.keep(f"palm-invoice.{form}", content)
    changed = files["json"].replace(one["gross"].encode(), b"0.01")
    held = all(verify_invoice(content, keys).sealed == files["json"] for content in files.values())
    held = held and verify_invoice(changed, keys).sealed is None
    story.shows("it verifies offline, and does not once its gross is changed", held=held, detail=one["document_sha256"])


def _draft(story: Story, windows: Iterable[dict[str, Any]], value_date: str) -> dict[str, Any]:
    wish = {"windows": [one["window"] for one in windows], "value_date": value_date}
    given = {"currency": "EUR", "rates": RATES["name"], "terms": TERMS}
    return _operators(story.stage)[0].ask("POST", "/v1/runs", wish | given)


def _sealed(story: Story, window: dict[str, Any]) -> None:
    """Wait until the house says that it sealed this window; nobody tells it to."""
    code = window["window"]
    said = re.compile(rf'clearing_window_sealed{{root="([0-9a-f]+)",window="{re.escape(code)}"}} ([0-9]+)')
    until = time.monotonic() + SEAL_SECONDS_MAX
    while (found := said.search(httpx.get(f"{story.stage.url}/metrics").text)) is None and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    told = f"{found[2]} events, root {found[1][:16]}…" if found else "it did not"
    story.shows(f"{code} closed by itself", held=found is not None, detail=told)


def _position(story: Story, partner: str) -> int:
    return int(_session(story.stage, f"{partner}-requests").ask("GET", "/v1/position")["position"])


def _operators(set_up: Stage) -> tuple[Session, Session]:
    return _session(set_up, "operator"), _session(set_up, "second")


def _session(set_up: Stage, key: str) -> Session:
    return Session(set_up.folder / f"{key}.jwk", set_up.url, set_up.folder / "house-jwks.json")


def _refused(work: Any) -> str:
    """The code by which this is refused."""
    try:
        work()
    except Problem as problem:
        return str(problem.code)
    return "it was not refused"


# --- tables


def _nets(nets: list[dict[str, str]]) -> Table:
    table = Table("party", "currency", title="Nets: plus, the house owes the party", title_justify="left")
    table.add_column("exact", justify="right")
    table.add_column("minor units", justify="right")
    for one in nets:
        table.add_row(one["party"], one["currency"], common(int(one["micros"])), one["minor"])
    return table


def _sums(nets: list[dict[str, str]], by: str, what: str) -> list[int]:
    """The sums of the nets, one for each party or currency."""
    return [sum(int(one[what]) for one in nets if one[by] == name) for name in {one[by] for one in nets}]


def _matrix(flows: list[list[str]]) -> Table:
    """Who pays whom, before netting."""
    parties = sorted({party for flow in flows for party in flow[:2]})
    paid = {(debtor, creditor): int(micros) for debtor, creditor, micros in flows}
    table = Table("pays ↓  is paid →", title="Bilateral matrix", title_justify="left")
    for party in parties:
        table.add_column(party, justify="right")
    for debtor in parties:
        cells = [paid.get((debtor, creditor)) for creditor in parties]
        table.add_row(debtor, *("" if cell is None else common(cell) for cell in cells))
    return table


def _breaks(found: list[dict[str, Any]]) -> Table:
    table = Table("class", "exchange", "line", "owner", title="Breaks: theirs minus ours", title_justify="left")
    table.add_column("difference", justify="right")
    for one in found:
        line = "" if one["line"] is None else str(one["line"] % MICRO)
        table.add_row(one["break_class"], one["exchange"] or "", line, one["owner"], one["difference"])
    return table


SCENES = (closing, settling, reconciling, settling_again)
"""In this order, after whatever is to be settled."""
