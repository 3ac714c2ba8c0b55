"""`clearing share`: a base through a contract, told to the last millionth."""

import copy
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clearing.front import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
CONTRACT, ANSWER, *_ = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))

Share = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Share:
    """The command on a contract, and perhaps an older one: exit code, what it says, and the sentence of a refusal."""

    def ran(contract: Any, *words: str, old: Any = None) -> tuple[int, dict[str, Any], str]:
        paths = []
        for name, document in (("contract.json", contract), ("old.json", old)):
            paths.append(str(tmp_path / name))
            Path(paths[-1]).write_text(document if isinstance(document, str) else json.dumps(document))
        words += ("--against", paths[1]) if old is not None else ()
        monkeypatch.setattr(sys, "argv", ["clearing", "share", paths[0], *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capsys.readouterr()
        return int(left.value.code or 0), json.loads(told.out) if told.out else {}, told.err

    return ran


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(CONTRACT), **fields}


def test_the_worked_example_of_the_page_is_what_the_command_says(share: Share) -> None:
    (command,) = re.findall(r"^`clearing share CONTRACT.json (.*)`$", PAGE, re.MULTILINE)
    code, found, _ = share(CONTRACT, *command.split())
    assert code == 0
    assert {name: found[name] for name in ANSWER} == ANSWER
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \| ([0-9.]+) \|", PAGE, re.MULTILINE)
    assert [(leg["step"], leg["from"], leg["to"], leg["amount"]) for leg in found["legs"]] == rows
    assert (found["contract"], found["version"], found["currency"], found["base"]) == (
        "spring-deal",
        2,
        "EUR",
        "1000.00",
    )


def test_a_mark_of_byte_order_is_no_part_of_a_contract(share: Share) -> None:
    said = share(CONTRACT, "--base", "1000.00", "--currency", "EUR")
    assert said[0] == 0
    assert share("\ufeff" + json.dumps(CONTRACT), "--base", "1000.00", "--currency", "EUR") == said


def test_without_close_nothing_is_made_up_for(share: Share) -> None:
    _, found, _ = share(CONTRACT, "--base", "1000.00")
    assert "floor" not in {leg["step"] for leg in found["legs"]}
    assert found["sum"] == "1000.00"


def test_a_shadow_run_tells_what_each_party_has_more(share: Share) -> None:
    old = changed(version=1, steps=[CONTRACT["steps"][0], CONTRACT["steps"][4]])
    code, found, _ = share(CONTRACT, "--base", "300.00", old=old)
    assert (code, found["against"]["version"]) == (0, 1)
    assert found["against"]["totals"] == {"lotus": "200.00", "palm": "100.00", "shop": "0.00", "treasury": "0.00"}
    assert found["against"]["difference"] == {
        "house": "7.50",
        "lotus": "24.05",  # 30 of the bonus, less two thirds of fee and tax: 8.925
        "palm": "-20.975",
        "shop": "-12.00",
        "treasury": "1.425",
    }


def test_another_contract_is_no_older_version(share: Share) -> None:
    for old in (changed(contract="other"), changed(currency="USD")):
        code, found, _ = share(CONTRACT, "--base", "1", old=old)
        assert (code, found["refusal"]["code"]) == (6, "contract")
        assert found["refusal"]["file"].endswith("old.json")


def test_parts_of_a_claw_back_add_up(share: Share) -> None:
    first = share(CONTRACT, "--base", "100.01", "--undo", "33.33")[1]["claw_back"]
    second = share(CONTRACT, "--base", "100.01", "--undo", "66.68", "--undone", first["undone"])[1]["claw_back"]
    whole = share(CONTRACT, "--base", "100.01", "--undo", "100.01")[1]
    assert (first["undone"], second["undone"]) == ("33.33", "100.01")
    for before, after, leg, original in zip(
        first["legs"], second["legs"], whole["claw_back"]["legs"], whole["legs"], strict=True
    ):
        micros = [
            int(part["amount"].replace(".", "").ljust(len(part["amount"].split(".")[0]) + 6, "0"))
            for part in (before, after, leg)
        ]
        assert micros[0] + micros[1] == micros[2]
        assert (leg["from"], leg["to"], leg["amount"]) == (original["to"], original["from"], original["amount"])


def test_interest_runs_by_the_contract(share: Share) -> None:
    days = ("--due", "2026-03-31", "--paid", "2026-04-30")
    _, found, _ = share(CONTRACT, "--base", "1000.00", *days)
    assert found["interest"] == {
        "from": "shop",
        "to": "lotus",
        "amount": "6.666666",
        "days": 30,
        "day_count": "ACT/360",
        "basis_points": 800,
    }
    actual = changed(late={**CONTRACT["late"], "day_count": "ACT/365"})
    assert share(actual, "--base", "1000.00", *days)[1]["interest"]["amount"] == "6.575342"


def test_a_currency_has_its_own_decimals(share: Share) -> None:
    plain = {name: said for name, said in CONTRACT.items() if name != "currency"}
    _, yen, _ = share(plain, "--base", "1000", "--currency", "JPY")
    assert (yen["currency"], yen["base"], yen["sum"]) == ("JPY", "1000", "1000")
    assert sum(int(amount) for amount in yen["payable"].values()) == 0
    _, dinar, _ = share(plain, "--base", "1000.001", "--currency", "KWD")
    assert dinar["sum"] == "1000.001"


def test_payables_are_the_nets_rounded_once(share: Share) -> None:
    """G15 in cents."""
    parties = ["a", "b", "c", "payer"]
    weights = [{"party": party, "weight": 1} for party in parties[:3]]
    steps = [{"name": "gross", "base": {"payer": "payer"}}, {"name": "rest", "residual": {"weights": weights}}]
    _, found, _ = share(changed(parties=parties, steps=steps, late=CONTRACT["late"] | {"to": "a"}), "--base", "1.00")
    assert found["totals"] == {"a": "0.333334", "b": "0.333333", "c": "0.333333", "payer": "0.00"}
    assert found["payable"] == {"a": "0.34", "b": "0.33", "c": "0.33", "payer": "-1.00"}


REFUSALS: list[tuple[Any, tuple[str, ...], str]] = [
    ("{", ("--base", "1"), "contract"),
    ('{"format": 1, "format": 2}', ("--base", "1"), "contract"),
    ("{}", ("--base", "1"), "contract"),
    ("1" + "0" * 70_000, ("--base", "1"), "file_size"),
    (changed(version="2"), ("--base", "1"), "contract"),
    (changed(currency="ZZZ"), ("--base", "1"), "currency"),
    (CONTRACT, ("--base", "1", "--currency", "USD"), "currency"),
    ({name: said for name, said in CONTRACT.items() if name != "currency"}, ("--base", "1"), "currency"),
    (CONTRACT, ("--base", ""), "empty"),
    (CONTRACT, ("--base=-1",), "not_decimal"),
    (CONTRACT, ("--base", "1,000"), "not_decimal"),
    (CONTRACT, ("--base", "1e3"), "not_decimal"),
    (CONTRACT, ("--base", "nan"), "not_decimal"),
    (CONTRACT, ("--base", "1.001"), "decimals"),
    (CONTRACT, ("--base", "9" * 20), "too_large"),
    (CONTRACT, ("--base", "1", "--volume", "0.0000001"), "decimals"),
    (CONTRACT, ("--base", "1", "--spent", "spring=x"), "not_decimal"),
    (CONTRACT, ("--base", "1", "--undo", "1.01"), "out_of_range"),
    (CONTRACT, ("--base", "1", "--undo", "0.5", "--undone", "0.500001"), "out_of_range"),
    (CONTRACT, ("--base", "1", "--due", "2026-03-31", "--paid", "2026-03-30"), "out_of_range"),
    (
        {name: said for name, said in CONTRACT.items() if name != "late"},
        ("--base", "1", "--due", "2026-03-31"),
        "contract",
    ),
]


@pytest.mark.parametrize(
    ("contract", "words", "reason"), REFUSALS, ids=[f"{reason}-{at}" for at, (*_, reason) in enumerate(REFUSALS)]
)
def test_what_cannot_be_shared_is_refused_with_its_reason(
    share: Share, contract: Any, words: tuple[str, ...], reason: str
) -> None:
    code, found, sentence = share(contract, *words)
    assert code == 6
    assert list(found) == ["refusal"]
    assert found["refusal"]["code"] == reason
    assert found["refusal"]["detail"] in sentence


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--base", "1", "--spent", "autumn=1"),
        ("--base", "1", "--spent", "spring"),
        ("--base", "1", "--spent", "spring=1", "--spent", "spring=2"),
        ("--base", "1", "--received", "tower=1"),
        ("--base", "1", "--due", "2026-03-31"),
        ("--base", "1", "--undone", "1"),
        ("--base", "1", "--due", "2026-02-30", "--paid", "2026-03-31"),
    ],
)
def test_wrong_use_is_told_from_a_refusal(share: Share, words: tuple[str, ...]) -> None:
    assert share(CONTRACT, *words)[0] == 2
