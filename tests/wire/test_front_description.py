"""The description of the API against the house itself: whatever is sent, as it says or otherwise, the answer is one that it describes."""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clearing import errors
from clearing.front import problems
from clearing.front.app import DOORS, create_app
from clearing.front.doors import OPERATORS
from clearing.signatures import Message, require_normal_target, sign_request
from tests.wire.front_room import Front
from tests.wire.test_front_doors import PUBLIC

DESCRIBED = create_app().openapi()
CONFIG = schemathesis.Config.from_dict({"generation": {"deterministic": True, "database": "none"}})
AS_DESCRIBED = schemathesis.openapi.from_dict(DESCRIBED, config=CONFIG)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PROBLEM = Draft202012Validator({"$ref": "#/components/schemas/Problem", "components": DESCRIBED["components"]})
FOR_OPERATORS = {door.name for door in DOORS if door.purposes == OPERATORS}
SECONDS_MAX = 120  # of one answer, on a machine that is busy elsewhere; how fast the house is, others measure
# of a case that fails Hypothesis says all, and the warning that this is much would stand where the reason belongs
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")
few = settings(max_examples=6, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
fewer = settings(
    few, max_examples=3, phases=[Phase.generate]
)  # what cases differ in is not looked at where nothing is signed


def refused_as_described(response: Any) -> str:
    """The code of a refusal that is a problem document like all others."""
    assert problems.MEDIA in response.headers["content-type"]
    problem = response.json()
    PROBLEM.validate(problem)
    status, _ = problems.catalogue()[problem["code"]]
    assert (response.status_code, problem["status"]) == (status, status)
    code: str = problem["code"]
    return code


@schemathesis.serializer("application/x-ndjson")
def lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A book as a text, as it is described; what is no text is told as one."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@fewer
@AS_DESCRIBED.parametrize()
def test_whatever_is_sent_unsigned_is_refused_as_described(case: schemathesis.Case, front: Front) -> None:
    response = case.call(base_url=f"http://{front.host}", timeout=SECONDS_MAX)
    case.validate_response(response, checks=CHECKS)
    assert refused_as_described(response) in {
        "signature_required",
        "signature_header_malformed",
        "signature_input_malformed",
        "method_not_allowed",
        "not_found",
        "target_malformed",
    }


@few
@AS_DESCRIBED.parametrize()
def test_whatever_is_sent_signed_is_answered_as_described(case: schemathesis.Case, front: Front) -> None:
    name = "operator" if case.operation.definition.raw["operationId"] in FOR_OPERATORS else "palm"
    signs = Signs(front, name)
    response = case.call(base_url=f"http://{front.host}", auth=signs, timeout=SECONDS_MAX)
    case.validate_response(response, checks=CHECKS)
    code = "" if response.status_code < 300 else refused_as_described(response)
    assert not (signs.signed and code.startswith("signature_") and code != "signature_replayed"), code


@dataclass
class Signs:
    """Signs a request at the last moment, if it is one that can be signed."""

    front: Front
    name: str
    signed: bool = False

    def __call__(self, request: Any) -> Any:
        for header in ("signature", "signature-input", "content-digest"):
            request.headers.pop(header, None)
        path, _, query = request.path_url.partition("?")
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        given = tuple([(name.lower(), text_of(value)) for name, value in request.headers.items()])
        message = Message(request.method, self.front.host, path, f"?{query}", given, raw)
        at = int(time.time())
        with suppress(errors.ClearingError, ValueError):
            require_normal_target(message)
            added = sign_request(
                message, self.front.keys[self.name], created=at, expires=at + 60, nonce=secrets.token_urlsafe(18)
            )
            request.headers.update(dict(added))
            self.signed = True
        return request


def text_of(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@pytest.mark.parametrize("path", sorted(PUBLIC - {"/docs/assets", "/problems/{code}"}))
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_public_doors_answer_a_get_and_refuse_all_else_as_described(front: Front, method: str, path: str) -> None:
    response = httpx.request(method, f"http://{front.host}{path}", trust_env=False)
    if method == "GET":
        assert response.status_code == 200
    else:
        assert refused_as_described(response) == "method_not_allowed"
