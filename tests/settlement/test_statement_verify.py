"""A sealed statement is checked with a public key alone, and every change of it is found and named."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clearing.front import cli_statements
from clearing.signatures import PrivateKey, jws_sign
from settlement.reports import FORMATS, render, seal, verify
from settlement.reports.seal import STATEMENT
from settlement.rules.statement_lines import COLUMNS, MONEY, POINTS
from tests.settlement.made import HOUSE_KEY, a_statement

KEYS = {HOUSE_KEY.public.key_id: HOUSE_KEY.public}
SEALED = seal(a_statement(converted=True), HOUSE_KEY)
JSONL, CSV, PDF = (render(SEALED, form) for form in ("jsonl", "csv", "pdf"))
COUNT = len(SEALED.records)
places = st.integers(0, COUNT - 1)


def found(data: bytes) -> dict[str, tuple[bool, str]]:
    verdict = verify(data, KEYS)
    holds = all(one.holds for one in verdict.findings)
    assert (verdict.sealed is not None) == holds
    return {one.check: (one.holds, one.detail) for one in verdict.findings}


def named(data: bytes) -> str:
    """What is said of the lines of a file that is wrong in them."""
    holds, detail = found(data)["lines"]
    assert not holds
    return detail


def in_jsonl(rows: list[bytes]) -> bytes:
    """The evidence with these rows for its lines."""
    whole = JSONL.splitlines()
    return b"\n".join([whole[0], *rows, *whole[1 + COUNT :]]) + b"\n"


def in_csv(rows: list[list[str]]) -> bytes:
    """The CSV with these rows for its lines."""
    whole = list(csv.reader(io.StringIO(CSV.decode(), newline="")))
    first = next(at for at, row in enumerate(whole) if row[0] == "D")
    text = io.StringIO(newline="")
    csv.writer(text).writerows([*whole[:first], *rows, *whole[first + COUNT :]])
    return text.getvalue().encode()


def csv_rows() -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(CSV.decode(), newline="")) if row[0] == "D"]


def test_what_the_house_wrote_verifies_and_gives_the_sealed_statement_back() -> None:
    assert in_csv(csv_rows()) == CSV
    assert in_jsonl(list(SEALED.records)) == JSONL
    for data in (JSONL, CSV, PDF):
        verdict = verify(data, KEYS)
        printed = ["print"] if data is PDF else []
        assert [one.check for one in verdict.findings] == ["signature", "header", "hashes", "lines", "sums", *printed]
        assert verdict.sealed == SEALED


def test_a_statement_of_many_hash_rows_verifies() -> None:
    many = seal(a_statement(1_300), HOUSE_KEY)
    for form in ("jsonl", "csv"):
        assert verify(render(many, form), KEYS).sealed == many


# --- one figure


@given(
    places, st.sampled_from(COLUMNS), st.one_of(st.integers(-10, 10**6), st.text(max_size=9), st.none(), st.booleans())
)
def test_every_change_of_one_figure_of_the_evidence_is_named(place: int, column: str, value: Any) -> None:
    said = json.loads(SEALED.records[place])
    if type(said[column]) is type(value) and said[column] == value:
        return
    rows = list(SEALED.records)
    rows[place] = json.dumps({**said, column: value}, sort_keys=True, separators=(",", ":")).encode()
    detail = named(in_jsonl(rows))
    assert detail.startswith(f"line {place + 1} was changed: {column} is ")


@given(
    places,
    st.sampled_from(COLUMNS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
)
def test_every_change_of_one_figure_of_the_csv_is_named(place: int, column: str, value: str) -> None:
    rows = csv_rows()
    at = COLUMNS.index(column) + 1
    if rows[place][at] == value:
        return
    rows[place][at] = value
    assert named(in_csv(rows)).startswith(f"line {place + 1} was changed: {column} is ")


@pytest.mark.parametrize("column", [*MONEY, *POINTS])
def test_of_an_amount_is_also_said_what_was_signed(column: str) -> None:
    said = json.loads(SEALED.records[3])
    rows = list(SEALED.records)
    wrong = 77 if column in POINTS else "77.000000"
    rows[3] = json.dumps({**said, column: wrong}, sort_keys=True, separators=(",", ":")).encode()
    assert named(in_jsonl(rows)) == f"line 4 was changed: {column} is {wrong}, signed was {said[column]}"


@given(st.integers(0, len(JSONL) - 1), st.integers(1, 255))
def test_no_byte_of_the_evidence_can_change(place: int, difference: int) -> None:
    changed = bytearray(JSONL)
    changed[place] ^= difference
    assert not all(holds for holds, _ in found(bytes(changed)).values())


def test_rows_that_are_elsewhere_missing_or_doubled_are_not_what_the_house_writes() -> None:
    rows = JSONL.splitlines(keepends=True)
    for data in (
        JSONL + b"\n",
        JSONL[:-1],
        JSONL + rows[-1],
        b"".join([rows[0], rows[-1], *rows[1:-1]]),
        b"\n" + JSONL,
    ):
        assert verify(data, KEYS).sealed is None
    for place in range(len(rows)):
        assert verify(b"".join(rows[:place] + rows[place + 1 :]), KEYS).sealed is None


@given(st.binary(max_size=200))
def test_whatever_else_is_given_is_refused_and_breaks_nothing(data: bytes) -> None:
    for given_data in (data, b"{" + data, b"%PDF-" + data, JSONL[:900] + data):
        assert verify(given_data, KEYS).sealed is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"no line", "it is no line any more"),
        (b'{"line":3}', "it is no line with the columns of one"),
        (SEALED.records[2].replace(b'":', b'": '), "its figures are the same, written in another way"),
        (SEALED.records[2][:-1] + b',"note":"x"}', "(note)"),
        (SEALED.records[2].replace(b'"line":3', b'"line":"\\ud800"'), "line is "),
    ],
)
def test_a_row_that_is_no_such_line_is_named(row: bytes, said: str) -> None:
    rows = list(SEALED.records)
    rows[2] = row
    detail = named(in_jsonl(rows))
    assert detail.startswith("line 3 was changed")
    assert said in detail


def test_of_several_changes_the_first_is_named_with_the_columns_that_differ() -> None:
    rows = csv_rows()
    rows[5][COLUMNS.index("debit") + 1] = rows[9][COLUMNS.index("fee") + 1] = "1.000000"
    assert named(in_csv(rows)) == "line 6 was changed in one or more of debit, fee"


# --- whole lines


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@given(data=st.data())
def test_dropped_added_and_swapped_lines_are_named(form: str, data: st.DataObject) -> None:
    rows: list[Any] = list(SEALED.records) if form == "jsonl" else csv_rows()
    write: Any = in_jsonl if form == "jsonl" else in_csv
    place = data.draw(places)
    assert named(write(rows[:place] + rows[place + 1 :])) == f"line {place + 1} was dropped"
    new = (
        rows[place].replace(b"R-", b"X-").replace(b'"kind"', b'"kinds"')
        if form == "jsonl"
        else [*rows[place][:-1], "new"]
    )
    assert named(write([*rows[:place], new, *rows[place:]])) == f"line {place + 1} was added"
    other = data.draw(places.filter(lambda at: at != place))
    first, last = sorted((place, other))
    swapped = list(rows)
    swapped[first], swapped[last] = rows[last], rows[first]
    assert named(write(swapped)) == f"line {first + 1} was swapped with line {last + 1}"


def test_a_line_twice_and_a_line_elsewhere_are_named() -> None:
    rows = list(SEALED.records)
    assert named(in_jsonl([*rows[:4], rows[3], *rows[4:]])) == "line 5 was added"
    assert named(in_jsonl([*rows, rows[0]])) == f"line {COUNT + 1} was added"
    assert named(in_jsonl([*rows[1:6], rows[0], *rows[6:]])) == "line 1 was moved to place 6"
    assert named(in_jsonl([])) == "line 1 was dropped"


def test_a_line_that_is_dropped_and_the_rest_numbered_anew_is_still_where_it_begins() -> None:
    kept = [json.loads(row) for at, row in enumerate(SEALED.records) if at != 6]
    rows = [
        json.dumps({**one, "line": number}, sort_keys=True, separators=(",", ":")).encode()
        for number, one in enumerate(kept, 1)
    ]
    assert named(in_jsonl(rows)) == f"line 7 was changed; {COUNT - 1} lines are here, {COUNT} were signed"


# --- what is beside the lines


@pytest.mark.parametrize("name", sorted(json.loads(SEALED.header)))
def test_every_change_of_the_header_of_the_evidence_is_named(name: str) -> None:
    said = json.loads(SEALED.header) | {name: "1.00"}
    header = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    holds, detail = found(header + JSONL[len(SEALED.header) :])["header"]
    assert not holds
    assert detail.startswith(f"{name} was changed")


def test_every_row_of_the_csv_beside_the_lines_is_compared() -> None:
    rows = list(csv.reader(io.StringIO(CSV.decode(), newline="")))
    for place, row in enumerate(rows):
        if row[0] in ("H", "C", "T", "G"):
            text = io.StringIO(newline="")
            csv.writer(text).writerows([*rows[:place], [*row[:-1], "7.77"], *rows[place + 1 :]])
            holds, detail = found(text.getvalue().encode())["header"]
            assert not holds
            assert ",".join(row) in detail


def test_hashes_of_lines_that_were_changed_leave_the_lines_whole() -> None:
    rows = JSONL.splitlines()
    said = json.loads(rows[-2])
    first = said["hashes"][:10]
    rows[-2] = rows[-2].replace(first.encode(), b"A" * 10)
    told = found(b"\n".join(rows) + b"\n")
    assert not told["hashes"][0]
    assert told["lines"][0]


def test_another_key_another_type_and_no_key_verify_nothing() -> None:
    other = PrivateKey.generate(bytes(32))
    stranger = render(seal(a_statement(converted=True), other), "jsonl")
    for data, keys in ((stranger, KEYS), (JSONL, {}), (JSONL, {other.public.key_id: other.public})):
        verdict = verify(data, keys)
        assert [(one.check, one.holds) for one in verdict.findings] == [("signature", False)]
    quote = jws_sign(SEALED.header, HOUSE_KEY, "clearing-quote+jws").encode()
    assert not found(JSONL.replace(SEALED.token.encode(), quote))["signature"][0]
    without = jws_sign(b'{"schema":"clearing-statement/9"}', HOUSE_KEY, STATEMENT).encode()
    assert not found(JSONL.replace(SEALED.token.encode(), without))["signature"][0]


def test_a_sum_that_the_house_itself_signed_wrong_is_refused() -> None:
    said = json.loads(SEALED.header)
    header = json.dumps(said | {"closing": "9.990000"}, sort_keys=True, separators=(",", ":")).encode()
    token = jws_sign(header, HOUSE_KEY, STATEMENT)
    data = JSONL.replace(SEALED.header, header).replace(SEALED.token.encode(), token.encode())
    assert found(data)["sums"] == (False, "closing: is not what the lines add up to")


# --- the command


def told(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli_statements.statements, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "house.jwk"
    path.write_text(json.dumps(HOUSE_KEY.public.jwk))
    return str(path)


def test_the_command_says_what_it_checked_and_names_the_wrong_line(tmp_path: Path, key: str) -> None:
    file = tmp_path / "statement.jsonl"
    file.write_bytes(JSONL)
    code, said = told("verify", str(file), "--key", key)
    assert (code, said.count("✓"), said.count("✗")) == (0, 5, 0)
    file.write_bytes(in_jsonl([*SEALED.records[:8], *SEALED.records[9:]]))
    code, said = told("verify", str(file), "--key", key)
    assert code == 1
    assert "✗ lines: line 9 was dropped" in said


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "jsonl"])
def test_a_partner_renders_the_same_files_from_the_evidence(form: str, tmp_path: Path, key: str) -> None:
    file = tmp_path / "statement.jsonl"
    file.write_bytes(JSONL)
    code, said = told("render", str(file), "--to", form, "--key", key)
    assert code == 0, said
    assert file.with_suffix(f".{form}").read_bytes() == render(SEALED, form)


def test_nothing_is_rendered_of_what_does_not_verify(tmp_path: Path, key: str) -> None:
    file = tmp_path / "statement.jsonl"
    file.write_bytes(in_jsonl(list(SEALED.records[1:])))
    assert told("render", str(file), "--to", "csv", "--key", key)[0] == 1
    assert not file.with_suffix(".csv").exists()


def test_a_key_file_may_be_a_set_of_keys(tmp_path: Path) -> None:
    keys, file = tmp_path / "jwks.json", tmp_path / "statement.csv"
    keys.write_text(json.dumps({"keys": [HOUSE_KEY.public.jwk]}))
    file.write_bytes(CSV)
    assert told("verify", str(file), "--key", str(keys))[0] == 0
