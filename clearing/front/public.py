"""What anybody may ask: keys of the house, health, metrics, the description of the API and its pages. Nothing here is signed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastapi_offline
import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from clearing import errors
from clearing.front import metrics, problems
from clearing.front.books import gauge
from clearing.front.signed import SECURITY

if TYPE_CHECKING:
    from clearing.front.house import House

ASSETS = Path(fastapi_offline.__file__).parent / "static"
ASSETS_AT = "/docs/assets"
# Swagger UI writes styles into the page; its start-up script is a file of its own, so no script may stand in the page.
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_START = b"""window.ui = SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", supportedSubmitMethods: []});
"""
_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Clearing house API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"><link rel="icon" href="/docs/assets/favicon.png"></head>
<body><div id="swagger-ui"></div><script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>
</body></html>
"""


def add(app: FastAPI) -> None:
    """Every open route."""
    _add(app, _ROUTES)
    add_health(app)
    app.mount(ASSETS_AT, Assets(directory=ASSETS), name="assets")


def add_health(app: FastAPI) -> None:
    """The routes by which a process is watched; a worker has these and no others."""
    _add(app, _HEALTH)


def _add(app: FastAPI, routes: dict[str, Any]) -> None:
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


class Assets(StaticFiles):
    """Files of an installed package, with the headers that everything of ours has."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        """The file."""
        response = super().file_response(*given, **named)
        response.headers.update(dict(SECURITY))
        return response


def _house(request: Request) -> "House":
    house: House = request.app.state.house
    return house


def _json(content: Any, status: int = 200, media: str = "application/json") -> Response:
    return Response(orjson.dumps(content), status, dict(SECURITY), media_type=media)


async def jwks(request: Request) -> Response:
    """The keys that the house signs with, and those it signed with before."""
    return _json({"keys": key_set(_house(request))}, media="application/jwk-set+json")


async def signature_directory(request: Request) -> Response:
    """The same keys where Web Bot Auth looks for them."""
    media = "application/http-message-signatures-directory+json"
    return _json({"keys": key_set(_house(request))}, media=media)


def key_set(house: "House") -> list[dict[str, Any]]:
    """The house's public keys as JWKs."""
    names = {"ed25519": "Ed25519", "ecdsa-p256-sha256": "ES256"}
    return [
        {**key.jwk, "kid": key.key_id, "alg": names[key.alg], "use": "sig", "key_ops": ["verify"]}
        for key in house.keys.values()
    ]


async def livez(_request: Request) -> Response:
    """The process answers."""
    return _json({"live": True})


async def readyz(request: Request) -> Response:
    """Whether requests can be served, and if not, what is missing."""
    house = _house(request)
    sound = house.soundness
    found = {"database": sound.database, "schema": sound.schema, "clock": sound.clock, "writer": house.writer.alive}
    return _json({"ready": house.ready, **found}, 200 if house.ready else 503)


async def metrics_text(request: Request) -> Response:
    """Counters and gauges for Prometheus."""
    house = _house(request)
    await gauge(house)
    return Response(house.meters.text(), 200, dict(SECURITY), media_type=metrics.MEDIA)


async def description(request: Request) -> Response:
    """The OpenAPI description of this very process."""
    return _json(request.app.openapi())


async def docs(_request: Request) -> Response:
    """The API as a page, out of an installed package."""
    return Response(_PAGE, 200, {**dict(SECURITY), "content-security-policy": DOCS_CSP}, media_type="text/html")


async def docs_start(_request: Request) -> Response:
    """What the page runs."""
    return Response(_START, 200, dict(SECURITY), media_type="text/javascript")


async def problem_kinds(_request: Request) -> Response:
    """Every code that a problem document can carry."""
    return _json([_kind(code) for code in problems.catalogue()])


async def problem_kind(code: str) -> Response:
    """What a code means."""
    if code not in problems.catalogue():
        raise errors.NotFound
    return _json(_kind(code))


def _kind(code: str) -> dict[str, Any]:
    status, title = problems.catalogue()[code]
    return {"type": f"/problems/{code}", "code": code, "status": status, "title": title}


_HEALTH: dict[str, Any] = {"/livez": livez, "/readyz": readyz, "/metrics": metrics_text}
_ROUTES: dict[str, Any] = {
    "/.well-known/jwks.json": jwks,
    "/.well-known/http-message-signatures-directory": signature_directory,
    "/openapi.json": description,
    "/docs": docs,
    "/docs/start.js": docs_start,
    "/problems": problem_kinds,
    "/problems/{code}": problem_kind,
}
