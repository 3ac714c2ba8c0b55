"""Every example of `docs/rate-cards.md` is run as it is written, and gives what the page says."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from clearing.front import cli

PAGE = (Path(__file__).parents[2] / "docs" / "rate-cards.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(json card|json|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
AT = ("--at", "2026-04-15T00:00:00Z")  # when nothing is said, as the page says


def examples() -> list[tuple[str, str, str]]:
    """Card, command and promise of every example, in the order of the page."""
    smallest: dict[str, Any] = {}
    card, found = smallest, []
    for kind, text in FENCE.findall(PAGE):
        if kind == "json card":
            card = smallest = json.loads(text)
        elif kind == "json":
            card = smallest | json.loads(text)
        else:
            lines = text.splitlines()
            found += [(json.dumps(card), command, told) for command, told in zip(lines[::2], lines[1::2], strict=True)]
    return found


def test_the_page_has_examples_and_each_is_a_command_with_its_promise() -> None:
    assert len(examples()) >= 20
    assert all(command.startswith("$ clearing price card.json ") for _, command, _ in examples())


@pytest.mark.parametrize(("card", "command", "told"), examples(), ids=[command for _, command, _ in examples()])
def test_the_page_is_true(
    card: str,
    command: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "card.json").write_text(card)
    words = shlex.split(command.removeprefix("$ "))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [*words, *(() if "--at" in words else AT)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = json.loads(capsys.readouterr().out)
    assert (left.value.code or 0) == (6 if "refusal" in told else 0)
    for promise in told.split(","):
        name, *values = promise.split()
        assert values, "a promise names its value"
        assert _found(said, name) == values, promise


def _found(said: dict[str, Any], name: str) -> list[str]:
    if name == "refusal":
        return [said["refusal"]["code"]]
    if name == "next_valid":
        return [str(amount) for amount in said["refusal"]["next_valid"]]
    if name == "draw":
        return [str(amount) for amount in said["draw"]]
    part, _, field = name.partition(".")
    return [str(said[part][field] if field else said[part])]
