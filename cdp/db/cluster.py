"""The data folder of an embedded PostgreSQL: what lies in it, and how it is made.

FOLDER/
  credentials.json   passwords of the three roles, readable by this process's user alone
  users.lock         shared by every process that uses the server; the last one out stops it
  start.lock         held while the server is made, started or stopped
  started            process id of the server that Diptych started; one started by hand is never stopped
  pg/                PostgreSQL's own data, server.log and socket
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from cdp.db.binaries import SERVER_UID, Account, Binaries, is_root, named_account
from cdp.errors import Misconfigured

NAMES = frozenset(
    {
        *(
            "pg",
            "pg.partial",
            "pg.password",
            "credentials.json",
            "users.lock",
            "start.lock",
            "started",
            "temporary",
        ),
        "lost+found",  # where the folder is a disk of its own
    }
)
"""What may lie in a data folder."""

DATABASE = "diptych"
SUPERUSER = "postgres"
OWNER = "diptych_owner"
APP = "diptych_app"

SETTINGS: Mapping[str, str] = {
    # The keys of messages and identifiers are random: after a checkpoint every page that they touch is logged whole.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # Rows of active people are dead within seconds: look after them four times a minute, not once.
    "autovacuum_naptime": "15s",
    "max_connections": "100",
    "deadlock_timeout": "200ms",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # Otherwise an error comes with the row that caused it, and the row with somebody's data.
    "log_error_verbosity": "terse",
    "password_encryption": "scram-sha-256",
    # After a crash: all files at once rather than one by one (measured on a busy disk: 0.1 s instead of 3 s).
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}
"""What differs from PostgreSQL's defaults, besides `memory`; `EmbeddedPostgres.start(settings=…)` adds to it."""

_LEAST_BUFFERS, _MOST_BUFFERS = 128, 8_192
"""Megabytes."""

_LONGEST_SOCKET_PATH = 100
"""Bytes; the system's limit on a socket's address is 103 to 107, its name included."""

