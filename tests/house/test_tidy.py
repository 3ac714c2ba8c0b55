"""The house stays livable: short files and functions, no float where money is, no clock or luck but through the front door."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = [
    path.relative_to(ROOT)
    for room in ("clearing", "adapters", "settlement")
    for path in sorted((ROOT / room).rglob("*.py"))
]
OTHERS = [path.relative_to(ROOT) for room in ("tests", "bench") for path in sorted((ROOT / room).rglob("*.py"))]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FORBIDDEN_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "manager",
    "managers",
    "service",
    "services",
    "base",
    "misc",
}

LONG_FILES: dict[str, str] = {
    f"clearing/migrations/versions/{path.name}": "the schema, one table after another"
    for path in (ROOT / "clearing/migrations/versions").glob("*.py")
}
LONG_FUNCTIONS: dict[str, str] = {}
"""path::name and why it may be longer: a plain table, or a straight list of checks."""

EXACT = ("clearing/rules/", "clearing/ledger/", "settlement/")  # integers only
DOORS = (
    "clearing/front/",
    "clearing/client/",
    "adapters/sandbox/",
)  # where clock, luck and settings come in; a client is a door
AT_THE_DOOR = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns",
    "uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "uuid1", "uuid4", "uuid7", "os.environ", "os.getenv", "os.urandom",
}  # fmt: skip
LUCK = {"random", "secrets"}
LUCK_ALLOWED = {"clearing/embedded/cluster.py": "the password of a server that nobody else may use"}

ADDRESS = re.compile(r"(?i)\b(?:https?|file)://[^\s\"'<>)]*(?:pypi|pythonhosted|simple/|wheels)|/opt/(?:pypi|wheels)")
LOCK_ADDRESS = re.compile(r"(?i)://|--(?:extra-)?index-url|--find-links|--trusted-host|\bvia\b|@ ")
SELF = "tests/house/test_tidy.py"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _at(path: Path, node: ast.expr | ast.stmt) -> str:
    return f"{path}:{node.lineno}"


def _names(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Every dotted name that is read, also by its last two parts: `datetime.datetime.now` is `datetime.now`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = ast.unparse(node)
            yield node, ".".join(name.split(".")[-2:])


def _imported(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, (node.module or "").split(".")[0]


def test_files_are_short() -> None:
    lengths = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in SOURCE + OTHERS}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX and path not in LONG_FILES} == {}


def test_functions_are_short() -> None:
    long = {}
    for path in SOURCE + OTHERS:
        for function in _functions(_tree(path)):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            name = f"{path}::{function.name}"
            if lines > FUNCTION_LINES_MAX and name not in LONG_FUNCTIONS:
                long[name] = lines
    assert long == {}


def test_exemptions_are_needed() -> None:
    names = {f"{path}::{function.name}" for path in SOURCE + OTHERS for function in _functions(_tree(path))}
    assert set(LONG_FUNCTIONS) <= names
    assert all((ROOT / path).exists() for path in [*LONG_FILES, *LUCK_ALLOWED])


def test_every_module_says_in_one_line_what_it_is() -> None:
    first = {str(path): (ast.get_docstring(_tree(path)) or "").split("\n")[0] for path in SOURCE + OTHERS}
    assert [path for path, line in first.items() if not line.strip()] == []


@pytest.mark.parametrize("path", [path for path in SOURCE if str(path).startswith(EXACT)], ids=str)
def test_money_knows_no_float(path: Path) -> None:
    found = []
    for node in ast.walk(_tree(path)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        called = isinstance(node, ast.Name) and node.id == "float"
        divided = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        if isinstance(node, ast.expr | ast.stmt) and (literal or called or divided):
            found.append(f"{_at(path, node)} {ast.unparse(node)}")
    assert found == []


def test_clock_ids_luck_and_settings_enter_at_the_front_door() -> None:
    found = []
    for path in SOURCE:
        if str(path).startswith(DOORS):
            continue
        found += [f"{_at(path, node)} {name}" for node, name in _names(_tree(path)) if name in AT_THE_DOOR]
        found += [
            f"{_at(path, node)} import {name}"
            for node, name in _imported(_tree(path))
            if name in LUCK and str(path) not in LUCK_ALLOWED
        ]
    assert found == []


def test_nothing_prints() -> None:
    assert [_at(path, node) for path in SOURCE for node, name in _names(_tree(path)) if name == "print"] == []


def test_no_room_is_a_drawer() -> None:
    assert [
        str(path) for path in SOURCE + OTHERS if FORBIDDEN_NAMES & {part.removesuffix(".py") for part in path.parts}
    ] == []


def _committed() -> list[Path]:
    """What git knows or would add; without git, the files of the folders that are ours."""
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(git, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return SOURCE + OTHERS + [path.relative_to(ROOT) for path in ROOT.iterdir() if path.is_file()]
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_committed_file_names_a_package_index() -> None:
    found = []
    for path in _committed():
        text = (ROOT / path).read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path}: {match.group()}" for match in ADDRESS.finditer(text) if str(path) != SELF]
    assert found == []


def test_the_lock_file_holds_names_versions_hashes_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if LOCK_ADDRESS.search(line)] == []
    pinned = [line for line in lines if not line.startswith(" ")]
    assert all(re.match(r"[a-z0-9.-]+==\S+( ; .+)? \\$", line) for line in pinned)
    assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in lines if line.startswith(" "))
