"""The demo tells its whole story on a machine like this one, and what it leaves behind can be judged without it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

from settlement.files import confirmations

KEPT = {
    "journal.beancount",
    "journal.csv",
    "palm-acknowledgement.json",
    "palm-book.csv",
    "palm-breaks.json",
    "palm-invoice.json",
    "palm-invoice.pdf",
    *(f"run-{run}{part}" for run in (1, 2) for part in (".json", "-bank-pay_in.xml", "-bank-pay_out.xml")),
}
OF_ANOTHER_HOUSE = {
    "CLEARING_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/books",
    "CLEARING_ENVIRONMENT": "live",
    "CLEARING_HOUSE_KEY_FILE": "/nonexistent",
}
"""What may be set where somebody tries the demo: it touches nothing of it."""
JUDGE = Path(sys.executable).with_name("bean-check")


def test_all_of_the_story_holds_and_its_files_are_what_it_says(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clearing.front", "demo", "--books", str(tmp_path / "all.beancount")]
    told = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "COLUMNS": "200", **OF_ANOTHER_HOUSE},
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "All of it held" in told.stdout
    out = tmp_path / "demo-out"
    assert {path.name for path in out.iterdir()} >= KEPT
    for name in KEPT:
        assert name in told.stdout
    runs = [json.loads((out / f"run-{number}.json").read_text()) for number in (1, 2)]
    assert [(run["state"], run["replays"]) for run in runs] == [("settled", True)] * 2
    assert all(sum(int(net["micros"]) for net in run["result"]["nets"]) == 0 for run in runs)
    assert set(runs[0]["result"]["windows"]).isdisjoint(runs[1]["result"]["windows"])
    file = confirmations.read((out / "run-1-bank-pay_in.xml").read_bytes())
    assert file.findings == ()
    assert [str(entry.direction) for entry in file.statements[0].entries] == ["CRDT"]
    for books in (tmp_path / "all.beancount", out / "journal.beancount"):
        judged = subprocess.run([JUDGE, books], capture_output=True, text=True, check=False)
        assert judged.returncode == 0, judged.stdout + judged.stderr
    with (out / "journal.csv").open(newline="") as journal:
        assert any(row["account"] == "house.cash" for row in csv.DictReader(journal))
    breaks = json.loads((out / "palm-breaks.json").read_text())
    assert sorted((one["break_class"], one["state"]) for one in breaks) == [
        ("AMOUNT_MISMATCH", "resolved"), ("DUPLICATE_THEIRS", "open"), ("TIMING", "open"),
    ]  # fmt: skip
