"""An export among others: readers, another export, a killed one, a server that refuses. Nobody sees half of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pytest
from polars.testing import assert_frame_equal

from assets.exports.postgres import write_postgres
from assets.exports.postgres_session import PostgresError
from assets.exports.postgres_target import Target
from assets.exports.snapshot import Table
from schemas.lake import Lake
from schemas.registry import metrics
from tests.cli.conftest import citylake
from tests.exports.postgres.shelf import KINDS, Shelf, server_rows, some, written
from tests.exports.postgres_server import Server
from tests.good_rows import CITY, DAY, good_rows, put

pytestmark = pytest.mark.slow

# exports the lake of its first argument, and stops for good once rows are on their way
HALF_WAY = """
import sys, time, pyarrow as pa
from assets.exports import postgres_rows, postgres
from assets.exports.postgres_target import Target
from schemas.lake import Lake
from schemas.registry import metrics
from tests.good_rows import CITY
batches = postgres_rows._batches
def slowly(con, parts):
    for batch in batches(con, parts):
        yield batch
        print("on its way", flush=True)
        time.sleep(600)
postgres_rows._batches = slowly
postgres.write_postgres(Lake(sys.argv[1]), CITY, Target(sys.argv[2], sys.argv[3]))
"""


@contextmanager
def reading(to: Target, level: str) -> Iterator[Any]:
    """A reader in a transaction; `read(sql)` gives its one row, `read("ROLLBACK")` ends it."""
    with adbc.connect(to.uri, autocommit=True) as con, con.cursor() as cursor:
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}")

        def read(sql: str) -> tuple[Any, ...]:
            cursor.execute(sql)
            return tuple(*cursor.fetchall()) if cursor.description else ()

        yield read
        cursor.execute("ROLLBACK")


@pytest.fixture
def shelved(shelf: Shelf) -> Shelf:
    """Two tables that belong together."""
    for name in ("a", "b"):
        shelf.add(Table("metrics", name, name, KINDS[:4], (), ("id",)))
        shelf.put(name, DAY, some(10))
    return shelf


def test_a_killed_export_leaves_the_old_one_whole(server: Server, to: Target, full: Lake) -> None:
    write_postgres(full, CITY, to)
    stamps = f"SELECT string_agg(t::text, ';' ORDER BY t::text) FROM (SELECT *, xmin, ctid FROM {to.schema}.data_balance) t"
    before = server.psql(stamps)
    contract = metrics()["data_balance"]
    put(full, contract, "metrics", good_rows(contract, "metrics", rows=5), stem="b")
    args = [sys.executable, "-c", HALF_WAY, str(full.root), to.uri, to.schema]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as half:
        assert half.stdout
        assert half.stdout.readline() == "on its way\n"
        os.kill(half.pid, signal.SIGKILL)
    assert server.psql(stamps) == before
    assert written(write_postgres(full, CITY, to)) == {"data_balance": (1, 0, 0)}
    assert server.psql(f"SELECT count(*) FROM {to.schema}.data_balance") == "5"


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_reader_is_not_kept_waiting_and_sees_one_state(to: Target, lake: Lake, shelved: Shelf, level: str) -> None:
    write_postgres(lake, CITY, to)
    both = f"SELECT (SELECT sum(n) FROM {to.schema}.a)::bigint, (SELECT sum(n) FROM {to.schema}.b)::bigint"
    old, new = (45, 45), (1045, 1045)
    seen: set[tuple[Any, ...]] = set()
    done = threading.Event()

    def look() -> None:
        with adbc.connect(to.uri, autocommit=True) as con, con.cursor() as cursor:
            while not done.is_set():
                cursor.execute(both)
                seen.update(map(tuple, cursor.fetchall()))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with reading(to, level) as read:
            assert read(both) == old
            for name in ("a", "b"):
                shelved.put(name, DAY, some(10, start=100))
            write_postgres(lake, CITY, to, wait_s=0)
            assert read(both) == (old if level == "REPEATABLE READ" else new)
        time.sleep(0.1)
    finally:
        done.set()
        watcher.join()
    assert seen == {old, new}, "never one table of the old export and one of the new"


def test_who_reads_a_table_that_must_be_swapped_is_waited_for_and_named(to: Target, lake: Lake, shelved: Shelf) -> None:
    write_postgres(lake, CITY, to)
    shelved.tables["a"] = replace(shelved.tables["a"], columns=KINDS[:5])
    with reading(to, "READ COMMITTED") as read:
        assert read(f"SELECT count(*) FROM {to.schema}.a") == (10,)
        with pytest.raises(PostgresError, match=r"lock timeout; held by \d+ \(keeper, .*end what holds the lock"):
            write_postgres(lake, CITY, to, wait_s=0)
        assert read(f"SELECT count(*) FROM {to.schema}.a") == (10,)
        leaver = threading.Timer(3, read, ["ROLLBACK"])
        leaver.start()
        done = write_postgres(lake, CITY, to)
        leaver.join()
    assert written(done) == {"a": (1, 0, 0)}


def test_two_exports_at_once_do_the_work_once(to: Target, lake: Lake, shelved: Shelf) -> None:
    for n in range(1, 20):
        shelved.put("a", DAY + timedelta(n), some(2000))
    results: list[dict[str, Any]] = []
    both = [threading.Thread(target=lambda: results.append(write_postgres(lake, CITY, to))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(r["rows"] for r in results) == [0, 38020]
    assert_frame_equal(server_rows(to.uri, to.schema, "a", ("event_date", "id")), shelved.rows("a"))


def test_an_export_that_takes_too_long_is_not_waited_for(to: Target, lake: Lake, shelved: Shelf) -> None:
    with reading(to, "READ COMMITTED") as read:
        read(f"SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('citylake export to {to.schema}', 0))) t")
        with pytest.raises(PostgresError, match="another export has been writing there for more than 0 s; wait until it is done"):
            write_postgres(lake, CITY, to, wait_s=0)


def test_a_password_comes_from_the_environment_and_is_never_told(
    server: Server, to: Target, lake: Lake, shelved: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", server.password)
    assert write_postgres(lake, CITY, replace(to, uri=server.tcp_uri))["rows"] == 20
    for wrong in ("wr0ng-s3cret", ""):
        monkeypatch.setenv("PGPASSWORD", wrong)
        monkeypatch.setenv("PGPASSFILE", "/nowhere")
        with pytest.raises(PostgresError, match=r"password.*; set PGPASSWORD in the environment or write ~/\.pgpass") as told:
            write_postgres(lake, CITY, replace(to, uri=server.tcp_uri))
        assert not wrong or wrong not in str(told.value)
        assert server.password not in str(told.value)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("postgresql://me@127.0.0.1:1/db", "Connection refused.*check that the server runs"),
        ("postgresql://nobody.invalid/db", "could not translate host name.*check that the server runs"),
        ("{}&dbname=nowhere", 'database "nowhere" does not exist'),
    ],
)
def test_a_server_that_is_not_there_is_told(server: Server, to: Target, lake: Lake, uri: str, told: str) -> None:
    with pytest.raises(PostgresError, match=told):
        write_postgres(lake, CITY, replace(to, uri=uri.format(server.socket_uri)))


def test_rights_that_lack_are_told(server: Server, to: Target, lake: Lake, shelved: Shelf) -> None:
    server.psql(f"CREATE ROLE poor_{to.schema} LOGIN; CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    poor = replace(to, uri=to.uri.replace("user=keeper", f"user=poor_{to.schema}"))
    with pytest.raises(PostgresError, match="permission denied for database postgres; grant the user CREATE on the database"):
        write_postgres(lake, CITY, poor)
    server.psql(f"CREATE SCHEMA {to.schema}; GRANT ALL ON SCHEMA {to.schema} TO poor_{to.schema}")
    assert write_postgres(lake, CITY, poor)["rows"] == 20, "a schema that was made for it is enough"
    with pytest.raises(PostgresError, match="the database is in LATIN1; export to one that was created with ENCODING 'UTF8'"):
        write_postgres(lake, CITY, replace(to, uri=f"{to.uri}&dbname=latin"))
    with pytest.raises(PostgresError, match="read-only transaction; name a server that can be written to"):
        server.psql(f"ALTER ROLE poor_{to.schema} SET default_transaction_read_only = on")
        shelved.put("a", DAY, some(11))
        write_postgres(lake, CITY, poor)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("PERFORM pg_terminate_backend(pg_backend_pid())", r"terminating connection.*what was exported before is still there"),
        ("RAISE disk_full USING MESSAGE = E'no space \\x1b[2J'", r"no space \?\[2J CONTEXT.*make room on the server's disk"),
    ],
)
def test_a_server_that_fails_on_the_way_is_told_and_nothing_is_lost(
    server: Server, to: Target, lake: Lake, shelved: Shelf, trouble: str, told: str
) -> None:
    write_postgres(lake, CITY, to)
    shelved.put("a", DAY, some(100))
    shelved.put("b", DAY, some(100))
    server.psql(
        f"CREATE FUNCTION {to.schema}.fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {trouble}; RETURN NULL; END$$;"
        f"CREATE TRIGGER fails AFTER INSERT ON {to.schema}.b EXECUTE FUNCTION {to.schema}.fail()"
    )
    with pytest.raises(PostgresError, match=told):
        write_postgres(lake, CITY, to)
    assert server.psql(f"SELECT (SELECT count(*) FROM {to.schema}.a), (SELECT count(*) FROM {to.schema}.b)") == "10|10"
    server.psql(f"DROP FUNCTION {to.schema}.fail CASCADE")
    assert written(write_postgres(lake, CITY, to)) == {"a": (1, 0, 0), "b": (1, 0, 0)}


def test_a_first_export_that_is_killed_leaves_nothing(server: Server, to: Target, full: Lake) -> None:
    args = [sys.executable, "-c", HALF_WAY, str(full.root), to.uri, to.schema]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as half:
        assert half.stdout
        assert half.stdout.readline() == "on its way\n"
        os.kill(half.pid, signal.SIGKILL)
    assert server.psql(f"SELECT count(*) FROM pg_namespace WHERE nspname = '{to.schema}'") == "0"
    assert write_postgres(full, CITY, to)["rows"] > 0


def test_the_command_line_and_the_settings_name_a_server(server: Server, to: Target, full: Lake, tmp_path: Path) -> None:
    toml = tmp_path / "citylake.toml"
    city = f'[city]\nname = "{CITY.name}"\ntime_zone = "{CITY.zone}"\n[lake]\nroot = "a lake"\n'
    toml.write_text(city, encoding="utf-8")
    ran = citylake("export", "--config", toml, "--postgres", to.uri, "--schema", to.schema, "--json")
    assert ran.code == 0, ran.err
    done = ran.json["postgres"]
    assert (done["schema"], done["rows"]) == (to.schema, sum(t["rows"] for t in done["tables"]))
    assert done["rows"] > 0
    toml.write_text(city + f'[exports.postgres]\nuri = "{to.uri}"\nschema = "{to.schema}"\n', encoding="utf-8")
    ran = citylake("export", "--config", toml)
    assert ran.code == 0, ran.err
    assert f"Exported 0 changed tables, 0 rows, to schema {to.schema} of {to.uri}" in " ".join(ran.out.split())
    looked = {f["check"]: f for f in citylake("doctor", "--config", toml, "--json").json}
    assert looked["postgres"]["status"] == "ok"
    assert f"schema {to.schema}: PostgreSQL " in looked["postgres"]["found"]
    assert "postgres" not in json.loads((full.exports() / "catalog.json").read_text("utf-8"))


def test_what_the_page_says_holds(server: Server, full: Lake) -> None:
    """The rights of docs/bi.md are given once, and last as tables come and are made anew; its query runs."""
    page = (Path(__file__).parents[3] / "docs" / "bi.md").read_text("utf-8").split("## PostgreSQL")[1].split("\n## ")[0]
    grants, query = page.split("```pgsql\n")[1].split("```")[0].split("\n\n")
    server.psql("CREATE ROLE analysts; CREATE ROLE citylake LOGIN; GRANT CREATE ON DATABASE postgres TO citylake")
    to = Target(server.socket_uri.replace("user=keeper", "user=citylake"), "my_city")
    assert write_postgres(full, CITY, to)["rows"] > 0
    server.psql(grants)
    assert server.psql(f"SET ROLE analysts; {query}; SELECT count(*) > 0 FROM my_city.traffic_hourly").endswith("t")
    server.psql("ALTER TABLE my_city.traffic_hourly ADD COLUMN odd int; DROP TABLE my_city.alerts")
    write_postgres(full, CITY, to)
    assert server.psql("SET ROLE analysts; SELECT count(*) > 0 FROM my_city.traffic_hourly").endswith("t")
    assert server.psql("SET ROLE analysts; SELECT count(*) > 0 FROM my_city.alerts").endswith("t")
