"""Whether a page that is followed would tell when it is wrong. The tutorial itself is followed by `make tutorial`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.follow import Block, blocks, expect, follow

ROOT = Path(__file__).parents[2]
PAGE = """# A page

Write this to `greeting/words.txt`, exactly:

```csv
hello;2
```

```sh
export WHO=you
cut -d';' -f1 greeting/words.txt
```

```text
hel…
```

```sh
echo "hello $WHO"
```

```text
…you
```
"""


def written(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text, "utf-8")
    return page


def test_blocks_are_run_written_and_held_against_what_was_printed(tmp_path: Path) -> None:
    assert follow(written(tmp_path, PAGE), tmp_path) == 5
    assert (tmp_path / "greeting" / "words.txt").read_text("utf-8") == "hello;2\n"


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("echo ", "false; echo ", "exit code 1"),
        ("$WHO", "$NOBODY", "exit code"),
        ("…you", "…me", "this line was not printed, or not in this order: …me"),
        ("to `greeting/words.txt`, exactly:", "somewhere.", "neither runs nor is written"),
    ],
)
def test_what_a_page_says_wrongly_is_told(tmp_path: Path, good: str, bad: str, told: str) -> None:
    with pytest.raises(SystemExit, match=told):
        follow(written(tmp_path, PAGE.replace(good, bad)), tmp_path)


def test_lines_are_expected_in_order() -> None:
    expect("a 1\nnoise\nb 2\n", "a…\n…2\n")
    with pytest.raises(SystemExit):
        expect("b 2\na 1\n", "a…\n…2\n")


def test_every_block_of_the_tutorial_has_its_place() -> None:
    found = list(blocks((ROOT / "docs" / "tutorial.md").read_text("utf-8")))
    assert [b for b in found if b.language not in ("sh", "text") and b.file is None] == []
    assert Block("sh", "citylake balance\n", None) in found
    assert {"schemas/feeds/bike_counts.py", "assets/metrics/bike_counts_daily.sql"} <= {b.file for b in found}


def test_a_page_that_is_not_there_is_told() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.docs.follow", "docs/none.md"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "docs/none.md: there is no such page" in done.stderr) == (1, True)
