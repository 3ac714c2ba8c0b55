"""Which fault hits which operation of a request: scripts first, then magic amounts that were not used up for this id."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.sandbox.books import Books
from adapters.sandbox.faults import Fault, Level, Script, of_amount
from adapters.sandbox.words import Asked


@dataclass(slots=True)
class Aim:
    """The scripts of this program; they live in memory and end with the process."""

    scripts: list[Script] = field(default_factory=list)

    def at(self, operation: str, account: str = "") -> Fault | None:
        """The fault of the first script that is aimed at this, which thereby is spent once."""
        for script in self.scripts:
            if script.hits(operation, account):
                script.times -= 1
                return script.fault
        return None

    def at_batch(self, books: Books, batch: Sequence[Asked]) -> dict[str, Fault]:
        """The faults of a batch by order id. A decline is for good; every other fault hits an id so many times only."""
        found: dict[str, Fault] = {}
        for asked in batch:
            fault = self.at(asked.operation, asked.account) if self.scripts else None
            if fault is None:
                fault = of_amount(asked.amount, asked.operation)
                if fault is None:
                    continue
                if fault.level is not Level.DECLINE and not books.hit(asked.id, fault.name, books.terms.fault_times):
                    continue
            found[asked.id] = fault
        self.scripts[:] = [script for script in self.scripts if script.times]
        return found
