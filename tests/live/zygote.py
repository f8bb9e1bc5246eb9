"""A process that has imported what a stream needs and forks one for every line it reads, so that fifty kills take minutes.

It says "pid N" when a stream begins and "ended CODE" when it is gone. Who is killed when is said by the test.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path


class Zygote:
    """The process, as the test holds it."""

    def __init__(self, settings: Path, log: Path) -> None:
        command = [sys.executable, "-m", "tests.live.zygote", str(settings)]
        root = Path(__file__).parents[2]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True, cwd=root
            )
        self._running = 0
        self._answer("ready")

    def begin(self) -> int:
        """A stream runs; gives its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self._running = int(self._answer("pid"))
        return self._running

    def kill(self, pid: int) -> None:
        """End it at once."""
        os.kill(pid, signal.SIGKILL)
        assert self._answer("ended") == str(signal.SIGKILL.value)
        self._running = 0

    def drain(self, pid: int) -> None:
        """Ask it to commit what it holds and to end."""
        os.kill(pid, signal.SIGTERM)
        assert self._answer("ended") == "0"
        self._running = 0

    def close(self) -> None:
        """End the process itself, and the stream it began last."""
        if self._running:
            with suppress(ProcessLookupError):
                os.kill(self._running, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _answer(self, word: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line[:1] == [word], f"{word} was due, {line} came; see its log"
        return line[1] if len(line) > 1 else ""


def stream_until_told(settings_file: str) -> None:
    """What `citylake stream` does, without its views."""
    from dagster_project.settings import load
    from pipelines.live.stream import Stream
    from schemas.registry import feed

    settings = load(Path(settings_file))
    sources = [(feed(n), s) for n in settings.sources for s in settings.live_of(n)]
    stream = Stream(settings.lake, settings.city, sources, settings.limits, settings.stream.pace)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    stream.start()
    told.wait()
    stream.drain()
    assert stream.join(120)


def _main() -> None:
    import apache_beam
    import confluent_kafka
    import deltalake
    import duckdb
    import nats
    import paho.mqtt.client
    import polars
    from apache_beam.runners.portability import fn_api_runner

    import dagster_project.settings
    import pipelines.landing
    import pipelines.live.stream
    import schemas.registry

    assert all((apache_beam, confluent_kafka, deltalake, duckdb, nats, paho, polars, fn_api_runner))
    assert all((dagster_project.settings, pipelines.landing, pipelines.live.stream, schemas.registry))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                stream_until_told(sys.argv[1])
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        sys.stdout.write(f"pid {pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else os.WTERMSIG(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
