"""Statements of frozen runs, as tests have them made, printed, read and added up."""

from settlement import reports, stating
from settlement.rules.statement import Statement
from tests.ledger.books import KEYS, House

KEY = KEYS["operator"]
PUBLIC = {KEY.public.key_id: KEY.public}


async def stated(house: House, run: str) -> dict[str, Statement]:
    """The statements of a run, each read back out of the file that a partner gets."""
    await stating.state_run(house.owner, house.lane, run, KEY)
    found = {}
    for kept in await stating.kept(house.owner, run=run):
        sealed = reports.verify(await stating.file_of(house.owner, kept.statement, "jsonl", None), PUBLIC).sealed
        assert sealed is not None
        found[kept.partner] = sealed.statement
    return found


async def printed(house: House) -> None:
    """Everything is printed."""
    while names := await stating.unprinted(house.owner, 2):
        for name in names:
            await stating.print_statement(house.owner, name)


def sums(found: dict[str, Statement]) -> tuple[int, int, int, int]:
    return (
        sum(one.opening for one in found.values()),
        sum(one.net for one in found.values()),
        sum(paid.amount for one in found.values() for paid in one.settled),
        sum(one.figures.closing for one in found.values()),
    )
