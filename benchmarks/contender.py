"""A contender's own process: `python -m benchmarks.contender` runs the functions it is asked for, and times them.

Only the standard library is imported before the first call, so that a peer may live in an environment of its own.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KIB = 1 if sys.platform == "darwin" else 1024


def peak_bytes() -> int:
    """The most memory this process held. Linux's ru_maxrss may be that of the process it was forked from."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * KIB


@dataclass(frozen=True)
class Answer:
    """What a call gave, how long it took, and the process's peak memory so far."""

    value: Any
    seconds: float
    peak_bytes: int


class Contender:
    """A fresh process in which functions of this package run. Importing them is not timed."""

    def __init__(self, python: str = sys.executable) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.contender"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
        )  # fmt: skip

    def call(self, function: str, *args: Any) -> Answer:
        """Run `module:function` of this package with arguments that JSON can carry.

        Raises RuntimeError with what the process said where the function failed.
        """
        print(json.dumps([function, [str(a) if isinstance(a, Path) else a for a in args]]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"the process ended: {self._last_words()}"}
        if "error" in answer:
            raise RuntimeError(f"{function}: {answer['error']}")
        return Answer(**answer)

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        self._said.close()

    def __enter__(self) -> "Contender":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-2000:].decode(errors="replace")


def serve() -> None:
    """Answer calls until standard input ends."""
    # what libraries print must not fall between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        named, args = json.loads(line)
        try:
            module, _, name = named.partition(":")
            function = getattr(importlib.import_module(f"benchmarks.{module}"), name)
            began = time.perf_counter()
            value = function(*args)
            seconds = time.perf_counter() - began
            out = {"value": value, "seconds": seconds, "peak_bytes": peak_bytes()}
        except Exception:
            out = {"error": traceback.format_exc()[-2000:]}
        print(json.dumps(out), file=answers, flush=True)


if __name__ == "__main__":
    serve()
