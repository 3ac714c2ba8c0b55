"""Every account of the books, by its number and by its name, and how this room asks the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing.database import statement
from clearing.rules.postings import HOUSE, Account, account_number
from settlement.rules.journal import BookAccount

Connection = AsyncConnection[Any]
Row = dict[str, Any]

ROOM = "settlement"
HOUSE_CODE = "house"
MILLIONTHS = "millionths"
OF_PROGRAMS = tuple([kind for kind in Account if kind < Account.POSITION])
OF_PARTNERS = (Account.POSITION, Account.COVER)
OF_THE_HOUSE = (Account.REMAINDER, Account.FUNDS, Account.CASH, Account.FEE, Account.ROUNDING)


@dataclass(frozen=True, slots=True)
class Chart:
    """The accounts in the order of their numbers, the partners by number, and the programs that each signs for."""

    accounts: Mapping[int, BookAccount]
    partners: Mapping[int, str]

    def named(self, name: str) -> BookAccount | None:
        """The account of this name."""
        return next((one for one in self.accounts.values() if one.name == name), None)

    @property
    def programs(self) -> list[BookAccount]:
        """Every program, by its account of points outstanding."""
        return [one for one in self.accounts.values() if one.kind is Account.OUTSTANDING]


async def rows(connection: Connection, name: str, /, **values: object) -> list[Row]:
    """The rows that a statement of settlement gives back."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement(name, ROOM), values)
        return await cursor.fetchall()


async def chart(connection: Connection) -> Chart:
    """The chart as it is now. Programs and partners are only ever added."""
    found = await rows(connection, "books_chart")
    accounts = {one.number: one for one in sorted(_accounts(found), key=lambda one: one.number)}
    return Chart(accounts, {row["number"]: row["partner"] for row in found})


def _accounts(found: list[Row]) -> Iterator[BookAccount]:
    for kind in OF_THE_HOUSE:
        yield BookAccount(account_number(HOUSE, kind), HOUSE_CODE, kind, MILLIONTHS, None)
    for row in found:
        for kind in OF_PARTNERS:
            number = account_number(row["number"], kind)
            yield BookAccount(number, row["partner"], kind, MILLIONTHS, row["partner"])
        for kind in OF_PROGRAMS if row["program"] else ():
            number = account_number(row["program_number"], kind)
            yield BookAccount(number, row["program"], kind, row["unit_name"], row["partner"])
