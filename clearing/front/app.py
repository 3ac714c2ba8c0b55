"""The HTTP application: the table of doors as FastAPI routes, problem documents for everything refused, one thin layer in front."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from clearing import errors
from clearing.front import (
    accounts,
    agreements,
    alone,
    balances,
    bank_details,
    books,
    calendars,
    campaigns,
    cards,
    cases,
    claims,
    contracts,
    cover,
    dry_runs,
    exchanges,
    explaining,
    funds,
    invoices,
    keys,
    links,
    logs,
    lots,
    openapi,
    papers,
    payments,
    problems,
    public,
    quotes,
    recon,
    reports,
    risk,
    run_inputs,
    runs,
    sources,
    statements,
    withdrawals,
)
from clearing.front.doors import Door
from clearing.front.problems import Problem
from clearing.front.signed import SECURITY, Doorway

if TYPE_CHECKING:
    from clearing.front.house import House

DOORS: tuple[Door, ...] = (
    *accounts.DOORS,
    *reports.DOORS,
    *links.DOORS,
    *quotes.DOORS,
    *exchanges.DOORS,
    *alone.DOORS,
    *claims.DOORS,
    *books.DOORS,
    *balances.DOORS,
    *lots.DOORS,
    *explaining.DOORS,
    *keys.DOORS,
    *cases.DOORS,
    *cards.DOORS,
    *agreements.DOORS,
    *cover.DOORS,
    *funds.DOORS,
    *withdrawals.DOORS,
    *dry_runs.DOORS,
    *risk.DOORS,
    *campaigns.DOORS,
    *calendars.DOORS,
    *bank_details.DOORS,
    *papers.DOORS,
    *contracts.DOORS,
    *run_inputs.DOORS,
    *runs.DOORS,
    *payments.DOORS,
    *statements.DOORS,
    *invoices.DOORS,
    *recon.DOORS,
)


class SignedRoute(APIRoute):
    """A FastAPI route, described like any other, that leads straight to its doorway: nothing reads the body before it is verified."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = Doorway(getattr(endpoint, "door"))  # noqa: B009 - set by `_route`


class Threshold:
    """Sends requests whose address has no variable part straight to their door; all others take the ordinary way."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        plain = [door for door in DOORS if "{" not in door.path]
        self.straight = {(door.method, door.path.encode()): Doorway(door) for door in plain}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection event."""
        if scope["type"] == "http":
            doorway = self.straight.get((scope["method"], scope["raw_path"]))
            if doorway is not None:
                scope["app"] = self.app
                await doorway(scope, receive, send)
                return
        await self.app(scope, receive, send)


def create_app(house: "House | None" = None) -> FastAPI:
    """The application of this house. Without one it can only describe itself."""
    app = FastAPI(
        title=openapi.TITLE,
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.house = house
    for door in DOORS:
        app.router.routes.append(_route(door))
    public.add(app)
    _refuse(app)
    openapi.describe(app)
    return app


def create_lookout(house: "House") -> FastAPI:
    """What a worker answers: how it fares. No door leads from here into the books."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.house = house
    public.add_health(app)
    _refuse(app)
    return app


def _refuse(app: FastAPI) -> None:
    """Every refusal outside a doorway is a problem document."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(errors.ClearingError, _refused)
    app.add_exception_handler(Exception, _failed)


def _route(door: Door) -> SignedRoute:
    async def endpoint(request: Request) -> None:
        """Never called: the route leads to its doorway."""

    endpoint.__name__ = door.name
    endpoint.__doc__ = door.run.__doc__
    setattr(endpoint, "door", door)  # noqa: B010 - a function takes no declared attributes
    return SignedRoute(
        door.path,
        endpoint,
        methods=[door.method],
        name=door.name,
        operation_id=door.name,
        tags=[door.tag],
        summary=(door.run.__doc__ or "").partition("\n")[0],
        response_model=None,
        status_code=min(door.gives),
        responses=openapi.responses(door),
        openapi_extra=openapi.described(door),
    )


async def _refused(_request: Request, error: Exception) -> Response:
    """Whatever a route or the framework refuses outside a doorway."""
    if isinstance(error, errors.ClearingError):
        return problem_response(problems.of_error(error))
    if isinstance(error, HTTPException):
        return problem_response(problems.of_status(error.status_code), dict(error.headers or {}))
    return problem_response(problems.of_status(422))


async def _failed(_request: Request, error: Exception) -> Response:
    trace_id = sources.trace_id()
    logs.log().error("failed", trace_id=trace_id, **logs.failure(error))
    return problem_response(problems.unexpected(), trace_id=trace_id)


def problem_response(problem: Problem, headers: dict[str, str] | None = None, trace_id: str | None = None) -> Response:
    """An unsigned refusal."""
    body = problem.document(trace_id or sources.trace_id())
    all_headers = {**dict(SECURITY), **(headers or {}), **dict(problem.headers())}
    return Response(body, problem.status, all_headers, media_type=problems.MEDIA)
