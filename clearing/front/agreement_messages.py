"""What travels about agreements and cover: frozen models like those of `messages`. The document itself is read by the rules, strictly."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from clearing.front.messages import Amount, Code, Instant, Next, Said, Total, Wish
from clearing.rules.agreement_shape import SCHEMA

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of what is signed; names the proposal")]
Document = Annotated[
    dict[str, Any], WithJsonSchema({name: said for name, said in SCHEMA.items() if not name.startswith("$")})
]


class AgreementWish(Wish):
    """Propose the next version of a partner's agreement."""

    agreement: Document


class ConfirmWish(Wish):
    """Confirm, with a second key, exactly what the proposal named in the path says."""


class CoverWish(Wish):
    """Propose a movement of a partner's cover: funds that came in, or that shall go out."""

    partner: Code
    direction: Literal["in", "out"]
    amount: Annotated[Amount, Field(description="millionths of the common unit")]
    reference: Annotated[
        str, Field(pattern=r"^[!-~](?:[ -~]{0,98}[!-~])?$", description="of the payment; once for a partner")
    ]


class ProposalSaid(Said):
    """What waits for a second key."""

    proposal: Digest
    kind: Literal[
        "agreement",
        "cover",
        "card",
        "risk_rules",
        "campaign",
        "calendar",
        "bank_details",
        "rate_set",
        "tax_table",
        "share_contract",
    ]
    partner: Code
    document: dict[str, Any]
    proposed_at: Instant
    proposed_by: Annotated[str, Field(description="id of the key")]


class ProposalsSaid(Said):
    """Everything that waits for a second key, the oldest first."""

    proposals: list[ProposalSaid]


class AgreementSaid(Said):
    """A published version. The keys are null for a first version that onboarding took in."""

    partner: Code
    version: int
    valid_from: Instant
    valid_to: Instant | None
    announced_at: Instant
    in_force: bool
    digest: Digest
    document: dict[str, Any]
    proposed_by: str | None
    confirmed_by: str | None


class AgreementsSaid(Said):
    """Versions in order; a partner sees its own."""

    agreements: list[AgreementSaid]


class ChangeSaid(Said):
    """What will differ: a place in the agreement, what is there before, what is there after."""

    path: str
    before: str | int | None
    after: str | int | None


class AnnouncementSaid(Said):
    """A version that will come into force."""

    partner: Code
    version: int
    announced_at: Instant
    valid_from: Instant
    valid_to: Instant | None
    changes: list[ChangeSaid]


class AnnouncedSaid(Said):
    """Coming versions, the first to come first; a partner sees its own."""

    announced: list[AnnouncementSaid]


class MovementSaid(Said):
    """A movement of cover; plus came in, minus went out."""

    partner: Code
    number: int
    at: Instant
    amount: Annotated[int, Field(description="millionths of the common unit")]
    reference: str
    digest: Digest
    proposed_by: str
    confirmed_by: str


class CoverSaid(Said):
    """How much is lodged by partner, and every movement; a partner sees its own."""

    cover: dict[str, Total]
    movements: list[MovementSaid]


class FundSaid(Said):
    """A movement that was announced and that the bank's file speaks of."""

    partner: Code
    reference: str
    proposal: Digest
    outcome: Literal["booked", "differs", "blocked", "refused"]
    differs: Annotated[str | None, Field(description="in what, or why it was refused")]


class FundsSaid(Said):
    """What became of a bank's file; `blocked` says that nothing of it was booked."""

    blocked: bool
    findings: list[str]
    funds: list[FundSaid]


class CrossingSaid(Said):
    """A time in which a partner had less room left than its low water; `left` is what was left when it was seen."""

    partner: Code
    number: int
    began_at: Instant
    left: Total
    low_water: Total
    ended_at: Instant | None


class CrossingsSaid(Said):
    """The latest first, a thousand a page; a partner sees its own."""

    crossings: list[CrossingSaid]
    next: Next


class AlertSaid(Said):
    """A partner with less room left than its agreement's low water."""

    partner: Code
    granted: Total
    position: Total
    pending: Total
    left: Total
    low_water: Total


class AlertsSaid(Said):
    """Who is below the low water now; a partner sees its own."""

    alerts: list[AlertSaid]
