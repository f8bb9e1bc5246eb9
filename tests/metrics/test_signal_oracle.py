"""Signal metrics against a slow oracle in plain Python, on random events. Cases worked by hand are in tests/golden."""

import math
from collections import Counter, defaultdict
from datetime import UTC, date, timedelta

import pytest

from .conftest import Town
from .randoms_signals import signal_reference, signals
from .signal_oracle import QUARTER, S, controllers

DAY = date(2026, 3, 29)
"""The day on which Berlin's clocks go forward: 92 quarters."""
METRICS = ("actuations", "terminations", "arrivals_on_green", "split_failures", "ped_delay")


@pytest.fixture(scope="module", params=[1, 2, 3])
def measured(tmp_path_factory, request):
    """The metrics' rows by controller, thing and quarter, and the oracle's controllers."""
    town = Town(tmp_path_factory.mktemp("signals") / "lake", "Europe/Berlin")
    rows = [r for back in (2, 1, 0) for r in signals(town.city, DAY - timedelta(days=back), request.param)]
    tables = signal_reference()
    for table, of in tables.items():
        town.put(table, of)
    town.put("refined.signal_events", rows)
    start = town.city.day_start(DAY).astimezone(UTC)
    found = {}
    for metric in METRICS:
        thing = "detector" if metric == "actuations" else "phase"
        table = town.measure(f"signal_{metric}", DAY).to_dicts()
        found[metric] = {(r["controller_id"], r[thing], int((r["bin_at"] - start).total_seconds()) // 900): r for r in table}
    return found, controllers(rows, tables["reference.signal_detectors"], town.city, DAY)


def check(metric, found, controller, thing, heard, parts, reason, ratios):
    """All 92 rows of one detector or phase; `parts` gives the additive parts of a quarter, `ratios` what follows of them."""
    for quarter in range(92):
        row = found[metric].pop((controller, thing, quarter))
        share = heard.heard_share(quarter)
        wanted = parts(quarter)
        known = share > 0 or any(v for v in wanted.values() if v)
        why = None if known else "no_data"
        why = why or ("low_coverage" if share < 0.75 else reason(wanted))
        wanted = {k: v if known else None for k, v in wanted.items()}
        wanted |= {k: f(wanted) if why is None else None for k, f in ratios.items()}
        wanted |= {"coverage_share": share, "district": "a" if controller == "c0" else "unknown"}
        assert row["null_reason"] == why, (metric, row)
        for name, value in wanted.items():
            same = row[name] == value or (
                value is not None and row[name] is not None and math.isclose(row[name], value, rel_tol=1e-7)
            )
            assert same, f"{metric} {controller} {thing} quarter {quarter} {name}: {row[name]} is not {value}"


def binned(pairs):
    out = defaultdict(list)
    for at, value in pairs:
        out[at // QUARTER].append(value)
    return out


def test_actuations_and_terminations_agree_with_the_oracle(measured):
    found, heard = measured
    assert set(heard) == {"c0", "c1", "c2"}
    for name, of in heard.items():
        counted = Counter((at // QUARTER, code, parameter) for at, code, parameter in of.own)
        detectors = {p for _, code, p in of.own if code in (81, 82)} | {
            u["detector"] for u in of.uses if u["function"] != "pedestrian"
        }
        for d in detectors:
            check("actuations", found, name, d, of, lambda q, d=d, n=counted: {"actuations": n[q, 82, d]}, lambda w: None,
                  {"actuations_per_h": lambda w: w["actuations"] * 4})  # fmt: skip
        phases = {p for _, code, p in of.own if code in (1, 4, 5, 6)} | {
            u["phase"] for u in of.uses if u["function"] != "pedestrian"
        }
        for p in phases:
            names = {"greens": 1, "gap_outs": 4, "max_outs": 5, "force_offs": 6}
            check("terminations", found, name, p, of,
                  lambda q, p=p, n=counted, names=names: {k: n[q, c, p] for k, c in names.items()}
                  | {"terminations": sum(n[q, c, p] for c in (4, 5, 6))},
                  lambda w: None if w["terminations"] else "no_cycle",
                  {"gap_out_share": lambda w: w["gap_outs"] / w["terminations"],
                   "force_off_share": lambda w: w["force_offs"] / w["terminations"]})  # fmt: skip
    assert not found["actuations"] and not found["terminations"]


def test_arrivals_agree_with_the_oracle(measured):
    found, heard = measured
    for name, of in heard.items():
        for p in of.phases("advance"):
            arrived = binned(of.arrivals(p))

            def parts(q, arrived=arrived):
                met = Counter(arrived[q])
                green, yellow, red = met[1], met[2], met[3]
                return {"arrivals": len(arrived[q]), "green_arrivals": green, "yellow_arrivals": yellow, "red_arrivals": red,
                        "known_arrivals": green + yellow + red}  # fmt: skip

            check("arrivals_on_green", found, name, p, of, parts,
                  lambda w: "no_arrival" if not w["arrivals"] else None if w["known_arrivals"] else "no_cycle",
                  {"arrivals_on_green_share": lambda w: w["green_arrivals"] / w["known_arrivals"]})  # fmt: skip
    assert not found["arrivals_on_green"]


def test_split_failures_agree_with_the_oracle(measured):
    found, heard = measured
    failures = 0
    for name, of in heard.items():
        for p in of.phases("presence"):
            shares = [
                (end, (of.occupied(p, green, yellow) / (yellow - green), of.occupied(p, red, end) / (end - red), yellow - green))
                for green, yellow, red, end in of.cycles(p)
            ]
            served = binned(shares)

            def parts(q, served=served):
                of_bin = served[q]
                return {"cycles": len(of_bin), "split_failures": sum(g >= 0.8 and r >= 0.8 for g, r, _ in of_bin),
                        "green_s": sum(t for *_, t in of_bin) / S,
                        "green_occupancy_sum_share": math.fsum(g for g, *_ in of_bin),
                        "red_occupancy_sum_share": math.fsum(r for _, r, _ in of_bin)}  # fmt: skip

            failures += sum(parts(q)["split_failures"] for q in range(92))
            check("split_failures", found, name, p, of, parts, lambda w: None if w["cycles"] else "no_cycle",
                  {"split_failure_share": lambda w: w["split_failures"] / w["cycles"],
                   "green_occupancy_share": lambda w: w["green_occupancy_sum_share"] / w["cycles"]})  # fmt: skip
    assert not found["split_failures"]
    assert failures > 0


def test_pedestrian_waits_agree_with_the_oracle(measured):
    found, heard = measured
    measured_waits = 0
    for name, of in heard.items():
        for p, told in of.pedestrians().items():
            own = [e for e in told if e[0] >= 0]
            if not own and p not in of.phases("pedestrian"):
                continue
            pressed = sorted({at for at, code in told if code == 90})
            unique = binned(
                (b, b) for a, b in zip([None, *pressed], pressed, strict=False) if b >= 0 and (a is None or b - a > 15 * S)
            )
            codes, waits = binned(own), binned(of.waits(told))

            def parts(q, codes=codes, waits=waits, unique=unique):
                n = Counter(codes[q])
                return {"walks": n[21], "calls": n[45], "presses": n[90], "unique_presses": len(unique[q]),
                        "waits": len(waits[q]), "wait_s": sum(waits[q]) / S}  # fmt: skip

            measured_waits += sum(len(w) for w in waits.values())
            check("ped_delay", found, name, p, of, parts, lambda w: None if w["waits"] else "no_call",
                  {"mean_wait_s": lambda w: w["wait_s"] / w["waits"]})  # fmt: skip
    assert not found["ped_delay"]
    assert measured_waits > 0
