"""`clearing net`: who pays whom for a list of obligations, without a server. JSON on stdout, exit 6 for a refusal."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clearing.front import settled, terminal
from settlement.rules import listing, money, netting, rates
from settlement.rules.money import Reason, Refused


@terminal.app.command()
def net(
    obligations: Annotated[Path, settled.argument("CSV: debtor,creditor,amount,currency; amounts in major units.")],
    rate_list: Annotated[
        Path | None, settled.option("--rates", "CSV: currency,rate; the value of one unit in the settlement currency.")
    ] = None,
    model: Annotated[netting.Model, typer.Option(help="Who pays whom.")] = netting.Model.MULTILATERAL,
    currency: Annotated[
        str | None, typer.Option(help="The settlement currency; none: the one with the rate 1.")
    ] = None,
    payout: Annotated[
        list[str] | None,
        typer.Option(help="PARTY=CURRENCY: a party's net in its payout currency; said again for each."),
    ] = None,
    source: Annotated[str | None, typer.Option("--rates-source", help="Who gives the rates; none: the file.")] = None,
    on: Annotated[str | None, typer.Option("--rates-on", help="The day of the rates, like 2026-03-31.")] = None,
    published: Annotated[str | None, typer.Option("--rates-published", help="When, as RFC 3339 writes it.")] = None,
) -> None:
    """Net obligations: who receives what, and who pays whom. Σ nets = 0, and the payments make the nets exactly."""
    digits = settled.currencies()
    owed = settled.must(listing.read_obligations(settled.listed(obligations), digits), obligations)
    if rate_list is None:
        used = settled.must(_only({one.currency for one in owed}, currency), obligations)
    else:
        named = source or rate_list.name
        read = listing.read_rates(
            settled.listed(rate_list), digits, currency, named, settled.day(on), _instant(published)
        )
        used = settled.must(read, rate_list)
    decimals = digits.get(used.currency, 0)
    found = settled.must(netting.net(owed, used, decimals, model), rate_list or obligations)
    said = _netted(found, used, model, digits)
    if payout:
        said["payouts"] = _payouts(payout, found, used, model, digits)
    settled.say(said)


# --- what is read


def _only(found: set[str], said: str | None) -> rates.RateSet | Refused:
    """Without rates there is one currency: what was said, or that of all obligations; of none where nobody owes anything."""
    currencies = found if said is None else {*found, said}
    if len(currencies) > 1:
        return Refused(Reason.RATE_MISSING, f"{', '.join(sorted(currencies))} cannot be netted without --rates")
    return rates.only(*currencies) if currencies else rates.only("")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    except ValueError:
        pass
    raise typer.BadParameter("--rates-published is an instant like 2026-03-31T15:00:00Z")


# --- what is said


def _netted(found: netting.Netted, used: rates.RateSet, model: netting.Model, digits: money.Digits) -> dict[str, Any]:
    decimals = digits.get(used.currency, 0)
    ratio = found.ratio

    def told(amount: int) -> str:
        return money.written(amount, decimals)

    return {
        "currency": used.currency or None,
        "model": model.value,
        "nets": {party: told(amount) for party, amount in found.nets.items()},
        "payments": [
            {"from": payment.payer, "to": payment.payee, "amount": told(payment.amount)} for payment in found.payments
        ],
        "gross": told(found.gross),
        "bilateral": told(found.bilateral),
        "multilateral": told(found.multilateral),
        "ratio": None if ratio is None else {"num": ratio.numerator, "den": ratio.denominator},
        "by_currency": {
            currency: {party: money.plain(amount, digits[currency]) for party, amount in nets.items()}
            for currency, nets in found.by_currency.items()
        },
        "matrix": [
            {"from": debtor, "to": creditor, "currency": currency, "amount": money.plain(amount, digits[currency])}
            for (debtor, creditor, currency), amount in found.matrix.items()
        ],
        "rates": _rates(used),
    }


def _rates(used: rates.RateSet) -> dict[str, Any] | None:
    if not used.source:
        return None
    return {
        "source": used.source,
        "on": used.on and used.on.isoformat(),
        "published_at": used.published_at and used.published_at.isoformat(),
        "values": {currency: {"num": value.num, "den": value.den} for currency, value in sorted(used.values.items())},
    }


def _payouts(
    said: Iterable[str], found: netting.Netted, used: rates.RateSet, model: netting.Model, digits: money.Digits
) -> dict[str, Any]:
    if model is not netting.Model.MULTILATERAL:
        raise typer.BadParameter("--payout needs the house between the parties: --model multilateral")
    payouts: dict[str, Any] = {}
    for word in said:
        party, _, currency = word.rpartition("=")
        if party not in found.nets or party in payouts:
            raise typer.BadParameter("--payout is PARTY=CURRENCY, once for each party that is in the list")
        if missing := used.missing([currency]):
            settled.refuse(missing)
        amount = netting.payout(found, party, currency, used, digits[currency])
        payouts[party] = {"currency": currency, "amount": money.written(amount, digits[currency])}
    return payouts
