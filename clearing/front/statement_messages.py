"""What travels about statements: which there are, and what their files must hash to."""

from typing import Annotated, Literal

from pydantic import Field

from clearing.front.messages import Instant, Next, Said

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class StatementFileSaid(Said):
    """A file of a statement: where it is, and the SHA-256 of its bytes, which never change; null until it is printed.

    The evidence (`jsonl`) is there as soon as the statement is; all others are printed of it afterwards, or when they are asked for.
    """

    format: Literal["jsonl", "csv", "xlsx", "pdf", "svg"]
    href: str
    sha256: Digest | None
    bytes: int | None


class StatementSaid(Said):
    """A sealed statement of a frozen run. `root` is what the house signed with `key_id`; partner `house` is the house's own."""

    statement: str
    run: str
    partner: str
    currency: str
    made_at: Instant
    lines: int
    root: str
    key_id: str
    files: list[StatementFileSaid]


class StatementsSaid(Said):
    """Statements, the newest first, a thousand a page."""

    statements: list[StatementSaid]
    next: Next
