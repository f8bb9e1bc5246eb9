"""A later export writes what changed, and nothing else; what cannot be exported leaves everything as it was."""

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.exports.postgres import write_postgres
from assets.exports.postgres_session import PostgresError
from assets.exports.postgres_target import Target
from assets.exports.snapshot import Table
from schemas.city import City
from schemas.column import Column
from schemas.errors import ContractError, LakeError
from schemas.lake import Lake
from tests.exports.postgres.shelf import KINDS, Shelf, server_rows, some, written
from tests.exports.postgres_server import Server
from tests.good_rows import CITY, DAY

pytestmark = pytest.mark.slow


def test_only_what_changed_is_written(server: Server, to: Target, lake: Lake, shelf: Shelf) -> None:
    table = Table("metrics", "m", "m", KINDS, (), ("id",))
    for name in ("m", "other"):
        shelf.add(replace(table, name=name))
        for n in range(3):
            shelf.put(name, DAY + timedelta(n), some(100))
    shelf.add(Table("reference", "r", "r", KINDS[1:], (), ("id",)))
    shelf.put("r", None, some(10))
    assert written(write_postgres(lake, CITY, to)) == {"m": (3, 0, 0), "other": (3, 0, 0), "reference_r": (1, 0, 0)}
    stamps = f"SELECT event_date, min(xmin::text), max(xmin::text) FROM {to.schema}.m GROUP BY 1 ORDER BY 1"
    first = server.psql(stamps).splitlines()
    assert written(write_postgres(lake, CITY, to)) == {}
    assert server.psql(stamps).splitlines() == first
    shelf.put("m", DAY + timedelta(1), some(70, start=1000))
    assert written(write_postgres(lake, CITY, to)) == {"m": (1, 2, 0)}
    second = server.psql(stamps).splitlines()
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False, True]
    shelf.drop("m", DAY)
    shelf.drop("r", None)
    assert written(write_postgres(lake, CITY, to)) == {"m": (0, 2, 1), "reference_r": (0, 0, 1)}
    assert server.psql(stamps).splitlines() == second[1:]
    shelf.put("r", None, some(11))
    del shelf.tables["other"]
    assert written(write_postgres(lake, CITY, to)) == {"reference_r": (1, 0, 0), "other": (0, 0, 3)}
    assert server.psql(f"SELECT to_regclass('{to.schema}.other') IS NULL, count(*) FROM {to.schema}.reference_r") == "t|11"
    assert server.psql(f"SELECT sum(rows), count(*) FROM {to.schema}._export_partitions") == "181|3"


