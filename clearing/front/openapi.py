"""The description of the API, made from the table of doors: `openapi/clearing.yaml` is this, and `clearing openapi --check` compares."""

import json
from typing import Any

import yaml
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from clearing.front import problems
from clearing.front.doors import Door
from clearing.front.problem_messages import ProblemSaid
from clearing.rules import agreement_shape, card_shape
from clearing.signatures import REQUEST_TAG, RESPONSE_TAG, STATE_CHANGING
from settlement.rules import scheme_json, share_shape

TITLE = "Clearing house for loyalty points"
VERSION = "1"
SCHEME = "HttpMessageSignature"
DESCRIPTION = f"""Signed exchanges between loyalty programs: quoted, reserved, delivered, booked and proven.

**Signing.** Every request is signed (RFC 9421) with a registered Ed25519 or P-256 key under the label `sig1` and the tag `{REQUEST_TAG}`.
It covers `@method`, `@authority`, `@path` and `@query`; with a body also `content-type` and `content-digest` (RFC 9530); when it changes
something also `idempotency-key`. `created`, `expires` (at most 300 seconds later), `nonce` (16 random bytes or more), `keyid`
(RFC 7638 thumbprint), `alg` and `tag` are required. A nonce is accepted once.
Every answer to a known key is signed with the tag `{RESPONSE_TAG}` and bound to the request by its signature. The keys of the house are at
`/.well-known/jwks.json`. After any doubt, sign anew and repeat with the same Idempotency-Key.

**Amounts** are whole numbers: points in the smallest unit of their program, value in millionths of the common unit, both up to
2^53 - 1; totals that may be larger travel as strings. Fractions, exponents and truth values are refused.

**Refusals** are problem documents (RFC 9457). Branch on `code`; `GET /problems` lists all of them.
"""

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The caller's name for this wish, a quoted string (RFC 9651). Never forgotten for what moves value.",
    "schema": {"type": "string", "pattern": '^".{1,255}"$'},
    "example": '"5e1b7a60-till-0042"',
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N`: see it through for up to N seconds, at most 30, before answering (RFC 7240).",
    "schema": {"type": "string"},
    "example": "wait=10",
}
_QUERY: dict[str, dict[str, Any]] = {
    "at": {
        "description": "A past instant (RFC 3339 with its zone), unescaped: an address with escapes is not normal.",
        "schema": {"type": "string", "format": "date-time"},
        "example": "2026-03-31T22:00:00Z",
    }
}
_QUERY["year"] = {
    "description": "Only windows whose cut-off is in this year (UTC); absent: those that are open or still to come.",
    "schema": {"type": "string", "pattern": "^[0-9]{4}$"},
    "example": "2027",
}
_QUERY["after"] = {
    "description": "`next` of the page before; absent: the first page.",
    "schema": {"type": "string"},
    "example": "1774994400000000.W-2026-10.1-palm",
}
_QUERY["format"] = {
    "description": "Which file; absent: the evidence.",
    "schema": {"type": "string", "enum": ["jsonl", "csv", "xlsx", "pdf", "svg"]},
    "example": "pdf",
}
_SIGNED_HEADERS = {
    "Signature-Input": {"schema": {"type": "string"}, "description": "What the house's signature covers (RFC 9421)."},
    "Signature": {"schema": {"type": "string"}, "description": "The signature."},
    "Content-Digest": {"schema": {"type": "string"}, "description": "sha-256 of the body (RFC 9530)."},
}
_WORDS = {200: "Done before, or read.", 201: "Done.", 202: "Accepted and under way."}


def described(door: Door) -> dict[str, Any]:
    """What FastAPI cannot see, because the doorway reads the raw request: headers, body, security."""
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(name)} for name in _path_names(door.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, **_QUERY.get(name, {"schema": {"type": "string"}})}
        for name in door.asks
    ]
    if door.method in STATE_CHANGING:
        parameters.append(_IDEMPOTENCY_KEY)
    if door.waits:
        parameters.append(_PREFER)
    said: dict[str, Any] = {"security": [{SCHEME: []}]}
    if parameters:
        said["parameters"] = parameters
    if door.takes is not None:
        schema = {"$ref": f"#/components/schemas/{door.takes.__name__}"}
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if door.bulk:
        body = said.setdefault("requestBody", {"required": True, "content": {}})
        files = [media for media in map(str, door.bulk) if media not in body["content"]]
        body["content"] |= {media: {"schema": {"type": "string"}} for media in files}
    return said


def responses(door: Door) -> dict[int | str, dict[str, Any]]:
    """What an operation answers, and which refusals are its own."""
    said: dict[int | str, dict[str, Any]] = {}
    for status, model in door.gives.items():
        headers = dict(_SIGNED_HEADERS)
        if door.writes and status == 200:
            headers["Idempotency-Replayed"] = {
                "schema": {"type": "string", "enum": ["true"]},
                "description": "This wish was granted before; this is its state now.",
            }
        said[status] = {"description": _WORDS[status], "headers": headers}
        if model is not None:
            schema = {"$ref": f"#/components/schemas/{model.__name__}"}
            said[status]["content"] = {"application/json": {"schema": schema}}
        else:
            said[status]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    listed = ", ".join(f"`{code}`" for code in door.refuses)
    said["default"] = {
        "description": f"Refused. Besides the codes of signing and reading: {listed or 'none of its own'}.",
        "content": {problems.MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return said


def describe(app: FastAPI) -> None:
    """Complete what FastAPI generates with the models of raw bodies, the problem document and the security scheme."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None or "x-complete" not in app.openapi_schema.get("info", {}):
            schema = generate()
            components = schema.setdefault("components", {})
            components["schemas"] = _schemas(app)
            components["securitySchemes"] = {SCHEME: _scheme()}
            schema["info"]["x-complete"] = True
            app.openapi_schema = schema
        return {
            **app.openapi_schema,
            "info": {k: v for k, v in app.openapi_schema["info"].items() if k != "x-complete"},
        }

    app.openapi = complete  # type: ignore[method-assign]  # the way FastAPI documents


def _schemas(app: FastAPI) -> dict[str, Any]:
    endpoints = [getattr(route, "endpoint", None) for route in app.router.routes]
    taken: list[Door] = [endpoint.door for endpoint in endpoints if endpoint is not None and hasattr(endpoint, "door")]
    takes = {door.takes for door in taken if door.takes is not None}
    gives = {model for door in taken for model in door.gives.values() if model is not None}
    models = sorted(takes | gives, key=lambda model: model.__name__)
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = made["$defs"]
    problem = ProblemSaid.model_json_schema()
    problem["title"] = "Problem"
    problem["properties"]["code"]["enum"] = list(problems.catalogue())
    return dict(sorted({**schemas, "Problem": problem}.items()))


def _scheme() -> dict[str, Any]:
    return {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "HTTP Message Signatures (RFC 9421): the fields Signature-Input and Signature, as described above. "
        "OpenAPI has no type of its own for it.",
    }


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_schema(name: str) -> dict[str, Any]:
    if name in {"exchange", "account", "link", "claim", "break"}:
        return {"type": "string", "format": "uuid"}
    return {"type": "integer", "minimum": 0} if name in {"case", "size"} else {"type": "string"}


def text(app: FastAPI) -> str:
    """The description as YAML, the same bytes for the same code."""
    return yaml.safe_dump(app.openapi(), sort_keys=False, allow_unicode=True, width=120)


def schemas() -> dict[str, str]:
    """The JSON Schemas of the documents that the house reads, by file: the very tables by which it reads them."""
    tables = {
        "rate-card.schema.json": card_shape.SCHEMA,
        "agreement.schema.json": agreement_shape.SCHEMA,
        "scheme.schema.json": scheme_json.SCHEMA,
        "share-contract.schema.json": share_shape.SCHEMA,
    }
    return {name: json.dumps(table, indent=1) + "\n" for name, table in tables.items()}
