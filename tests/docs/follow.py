"""Follows a page of docs as a reader would: `python -m tests.docs.follow docs/tutorial.md` in a fresh clone of what is committed.

What the page says belongs to the page. Shell blocks run in one bash, in order; the first command that fails ends it. A block
after a paragraph whose last words name a file in backticks, before a colon, is written to that file. A block of text after one of
shell is what that must have printed: each line, in this order, … standing for anything.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
NAMED = re.compile(r"`([\w./-]+)`[^`\n]*:$")
END = "--- end of block ---"
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "CI")
ALSO = ("PIP_", "UV_", "SSL_")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that the text before it names."""

    language: str
    text: str
    file: str | None


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    for found in FENCE.finditer(page):
        before = page[: found.start()].rstrip().rsplit("\n\n", 1)[-1].replace("\n", " ")
        named = NAMED.search(before) if found[1] not in ("sh", "text") else None
        yield Block(found[1], found[2], named[1] if named else None)


class Shell:
    """One bash for the whole page, so that what a block exports or activates holds in the next."""

    def __init__(self, folder: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(ALSO)}
        self._bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"], cwd=folder, env=environment, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, commands: str) -> str:
        """What a block printed; raises where bash ended in it."""
        assert self._bash.stdin and self._bash.stdout
        said = []
        self._bash.stdin.write(f"{{\n{commands}}} < /dev/null\necho; echo '{END}'\n")
        self._bash.stdin.flush()
        for line in self._bash.stdout:
            if line.rstrip("\n") == END:
                return "".join(said)
            sys.stdout.write(f"  {line}")
            sys.stdout.flush()
            said.append(line)
        raise SystemExit(f"this block failed with exit code {self._bash.wait()}:\n{commands}")

    def close(self) -> None:
        """End bash."""
        assert self._bash.stdin
        self._bash.stdin.close()
        self._bash.wait(30)


def expect(said: str, wanted: str) -> None:
    """Hold what was printed against a block of text."""
    at, lines = 0, said.splitlines()
    for want in wanted.splitlines():
        pattern = re.compile(".*".join(map(re.escape, want.split("…"))))
        while at < len(lines) and not pattern.fullmatch(lines[at].strip()):
            at += 1
        if at == len(lines):
            raise SystemExit(f"this line was not printed, or not in this order: {want}")
        at += 1


def follow(page: Path, folder: Path) -> int:
    """Do what the page says in a folder; how many blocks there were."""
    shell, said, every = Shell(folder), "", list(blocks(page.read_text("utf-8")))
    for block in every:
        if block.language == "sh":
            print("\n$ " + "\n$ ".join(block.text.splitlines()), flush=True)
            said = shell.run(block.text)
        elif block.language == "text":
            expect(said, block.text)
        elif block.file:
            print(f"\nwriting {block.file}", flush=True)
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        else:
            raise SystemExit(f"{page}: a block of {block.language} that neither runs nor is written to a file")
    shell.close()
    return len(every)


def main(page: str) -> None:
    """Follow a page in a clone that is removed afterwards."""
    if not (ROOT / page).is_file():
        raise SystemExit(f"{page}: there is no such page; name one such as docs/tutorial.md")
    folder = Path(tempfile.mkdtemp(prefix="citylake-tutorial-"))
    try:
        clone = folder / "citylake"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        print(f"\n{page}: all {follow(clone / page, clone)} blocks did what the page says.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
