"""Whether the texts are true: the README's examples run, links lead somewhere, named targets and commands exist.

Whether the dictionary is fresh is tested in tests/dictionary.
"""

import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import typer

from assets.relations import connect, inputs
from dagster_project import settings, way
from dagster_project.cli import app
from pipelines.formats import kinds
from pipelines.sources.declared import parse
from schemas import ledger, registry
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import SettingsError
from schemas.lake import Lake

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "docs" / "formats.md",
    ROOT / "docs" / "tutorial.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("bi", "reading", "privacy", "streams")),
    ROOT / "docs" / "superset" / "README.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]


def blocks(language: str, page: Path = README) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def said(page: Path) -> list[str]:
    """What a reader could type: lines of shell blocks and code in the text."""
    text = page.read_text("utf-8")
    shell = [line.split("#")[0] for block in blocks("sh", page) for line in block.splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [" ".join(s.split()) for s in shell + re.findall(r"`([^`]+)`", prose)]


def rows_of(head: str) -> set[str]:
    """The names in the first column of the README's table with this head."""
    table = README.read_text("utf-8").split(f"\n{head}\n", 1)[1].split("\n\n", 1)[0]
    return {n for line in table.splitlines()[1:] for n in re.findall(r"`([^`]+)`", line.split(" | ")[0])}


def test_the_example_lands_its_csv(tmp_path: Path) -> None:
    (tmp_path / "citylake.toml").write_text(blocks("toml")[0], "utf-8")
    inbox = tmp_path / "inbox" / "highway_agency"
    inbox.mkdir(parents=True)
    (inbox / "june.csv").write_text(blocks("csv")[0], "latin-1")
    city = settings.load(tmp_path / "citylake.toml")
    [landed] = way.land(city)
    assert (landed.files, landed.taken, landed.kept, landed.rejected, landed.refused) == (1, 2, 2, 0, ())
    assert ledger.lines(city.lake)["filtered"].sum() == 1
    scan = city.lake.scan("raw", "traffic_flow")
    assert scan is not None
    rows = scan.sort("lane").select(
        "sensor_id", "lane", pl.col("observed_at").dt.to_string("%FT%RZ"), "interval_s", "vehicle_count",
        pl.col("mean_speed_kmh").round(4), "occupancy_share",
    )  # fmt: skip
    assert rows.collect().rows() == [
        ("A7 Süd-N", 1, "2026-06-01T06:00Z", 300, 350, 80.6281, None),
        ("A7 Süd-N", 2, "2026-06-01T06:00Z", 300, 1042, 79.9844, 0.125),
    ]


def known_to(values: dict) -> set[str]:
    """The keys a source block takes, as its own message lists them."""
    with pytest.raises(SettingsError) as caught:
        parse(registry.feed("traffic_flow"), "x", values, ROOT)
    return set(re.search(r"use one of ([\w, ]+)", str(caught.value))[1].split(", "))  # type: ignore[index]


def test_every_option_of_a_source_is_explained() -> None:
    known = known_to({"uri": "x.csv", "format": "csv", "no_such": 1})
    explained = rows_of("| option | default | meaning |")
    assert explained <= known
    assert known == explained


KINDS = {
    "MQTT": {"uri": "mqtt://h", "topic": "a"},
    "NATS JetStream": {"uri": "nats://h", "stream": "S"},
    "Kafka": {"uri": "kafka://h", "topic": "a"},
    "HTTP poll": {"uri": "http://127.0.0.1/x"},
    "HTTP push": {"uri": "push://127.0.0.1:8085/x", "open": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_a_live_source_is_explained(kind: str) -> None:
    known = known_to({"format": "json", **KINDS[kind], "no_such": 1})
    page = (ROOT / "docs" / "streams.md").read_text("utf-8")
    table = page.split(f"| {kind} | default | meaning |")[1].split("\n\n")[0]
    explained = {n for row in table.splitlines()[2:] for n in re.findall(r"`(\w+)`", row.split("|")[1])}
    shared = rows_of("| option | default | meaning |") | {"credentials", "ca_file", "cert_file", "key_file", "records"}
    assert known - shared == explained - {"uri"}


def test_every_key_of_a_column_is_explained() -> None:
    known = known_to(
        {
            "uri": "x.csv",
            "format": "csv",
            "columns": {"sensor_id": {"from": "a", "no_such": 1}, "observed_at": "t", "interval_s": "i"},
        }
    )
    assert rows_of("| key | meaning |") == known


def test_every_format_is_explained() -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    table = page.split("| format | what it is |")[1].split("\n\n")[0]
    assert {n for row in table.splitlines()[2:] for n in re.findall(r"`(\w+)`", row.split("|")[1])} == set(kinds.names())


def test_the_blocks_of_the_page_of_formats_hold() -> None:
    page = ROOT / "docs" / "formats.md"
    for feed, table in tomllib.loads(blocks("toml", page)[0])["feeds"].items():
        for name, block in table["sources"].items():
            assert parse(registry.feed(feed), name, block, ROOT).fields


def test_every_section_is_explained() -> None:
    named = {n.strip("[]") for n in rows_of("| section | meaning |")} | {"city", "lake", "feeds"}
    assert named == set(settings.SECTIONS)


@cache
def contracts() -> dict[str, Contract]:
    """The contracts that the README gives as examples, by layer."""
    out = {}
    for block in blocks("python"):
        if "CONTRACT" in block:
            names: dict = {}
            exec(block, names)
            out[names["CONTRACT"].layer] = names["CONTRACT"]
    return out


def test_the_example_contracts_hold_and_are_new() -> None:
    assert set(contracts()) == {"feed", "metric"}
    assert contracts()["feed"].name not in registry.feeds()
    assert contracts()["metric"].name not in registry.metrics()


def test_the_example_metric_returns_its_contract(tmp_path: Path) -> None:
    sql = next(b for b in blocks("sql") if "JOIN days" in b)
    lake, city, days = Lake(tmp_path), City("Testham", "Europe/Berlin"), []
    with connect(lake, city, days, inputs(lake, ["refined.emergency_calls"], days)) as con:
        columns = dict(zip((found := con.sql(sql)).columns, map(str, found.types), strict=True))
    wanted = contracts()["metric"].polars_schema("metrics")
    assert set(columns) == set(wanted)
    assert (columns["event_date"], columns["call_type"], columns["n"]) == ("DATE", "VARCHAR", "BIGINT")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    broken = []
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = {w for page in PAGES for s in said(page) if s.startswith("make ") for w in s.split()[1:] if "=" not in w}
    assert {"demo", "test"} <= named <= targets


def test_every_command_and_option_named_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named, wrong = set(), []
    for page in PAGES:
        for line in (s for s in said(page) if s.startswith("citylake ") and not s.startswith("citylake --")):
            name, *words = shlex.split(line)[1:]
            named.add(name)
            options = {o for p in commands[name].params for o in p.opts} if name in commands else set()
            wrong += [line for w in words if w.startswith("-") and w.split("=")[0] not in {*options, "--help"}]
    assert named <= set(commands)
    assert not wrong
    assert {"run", "doctor", "query", "balance", "tables", "describe", "quarantine"} <= named


def test_what_the_readme_says_of_json_is_so() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    without = {n for n, c in commands.items() if "--json" not in {o for p in c.params for o in p.opts}}
    assert without == {"ui", "shell"}


def test_every_metric_and_feed_is_named_in_the_readme() -> None:
    text = README.read_text("utf-8")
    assert not [n for n in (*registry.feeds(), *registry.metrics()) if f"`{n}`" not in text]


def test_the_decisions_are_numbered_without_a_gap() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(p.name[:4]) for p in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]} "), page.name
        assert "**Context.**" in text and "**Decision.**" in text and "**Consequences.**" in text, page.name
        assert len(text.split()) < 700, page.name
