"""The mark of byte order that editors put in front of a file is no part of it, for any command."""

import json
from codecs import BOM_UTF8
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearing import errors
from clearing.front import cli, onboarding, reading, vault
from clearing.front.cli_statements import keys_of
from clearing.front.terminal import app
from clearing.signatures import PrivateKey

KEY = PrivateKey.generate(bytes(range(32)))


def test_a_mark_of_byte_order_is_no_part_of_a_file_and_none_is_taken_over_the_wire() -> None:
    assert reading.file_document(BOM_UTF8 + b'{"a":1}') == reading.document(b'{"a":1}')
    for wrong in (BOM_UTF8 * 2 + b"{}", b" " + BOM_UTF8 + b"{}", b"{}" + BOM_UTF8):
        with pytest.raises(errors.RequestMalformed):
            reading.file_document(wrong)
    with pytest.raises(errors.RequestMalformed):
        reading.document(BOM_UTF8 + b"{}")


def test_every_command_reads_json_files_in_the_one_way_that_knows_the_mark() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in Path(cli.__file__).parent.glob("cli_*.py")}
    assert sum("reading.file_document(" in text for text in sources.values()) > 10
    assert [name for name, text in sources.items() if "reading.document(" in text] == []
    assert [name for name, text in sources.items() if "loads(" in text and "read_text()" in text] == []


def test_keys_and_plans_may_begin_with_the_mark(tmp_path: Path) -> None:
    public, private, plan = (tmp_path / name for name in ("house.jwk", "own.jwk", "plan.yaml"))
    public.write_bytes(BOM_UTF8 + json.dumps(KEY.public.jwk).encode())
    assert keys_of(public) == {KEY.public.key_id: KEY.public}
    private.write_bytes(BOM_UTF8 + b'{"kty":"OKP"}')
    private.chmod(0o600)
    assert vault._read(private, None) == {"kty": "OKP"}
    plan.write_bytes(BOM_UTF8 + b"operators: []\n")
    assert onboarding.read_plan(plan) == onboarding.Plan()


def test_a_receipt_may_begin_with_the_mark(tmp_path: Path) -> None:
    receipt, keys = tmp_path / "receipt.json", tmp_path / "jwks.json"
    receipt.write_bytes(BOM_UTF8 + b'{"receipt":"not one"}')
    keys.write_bytes(BOM_UTF8 + json.dumps({"keys": [KEY.public.jwk]}).encode())
    cli._read_for("receipt")
    found = CliRunner().invoke(app, ["receipt", "verify", str(receipt), "--keys", str(keys)])
    assert "\u2717" in found.output, (found.output, found.exception)
