"""The table of signed operations: what each takes, gives and needs. Routes, OpenAPI and the generated tests read it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from clearing import errors
from clearing.front import reading
from clearing.front.messages import Said, Wish
from clearing.front.problems import Problem
from clearing.ledger.items import Signed
from clearing.signatures import Message, Presented

if TYPE_CHECKING:
    from clearing.front.house import House

PARTNERS = frozenset({"requests"})
OPERATORS = frozenset({"operator"})
BOTH = PARTNERS | OPERATORS

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed, by the row of the key and by nothing else."""

    key_id: str
    purpose: str
    partner: str | None

    @property
    def code(self) -> str:
        """The partner that the caller signs for. Raises errors.Forbidden for an operator."""
        if self.partner is None:
            raise errors.Forbidden
        return self.partner


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose signature was confirmed. `signed` is what an item that it causes must carry."""

    message: Message
    presented: Presented
    caller: Caller
    fields: Mapping[str, str]
    path: Mapping[str, str]
    at: datetime
    signed: Signed
    trace_id: str

    def require(self, purposes: frozenset[str]) -> None:
        """Whether keys of this purpose may do this; nothing is allowed that no door names. Raises errors.Forbidden."""
        if self.caller.purpose not in purposes:
            raise errors.Forbidden

    @property
    def idempotency_key(self) -> str:
        """The caller's name for this wish. Raises errors.IdempotencyKeyRequired."""
        return reading.idempotency_key(self.fields)

    def parse(self, model: type[Model]) -> Model:
        """The body as this wish. Raises errors.RequestMalformed."""
        return reading.parse(model, self.message.body, self.fields.get("content-type", ""))


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a document, or the bytes of one."""

    status: int
    content: object
    media: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()


Run = Callable[["House", Asked], Awaitable[Reply | Problem]]


@dataclass(frozen=True, slots=True)
class Door:
    """One signed operation. `writes` says that an item of the ledger carries the nonce; otherwise it is remembered first.

    `asks` names what its query may say. `keeps` says that the request changes something outside the lane's books, and is kept as
    evidence all the same. `bulk` names the media of a body that is a file, and may be as large as one.
    """

    method: str
    path: str
    run: Run
    gives: Mapping[int, type[Said] | None]
    takes: type[Wish] | None = None
    refuses: Sequence[str] = ()
    purposes: frozenset[str] = PARTNERS
    writes: bool = False
    waits: bool = False
    keeps: bool = False
    tag: str = "exchanges"
    asks: Sequence[str] = ()
    bulk: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.run.__name__
