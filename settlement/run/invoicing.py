"""The invoices of a run, numbered in the transaction that freezes it: it is final and all are there, or nothing is and no number is lost.

One fixed row is held first, whatever the series and the year, so that of two runs the second sees what the first has billed, and
its numbers follow without a gap.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from clearing import partners
from clearing.partners import FiledPaper
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.rules.invoice import Draft, Fee, Issue, document, drafts, name_of
from settlement.rules.run import Inputs, canonical, sha256
from settlement.rules.tax import TaxTable, table_of
from settlement.run.store import Connection, Row, Step, rows, write

INSTANT = timedelta(microseconds=1)
HELD = ("", 0)
"""Series and year of the row that every freezing holds before it reads what was billed. No tax table has such a series; it never counts."""


async def invoice_fees(connection: Connection, lane: int, run: str, inputs: Inputs, step: Step) -> Refusal | None:
    """Issue what a run bills, in the caller's transaction. A house that had published no tax table by then bills nothing."""
    await _numbers(connection, *HELD, step.at.date(), 0)
    windows = await rows(connection, "state_windows", lane=lane, run=run)
    until = max(_day(one["closes_at"] - INSTANT) for one in windows)
    papers = {one.name: one for one in await partners.filed_papers(connection, partners.TAXES)}
    begun = [one for one in papers.values() if one.valid_from <= until]
    own = _in_force(begun, until)
    if not begun:
        return None
    fees = await _fees(connection, lane, windows)
    if isinstance(fees, Refusal):
        return fees
    if own is None:
        return Refusal(RefusalCode.TAX_UNKNOWN, f"no tax table is in force on {until.isoformat()}") if fees else None
    if named := await _another_unit(connection, own, inputs):
        return named
    try:
        made = drafts(fees, own, await _tables(connection, fees, papers))
    except KeyError as stranger:
        return Refusal(RefusalCode.TAX_UNKNOWN, f"tax table {own.name} does not say how {stranger.args[0]} is taxed")
    for series in sorted({one.table.series for one in made}):
        chosen = [one for one in made if one.table.series == series]
        await _issue(connection, run, chosen, windows, step.at.date(), max(one["window_id"] for one in windows))
    return None


def _in_force(begun: Iterable[FiledPaper], day: date) -> TaxTable | None:
    """The table that began last, among those that have not ended."""
    valid = [one for one in begun if one.valid_until >= day]
    newest = max(valid, key=lambda one: (one.valid_from, one.published_at), default=None)
    return None if newest is None else table_of(newest.document)


async def _another_unit(connection: Connection, table: TaxTable, inputs: Inputs) -> Refusal | None:
    """Fees are billed in the currency that the common unit is. The published scheme names it; the run's rates say 1, and may say nothing
    only where a scheme does.
    """
    unit = await partners.scheme_currency(connection)
    rate = next((one for one in inputs.rates.rates if one.currency == table.currency), None)
    if unit not in {None, table.currency}:
        return _bills_in(table, f"and the scheme is in {unit}")
    if rate is None:
        return None if unit else _bills_in(table, "of which the run has no rate")
    return None if rate.num == rate.den else _bills_in(table, "whose rate is not 1")


def _bills_in(table: TaxTable, why: str) -> Refusal:
    return Refusal(RefusalCode.TAX_UNKNOWN, f"the tax table bills in {table.currency}, {why}")


async def _fees(connection: Connection, lane: int, windows: Iterable[Row]) -> list[Fee] | Refusal:
    """What is billed. Refused while something is given back of a window that no run has settled: nobody knows yet how that was taxed."""
    known = list(windows)
    first, until = min(one["first"] for one in known), max(one["until"] for one in known)
    told = {"lane": lane, "first": first, "until": until, "windows": [one["window_id"] for one in known]}
    found = await rows(connection, "invoice_fees", **told)
    if awaited := min(filter(None, [one.pop("awaits") for one in found]), default=None):
        return Refusal(RefusalCode.RUN_NOT_READY, f"fees of {awaited} are given back: freeze its run before")
    doubtful = sum(one.pop("doubtful") for one in found)
    parts = await rows(connection, "invoice_parts", **told) if doubtful else []
    more = {(one["partner"], one["kind"]): one["bookings"] for one in parts}
    return [_fee(one, more) for one in found]


def _fee(row: Row, more: Mapping[tuple[str, str], int]) -> Fee:
    bookings = row["bookings"] if row["returned"] else row["bookings"] + more.get((row["partner"], row["kind"]), 0)
    return Fee(**row | {"bookings": bookings})


async def _tables(connection: Connection, fees: Iterable[Fee], papers: Mapping[str, FiledPaper]) -> dict[str, TaxTable]:
    """How the earlier invoices were taxed of which something is given back."""
    named = sorted({one.corrects for one in fees if one.corrects})
    found = await rows(connection, "invoice_tables", invoices=named)
    return {one["invoice"]: table_of(papers[one["tax_table"]].document) for one in found}


async def _numbers(connection: Connection, series: str, year: int, day: date, count: int) -> tuple[int, date]:
    """The last of so many next numbers, and the day of issue; the row of the series is held from here on."""
    told: dict[str, Any] = {"series": series, "year": year, "count": count, "issued_on": day}
    (found,) = await rows(connection, "invoice_numbers", **told)
    return found["last"], found["issued_on"]


async def _issue(
    connection: Connection, run: str, made: list[Draft], windows: list[Row], day: date, of_window: int
) -> None:
    series = made[0].table.series
    last, issued_on = await _numbers(connection, series, day.year, day, len(made))
    since = min(_day(one["opens_at"]) for one in windows).isoformat()
    until = max(_day(one["closes_at"] - INSTANT) for one in windows).isoformat()
    codes = tuple([one["code"] for one in windows])
    for number, draft in enumerate(made, last - len(made) + 1):
        told = Issue(day.year, number, issued_on.isoformat(), run, since, until, codes)
        content = canonical(document(draft, told))
        await write(
            connection,
            "invoice_insert",
            invoice=name_of(series, day.year, number),
            series=series,
            year=day.year,
            number=number,
            run=run,
            partner=draft.partner,
            kind=draft.kind,
            corrects=draft.corrects or None,
            tax_table=draft.table.name,
            currency=draft.table.currency,
            digits=draft.table.digits,
            net=draft.net,
            tax=draft.tax,
            issued_on=issued_on,
            of_window=of_window,
            document=content,
            sha256=sha256(content),
        )


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
