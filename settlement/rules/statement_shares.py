"""What a contract made of a base, as one reader is told it: a party its own legs, and what others have of the base in one.

The house is told every leg. It is the picture in a statement and at the door, and what the seal of a statement signs of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from settlement.rules.flows import HOUSE
from settlement.rules.sharing import Leg
from settlement.rules.statement_lines import StatementError, decimal, require_text, scaled
from settlement.rules.waterfall import Sharing, Waterfall

_OUT_OF = {True: "base", False: "beside"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A base, or what was reversed of one that `undone` shared, in micros.

    Law: the legs of the base, and `others`, add up to it; of what was reversed they are no more than it, as each leg was rounded down.
    """

    run: str
    contract: str
    version: int
    window: str
    undone: str | None
    base: int
    legs: tuple[Leg, ...]
    others: int

    def __post_init__(self) -> None:
        """Refuse what does not add up, or cannot be written."""
        for name in ("run", "contract", "window"):
            require_text(name, getattr(self, name))
        for leg in self.legs:
            for text in (leg.payer, leg.payee, leg.step):
                require_text("leg", text)
        left = self.base - self.others - sum(leg.amount for leg in self.legs if leg.of_base)
        if min(left, self.others, *(leg.amount for leg in self.legs)) < 0 or (left and self.undone is None):
            raise StatementError("waterfall", "is not what its legs add up to")

    def net(self, party: str) -> int:
        """What a party receives of these legs less what it pays."""
        return sum(leg.amount * ((leg.payee == party) - (leg.payer == party)) for leg in self.legs)


def drawn(run: str, waterfall: Waterfall, reader: str | None) -> Drawn:
    """The waterfall as a reader is told it; None is told every leg. Why a leg is what it is stands in the contract."""
    told = [leg._replace(why="") for leg in waterfall.legs if reader in {None, leg.payer, leg.payee}]
    others = sum(leg.amount for leg in waterfall.legs if leg.of_base and reader not in {None, leg.payer, leg.payee})
    said = (waterfall.contract, waterfall.version.version, waterfall.window, waterfall.undone, waterfall.micros)
    return Drawn(run, *said, tuple(told), others)


def drawn_for(run: str, sharing: Sharing, party: str) -> tuple[Drawn, ...]:
    """Every waterfall of a run by a version that this party is one of; the house is told all."""
    own = {one for one, said in sharing.documents if party == HOUSE or party in said["parties"]}
    reader = None if party == HOUSE else party
    return tuple([drawn(run, one, reader) for one in sharing.waterfalls if one.version in own])


# --- documents


def documents(found: Iterable[Drawn]) -> list[dict[str, Any]]:
    """As the header of a statement says them."""
    return [
        {
            "run": one.run,
            "contract": one.contract,
            "version": one.version,
            "window": one.window,
            "claws_back": one.undone,
            "base": decimal(one.base),
            "others": decimal(one.others),
            "legs": [[leg.step, leg.payer, leg.payee, decimal(leg.amount), _OUT_OF[leg.of_base]] for leg in one.legs],
        }
        for one in found
    ]


def drawn_of(said: Mapping[str, Any]) -> Drawn:
    """The same again. Law: `documents([drawn_of(one)]) == [one]`. Raises StatementError, KeyError, TypeError, ValueError."""
    out_of = {word: of_base for of_base, word in _OUT_OF.items()}
    return Drawn(
        said["run"],
        said["contract"],
        said["version"],
        said["window"],
        said["claws_back"],
        scaled("base", said["base"], 6),
        tuple(
            [
                Leg(payer, payee, scaled("leg", amount, 6), step, "", out_of[word])
                for step, payer, payee, amount, word in said["legs"]
            ]
        ),
        scaled("others", said["others"], 6),
    )
