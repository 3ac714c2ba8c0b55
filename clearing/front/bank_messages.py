"""What travels about bank details: frozen models like those of `messages`."""

from typing import Annotated, Any

from pydantic import Field

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Instant, Said, Wish
from clearing.front.run_messages import Currency

Text = Annotated[str, Field(max_length=140)]


class BankDetailsWish(Wish):
    """Propose the next version of where a partner is paid, or of the `house`'s own account: an `iban` or another `account`."""

    partner: Annotated[str, Field(pattern="^[!-~]{1,64}$", description="code of a partner, or `house`")]
    version: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    name: Annotated[Text, Field(description="as the bank knows it, in letters that banks exchange")]
    iban: Text = ""
    account: Text = ""
    bic: Text = ""
    town: Annotated[Text, Field(description="with `country`, or neither")] = ""
    country: Text = ""
    currency: Annotated[Currency, Field(description="of the account")]


class DetailsSaid(Said):
    """A published version. In a list of everybody's the middle of each account is masked."""

    partner: str
    version: int
    valid_from: Annotated[Instant, Field(description="until then the version before is in force")]
    in_force: bool
    published_at: Instant
    digest: Digest
    document: dict[str, Any]
    proposed_by: str
    confirmed_by: str


class DetailsListSaid(Said):
    """All versions, by partner and version."""

    bank_details: list[DetailsSaid]
