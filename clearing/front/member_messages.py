"""What travels on the wire about members: links, consents, and what a program reports of its accounts. Like `messages`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from clearing.front.messages import Code, Instant, Said, Token, Wish

MemberName = Annotated[
    str,
    Field(min_length=1, max_length=128, description="the member's name, for both programs to compare; sealed at rest"),
]
ScopeWord = Literal["exchange", "redemption", "accrual"]
MEMBER = "the membership number; sealed at rest, never logged"


class ConsentWish(Wish):
    """The member lets others move points of the source: what for, and through which partners."""

    scope: Annotated[list[ScopeWord], Field(min_length=1, max_length=3)]
    channels: Annotated[list[Code], Field(min_length=1, max_length=50, description="codes of partners")]


class LinkWish(Wish):
    """Link two accounts of one member. The consent may come along when the source's program is the caller's own."""

    source_account: Token
    target_account: Token
    name: MemberName | None = None
    consent: ConsentWish | None = None


class ConsentSaid(Said):
    """A consent as it was signed; the evidence is the request that gave it."""

    scope: list[ScopeWord]
    channels: list[Code]
    partner: Code
    key_id: str
    evidence: Token
    given_at: Instant
    withdrawn_at: Instant | None


class LinkEnd(Said):
    """One end of a link. What the program says of its member stands here only where it was asked for this answer."""

    program: Code
    account: Token
    status: str | None
    name_match: str | None


class LinkSaid(Said):
    """A link of two accounts, with the latest consent."""

    link: Token
    source: LinkEnd
    target: LinkEnd
    one_card: Annotated[
        bool, Field(description="each of the two accounts is linked to one of the other program at most")
    ]
    linked_at: Instant
    moved_at: Annotated[Instant | None, Field(description="when one of the accounts was merged into another")]
    ended_at: Instant | None
    ended_reason: Literal["unlinked", "account_closed", "account_erased", "already_linked"] | None
    consent: ConsentSaid | None


class ClosedWish(Wish):
    """The program has closed this account."""


class MergedWish(Wish):
    """The program has merged this account into another of its own: named by its token, or by its membership number."""

    into_account: Token | None = None
    into_member: Annotated[str, Field(min_length=1, max_length=64, description=MEMBER)] | None = None

    @model_validator(mode="after")
    def _one_survivor(self) -> Self:
        if (self.into_account is None) == (self.into_member is None):
            raise ValueError("say into_account or into_member, one of them")
        return self


class StandingSaid(Said):
    """How an account stands, and what this very report did; said again, it does nothing and the lists are empty."""

    account: Token
    program: Code
    standing: Literal["open", "closed", "merged", "erased"]
    closed_at: Instant | None
    merged_into: Token | None
    erased_at: Instant | None
    links_ended: list[Token]
    links_moved: list[Token]
    bodies_erased: Annotated[int, Field(ge=0, description="sealed requests that nobody opens any more")]