def test_what_an_older_program_wrote_is_written_again(server: Server, to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(Table("metrics", "m", "m", KINDS[:4], (), ("id",)))
    shelf.put("m", DAY, some(5))
    write_postgres(lake, CITY, to)
    server.psql(f"UPDATE {to.schema}._export SET version = 0; UPDATE {to.schema}.m SET n = -1")
    assert written(write_postgres(lake, CITY, to)) == {"m": (1, 0, 0)}
    assert written(write_postgres(lake, CITY, to)) == {}
    assert_frame_equal(server_rows(to.uri, to.schema, "m", ("event_date", "id")), shelf.rows("m"))


def test_any_history_ends_as_the_lake(to: Target, lake: Lake, shelf: Shelf) -> None:
    chance = random.Random(11)
    shelf.add(Table("metrics", "m", "m", KINDS, (), ("id",)))
    for step in range(12):
        for _ in range(chance.randrange(4)):
            day = DAY + timedelta(chance.choice([0, 1, 2, 40]))
            if chance.random() < 0.3:
                shelf.drop("m", day)
            else:
                shelf.put("m", day, some(chance.randrange(0, 50), start=step * 100))
        if chance.random() < 0.3:
            columns = (*KINDS[:4], *chance.sample(KINDS[4:], chance.randrange(1, 5)))
            shelf.tables["m"] = replace(shelf.tables["m"], columns=columns)
        done = write_postgres(lake, CITY, to)
        assert_frame_equal(server_rows(to.uri, to.schema, "m", ("event_date", "id")), shelf.rows("m"))
        assert done["rows"] <= shelf.rows("m").height


def test_a_changed_contract_makes_the_table_anew_and_keeps_its_rights(
    server: Server, to: Target, lake: Lake, shelf: Shelf
) -> None:
    shelf.add(Table("metrics", "m", "old words", KINDS[:4], (), ("id",)))
    shelf.put("m", DAY, some(10))
    write_postgres(lake, CITY, to)
    role = f'"o\'dd {to.schema}"'
    server.psql(f"CREATE ROLE {role}; GRANT SELECT ON {to.schema}.m TO {role} WITH GRANT OPTION")
    server.psql(f"GRANT INSERT ON {to.schema}.m TO PUBLIC")
    shelf.tables["m"] = replace(shelf.tables["m"], doc="new words")
    assert written(write_postgres(lake, CITY, to)) == {}, "other words need no other rows"
    assert server.psql(f"SELECT obj_description('{to.schema}.m'::regclass)") == "new words"
    before = server.psql(f"SELECT relacl FROM pg_class WHERE oid = '{to.schema}.m'::regclass")
    shelf.tables["m"] = replace(shelf.tables["m"], columns=(*KINDS[:3], Column("n", "float", "retyped"), KINDS[5]))
    assert written(write_postgres(lake, CITY, to)) == {"m": (1, 0, 0)}
    assert server.psql(f"SELECT relacl FROM pg_class WHERE oid = '{to.schema}.m'::regclass") == before
    assert server.psql(f"SELECT conname FROM pg_constraint WHERE conrelid = '{to.schema}.m'::regclass") == "m_pkey"
    assert_frame_equal(server_rows(to.uri, to.schema, "m", ("event_date", "id")), shelf.rows("m"))


def test_what_others_did_to_a_table_is_seen(server: Server, to: Target, lake: Lake, shelf: Shelf) -> None:
    """The driver would write an integer's bits into a float column: names alone are compared there."""
    shelf.add(Table("metrics", "m", "m", KINDS[:4], (), ("id",)))
    for spoil in (
        "ALTER TABLE {}.m ALTER n TYPE float8",
        "ALTER TABLE {}.m DROP n",
        "ALTER TABLE {}.m ADD z int",
        "DROP TABLE {}.m",
    ):
        shelf.put("m", DAY, some(10))
        write_postgres(lake, CITY, to)
        server.psql(spoil.format(to.schema))
        shelf.put("m", DAY + timedelta(1), some(5))
        write_postgres(lake, CITY, to)
        assert_frame_equal(server_rows(to.uri, to.schema, "m", ("event_date", "id")), shelf.rows("m"))


def test_a_view_on_an_old_table_keeps_everything_as_it_was(server: Server, to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(Table("metrics", "m", "m", KINDS[:4], (), ("id",)))
    shelf.put("m", DAY, some(10))
    write_postgres(lake, CITY, to)
    server.psql(f"CREATE SCHEMA mine_{to.schema}; CREATE VIEW mine_{to.schema}.v AS SELECT n FROM {to.schema}.m")
    shelf.put("m", DAY, some(20))
    write_postgres(lake, CITY, to)  # rows change under the view
    shelf.tables["m"] = replace(shelf.tables["m"], columns=KINDS[:5])
    with pytest.raises(PostgresError, match=f"view mine_{to.schema}.v depends on table.*drop what stands on that table"):
        write_postgres(lake, CITY, to)
    assert server.psql(f"SELECT count(*) FROM mine_{to.schema}.v") == "20"


def test_a_schema_of_somebody_else_is_left_alone(server: Server, to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(Table("metrics", "m", "m", KINDS[:4], (), ("id",)))
    write_postgres(lake, CITY, to)
    with pytest.raises(PostgresError, match="it is the export of 'Testville'; name another schema"):
        write_postgres(lake, City("Elsewhere", "UTC"), to)
    server.psql("CREATE SCHEMA theirs; CREATE TABLE theirs.m (x int); CREATE SCHEMA prepared")
    with pytest.raises(PostgresError, match="it holds m, which is no export; name a schema for the lake alone"):
        write_postgres(lake, CITY, replace(to, schema="theirs"))
    write_postgres(lake, CITY, replace(to, schema="prepared"))
    server.psql("CREATE TABLE prepared.mine AS SELECT 7 AS x")
    write_postgres(lake, CITY, replace(to, schema="prepared"))
    shelf.add(Table("metrics", "mine", "m", KINDS[:4], (), ("id",)))
    with pytest.raises(PostgresError, match="no export made the table mine; rename it"):
        write_postgres(lake, CITY, replace(to, schema="prepared"))
    assert server.psql("SELECT x FROM prepared.mine") == "7"


def test_names_and_keys_that_cannot_be_are_told(to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(Table("metrics", "m" * 60, "m", KINDS[:4], (), ("id",)))
    with pytest.raises(ContractError, match="is too long for an export; shorten it: PostgreSQL keeps 53 bytes"):
        write_postgres(lake, CITY, to)
    shelf.tables.clear()
    shelf.add(Table("metrics", "m", "m", (*KINDS[:4], Column("ü" * 40, "int", "long")), (), ("id",)))
    with pytest.raises(ContractError, match="PostgreSQL keeps 63 bytes"):
        write_postgres(lake, CITY, to)
    shelf.tables.clear()
    shelf.add(Table("metrics", "m", "m", KINDS[:4], (), ("id",)))
    shelf.put("m", DAY, pl.concat([some(3), some(1)]))
    with pytest.raises(PostgresError, match=r"k00000\) is duplicated; its key must tell rows apart"):
        write_postgres(lake, CITY, to)


def test_a_file_that_is_gone_or_short_leaves_the_old_export(to: Target, lake: Lake, shelf: Shelf) -> None:
    shelf.add(Table("metrics", "m", "m", KINDS[:4], (), ("id",)))
    shelf.put("m", DAY, some(10))
    write_postgres(lake, CITY, to)
    before = shelf.rows("m")
    shelf.put("m", DAY, some(20))
    shelf.put("m", date(2025, 5, 1), some(20))
    whole = shelf.tables["m"]
    shelf.tables["m"] = replace(whole, files=tuple(replace(f, rows=21) for f in whole.files))
    with pytest.raises(LakeError, match=r"metrics\.m: 40 rows were read of 42"):
        write_postgres(lake, CITY, to)
    Path(whole.files[-1].uri).unlink()
    with pytest.raises(LakeError, match=r"metrics\.m: .*No files found.*check that the lake's files can be read"):
        write_postgres(lake, CITY, to)
    assert_frame_equal(server_rows(to.uri, to.schema, "m", ("event_date", "id")), before)
