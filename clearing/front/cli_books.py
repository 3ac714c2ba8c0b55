"""Finance's books from the command line, directly on the database: liability, journals, ageing, forecast; any figure; deferred revenue."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from psycopg import AsyncConnection

from clearing import database, errors
from clearing.front import explaining, reading, settings, sources, terminal, wiring
from clearing.front.cli_ask import URL, Pinned, Session, Url
from clearing.front.currencies import digits_of
from clearing.front.house import LANE
from clearing.front.materialised import YEARS
from clearing.front.shapes import instant
from clearing.rules.shapes import Fault
from settlement import books as finance
from settlement.rules.accruals import Month, Unbilled, accruals_bean, accruals_csv
from settlement.rules.ageing import Aged
from settlement.rules.deferral_json import answer
from settlement.rules.journal import Codes, codes_of
from settlement.rules.liability import Mirror, RollForward
from settlement.rules.money import major, written

books = typer.Typer(help="Finance's books, out of the ledger. Plus: owes the house.", no_args_is_help=True)
terminal.app.add_typer(books, name="books")

SIGN = "plus: the partner owes the house; minus: the house owes the partner"
EVERY_ENTRY = 2**31
Result = TypeVar("Result")
From = Annotated[str | None, typer.Option("--from", help="Code of the first window; none: the first there was.")]
To = Annotated[str | None, typer.Option("--to", help="Code of the last window; none: the open one.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A JSON document.")]
Mapping = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="JSON: how your ledger calls our accounts; for csv."),
]
OwnKey = Annotated[
    Path | None, typer.Option("--key", help="Ask a running house, signed with this JWK, not the database.")
]


def _asked(question: Callable[[AsyncConnection[Any]], Awaitable[Result]]) -> Result:
    """Ask the database."""

    async def asking() -> Result:
        with wiring.database_of(settings.load()) as url:
            async with await database.connect(url, name="clearing-books") as connection:
                return await question(connection)

    return terminal.run(asking())


# --- liability


@books.command()
def liability(
    program: Annotated[str | None, typer.Option(help="Code of one program; none: all, and who owes whom.")] = None,
    first: From = None,
    last: To = None,
) -> None:
    """Roll forward what programs have outstanding, and show who owes whom. Exit 1 if anything does not tie."""

    async def told(connection: AsyncConnection[Any]) -> tuple[list[RollForward], Mirror]:
        async with finance.snapshot(connection):
            chart = await finance.chart(connection)
            span = await finance.span_of(connection, LANE, first, last)
            rolled = await finance.roll_forwards(connection, chart, span)
            return rolled, await finance.mirror(connection, chart, span)

    rolled, mirror = _asked(told)
    chosen = [one for one in rolled if program in {None, one.program}]
    if not chosen and program is not None:
        raise errors.NotFound("no program has this code")
    said: dict[str, Any] = {"programs": [_rolled(one) for one in chosen]}
    faults = [fault for one in chosen for fault in one.faults]
    if program is None:
        said |= {"sign": SIGN, "partners": _mirrored(mirror), "house": major(mirror.house)}
        said |= {"cash": major(mirror.cash), "remainder": major(mirror.remainder)}
        said["faults"] = list(mirror.faults)
        faults += mirror.faults
    terminal.out.print_json(data=said)
    raise typer.Exit(1 if faults else 0)


def _rolled(one: RollForward) -> dict[str, Any]:
    ends = {"program": one.program, "unit": one.unit, "opening": one.opening, **dict(one.lines), "closing": one.closing}
    told = None if one.reported is None else {**asdict(one.reported), "closing": one.reported.closing}
    expired = {"expired_as_reported": one.expired, "left_after_expiry": one.left}
    return {**ends, **expired, "as_reported": told, "outstanding": one.outstanding, "faults": list(one.faults)}


def _mirrored(mirror: Mirror) -> list[dict[str, Any]]:
    return [
        {
            "partner": partner,
            "position": major(position),
            "views": {one.counterparty or "house": major(one.owed) for one in mirror.views if one.partner == partner},
        }
        for partner, position in mirror.positions.items()
    ]


# --- journals


@books.command()
def journal(
    shape: Annotated[str, typer.Option("--format", help="csv or beancount")] = "csv",
    first: From = None,
    last: To = None,
    mapping: Mapping = None,
) -> None:
    """Write the journals of windows to stdout: one for each event of the log. The same books give the same bytes."""
    if shape not in finance.FORMATS:
        raise typer.BadParameter(f"--format is {' or '.join(finance.FORMATS)}")
    codes = Codes() if mapping is None else _codes(mapping)

    async def pieces(connection: AsyncConnection[Any]) -> AsyncIterator[str]:
        async with finance.snapshot(connection):
            chart = await finance.chart(connection)
            span = await finance.span_of(connection, LANE, first, last)
            async for piece in finance.export(connection, chart, span, shape, codes):
                yield piece

    async def written(connection: AsyncConnection[Any]) -> None:
        async for piece in pieces(connection):
            sys.stdout.buffer.write(piece.encode())
        sys.stdout.buffer.flush()

    _asked(written)


def _codes(path: Path) -> Codes:
    found = codes_of(_document(path))
    if isinstance(found, Fault):
        raise errors.ValidationFailed(f"{path}: {found}")
    return found


@books.command()
def accruals(
    month: Annotated[str, typer.Option(help="Like 2026-11; in UTC.")],
    shape: Annotated[str, typer.Option("--format", help="csv or beancount")] = "csv",
    mapping: Mapping = None,
) -> None:
    """Write what was earned and owed by the end of a month and no frozen run had billed, as journals with their reversal."""
    if shape not in finance.FORMATS:
        raise typer.BadParameter(f"--format is {' or '.join(finance.FORMATS)}")
    codes, chosen = Codes() if mapping is None else _codes(mapping), _month(month)

    async def told(connection: AsyncConnection[Any]) -> list[Unbilled]:
        async with finance.snapshot(connection):
            return await finance.unbilled(connection, LANE, chosen)

    found = _asked(told)
    text = accruals_csv(chosen, found, codes) if shape == "csv" else accruals_bean(chosen, found)
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _month(text: str) -> Month:
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise typer.BadParameter("--month is a month like 2026-11") from None
    if first.year not in YEARS:
        raise typer.BadParameter(f"--month is of a year from {YEARS[0]} to {YEARS[-1]}")
    return Month(first.year, first.month)


# --- ageing and forecast


@books.command()
def ageing(
    as_of: Annotated[
        str | None, typer.Option(help="An instant with its zone, as in 2026-03-31T22:00:00Z; none: now.")
    ] = None,
) -> None:
    """Receivables and payables by partner, days since the cut-off and currency, as the books were then. What is posted is owed until it
    is said to be paid.
    """
    at = sources.clock() if as_of is None else terminal.instant(as_of, "--as-of")

    async def told(connection: AsyncConnection[Any]) -> finance.Ageing:
        async with finance.snapshot(connection):
            return await finance.ageing(connection, await finance.chart(connection), LANE, at)

    found = _asked(told)
    lines = [{**asdict(one), "receivable": major(one.receivable), "payable": major(one.payable)} for one in found.aged]
    said = {"as_of": instant(at), "aged": lines, "currencies": _currencies(found), "total": _sides(found.aged)}
    terminal.out.print_json(data=said)


def _sides(lines: Sequence[Aged]) -> dict[str, str]:
    """Both sides of these lines, in the common unit."""
    return {
        "receivable": major(sum(one.receivable for one in lines)),
        "payable": major(sum(one.payable for one in lines)),
    }


def _currencies(found: finance.Ageing) -> list[dict[str, Any]]:
    """Currency by currency: the lines in the common unit, and what its payments come to in itself. None: not fixed by a run yet."""
    known = {one.currency for one in found.aged} | {one.currency for one in found.fixed}
    return [
        {"currency": currency}
        | _sides([one for one in found.aged if one.currency == currency])
        | {"pay_in": _payments(found, currency, -1), "pay_out": _payments(found, currency, 1)}
        for currency in sorted(known, key=lambda one: one or "")
    ]


def _payments(found: finance.Ageing, currency: str | None, sign: int) -> str | None:
    """What is still to be paid in this currency, in or out."""
    if currency is None:
        return None
    amounts = [one.minor * sign for one in found.fixed if one.currency == currency]
    return written(sum(amount for amount in amounts if amount > 0), digits_of(currency))


@books.command()
def forecast() -> None:
    """What each partner will owe (plus) or be owed at the next settlement, if all that is pending is posted by its cut-off."""

    async def told(connection: AsyncConnection[Any]) -> list[finance.Forecast]:
        async with finance.snapshot(connection):
            return await finance.forecast(connection, await finance.chart(connection), LANE)

    lines = [
        {
            "partner": one.partner,
            "window": one.window,
            "cut_off": instant(one.cut_off),
            "value_date": None if one.value_date is None else one.value_date.isoformat(),
            "earlier": major(one.earlier),
            "posted": major(one.posted),
            "pending": major(one.pending),
            "at_most": major(one.at_most),
            "to_pay": major(one.to_pay),
            "granted": major(one.granted),
            "left": major(one.left),
            "cover": None if one.cover is None else major(one.cover),
        }
        for one in _asked(told)
    ]
    terminal.out.print_json(data={"sign": SIGN, "forecast": lines})


@books.command()
def expire(
    program: str,
    points: int,
    reference: Annotated[str, typer.Argument(help="Your name for this report; the same name, the same report.")],
    as_of: Annotated[str, typer.Option(help="By when they had expired: RFC 3339 with its zone.")],
    key: Annotated[Path, typer.Option("--key", help="File of the partner's private JWK.")],
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Report points of your program that expired: a signed request to a running house, kept as a memo beside the books."""
    wish = {"as_of": as_of, "points": points, "reference": reference}
    said = Session(key, url, pinned).ask("POST", f"/v1/programs/{program}/expiries", wish)
    terminal.out.print_json(data=said)


