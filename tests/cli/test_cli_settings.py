"""What the command line says of a wrong citylake.toml, a wrong command, and an empty city."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CITY = '[city]\nname = "Smallville"\ntime_zone = "Europe/Berlin"\n'
SOURCE = '[feeds.traffic_flow.sources.a]\nuri = "inbox/*.csv"\nformat = "csv"\n'
COLUMNS = '[feeds.traffic_flow.sources.a.columns]\nsensor_id = "s"\nobserved_at = "t"\ninterval_s = { constant = 60 }\n'


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        (CITY + '[feeds.traffic_flow.sources.a]\nurl = "x"\n', "[feeds.traffic_flow.sources.a]: no uri; name a file"),
        (CITY + SOURCE + "colour = 1\n", "[feeds.traffic_flow.sources.a] colour: there is no such setting; use one of"),
        (
            CITY + SOURCE + COLUMNS + 'mean_speed_kmh = { from = "v", unit = "furlong" }\n',
            "[feeds.traffic_flow.sources.a] columns.mean_speed_kmh unit: 'furlong' cannot become km/h; use one of",
        ),
        (
            CITY + SOURCE + '[feeds.traffic_flow.sources.a.columns]\nsensor_id = "s"\n',
            "[feeds.traffic_flow.sources.a] columns: nothing for observed_at, which every row must have; add observed_at",
        ),
        (
            CITY + SOURCE + 'time_zone = "Mars/Base"\n',
            "[feeds.traffic_flow.sources.a] time_zone: 'Mars/Base' is not an IANA zone",
        ),
        ('[city]\nname = "x"\ntime_zone = "Mars/Base"\n', "Mars/Base"),
        (CITY + "[feeds.trafic_flow]\n", "feed trafic_flow: there is no such feed; use one of air_quality, bike_stations"),
        (CITY + "[lakes]\n", "lakes: there is no such setting; use one of city"),
        ("[city\n", "it is no TOML"),
    ],
)
def test_a_wrong_toml_is_refused_with_place_finding_and_remedy(cli: Any, tmp_path: Path, toml: str, text: str) -> None:
    (tmp_path / "citylake.toml").write_text(toml, encoding="utf-8")
    for command in ("land", "balance"):
        done = cli(command)
        assert done.code == 1
        assert done.err.startswith("error: ")
        assert text in done.err
        assert done.err.count("\n") == 1
        assert not (tmp_path / "lake").exists()
    told = cli("doctor", "--json")
    assert told.code == 1
    assert [f["check"] for f in told.json if f["status"] == "fault"] == ["settings"]


def test_no_settings_at_all(cli: Any) -> None:
    done = cli("tables")
    assert done.code == 1
    assert "there is no such file; name one with --config" in done.err


def test_settings_are_named_by_the_environment_and_the_lake_by_an_option(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "city.toml").write_text(CITY, encoding="utf-8")
    monkeypatch.setenv("CITYLAKE_TOML", str(tmp_path / "here" / "city.toml"))
    done = cli("tables", "--lake", "other lake")
    assert done.code == 0
    assert str(tmp_path / "other lake") in done.err.replace("\n", "")
    assert cli("balance", "--json").json == []


@pytest.mark.parametrize("words", [["nosuch"], ["describe", "a", "b"], ["land", "--runner"], ["query", "x", "--json", "--csv"]])
def test_a_wrong_command_line_is_a_usage_error(cli: Any, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "citylake.toml").write_text(CITY, encoding="utf-8")
    assert cli(*words).code == 2


def test_feeds_and_options_that_do_not_exist(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "citylake.toml").write_text(CITY, encoding="utf-8")
    for words, text in (
        (["land", "trafic_flow"], "error: feed trafic_flow: there is no such feed; perhaps traffic_flow is meant."),
        (["land", "--jsn"], "error: option --jsn: neither citylake nor Beam has it; perhaps --json is meant."),
        (["land", "traffic_flow"], "citylake.toml [feeds.traffic_flow]: no source is named for this feed"),
        (["build", "--from", "1.6.26"], "error: --from: '1.6.26' is no day; write one as 2026-06-01."),
        (["simulate", "."], "it is there and not empty; name a new folder."),
    ):
        done = cli(*words)
        assert done.code == 1
        assert text in done.err


def test_words_for_beam_are_told_from_feeds() -> None:
    from dagster_project.cli.beam import divide

    words = ["traffic_flow", "--direct_num_workers", "2", "--streaming", "meter_readings", "--flink_master=a:1"]
    names, beam = divide(words, "FlinkRunner")
    assert names == ["traffic_flow", "meter_readings"]
    assert beam == ["--runner=FlinkRunner", "--direct_num_workers=2", "--streaming", "--flink_master=a:1"]


def test_the_template_works_with_an_empty_inbox_and_all_its_examples(cli: Any, tmp_path: Path) -> None:
    text = (ROOT / "citylake.toml").read_text(encoding="utf-8")
    (tmp_path / "citylake.toml").write_text(text, encoding="utf-8")
    done = cli("land", "--json")
    assert done.code == 0, done.err
    assert {one["feed"] for one in done.json} == {"traffic_flow", "meter_readings", "emergency_calls"}
    assert cli("doctor").code == 0
    spoken = re.sub(r"^# (\[|[a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "citylake.toml").write_text(spoken, encoding="utf-8")
    found = cli("doctor", "--json").json
    missing = {"reference sensors", "reference meters", "reference feeders", "postgres"}
    assert {f["check"] for f in found if f["status"] == "fault"} == missing
    assert "traffic_flow from highway_agency" in {f["check"] for f in found}


def test_doctor_finds_half_files_and_missing_credentials(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    (tmp_path / "citylake.toml").write_text(CITY + '[reference]\nsensors = "s3://bucket/sensors.csv"\n', encoding="utf-8")
    half = tmp_path / "lake" / "raw" / "x.parquet.1.2.half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PAR1")
    os.utime(half, (0, 0))
    found = {f["check"]: f["status"] for f in cli("doctor", "--json").json}
    assert found["half files"] == "warning"
    assert found["s3"] == "fault"


def test_contracts_as_list_and_as_odcs(cli: Any, tmp_path: Path) -> None:
    import yaml

    assert {c["name"] for c in cli("contracts", "--json").json} >= {"traffic_flow", "traffic_hourly", "sensors"}
    assert cli("contracts", "--odcs", tmp_path / "out").code == 0
    written = yaml.safe_load((tmp_path / "out" / "feed_traffic_flow.odcs.yaml").read_text(encoding="utf-8"))
    assert written["kind"] == "DataContract"
    documents = list(yaml.safe_load_all(cli("contracts", "--odcs").out))
    assert len(documents) == len(list((tmp_path / "out").iterdir()))
    assert cli("contracts", tmp_path / "out").code == 2


def test_ui_serves_on_this_machine_alone_without_telemetry(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    import yaml

    (tmp_path / "citylake.toml").write_text(CITY, encoding="utf-8")
    started: list[Any] = []
    monkeypatch.setattr("os.execve", lambda *words: started.append(words))
    assert cli("ui", "--port", 3456).code == 0
    program, words, environment = started[0]
    assert program == sys.executable
    assert words[1:4] == ["-m", "dagster", "dev"]
    assert words[-4:] == ["-h", "127.0.0.1", "-p", "3456"]
    home = Path(environment["DAGSTER_HOME"])
    assert (home, environment["CITYLAKE_TOML"]) == (tmp_path / ".dagster", str(tmp_path / "citylake.toml"))
    assert yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8")) == {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }


def test_help_imports_nothing_heavy() -> None:
    heavy = "('polars', 'duckdb', 'pyarrow', 'deltalake', 'apache_beam', 'dagster', 'great_expectations', 'pandas', 'numpy')"
    code = (
        "import sys, dagster_project.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"citylake --help: {time.perf_counter() - began:.2f} s")
    assert done.stderr.strip() == "[]"
    for command in ("demo", "simulate", "land", "build", "run", "balance", "quarantine", "tables", "describe", "query", "doctor"):
        assert f" {command} " in done.stdout
