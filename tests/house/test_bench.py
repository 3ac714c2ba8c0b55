"""Every bench runs with tiny counts and prints one JSON object with the promised fields; no time is judged."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.pgledger import files
from bench.price import CARDS
from settlement.reports import FORMATS

PROMISED = {
    "ledger": {"batch", "exchanges_per_s", "both_writes_per_s", "reserve_per_s", "post_per_s", "house_cpu_us"},
    "peers": {"peer", "exchanges_per_s", "ratio_to_ours"},
    "signing": {"operation", "us", "library_ratio"},
    "price": {"card", "us_per_price", "us_by_received", "us_to_read"},
    "statement": {"format", "lines", "seconds", "peak_mb", "bytes"},
    "exchange": {"in_flight", "exchanges_per_s", "p50_ms", "p99_ms", "house_cpu_us", "postgres_cpu_us", "quotes_per_s"},
    "matching": {
        "lines",
        "seconds",
        "us_per_line",
        "ours_cpu_s",
        "server_cpu_s",
        "ours_mb",
        "server_mb",
        "matched",
        "breaks",
    },
    "netting": {"model", "parties", "obligations", "seconds", "payments"},
    "settlement": {
        "exchanges",
        "partners",
        *(f"{phase}_seconds" for phase in ("close", "draft", "share", "freeze", "book", "state", "total")),
        "us_per_exchange",
        "ratio",
        "by_account_ratio",
        "total_cpu",
        "most_mb",
        "server_mb",
    },
}
COUNT = {
    "ledger": "1", "peers": "1", "signing": "2", "price": "2", "exchange": "4", "statement": "5", "settlement": "1000",
    "matching": "1000", "netting": "20",
}  # fmt: skip


def measured(name: str, url: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    main([name, "--json", "--count", COUNT[name], "--rounds", "1", "--database-url", url])
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    said: dict[str, Any] = json.loads(told)
    return said


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_each_bench_prints_one_json_object_with_the_promised_fields(
    name: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = measured(name, postgres_url, capsys)
    assert said["bench"] == name
    assert {"cpu", "cores", "python", "load_average", "fsync_us"} <= said["machine"].keys()
    assert said["rows"]
    assert all(PROMISED[name] <= row.keys() for row in said["rows"])
    if name == "ledger":
        assert [row["batch"] for row in said["rows"]] == [1, 16, 32, 128, 512]
    elif name == "exchange":
        assert [row["in_flight"] for row in said["rows"]] == [1, 16, 64, 256]
    elif name == "settlement":
        assert [row["exchanges"] for row in said["rows"]] == [1000]
    elif name == "price":
        assert said["rows"][-1]["card"] == "own-complex"
        assert len(said["rows"]) == len(list(CARDS.glob("*.json")))
    elif name == "statement":
        assert [(row["format"], row["lines"]) for row in said["rows"]] == [(form, 5) for form in FORMATS]
    elif name == "peers":
        ours = [row["batch"] for row in said["rows"] if row["peer"] == "clearing" and row["work"] == "post"]
        missing = [row for row in said["rows"] if row["peer"] == "pgledger"]
        assert ours == [32, 512]
        assert [(row["exchanges_per_s"], row["work"]) for row in missing] == [
            (None, "not measured: give --pgledger PATH")
        ]


def test_a_path_without_pgledger_is_no_pgledger(tmp_path: Path) -> None:
    assert files(tmp_path) is None
    assert files(tmp_path / "pgledger.sql") is None


@pytest.mark.parametrize("wrong", [["--json"], ["ledger", "--profile", "out.svg"], ["nothing"]])
def test_wrong_use_is_said(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(wrong)
    assert capsys.readouterr().out == ""