@books.command()
def outside(
    program: str,
    reference: Annotated[str, typer.Argument(help="Your name for this report; the same name, the same report.")],
    as_of: Annotated[str, typer.Option(help="By when all of it was done: RFC 3339 with its zone.")],
    key: Annotated[Path, typer.Option("--key", help="File of the partner's private JWK.")],
    opening: Annotated[
        int | None, typer.Option(help="Outstanding beside what the house moved; the first report needs it.")
    ] = None,
    issued: Annotated[int, typer.Option(help="Points issued since the report before.")] = 0,
    redeemed: Annotated[int, typer.Option(help="Points redeemed since then.")] = 0,
    expired: Annotated[int, typer.Option(help="Points expired since then that `expire` has not told.")] = 0,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Report what your program moved outside of the house, once in a window: kept signed, shown beside the roll-forward of the house."""
    moved = {"issued": issued, "redeemed": redeemed, "expired": expired}
    wish = {"as_of": as_of, "reference": reference, **moved} | ({} if opening is None else {"opening": opening})
    said = Session(key, url, pinned).ask("POST", f"/v1/programs/{program}/outside", wish)
    terminal.out.print_json(data=said)


# --- any figure


@terminal.app.command()
def explain(
    figure: Annotated[
        str,
        typer.Argument(
            help="CODE.KIND, as in palm.position; an id; RUN, RUN:PARTY, RUN/CONTRACT; a payment; STATEMENT[:COUNTERPARTY or :LINE]; "
            "INVOICE[:LINE]; PROGRAM:LINE of a roll-forward, as :issued or :closing."
        ),
    ],
    window: Annotated[str | None, typer.Option(help="Code of one window; none: all.")] = None,
    after: Annotated[str | None, typer.Option(help="With --key: `next` of the page before.")] = None,
    key: OwnKey = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """What a figure is made of: exchanges, entries, card, agreements, contracts, shares, signed requests. Exit 1 if it does not add up."""
    query = {name: value for name, value in (("figure", figure), ("window", window), ("after", after)) if value}
    if key is not None:
        path = "&".join(f"{name}={value}" for name, value in query.items())
        said = Session(key, url, pinned).ask("GET", f"/v1/explain?{path}")
    else:
        said = _asked(lambda connection: explaining.explained(connection, query, None, EVERY_ENTRY))
    terminal.out.print_json(data=said)
    raise typer.Exit(0 if said["adds_up"] else 1)


# --- deferred revenue, without any books


@terminal.app.command()
def deferral(file: File) -> None:
    """Deferred revenue of a sale with points (IFRS 15, ASC 606): its schedule as JSON. See docs/books.md for the document."""
    found = answer(_document(file))
    if isinstance(found, Fault):
        raise errors.ValidationFailed(f"{file}: {found}")
    terminal.out.print_json(data=found)


def _document(path: Path) -> Any:
    with path.open("rb") as file:
        body = file.read(reading.BODY_BYTES_MAX + 1)
    if len(body) > reading.BODY_BYTES_MAX:
        raise errors.BodyTooLarge(f"{path}: more than {reading.BODY_BYTES_MAX:,} bytes")
    try:
        return reading.file_document(body)
    except errors.RequestMalformed as fault:
        raise errors.RequestMalformed(f"{path}: {fault.detail}") from None
