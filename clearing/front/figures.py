"""Which figure is meant by a name: an account, an exchange, a booking, a run, a payment, a statement, an invoice, or a line of one."""

import re
from typing import NamedTuple
from uuid import UUID

from clearing import errors, partners
from clearing.front.house import LANE
from clearing.rules.postings import Account
from settlement import books
from settlement.books import Explained, Place
from settlement.run import is_instruction_id

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Question(NamedTuple):
    """What is asked: a figure, of a window or of all; the page after an entry, of at most so many; and who asks, None is an operator."""

    figure: str
    window: str | None
    after: Place
    most: int
    reader: str | None

    @property
    def name(self) -> str:
        """Of what the figure is a part, or is."""
        return self.figure.partition(":")[0]

    @property
    def part(self) -> str | None:
        """Which part it is: a party, a counterparty, a line; None: the whole."""
        return self.figure.partition(":")[2] if ":" in self.figure else None

    def may_see(self, partner: str | None) -> bool:
        """Whether what is this partner's is shown."""
        return self.reader in {None, partner}


async def share_meant(connection: partners.Connection, figure: str, reader: str | None) -> str | None:
    """`RUN/CONTRACT`, where what a run shared is asked for: by this name, or by that of its booking."""
    if "/" in figure:
        return figure
    return await books.share_booked(connection, LANE, UUID(figure), reader) if _ID.fullmatch(figure) else None


async def found(connection: partners.Connection, chart: books.Chart, asked: Question) -> Explained:
    """What the figure is made of. Raises errors.NotFound, errors.ValidationFailed."""
    account, program = chart.named(asked.figure), chart.named(f"{asked.name}.{Account.OUTSTANDING.name.lower()}")
    if account is not None:
        if not asked.may_see(account.partner):
            raise errors.NotFound
        span = await books.span_of(connection, LANE, asked.window, asked.window)
        own = asked.window is not None and account.kind is Account.POSITION
        return await books.explain_account(connection, chart, account, span, asked.after, asked.most, own=own)
    if program is not None and asked.part is not None:
        if not asked.may_see(program.partner):
            raise errors.NotFound
        span = await books.span_of(connection, LANE, asked.window, asked.window)
        return await books.explain_rolled(
            connection, chart, program, asked.part, span, asked.window, asked.after, asked.most
        )
    if asked.window is not None:
        raise errors.ValidationFailed("window: this figure is not asked for by window")
    if _ID.fullmatch(asked.figure):
        if asked.after != books.BEGINNING:
            raise errors.ValidationFailed("after: this is explained as a whole")
        name = UUID(asked.figure)
        booking = await books.explain_booking(connection, chart, LANE, name)
        return booking or await books.explain_exchange(connection, chart, LANE, name)
    if is_instruction_id(asked.figure):
        partner, payment = await books.explain_payment(connection, LANE, asked.figure, asked.reader)
        if not asked.may_see(partner):
            raise errors.NotFound
        return payment
    return await _paper(connection, chart, asked)


async def _paper(connection: partners.Connection, chart: books.Chart, asked: Question) -> Explained:
    """A statement or an invoice by its number, else a run."""
    place = (asked.after, asked.most, asked.reader)
    for explain in (books.explain_statement, books.explain_invoice):
        paper = await explain(connection, chart, LANE, asked.name, asked.part, *place)
        if paper is not None:
            return paper
    if not asked.may_see(asked.part):
        raise errors.NotFound
    if asked.part is None:
        return await books.explain_run(connection, LANE, asked.name)
    return await books.explain_net(connection, chart, LANE, asked.name, asked.part, asked.after, asked.most)
