"""Every refusal as a problem document (RFC 9457): one shape for signature, body, rules, and whatever the framework refuses."""

import ast
import inspect
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any

import orjson

from clearing import errors
from clearing.rules import refusals
from clearing.rules.refusals import REMEDY, Refusal, RefusalCode

MEDIA = "application/problem+json"
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is said about a refusal."""

    status: int
    code: str
    title: str
    detail: str
    retryable: bool = False
    retry_after: int | None = None
    more: tuple[tuple[str, Any], ...] = ()  # what only some refusals can tell

    def document(self, trace_id: str) -> bytes:
        """The JSON of it."""
        return orjson.dumps(
            {
                "type": f"/problems/{self.code}",
                "title": self.title,
                "status": self.status,
                "code": self.code,
                "detail": self.detail,
                "retryable": self.retryable,
                "trace_id": trace_id,
                **dict(self.more),
            }
        )

    def headers(self) -> list[tuple[str, str]]:
        """Retry-After where asking again makes sense later."""
        after = self.retry_after
        if after is None and self.status in {429, 503}:
            after = RETRY_AFTER_SECONDS
        return [] if after is None else [("retry-after", str(after))]


def of_error(error: errors.ClearingError) -> Problem:
    """A stranger or a misuse."""
    kind = type(error)
    return Problem(kind.status, kind.code, title_of(kind.code), error.detail, kind.retryable, error.retry_after)


def of_refusal(refusal: Refusal) -> Problem:
    """An expected no: where it lies, which rule says it, what would fit, what the member can do about it, and from when on it will be
    a yes, as far as that is known.
    """
    then = None if refusal.fits_from is None else refusal.fits_from.isoformat().replace("+00:00", "Z")
    told: tuple[tuple[str, Any], ...] = (
        ("side", refusal.side),
        ("rule", refusal.rule or None),
        ("next_valid", list(refusal.next_valid) or None),
        ("remedy", REMEDY.get(refusal.code)),
        ("fits_from", then),
    )
    more = tuple([(name, value) for name, value in told if value is not None])
    return Problem(refusal.status, refusal.code, title_of(refusal.code), refusal.detail, more=more)


def unexpected() -> Problem:
    """A fault of ours, of which nothing more is told."""
    return Problem(
        500, "internal_error", title_of("internal_error"), "Something failed here; the trace id finds it in our logs."
    )


def of_status(status: int) -> Problem:
    """What the framework refuses by itself."""
    known: dict[int, errors.ClearingError] = {
        404: errors.NotFound("There is nothing at this address."),
        405: errors.MethodNotAllowed(),
        413: errors.BodyTooLarge(),
        422: errors.ValidationFailed(),
    }
    if status in known:
        return of_error(known[status])
    return unexpected() if status >= 500 else of_error(errors.RequestMalformed("The request cannot be read."))


@cache
def title_of(code: str) -> str:
    """The sentence that explains a code."""
    return catalogue().get(code, (0, code.replace("_", " ")))[1]


@cache
def catalogue() -> dict[str, tuple[int, str]]:
    """Every code that the house can answer with: its status and its sentence."""
    found: dict[str, tuple[int, str]] = {}
    waiting = [errors.ClearingError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.code not in found or "code" in vars(kind):
            found[kind.code] = (kind.status, _first_line(kind))
    sayings = _member_docs(refusals, RefusalCode.__name__)
    for code in RefusalCode:
        found[code.value] = (Refusal(code, "").status, sayings.get(code.name, code.value))
    return dict(sorted(found.items()))


def _first_line(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or kind.__name__).splitlines()[0]


def _member_docs(module: ModuleType, name: str) -> dict[str, str]:
    """The sentence under each member of an enum: Python does not keep it, its source does."""
    tree = ast.parse(inspect.getsource(module))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    docs: dict[str, str] = {}
    for member, doc in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant):
            target = member.targets[0]
            if isinstance(target, ast.Name):
                docs[target.id] = str(doc.value.value)
    return docs
