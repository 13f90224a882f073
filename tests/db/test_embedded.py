"""The embedded server: made once, shared by the processes of a data folder, gone when the last one leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from cdp.db import cluster
from cdp.db.embedded import EmbeddedPostgres
from cdp.errors import Misconfigured
from tests.conftest import UNSAFE_AND_QUICK

JOINER = """
import sys
from pathlib import Path
from cdp.db.embedded import EmbeddedPostgres
with EmbeddedPostgres.start(Path(sys.argv[1])) as server:
    print(server.app_url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def data(data_folder: Path) -> Path:
    return data_folder


def start(data: Path | None = None) -> EmbeddedPostgres:
    return EmbeddedPostgres.start(data, settings=UNSAFE_AND_QUICK)


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def running(url: str) -> bool:
    try:
        return asyncio.run(ask(url, "SELECT true")) is True
    except OSError:
        return False


def test_a_temporary_server_leaves_nothing_behind() -> None:
    """Without a data folder the server runs in a temporary one, and both are gone afterwards."""
    with start() as server:
        assert running(server.app_url)
        assert server.data_directory.is_dir()
    assert not running(server.app_url)
    assert not server.data_directory.exists()


def test_a_data_folder_keeps_its_rows_and_its_passwords(data: Path) -> None:
    """A server that is started again on its folder has what was written before, under the same URLs."""
    with start(data) as first:
        asyncio.run(ask(first.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer"))
    with start(data) as second:
        assert second.owner_url == first.owner_url
        assert asyncio.run(ask(second.owner_url, "SELECT answer FROM kept")) == 42


def test_the_last_process_to_leave_stops_the_server(data: Path) -> None:
    """A second process joins the server that runs; the first may leave, and the last one stops it."""
    first = start(data)
    with subprocess.Popen(
        [sys.executable, "-c", JOINER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as second:
        assert second.stdout is not None
        assert second.stdout.readline().strip() == first.app_url
        first.stop()
        assert running(first.app_url)
        second.communicate("leave\n")
    assert second.returncode == 0
    assert not running(first.app_url)


def test_within_one_process_the_last_one_counts_too(data: Path) -> None:
    """Two holders in one process share the server as two processes do, and stopping twice does no harm."""
    first, second = start(data), start(data)
    first.stop()
    first.stop()
    assert running(second.app_url)
    second.stop()
    assert not running(second.app_url)


def test_a_server_started_by_hand_is_left_running(data: Path) -> None:
    """What somebody else started is joined, and still runs after we have left."""
    with start(data) as server:
        pass
    program = server._binaries
    by_hand = ("-D", str(data / "pg"), "--wait", "--silent", "--log", str(data / "pg" / "server.log"))
    assert program.run("pg_ctl", "start", *by_hand, cwd=data).returncode == 0
    try:
        with start(data) as joined:
            assert running(joined.app_url)
        assert running(joined.app_url)
    finally:
        program.run("pg_ctl", "stop", "-D", str(data / "pg"), "--wait", "--mode", "fast", cwd=data)


def test_a_killed_process_leaves_a_server_that_can_be_joined(data: Path) -> None:
    """After a kill the server runs on; the next process joins it, and stops it when it leaves."""
    with subprocess.Popen(
        [sys.executable, "-c", JOINER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        url = killed.stdout.readline().strip()
        killed.kill()
    assert running(url)
    with start(data) as server:
        assert server.app_url == url
        assert running(url)
    assert not running(url)


def test_a_server_that_was_killed_starts_again_at_once(data: Path) -> None:
    """Also while nobody has reaped it, and some of its processes have not heard of its end yet."""
    with start(data) as server:
        pid = cluster.postmaster(data)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with start(data) as again:
            assert cluster.postmaster(data) != pid
            assert running(again.app_url)
        assert server.app_url == again.app_url


def test_a_stranger_with_the_number_of_a_server_that_was_killed_is_not_taken_for_it(data: Path) -> None:
    """As in a container that is started again: numbers begin anew there."""
    with start(data):
        note = (data / "pg" / "postmaster.pid").read_text()
    own = note.split("\n", 1)[1]
    (data / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{own}")
    with start(data) as server:
        assert running(server.app_url)


def test_a_killed_temporary_server_is_swept_up_by_the_next() -> None:
    """A temporary server whose process was killed is stopped, and its folder removed, when the next one starts."""
    code = JOINER.replace("Path(sys.argv[1])", "None").replace("server.app_url", "server.data_directory")
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().strip())
        killed.kill()
    assert left.is_dir()
    with start():
        assert not left.exists()


def test_an_interrupted_creation_is_begun_again(data: Path) -> None:
    """A cluster that was half made when the process died is made anew."""
    (data / "pg.partial").mkdir(parents=True)
    (data / "pg.partial" / "PG_VERSION").write_text("18\n")
    with start(data) as server:
        assert running(server.app_url)


def test_passwords_are_needed_and_kept_from_others(postgres: EmbeddedPostgres) -> None:
    """A wrong password is refused on the socket too, and the file with the right ones is this user's alone."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(ask(postgres.app_url.replace("diptych_app:", "diptych_app:x"), "SELECT 1"))
    assert (postgres.data_directory / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert (postgres.data_directory / "pg").stat().st_mode & 0o777 == 0o700


def test_the_server_never_runs_as_root(postgres: EmbeddedPostgres) -> None:
    """Root gives the server an account of its own; anyone else runs it as themselves."""
    expected = cluster.SERVER_UID if os.geteuid() == 0 else os.geteuid()
    assert (postgres.data_directory / "pg" / "postmaster.pid").stat().st_uid == expected


def test_the_server_is_set_up_for_text_in_any_language(postgres: EmbeddedPostgres) -> None:
    """Databases are UTF-8 under the built-in C.UTF-8 locale: one order everywhere, lower() for all scripts."""
    found = asyncio.run(
        ask(
            postgres.app_url,
            "SELECT array[datlocprovider::text, datlocale, pg_encoding_to_char(encoding), lower('ÄΣЖ'), "
            "current_setting('jit'), current_setting('timezone')] "
            "FROM pg_database WHERE datname = current_database()",
        )
    )
    assert found == ["b", "C.UTF-8", "UTF8", "äσж", "off", "UTC"]


def test_a_folder_with_a_long_name_still_has_a_socket(data: Path) -> None:
    """Where the data folder's path is too long for a socket's address, the socket lies in a short folder."""
    with start(data / ("long" * 30)) as server:
        assert running(server.app_url)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root cannot run PostgreSQL itself")
def test_a_folder_that_only_root_can_enter_is_refused(data: Path) -> None:
    """As root, a data folder below a closed one is refused with a sentence that says which and what to do."""
    data.mkdir(mode=0o700)
    with pytest.raises(Misconfigured, match=f"only root may enter {data}: choose a data folder outside"):
        start(data / "inside")


def test_a_folder_without_its_passwords_is_refused(data: Path) -> None:
    """Data whose passwords are lost are left alone, and the message names the file."""
    with start(data):
        pass
    (data / "credentials.json").unlink()
    with pytest.raises(Misconfigured, match=r"cannot be read from .*credentials\.json"):
        start(data)


def test_data_of_another_version_is_refused(data: Path) -> None:
    """Data of another PostgreSQL are refused before they are touched."""
    with start(data):
        pass
    (data / "pg" / "PG_VERSION").write_text("17\n")
    with pytest.raises(Misconfigured, match="made by PostgreSQL 17 and this is 18"):
        start(data)


def test_a_setting_that_postgresql_does_not_know_is_reported(data: Path) -> None:
    """A server that does not start says why in one sentence."""
    with pytest.raises(Misconfigured, match="does not start: .*no_such_setting"):
        EmbeddedPostgres.start(data, settings={"no_such_setting": "1"})


@pytest.mark.parametrize(
    ("limit", "buffers"), [(str(2**30), "256MB"), (str(2**20), "128MB"), ("max\n", None), (None, None)]
)
def test_the_server_holds_a_quarter_of_the_memory_that_it_may_use(
    tmp_path: Path, limit: str | None, buffers: str | None
) -> None:
    """Of a container's, where that is less than the machine's; never more than eight gigabytes."""
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    found = cluster.memory([file])["shared_buffers"]
    assert found == buffers or (buffers is None and 128 <= int(found.removesuffix("MB")) <= 8_192)
