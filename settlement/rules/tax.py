"""How fees are taxed: a published table that says, for each partner, at which rate or for which reason at none. Pure.

A rate is in basis points. Where the customer owes the tax (reverse charge), or nobody does (exempt), it is zero and the reason is said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from settlement.rules.money import nearest

WHOLE = 10_000  # basis points


class Treatment(StrEnum):
    """Who owes the tax on a fee."""

    STANDARD = "standard"
    """The house charges it, at the rate."""
    REVERSE_CHARGE = "reverse_charge"
    """The customer owes it to its own tax office."""
    EXEMPT = "exempt"
    """Nobody owes any."""


@dataclass(frozen=True, slots=True)
class Tax:
    """How a fee is taxed; `kinds` are the kinds of exchange that it holds for, none: all others."""

    treatment: Treatment
    basis_points: int
    reason: str
    kinds: tuple[str, ...] = ()

    def on(self, net: int) -> int:
        """The tax on the sum of all that is taxed so, rounded once, a half away from zero."""
        return nearest(Fraction(net * self.basis_points, WHOLE))


@dataclass(frozen=True, slots=True)
class Side:
    """Who is named on an invoice: a name, an address line by line, and an id for value added tax, if there is one."""

    name: str
    address: tuple[str, ...]
    vat_id: str


@dataclass(frozen=True, slots=True)
class TaxTable:
    """What is published: the supplier, the series of its invoices, their currency (the common unit's), and every customer's taxes."""

    name: str
    series: str
    currency: str
    digits: int
    supplier: Side
    customers: Mapping[str, Side]
    taxes: Mapping[str, tuple[Tax, ...]]

    def tax_of(self, partner: str, kind: str) -> Tax:
        """How a fee of this kind is taxed. Raises KeyError for a partner that the table does not name."""
        own = self.taxes[partner]
        return next((one for one in own if kind in one.kinds), next(one for one in own if not one.kinds))


def table_of(document: Mapping[str, Any]) -> TaxTable:
    """The table that a document states, in which `faults_of` finds nothing."""
    customers = document["customers"]
    return TaxTable(
        document["name"],
        document["series"],
        document["currency"],
        document["digits"],
        _side(document["supplier"]),
        {one["partner"]: _side(one) for one in customers},
        {one["partner"]: tuple([_tax(tax) for tax in one["taxes"]]) for one in customers},
    )


def faults_of(document: Mapping[str, Any]) -> list[str]:
    """What no table can say: a customer twice, a kind of exchange twice, no tax for all other kinds, a rate without ground."""
    codes = [one["partner"] for one in document["customers"]]
    found = [
        f"$.customers: {code} is named twice" for code in sorted({code for code in codes if codes.count(code) > 1})
    ]
    for place, one in enumerate(document["customers"]):
        taxes = [_tax(tax) for tax in one["taxes"]]
        found += [f"$.customers[{place}].taxes: {fault}" for fault in _tax_faults(taxes, one["vat_id"])]
    return found


def _tax_faults(taxes: Iterable[Tax], vat_id: str) -> list[str]:
    known = list(taxes)
    kinds = [kind for tax in known for kind in tax.kinds]
    found = [] if len(set(kinds)) == len(kinds) else ["a kind of exchange is taxed twice"]
    if sum(not tax.kinds for tax in known) != 1:
        found.append("exactly one holds for all other kinds, and names none")
    for tax in known:
        if (tax.treatment is Treatment.STANDARD) != bool(tax.basis_points):
            found.append("a standard tax has a rate above zero, and no other has one")
        if tax.treatment is not Treatment.STANDARD and not tax.reason:
            found.append(f"{tax.treatment}: the reason is to be said, as the law wants it on the invoice")
        if tax.treatment is Treatment.REVERSE_CHARGE and not vat_id:
            found.append("reverse_charge: the customer's vat_id is to be said")
    return found


def _side(said: Mapping[str, Any]) -> Side:
    return Side(said["name"], tuple(said["address"]), said["vat_id"])


def _tax(said: Mapping[str, Any]) -> Tax:
    return Tax(Treatment(said["treatment"]), said["basis_points"], said["reason"], tuple(said["kinds"]))
