"""What may be said of a PostgreSQL in citylake.toml and on the command line, and what must not."""

from pathlib import Path

import pytest

from assets.exports.postgres_target import Target, target
from dagster_project.settings import load
from schemas.errors import SettingsError
from tests.cli.conftest import citylake

SECRET = "s3cret-Pa55"
TOML = '[city]\nname = "Zürich Süd"\ntime_zone = "Europe/Zurich"\n'


@pytest.mark.parametrize(
    "uri",
    [
        f"postgresql://me:{SECRET}@host/db",
        f"postgresql://:{SECRET}@host/db",
        f"postgresql://me:%73{SECRET}@host/db",
        f"postgresql://me@x:{SECRET}@host/db",
        f"postgresql://host/db?password={SECRET}",
        f"postgresql://host/db?PassWord={SECRET}",
        f"postgresql://host/db?%70assword={SECRET}",
        f"postgresql://host/db?sslmode=require&sslpassword={SECRET}",
        f"postgresql://me?:{SECRET}@host/db",
        f"postgresql://me#:{SECRET}@host/db",
        f"postgresql://me/:{SECRET}\n@host/db",
        f"host=h password={SECRET}",
        f"mysql://me:{SECRET}@host/db",
        f"postgresql://[::1:{SECRET}",
        f"postgresql:me:{SECRET}@host",
    ],
)
def test_a_password_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(SettingsError) as told:
        target(uri, None, "Smallville", "--postgres")
    assert SECRET not in str(told.value)
    assert told.value.where == "--postgres"


@pytest.mark.parametrize("name", ["options", "passfile", "service", "servicefile", "replication", "fallback_application_name"])
def test_parameters_that_could_do_other_things_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' cannot be given here; use some of host, port"):
        target(f"postgresql://host/db?{name}=x", None, "Smallville", "--postgres")


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me@db.example.org:5432/city?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql:///city?host=/run/postgresql&user=me",
        "postgres://%2Frun%2Fpostgresql/city",
        "postgresql://one:5432,two:5433/city?target_session_attrs=read-write",
        "postgresql://me@[::1]:5432/city",
    ],
)
def test_what_libpq_takes_is_taken(uri: str) -> None:
    assert target(uri, None, "Smallville", "here") == Target(uri, "smallville")


@pytest.mark.parametrize(
    ("city", "schema"), [("Zürich Süd", "zurich_sud"), ("São Paulo-1", "sao_paulo_1"), ("東京", "citylake"), ("x" * 99, "x" * 63)]
)
def test_the_schema_is_named_after_the_city(city: str, schema: str) -> None:
    assert target("postgresql://h/d", None, city, "here").schema == schema


@pytest.mark.parametrize("schema", ["public", "pg_temp", "information_schema", "", "A", "a-b", 'a"b', "a;b", "1a", "a" * 64, "ä"])
def test_schemas_that_are_not_the_lakes_are_refused(schema: str) -> None:
    with pytest.raises(SettingsError, match="here, schema"):
        target("postgresql://h/d", schema, "Smallville", "here")


def settings_of(folder: Path, text: str) -> Path:
    path = folder / "citylake.toml"
    path.write_text(TOML + text, encoding="utf-8")
    return path


def test_settings_name_it(tmp_path: Path) -> None:
    path = settings_of(tmp_path, '[exports.postgres]\nuri = "postgresql://h/d"\n')
    assert load(path).postgres == Target("postgresql://h/d", "zurich_sud")
    assert load(path, lake=str(tmp_path / "other")).postgres is None, "another lake must not be written over the city's own"
    path = settings_of(tmp_path, '[exports.postgres]\nuri = "postgresql://h/d"\nschema = "lake"\n')
    assert load(path).postgres == Target("postgresql://h/d", "lake")
    assert load(settings_of(tmp_path, "")).postgres is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[exports.mysql]\n", "[exports] mysql: there is no such setting; use one of postgres"),
        ("[exports]\npostgres = 1\n", "[exports.postgres]: 1 is no table"),
        ("[exports.postgres]\n", "[exports.postgres] uri: None is no text"),
        ('[exports.postgres]\nurl = "x"\n', "[exports.postgres] url: there is no such setting; use one of uri, schema"),
        (
            '[exports.postgres]\nuri = "postgresql://h/d"\nschema = "public"\n',
            "[exports.postgres], schema: 'public' is PostgreSQL's",
        ),
        (f'[exports.postgres]\nuri = "postgresql://u:{SECRET}@h/d"\n', "[exports.postgres]: it holds a password; take it out"),
    ],
)
def test_wrong_settings_are_told(tmp_path: Path, text: str, told: str) -> None:
    ran = citylake("export", "--config", settings_of(tmp_path, text))
    assert ran.code == 1
    assert told in " ".join(ran.err.split())
    assert SECRET not in ran.err + ran.out


def test_the_command_line_takes_no_password_either(tmp_path: Path) -> None:
    ran = citylake("export", "--config", settings_of(tmp_path, ""), "--postgres", f"postgresql://u:{SECRET}@h/d")
    assert (ran.code, "it holds a password" in ran.err, SECRET in ran.err) == (1, True, False)
    ran = citylake("export", "--config", settings_of(tmp_path, ""), "--schema", "lake")
    assert ran.code == 1
    assert "--schema: no PostgreSQL is named" in ran.err
