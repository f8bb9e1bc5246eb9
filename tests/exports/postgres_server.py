"""A PostgreSQL of Debian's in a folder of its own, on a free port of 127.0.0.1 and a socket, for tests that need a real one.

What is exported to it does not belong here.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUPERUSER = "keeper"


@dataclass(frozen=True)
class Server:
    """A running server: whoever comes over the socket is let in, over TCP by password alone."""

    folder: Path
    port: int
    password: str
    process: "subprocess.Popen[bytes]"

    @property
    def socket_uri(self) -> str:
        """Connects without a password."""
        return f"postgresql:///postgres?host={self.folder}&port={self.port}&user={SUPERUSER}"

    @property
    def tcp_uri(self) -> str:
        """Connects with PGPASSWORD."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/postgres"

    def psql(self, sql: str) -> str:
        """What psql answers, unaligned and without headings."""
        args = [str(programs() / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.socket_uri]
        done = subprocess.run(args, input=sql, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def programs() -> Path:
    """The folder of the newest server there is; `/nowhere` if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else Path("/nowhere")


MISSING = "" if (programs() / "postgres").is_file() else "there is no PostgreSQL here (Debian: postgresql)"


@contextmanager
def running(*settings: str) -> Iterator[Server]:
    """Start a server with `settings` ("name=value"), and stop it at the end.

    PostgreSQL refuses to run as root: it is then started as another user, to whom the folder belongs.
    """
    folder = Path(tempfile.mkdtemp(prefix="citylake-pg-"))
    password = secrets.token_urlsafe(12)
    (folder / "pw").write_text(password)
    who: dict[str, object] = {}
    if os.geteuid() == 0:
        user = _unprivileged()
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for place in (folder, folder / "pw"):
            os.chown(place, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)  # its socket is for the tests, too; the data stay closed
    try:
        initdb = [str(programs() / "initdb"), "-D", str(folder / "data"), "-U", SUPERUSER, "--pwfile", str(folder / "pw")]
        initdb += ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        said = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off", "shared_buffers=32MB", *settings]
        args = [str(programs() / "postgres"), "-D", str(folder / "data"), "-p", str(port), *(a for s in said for a in ("-c", s))]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(args, cwd=folder, stdout=log, stderr=log, **who)  # type: ignore[call-overload]
        try:
            server = Server(folder, port, password, process)
            _wait(server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # "fast": whoever is connected is sent away
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user postgres or nobody to run the server as")


def _wait(server: Server) -> None:
    ready = [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
    for _ in range(200):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        if server.process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start: {(server.folder / 'log').read_text()[-2000:]}")
