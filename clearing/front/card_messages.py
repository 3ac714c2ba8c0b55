"""What travels about rate cards: frozen models like those of `messages`. The document itself is read by the rules, strictly."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Code, Instant, Said, Wish
from clearing.rules.versions import ChangeKind

Document = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "a rate card as `openapi/rate-card.schema.json` describes it"}),
]


class CardWish(Wish):
    """Propose the next version of a rate card."""

    card: Document


class RoundTrip(Said):
    """The part of the points that is lost by going there and back at once, as an exact fraction."""

    lost: int
    of: int


class CardSaid(Said):
    """A published version. The keys are null for a first version that onboarding took in."""

    source: Code
    target: Code
    version: int
    valid_from: Instant
    valid_to: Instant | None
    announced_at: Instant
    in_force: bool
    round_trip: RoundTrip | None
    digest: Digest
    document: dict[str, Any]
    proposed_by: str | None
    confirmed_by: str | None


class CardsSaid(Said):
    """Published versions, in order of corridor and version."""

    cards: list[CardSaid]


class CardChangeSaid(Said):
    """One announced change: a version begins, a corridor closes, a window of a rule or channel begins or ends."""

    source: Code
    target: Code
    version: int
    kind: ChangeKind
    at: Instant
    announced_at: Instant
    part: str
    name: str
    parts: list[str]


class CardChangesSaid(Said):
    """Announced changes, the first to come first."""

    announced: list[CardChangeSaid]
