"""The commands on a small city that went the whole way: JSON shapes, exit codes, texts."""

import csv
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.cli.small_city import BAD, DAY, GOOD, city, line


def test_run_tells_what_it_did_and_where_the_files_are(ran: Any) -> None:
    done = ran[1]
    assert done.code == 0, done.err
    told = done.json
    assert told["references"] == {"sensors": 1}
    landed = {(one["feed"], one["source"]): one for one in told["landed"]}
    traffic = landed["traffic_flow", "detectors"]
    assert (traffic["taken"], traffic["kept"], traffic["rejected"]) == (GOOD + 1 + BAD, GOOD + 1, BAD)
    assert landed["meter_readings", "utility"]["files"] == 0
    assert told["blocked"] == []
    assert {m for m, days in told["measured"].items() if DAY in days} >= {"traffic_15min", "traffic_hourly"}
    assert Path(told["exports"]["duckdb"]).is_file()
    assert Path(told["exports"]["catalog"]).is_file()
    assert {"landing", "refining", "measuring", "gating", "exporting"} <= set(told["seconds"])


def test_run_again_has_nothing_to_do(cli: Any, toml: Path) -> None:
    again = cli("run", "-c", toml, "--json")
    assert again.code == 0, again.err
    assert [one["files"] for one in again.json["landed"]] == [0, 0]
    assert not any(again.json["measured"].values())


def test_tables_lists_layer_and_name(cli: Any, toml: Path) -> None:
    rows = {r["table"]: r for r in cli("tables", "-c", toml, "--json").json}
    assert set(rows["raw.traffic_flow"]) == {"table", "layer", "rows", "partitions", "bytes"}
    assert (rows["raw.traffic_flow"]["rows"], rows["raw.traffic_flow"]["partitions"]) == (GOOD + 1, 1)
    assert rows["refined.traffic_flow"]["rows"] == GOOD
    assert rows["quarantine.traffic_flow"]["rows"] == BAD
    assert rows["ledger.ledger"]["layer"] == "ledger"
    assert all(t.split(".")[0] == r["layer"] and r["bytes"] > 0 for t, r in rows.items())
    assert "refined.traffic_flow" in cli("tables", "-c", toml).out


def test_balance_closes_by_feed_stage_and_day(cli: Any, toml: Path) -> None:
    done = cli("balance", "-c", toml, "--json")
    names = ["feed", "stage", "event_date", "taken", "kept", "rejected", "repeated", "superseded", "off_by"]
    assert done.code == 0
    assert all(list(row) == names for row in done.json)
    place = {(row["feed"], row["stage"], row["event_date"]): row for row in done.json}
    refined = place["traffic_flow", "refine", DAY]
    assert (refined["taken"], refined["kept"], refined["repeated"], refined["off_by"]) == (GOOD + 1, GOOD, 1, 0)
    assert place["traffic_flow", "land", None]["rejected"] == 1  # the malformed line told no day


def test_balance_exits_1_when_rows_are_missing(cli: Any, tmp_path: Path) -> None:
    toml = city(tmp_path / "other")
    assert cli("land", "traffic_flow", "-c", toml).code == 0
    quarantine = next((tmp_path / "other" / "a lake" / "quarantine").rglob(f"event_date={DAY}/*.parquet"))
    pl.read_parquet(quarantine).head(1).write_parquet(quarantine)
    done = cli("balance", "-c", toml, "--json")
    assert done.code == 1
    assert [row["off_by"] for row in done.json if row["off_by"]] == [1]
    shown = cli("balance", "-c", toml)
    assert shown.code == 1
    assert "by 1 rows" in shown.err
    assert cli("doctor", "-c", toml).code == 1


def test_quarantine_counts_by_code_and_shows_rows_without_steering_the_terminal(cli: Any, toml: Path) -> None:
    found = {(r["code"], r["column"]): r for r in cli("quarantine", "-c", toml, "--json").json}
    assert found["out_of_range", "mean_speed_kmh"]["rows"] == 2
    assert found["out_of_range", "mean_speed_kmh"]["expected"] == "0 to 250"
    assert sum(r["rows"] for r in found.values()) == BAD
    rows = cli("quarantine", "traffic_flow", "--code", "malformed", "--rows", 5, "-c", toml)
    assert "no json \\x1b[31m" in rows.out
    assert "\x1b" not in rows.out
    wrong = cli("quarantine", "--code", "bad", "-c", toml)
    assert wrong.code == 1
    assert "error: code bad: there is no such reason; use one of unreadable_file" in wrong.err


def test_describe_shows_contract_and_state(cli: Any, toml: Path) -> None:
    told = cli("describe", "refined.traffic_flow", "-c", toml, "--json").json
    speed = next(c for c in told["columns"] if c["name"] == "mean_speed_kmh")
    assert (speed["type"], speed["unit"]) == ("float", "km/h")
    assert (told["rows"], told["days"], len(told["sample"])) == (GOOD, {"first": DAY, "last": DAY}, 3)
    assert "mean_speed_kmh" in cli("describe", "refined.traffic_flow", "-c", toml).out
    assert cli("describe", "ledger.ledger", "-c", toml, "--json").json["rows"] > 0
    assert cli("describe", "quarantine.traffic_flow", "-c", toml).code == 0


