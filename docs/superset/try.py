"""Tries the Superset bundle for real: installs Superset, imports, opens every tab in Chromium, holds numbers against the exports.

    .venv/bin/python docs/superset/try.py --config demo/citylake.toml --work .superset

Takes some 4 minutes and 1 GB the first time; the environment is kept in --work. Exits 1 where a chart fails or a number differs.
Steps for people are in README.md.
"""

import argparse
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]  # run as a script: browse.py lies beside it

from browse import Tried, browse  # noqa: E402

CITYLAKE = Path(sys.executable).with_name("citylake")


class Superset:
    """Superset in a folder of its own, on a free port of 127.0.0.1."""

    def __init__(self, work: Path) -> None:
        self.work, self.bin = work, work / "venv" / "bin"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.password = secrets.token_urlsafe(12)
        settings = {
            "SUPERSET_HOME": str(work / "home"),
            "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
            "FLASK_APP": "superset",
        }
        self.env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | settings

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def install(self) -> None:
        """Make the environment once, of the versions that were tried."""
        wanted = (HERE / "requirements.txt").read_text("utf-8")
        done = self.work / "installed.txt"
        if done.is_file() and done.read_text("utf-8") == wanted:
            return
        shutil.rmtree(self.work / "venv", ignore_errors=True)
        say("installing Superset")
        run(sys.executable, "-m", "venv", self.work / "venv")
        run(self.bin / "pip", "install", "-q", "-r", HERE / "requirements.txt")
        done.write_text(wanted, "utf-8")

    def start_afresh(self, bundle: Path) -> None:
        """A new metadata database with an administrator and the bundle, imported twice: the second time updates."""
        shutil.rmtree(self.work / "home", ignore_errors=True)
        say("making its database")
        self.run("db", "upgrade")
        person = ("--username", "admin", "--firstname", "Ada", "--lastname", "Min", "--email", "admin@example.org")
        self.run("fab", "create-admin", *person, "--password", self.password)
        self.run("init")
        folder = self.work / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(bundle) as zipped:
            zipped.extractall(folder)
        for _ in range(2):
            say("importing the bundle")
            self.run("import-directory", "-o", folder / "citylake")

    def run(self, *words: Any) -> None:
        run(self.bin / "superset", *words, env=self.env, log=self.work / "superset.log")

    @contextmanager
    def served(self) -> Iterator[None]:
        """The server, stopped on leaving."""
        words = [str(self.bin / "superset"), "run", "-h", "127.0.0.1", "-p", str(self.port), "--with-threads"]
        with (self.work / "server.log").open("w") as log:
            server = subprocess.Popen(words, env=self.env, stdout=log, stderr=log)  # noqa: S603
        try:
            for _ in range(120):
                time.sleep(1)
                try:
                    urllib.request.urlopen(f"{self.url}/health", timeout=5).close()  # noqa: S310
                    break
                except OSError:
                    continue
            else:
                raise SystemExit(f"Superset did not start: see {self.work / 'server.log'}")
            yield
        finally:
            server.terminate()
            server.wait(30)


def say(text: str) -> None:
    """Tell what comes next, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(*words: Any, env: dict[str, str] | None = None, log: Path | None = None) -> None:
    """Run a program; what it says is shown where it fails."""
    done = subprocess.run([str(w) for w in words], env=env, capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603
    if log:
        log.write_text(done.stdout + done.stderr, "utf-8")
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def main() -> None:
    """Do it all."""
    take = argparse.ArgumentParser(description=__doc__)
    take.add_argument("--config", type=Path, default=ROOT / "demo" / "citylake.toml", help="settings of the lake to show")
    take.add_argument("--work", type=Path, default=ROOT / ".superset", help="folder of the environment")
    take.add_argument("--picture", type=Path, default=HERE / "dashboard.png", help="where the screenshot goes")
    chosen = take.parse_args()
    work, config = chosen.work.absolute(), chosen.config.absolute()
    work.mkdir(parents=True, exist_ok=True)
    superset, bundle, exports = Superset(work), work / "citylake.zip", work / "exports"
    say("exporting the lake")
    run(CITYLAKE, "export", "--config", config, "--folder", exports, "--superset", bundle)
    superset.install()
    superset.start_afresh(bundle)
    with superset.served():
        say(f"opening {superset.url}")
        tried: Tried = browse(superset.url, superset.password, work / "bundle" / "citylake", exports, chosen.picture)
    for wrong in tried.wrong:
        print("WRONG", wrong)
    say(f"{tried.charts} charts on {tried.tabs} tabs, {tried.numbers} numbers held against the exports, {len(tried.wrong)} wrong")
    sys.exit(1 if tried.wrong else 0)


if __name__ == "__main__":
    main()
