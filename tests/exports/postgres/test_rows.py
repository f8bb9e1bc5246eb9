"""What stands on the server is what stands in the lake: every table, type, key and meaning, and nothing that was withheld."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.exports.postgres import write_postgres
from assets.exports.postgres_tables import named
from assets.exports.postgres_target import Target
from assets.exports.snapshot import Table, snapshot
from schemas.lake import Lake
from schemas.odcs import unique_key
from schemas.registry import metrics, table_contracts
from tests.exports.postgres.shelf import KINDS, Shelf, lake_rows, server_rows, written
from tests.exports.postgres_server import Server
from tests.good_rows import CITY, DAY

pytestmark = pytest.mark.slow

TEXT = KINDS[2].name
HOSTILE = Table("metrics", "a \"b'; DROP", "It's a \\ doc; -- $$ /*", KINDS, (), ("id",), sources=("O'Neil (1996), \\",))


def test_every_table_is_the_lakes_with_its_key_and_its_meaning(server: Server, to: Target, full: Lake) -> None:
    done = write_postgres(full, CITY, to)
    tables = {named(t): t for t in snapshot(full) if t.layer in ("metrics", "reference")}
    assert {t["table"] for t in done["tables"]} == set(tables)
    said = server.psql(
        "SELECT c.relname, a.attname, encode(convert_to(coalesce(col_description(c.oid, a.attnum), ''), 'UTF8'), 'hex')"
        f" FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = '{to.schema}'::regnamespace"
        " AND c.relkind = 'r' AND a.attnum > 0"
    )
    labels = {tuple(line.split("|")[:2]): bytes.fromhex(line.split("|")[2]).decode() for line in said.splitlines()}
    keys = server.psql(
        "SELECT c.conrelid::regclass, c.conname, string_agg(a.attname, ',' ORDER BY k.n) FROM pg_constraint c, "
        " unnest(c.conkey) WITH ORDINALITY k(attnum, n), pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = k.attnum"
        f" AND c.contype = 'p' AND c.connamespace = '{to.schema}'::regnamespace GROUP BY 1, 2"
    )
    key_of = {line.split("|")[1].removesuffix("_pkey"): tuple(line.split("|")[2].split(",")) for line in keys.splitlines()}
    for name, table in tables.items():
        contract = table_contracts()[f"{table.layer}.{table.name}"]
        assert key_of[name] == unique_key(contract, table.layer)
        assert {c: labels[name, c] for c in table_columns(table)} == {c.name: c.label for c in table.columns}
        want, got = lake_rows(table), server_rows(to.uri, to.schema, name, table.order)
        assert_frame_equal(got, want)
        assert got.height > 0
    assert "Testville" in server.psql(f"SELECT obj_description('{to.schema}'::regnamespace)")
    assert (
        server.psql(f"SELECT count(*) FROM pg_class WHERE relname LIKE '\\_new%' AND relnamespace = '{to.schema}'::regnamespace")
        == "0"
    )
    again = write_postgres(full, CITY, to)
    assert (written(again), again["rows"]) == ({}, 0)


def table_columns(table: Table) -> list[str]:
    return [c.name for c in table.columns]


def test_what_was_withheld_arrives_empty_and_says_so(server: Server, to: Target, full: Lake) -> None:
    """Exact numbers of metrics about people are in the lake, and must not be on the server."""
    write_postgres(full, CITY, to)
    withheld = 0
    for name, contract in metrics().items():
        if contract.is_gated:
            exact = full.scan("metrics", name)
            assert exact is not None
            rows = server_rows(to.uri, to.schema, name, unique_key(contract, "metrics"))
            assert rows.height == exact.collect().height
            hidden = rows.filter(pl.col("release") == "suppressed")
            left = [c for c in contract.names if c not in (*contract.key, "event_date", "local_time", "null_reason")]
            assert hidden.select(pl.any_horizontal(pl.col(left).is_not_null()).any()).item() is not True
            assert "_cells" not in rows.columns
            withheld += hidden.height
    assert withheld > 0


def test_every_kind_of_value_survives(server: Server, to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(HOSTILE)
    texts = [
        "",
        " ",
        "\\N",
        "\\.",
        "NULL",
        "'; DROP SCHEMA public; --",
        "a\tb\r\nc",
        "äöü 漢字 🚲 e\u0301 \u202e",
        "\x01\x7f\u2028",
        '"',
        "{1,2}",
        None,
    ]
    rows = len(texts)
    numbers = [0, -1, 1, 2**63 - 1, -(2**63), 255, 65535, -999, 10, 11, 12, None]
    floats = [
        0.0,
        -0.0,
        float("nan"),
        float("inf"),
        float("-inf"),
        5e-324,
        1.7976931348623157e308,
        0.1,
        1 / 3,
        -1e-9,
        2.0**53 + 1,
        None,
    ]
    # around the doubled hour of 2025-10-26 and the skipped one of 2025-03-30 in Europe/Berlin
    fall, spring = datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 3, 30, 0, 59, 59, 999999, tzinfo=UTC)
    far = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
    ]
    far += [datetime(2000, 1, 1, tzinfo=UTC), datetime(1883, 11, 18, 12, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)]
    hours = [fall + timedelta(hours=n) for n in range(3)]
    instants = [*hours, spring, spring + timedelta(microseconds=1), *far, None]
    locals_ = [t and t.replace(tzinfo=None) + timedelta(hours=1 if t.year > 1 and t.year < 9999 else 0) for t in instants]
    days = [t and t.date() for t in instants]
    shelf.put(HOSTILE.name, DAY, pl.DataFrame({
        "id": [f"{i}" for i in range(rows)], TEXT: texts, "n": numbers, "x": floats, "is_so": [True, False, None] * (rows // 3),
        "at": instants, "local": locals_, "day": days,
    }, schema_overrides={"at": pl.Datetime("us", "UTC"), "n": pl.Int64, "x": pl.Float64}))  # fmt: skip
    shelf.put(HOSTILE.name, DAY + timedelta(1), pl.DataFrame({"id": ["only the key"]}))
    server.psql("ALTER ROLE keeper SET timezone = 'America/New_York'; ALTER ROLE keeper SET standard_conforming_strings = off;")
    try:
        done = write_postgres(lake, CITY, to)
    finally:
        server.psql("ALTER ROLE keeper RESET ALL")
    assert done["rows"] == rows + 1
    got = server_rows(to.uri, to.schema, HOSTILE.name, HOSTILE.order)
    assert_frame_equal(got, shelf.rows(HOSTILE.name))
    assert str(got["x"][1]) == "-0.0"
    place = f"""{to.schema}."a ""b'; DROP" """
    assert server.psql(f"SELECT extract(epoch FROM at) FROM {place} WHERE id = '0'") == "1761438600.000000"
    assert server.psql(f"SELECT obj_description($a${place}$a$::regclass)") == HOSTILE.doc + " Sources: O'Neil (1996), \\."
    assert server.psql(f"SELECT col_description($a${place}$a$::regclass, 3)") == KINDS[2].label
    types = server.psql(
        "SELECT string_agg(format_type(atttypid, -1), ', ' ORDER BY attnum) FROM pg_attribute"
        f" WHERE attrelid = $a${place}$a$::regclass AND attnum > 0"
    )
    assert types == (
        "date, text, text, bigint, double precision, boolean, timestamp with time zone, timestamp without time zone, date"
    )


def test_nul_which_no_text_there_may_hold_is_shown(to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(HOSTILE)
    shelf.put(HOSTILE.name, DAY, pl.DataFrame({"id": ["a\0b"], TEXT: ["\0"]}))
    write_postgres(lake, CITY, to)
    assert server_rows(to.uri, to.schema, HOSTILE.name, ["id"]).row(0)[1:3] == ("a\ufffdb", "\ufffd")