def test_describe_shows_what_a_metric_is_made_of_and_judged_by(cli: Any, toml: Path) -> None:
    told = cli("describe", "metrics.signal_split_failures", "-c", toml, "--json").json
    assert {"refined.signal_events", "reference.signal_detectors"} <= set(told["reads"])
    red = next(t for t in told["thresholds"] if t["name"] == "signal_split_failure_red_share")
    assert (red["value"], red["unit"]) == (0.8, "share") and red["source"] and red["edition"]
    assert any("Utah DOT" in source for source in told["sources"])
    assert next(c for c in told["columns"] if c["name"] == "split_failure_share")["formula"] == "split_failures / cycles"
    shown = " ".join(cli("describe", "metrics.signal_split_failures", "-c", toml).out.split())
    assert "signal_split_failure_at_threshold = 1 (1: at least" in shown
    assert cli("describe", "refined.signal_events", "-c", toml, "--json").json["thresholds"] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("refined.trafic_flow", "there is no such table; perhaps refined.traffic_flow"),
        ("traffic_flow", "several layers have it; name one of raw.traffic_flow, refined.traffic_flow, quarantine.traffic_flow"),
        ("xyz", "there is no such table; `citylake tables` lists them"),
    ],
)
def test_describe_names_the_nearest_table(cli: Any, toml: Path, name: str, text: str) -> None:
    done = cli("describe", name, "-c", toml)
    assert done.code == 1
    assert f"error: table {name}: {text}" in done.err


def test_query_reads_the_current_snapshot(cli: Any, toml: Path) -> None:
    sql = "SELECT sensor_id, count(*) AS n, max(observed_at) AS last_at, 'nan'::DOUBLE AS x FROM refined.traffic_flow GROUP BY 1"
    assert cli("query", sql, "-c", toml, "--json").json == [
        {"sensor_id": "D1", "n": GOOD, "last_at": f"{DAY}T06:39:00+00:00", "x": None}
    ]
    told = cli("query", "FROM quarantine.traffic_flow SELECT code, event_date ORDER BY 1", "-c", toml, "--csv", "--limit", 2).out
    assert list(csv.reader(io.StringIO(told))) == [["code", "event_date"], ["malformed", ""], ["out_of_range", DAY]]
    both = "SELECT (SELECT count(*) FROM ledger) = (SELECT count(*) FROM ledger.ledger) AS same, n FROM "
    both += "(SELECT count(*) AS n FROM reference.sensors)"
    assert cli("query", both, "-c", toml, "--json").json == [{"same": True, "n": 1}]
    assert "traffic_hourly" in cli("query", "SHOW ALL TABLES", "-c", toml).out
    shown = cli("query", "SELECT * FROM range(80)", "-c", toml)
    assert "50 rows; more rows with --limit N" in shown.err


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT volume FROM metrics.traffic_hourly", "no column volume in metrics.traffic_hourly; perhaps volume_veh of "),
        ("SELECT * FROM metrics.trafic_hourly", "perhaps metrics.traffic_hourly"),
        ("SELECT * FORM x", "syntax error"),
        ("COPY ledger TO 'out.csv'", "query never writes"),
        ("DROP VIEW ledger", "query never writes"),
        ("", "write a SELECT"),
    ],
)
def test_query_says_what_is_wrong_in_one_line(cli: Any, toml: Path, tmp_path: Path, sql: str, text: str) -> None:
    done = cli("query", sql, "-c", toml)
    assert done.code == 1
    assert done.err.startswith("error: query: ")
    assert text in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_doctor_finds_nothing_wrong_but_the_empty_source(cli: Any, toml: Path) -> None:
    done = cli("doctor", "-c", toml, "--json")
    found = {f["check"]: f for f in done.json}
    assert done.code == 0, done.out
    assert found["traffic_flow from detectors"]["found"] == "0 new, 1 landed"
    assert found["meter_readings from utility"]["status"] == "warning"
    assert found["books"]["status"] == found["lake"]["status"] == found["settings"]["status"] == "ok"
    assert not list((toml.parent / "a lake").glob(".citylake-probe*"))


def test_a_changed_file_is_refused_and_the_others_are_landed(cli: Any, tmp_path: Path) -> None:
    toml = city(tmp_path / "other")
    assert cli("land", "-c", toml).code == 0
    (toml.parent / "inbox" / "a.jsonl").write_text(line(1) + "\n", encoding="utf-8")
    (toml.parent / "inbox" / "b.jsonl").write_text(line(2) + "\n", encoding="utf-8")
    done = cli("land", "-c", toml, "--runner=DirectRunner", "--direct_num_workers", 1)
    assert done.code == 1
    assert "refused: " in done.err
    assert "give the new content a new name" in done.err
    rows = {r["table"]: r["rows"] for r in cli("tables", "-c", toml, "--json").json}
    assert rows["raw.traffic_flow"] == GOOD + 2


def test_export_goes_to_a_folder_of_choice(cli: Any, toml: Path, tmp_path: Path) -> None:
    catalog = cli("export", "-c", toml, "--folder", tmp_path / "out", "--json").json
    assert catalog["city"] == "Smallville"
    assert (tmp_path / "out" / "citylake.duckdb").is_file()


def test_an_unforeseen_error_is_one_line_and_a_traceback_only_on_demand(cli: Any, toml: Path, monkeypatch: Any) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("something odd")

    monkeypatch.setattr("schemas.ledger.balance", fails)
    done = cli("balance", "-c", toml)
    assert done.code == 1
    assert done.err == "error: citylake: RuntimeError: something odd; run it again with --debug and report what it prints.\n"
    with pytest.raises(RuntimeError, match="something odd"):
        cli("balance", "-c", toml, "--debug")