_ROLES = f"""
CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE PASSWORD '{{owner}}';
CREATE ROLE {APP} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE PASSWORD '{{app}}';
GRANT {APP} TO {OWNER} WITH ADMIN TRUE, INHERIT FALSE, SET TRUE;
CREATE DATABASE {DATABASE} OWNER {OWNER};
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO {APP};
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Passwords of the three roles."""

    superuser: str
    owner: str
    app: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a running server listens: a folder with its socket, or a loopback port."""

    host: str
    port: int

    def url(self, role: str, password: str, database: str = DATABASE) -> str:
        """The connection URL of a role, as asyncpg, libpq and dbmate understand it."""
        if self.host.startswith("/"):
            return f"postgresql://{role}:{password}@/{database}?host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{role}:{password}@{self.host}:{self.port}/{database}?sslmode=disable"


def server_account(folder: Path) -> Account:
    """Who runs the server: this process's user, or for root a number of its own that can reach `folder`.

    Raises:
        Misconfigured: a folder above is closed to everyone but root.
    """
    if not is_root():
        return Account()
    for above in folder.resolve().parents:
        if not above.stat().st_mode & 0o001:
            raise Misconfigured(
                f"PostgreSQL cannot run as root, and only root may enter {above}: choose a data folder outside it, "
                "such as --data /var/lib/diptych."
            )
    return Account(uid=SERVER_UID)


def read_credentials(folder: Path) -> Credentials:
    """The passwords kept in the data folder.

    Raises:
        Misconfigured: they are missing or unreadable while there is data that needs them.
    """
    path = folder / "credentials.json"
    try:
        return Credentials(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(
            f"The passwords of the embedded PostgreSQL cannot be read from {path}: {error}."
        ) from error


def create(folder: Path, binaries: Binaries) -> None:
    """Make the data folder's cluster with its roles and its database, wholly or not at all.

    Raises:
        Misconfigured: `initdb` or the roles failed; the message holds what it said.
    """
    credentials = Credentials(
        superuser=secrets.token_hex(24), owner=secrets.token_hex(24), app=secrets.token_hex(24)
    )
    named = named_account(binaries.account)
    partial = folder / "pg.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    password_file = partial.with_suffix(".password")
    try:
        write_private(password_file, credentials.superuser + "\n")
        named.own(partial)
        named.own_file(password_file)
        initdb = binaries.run(
            "initdb",
            *("--pgdata", str(partial), "--username", SUPERUSER, "--pwfile", str(password_file)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *(
                "--locale-provider",
                "builtin",
                "--builtin-locale",
                "C.UTF-8",
                "--no-instructions",
                "--no-sync",
            ),
            account=named,
            cwd=folder,
        )
        if initdb.returncode != 0:
            raise Misconfigured(f"initdb could not make {partial}: {last_line(initdb.stdout)}")
        with (partial / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists = 'diptych.conf'\n")
        # Single-user mode takes one statement a line, and says by its exit status that all of them went well.
        roles = binaries.run(
            "postgres",
            *(
                "--single",
                "-D",
                str(partial),
                "-c",
                "exit_on_error=true",
                "-c",
                "log_min_messages=error",
                "postgres",
            ),
            account=named,
            stdin=_ROLES.format(**asdict(credentials)).strip() + "\n",
            cwd=folder,
        )
        if roles.returncode != 0:
            raise Misconfigured(
                f"The embedded PostgreSQL's roles could not be made: {last_line(roles.stdout)}"
            )
        if not (folder / "temporary").exists():
            # All at once is quicker than as it is written, and what goes with the process need not be safe.
            binaries.run("initdb", "--sync-only", "--pgdata", str(partial), account=named, cwd=folder)
        binaries.account.own(partial)
        write_private(folder / "credentials.json", json.dumps(asdict(credentials)))
        partial.rename(folder / "pg")
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(partial, ignore_errors=True)


def memory(limits: Sequence[Path] = (Path("/sys/fs/cgroup/memory.max"),)) -> Mapping[str, str]:
    """A quarter of the machine's memory, or of what this process may use of it, for PostgreSQL's own pages.

    Ingest looks up random keys among all that is kept: with ten million messages, a batch of a thousand takes 13 ms
    where their index is held, and 35 ms where it is not. Memory is taken as pages are used, not at the start.
    """
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in limits:
        with contextlib.suppress(OSError, ValueError):
            available = min(available, int(limit.read_text()))
    megabytes = max(_LEAST_BUFFERS, min(available // 4 // 2**20, _MOST_BUFFERS))
    return {"shared_buffers": f"{megabytes}MB"}


def configure(folder: Path, settings: Mapping[str, str]) -> Address:
    """Write the server's settings for its next start; the answer is where it will listen."""
    data = folder / "pg"
    address = Address(host=str(_socket_folder(data)), port=5432)
    listening = {"listen_addresses": "", "unix_socket_directories": address.host, "port": str(address.port)}
    whole = {**SETTINGS, **memory(), **listening, **settings}
    lines = (f"{name} = '{_quoted(value)}'\n" for name, value in whole.items())
    (data / "diptych.conf").write_text("".join(lines))
    return address


def running(folder: Path) -> Address | None:
    """Where the server of this data folder listens by its own account, whoever started it; None: it has not said."""
    try:
        lines = (folder / "pg" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 6:
        return None
    socket_folder, host = lines[4].strip(), lines[5].strip()
    return Address(host=socket_folder or ("127.0.0.1" if host in {"", "*"} else host), port=int(lines[3]))


def postmaster(folder: Path) -> int | None:
    """Process id of the data folder's server by its own account."""
    try:
        return int((folder / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def write_private(path: Path, text: str) -> None:
    """Write a file that this user alone can read, from its first moment on."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - a mode from birth
        file.write(text)


def last_line(output: str) -> str:
    """The last thing that a program said."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."


def remove_socket_folder(folder: Path) -> None:
    """Remove the stand-in for the socket after the server has stopped, if there was one."""
    with contextlib.suppress(OSError):
        _short_socket_folder(folder / "pg").rmdir()


def _socket_folder(data: Path) -> Path:
    """The data folder itself, which nobody else may enter; a stand-in where its path is too long for a socket."""
    if len(os.fsencode(data)) <= _LONGEST_SOCKET_PATH - len("/.s.PGSQL.5432"):
        return data
    short, owner = _short_socket_folder(data), data.stat()
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if short.is_symlink() or found.st_uid not in {os.geteuid(), owner.st_uid}:
        raise Misconfigured(f"{short} belongs to somebody else: choose a data folder with a shorter path.")
    if found.st_uid != owner.st_uid:
        os.chown(short, owner.st_uid, owner.st_gid)
    return short


def _short_socket_folder(data: Path) -> Path:
    return Path(tempfile.gettempdir(), f"diptych-socket-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}")


def _quoted(value: str) -> str:
    return value.replace("'", "''")
