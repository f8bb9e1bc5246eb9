"""A real S3 server on loopback, started and stopped by the tests: SeaweedFS from the package index."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY, SECRET = "citylake-test", "only-for-tests-on-loopback"


def _free_port() -> int:
    """A free port whose neighbour at +10000, where SeaweedFS puts its gRPC, exists and is free too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 50000:
            with socket.socket() as other:
                if other.connect_ex(("127.0.0.1", port + 10000)):
                    return port


class S3Server:
    """SeaweedFS in a folder. Started again it has the same ports and the same objects."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / "server.log"
        identity = {
            "name": "test",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        config = folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        ports = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
        weed = Path(sys.executable).with_name("weed")
        self._port = ports["s3"]
        self._command = [
            str(weed if weed.exists() else shutil.which("weed")), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-dir={folder}", "-master.telemetry=false", f"-master.port={ports['master']}", f"-volume.port={ports['volume']}",
            "-filer", f"-filer.port={ports['filer']}", "-s3", f"-s3.port={ports['s3']}", f"-s3.config={config}",
            "-volume.max=200", "-master.volumeSizeLimitMB=64",
            "-s3.port.iceberg=0", "-s3.port.lance=0",  # they stand on fixed ports, where a second server would end
        ]  # fmt: skip
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder)
        _wait(self._port, self._process, self._log)

    def kill(self) -> None:
        """End it at once."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it in peace, if it still runs."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run the server; yields the AWS_* environment that reaches it."""
    server = S3Server(folder)
    try:
        server.start()
        yield server.environment
    finally:
        server.stop()


def _wait(port: int, process: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not start: {log.read_text(errors='replace')[-2000:]}")
