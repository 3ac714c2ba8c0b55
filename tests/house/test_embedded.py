"""The embedded PostgreSQL: private, durable, shared by folder, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from clearing.embedded import Embedded, cluster, runner

USER = """
import sys, time
from pathlib import Path
from clearing.embedded import Embedded, cluster, runner
Embedded(Path(sys.argv[1])).start()
sys.stdout.write("started\\n")
sys.stdout.flush()
time.sleep(600)
"""


def _gone(folder: Path) -> bool:
    deadline = time.monotonic() + 20
    while (folder / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not (folder / "data" / "postmaster.pid").exists()


def _user(folder: Path) -> "subprocess.Popen[str]":
    user = subprocess.Popen([sys.executable, "-c", USER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline() == "started\n"
    return user


def _kill(user: "subprocess.Popen[str]") -> None:
    user.kill()
    user.communicate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of this module's own."""
    if os.geteuid() == 0 and runner.find_runner(tmp_path_factory.getbasetemp()).user is not None:
        pytest.skip("root without user namespaces keeps its data elsewhere")
    return tmp_path_factory.mktemp("own") / "pg"


def test_it_is_durable_private_and_wants_the_password(folder: Path) -> None:
    with Embedded(folder) as server:
        with psycopg.connect(server.url) as connection:
            asked = "SELECT current_setting('fsync'), current_setting('listen_addresses'), current_setting('data_checksums')"
            assert connection.execute(asked).fetchone() == ("on", "", "on")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace("clearing:", "clearing:no"))
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "socket").stat().st_mode & 0o777 == 0o700
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
    assert not (folder / "data" / "postmaster.pid").exists()


def test_it_lives_until_its_last_user_stops(folder: Path) -> None:
    first, second = Embedded(folder), Embedded(folder)
    assert first.start() == second.start()
    first.stop()
    with psycopg.connect(second.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.stop()
    assert not (folder / "data" / "postmaster.pid").exists()


def test_it_ends_when_its_only_user_is_killed(folder: Path) -> None:
    _kill(_user(folder))
    assert _gone(folder)


def _postmaster(folder: Path) -> tuple[str, str]:
    """Its process number and when it started: a number alone may come again."""
    lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
    return lines[0], lines[2]


def test_it_starts_again_after_user_and_keeper_were_killed(folder: Path) -> None:
    user = _user(folder)
    with Embedded(folder) as server, psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
    first = _postmaster(folder)
    keeper = int(subprocess.check_output(["ps", "-o", "ppid=", "-p", first[0]]))
    os.kill(keeper, signal.SIGKILL)
    _kill(user)
    with Embedded(folder) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert _gone(folder)  # whether it was the old one, taken over before it noticed, or a new one


def test_a_stale_process_number_is_nobody_elses_end(folder: Path) -> None:
    with Embedded(folder):
        pass
    bystander = subprocess.Popen(["sleep", "600"])
    (folder / "data" / "postmaster.pid").write_text(f"{bystander.pid}\n{folder / 'data'}\n0\n5432\n\n\n\nready   \n")
    with Embedded(folder) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_long_path_gets_a_short_private_socket_folder(tmp_path: Path) -> None:
    sockets = cluster.socket_folder(tmp_path / ("x" * 120))
    assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= cluster.SOCKET_PATH_BYTES_MAX
