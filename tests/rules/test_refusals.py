"""Every refusal has a word to branch on, a status and a sentence."""

import ast
import inspect
from itertools import pairwise

import pytest

from clearing.rules import refusals
from clearing.rules.refusals import STATUS, Refusal, RefusalCode


def sentences() -> dict[str, str]:
    """Each member of the enumeration with the string below it."""
    classes = [node for node in ast.walk(ast.parse(inspect.getsource(refusals))) if isinstance(node, ast.ClassDef)]
    (body,) = [node.body for node in classes if node.name == "RefusalCode"]
    found: dict[str, str] = {}
    for member, text in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            found[ast.unparse(member.targets[0])] = ast.literal_eval(text.value)
    return found


@pytest.mark.parametrize("code", list(RefusalCode))
def test_every_refusal_has_a_sentence_and_a_status(code: RefusalCode) -> None:
    assert sentences()[code.name].endswith(".")
    assert code.value == code.name.lower()
    assert 400 <= Refusal(code, "").status < 500


def test_what_is_not_said_is_unprocessable() -> None:
    assert {Refusal(code, "").status for code in set(RefusalCode) - STATUS.keys()} == {422}
