"""`openapi/program.yaml` is a good description, names every fault and reason, and the sandbox and the dialect keep to it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from adapters.house_json import ADAPTER
from adapters.sandbox import reading
from adapters.sandbox.books import OPENINGS
from adapters.sandbox.faults import TABLE
from adapters.sandbox.words import Reason
from clearing.adapter import Operation, Verdict
from tests import canary
from tests.adapters.far_side import FarSide, order

PATH = Path(__file__).parents[2] / "openapi" / "program.yaml"


@cache
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PATH.read_text("utf-8"))
    return loaded


def validator(name: str) -> Draft202012Validator:
    registry = Registry[Any]().with_resource("urn:program", DRAFT202012.create_resource(spec()))
    return Draft202012Validator({"$ref": f"urn:program#/components/schemas/{name}"}, registry=registry)


def test_it_is_openapi_3_1() -> None:
    validate(spec())


def test_every_fault_stands_in_it_as_it_is() -> None:
    told = dict(re.findall(r"^\| …(\d{3}) \| `(\w+)` \|", spec()["info"]["description"], re.MULTILINE))
    assert told == {str(fault.digits): fault.name for fault in TABLE}
    for fault in TABLE:
        assert fault.says in spec()["info"]["description"]


def test_every_beginning_of_a_number_stands_in_it() -> None:
    assert all(f"| `{opening[0]}` |" in spec()["info"]["description"] for opening in OPENINGS)


def test_every_reason_and_operation_stands_in_it_with_its_sentence() -> None:
    reasons, kinds = spec()["components"]["schemas"]["Reason"], spec()["components"]["schemas"]["Kind"]
    assert reasons["enum"] == [reason.value for reason in Reason]
    assert re.findall(r"^- `(\w+)`: [A-Z].+\.$", reasons["description"], re.MULTILINE) == reasons["enum"]
    assert kinds["enum"] == [operation.value for operation in Operation]
    assert re.findall(r"^- `(\w+)`: ", kinds["description"], re.MULTILINE) == kinds["enum"]


@pytest.mark.parametrize("operation", list(Operation))
def test_the_dialect_writes_what_it_says_and_the_sandbox_reads_it(operation: Operation) -> None:
    first = order("hold", "acc-1")
    refers = first if operation in ("capture", "release", "reverse", "claw_back") else None
    (call,) = ADAPTER.calls([order(operation, "acc-1", refers=refers)], "https://program.example", {})
    validator("Batch").validate(orjson.loads(call.body))
    assert [asked.operation for asked in reading.operations(call.body, 100)] == [operation]
    for name in (None, "Ann"):
        call = ADAPTER.member_call("acc-1", f"SBX-OK-{canary.NUMBER}", name, "https://program.example", {})
        validator("MemberAsked").validate(orjson.loads(call.body))


def test_the_sandbox_answers_what_it_says(far: FarSide) -> None:
    account, _ = far.member()
    poor, _ = far.member("SBX-LOWBALANCE")
    asked = [order("credit", account), order("debit", poor), order("credit", account, 5_923)]
    (call,) = ADAPTER.calls(asked, far.url, {})
    said = orjson.loads(far.send(call).body)
    validator("Results").validate(said)
    assert [row["result"] for row in said["operations"]] == ["done", "declined", "pending"]
    validator("Result").validate(orjson.loads(far.send(ADAPTER.inquire(asked[0], far.url, {})).body))
    missing = far.send(ADAPTER.inquire(order("credit", account), far.url, {}))
    assert (missing.status, missing.headers["content-type"]) == (404, "application/problem+json")
    validator("OperationUnknown").validate(orjson.loads(missing.body))
    for kind in ("SBX-OK", "SBX-NOTFOUND"):
        call = ADAPTER.member_call(f"acc-{kind}", f"{kind}-{canary.NUMBER}", "Ann", far.url, {})
        validator("Member").validate(orjson.loads(far.send(call).body))
    validator("Problem").validate(far.plain.post("/v1/operations", json={}).json())


def test_a_sandbox_with_lots_answers_what_it_says(tmp_path: Path) -> None:
    with FarSide(tmp_path, "--lot-months", "36") as far:
        account, member = far.member()
        assert member.lots == far.lots(account)
        said = orjson.loads(far.send(ADAPTER.lots_call(account, far.url, {})).body)
        validator("AccountLots").validate(said)
        assert [lot["amount"] for lot in said["lots"][:2]] == [1_200, 8_800]
        (call,) = ADAPTER.calls([order("hold", account, 1_500), order("credit", account)], far.url, {})
        results = orjson.loads(far.send(call).body)
        validator("Results").validate(results)
        assert [part["amount"] for part in results["operations"][0]["lots"]] == [1_200, 300]
        missing = far.send(ADAPTER.lots_call("nobody", far.url, {}))
        assert (missing.status, orjson.loads(missing.body)["code"]) == (404, "account_unknown")
        validator("Problem").validate(orjson.loads(missing.body))


def test_a_sandbox_without_lots_says_so(far: FarSide) -> None:
    account, member = far.member()
    assert member.lots is None
    refused = far.send(ADAPTER.lots_call(account, far.url, {}))
    assert (refused.status, orjson.loads(refused.body)["code"]) == (501, "lots_not_offered")


def test_an_answer_that_would_be_too_large_with_its_lots_comes_without(tmp_path: Path) -> None:
    with FarSide(tmp_path, "--lot-months", "36") as far:
        account, _ = far.member("SBX-LOWBALANCE")
        far.ask(*[order("credit", account, 10) for _ in range(1_900)])
        assert len(far.lots(account)) == 400
        first = order("debit", account, 100)
        debits = [order("debit", account, 1_300) for _ in range(10)]
        assert [len(answer.lots or ()) for answer in far.ask(first)] == [1]
        assert [(answer.verdict, answer.lots) for answer in far.ask(*debits)] == [(Verdict.DONE, None)] * 10
        assert len(far.look_up(debits[0]).lots or ()) == 130
        whole = order("debit", account, 6_000)
        assert [(answer.verdict, answer.lots) for answer in far.ask(whole)] == [(Verdict.DONE, None)]  # 600 lots
        assert far.lots(account) == ()
