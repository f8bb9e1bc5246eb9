"""Metrics of months: any day of a month touches it, and it is kept under its first day. What they say is in the golden cases."""

from datetime import date, timedelta

from assets.measure import measure
from dagster_project import way
from schemas import registry

from .randoms_roads import travel_times

METRIC = "travel_time_reliability"
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
DAYS = [date(2026, 5, 30), date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 2)]


def put(town, *days, seed=1):
    town.put("refined.travel_time", [r for d in days for r in travel_times(town.city, d, seed)])


def test_days_of_a_contract():
    months, days = registry.metrics()[METRIC], registry.metrics()["parking_hourly"]
    assert months.partition_of(date(2028, 2, 29)) == date(2028, 2, 1)
    assert months.reads([date(2028, 2, 1)]) == [date(2028, 2, n) for n in range(1, 30)]
    assert days.days_of(MAY) == [MAY]
    assert days.reads([MAY]) == [MAY - timedelta(days=1), MAY]


def test_any_day_touches_its_whole_month_and_no_other(town):
    put(town, *DAYS)
    assert measure(town.lake, town.city, METRIC, DAYS[1:3]) == [MAY, JUNE]
    before = town.read(METRIC, MAY, JUNE)
    n = {d: before.filter(event_date=d)["n"].sum() for d in (MAY, JUNE)}
    assert n[MAY] == sum(len(travel_times(town.city, d, 1)) for d in DAYS[:2])
    assert measure(town.lake, town.city, METRIC, DAYS) == []
    late = date(2026, 5, 2)
    put(town, late)
    assert measure(town.lake, town.city, METRIC, [late, *DAYS]) == [MAY]
    after = town.read(METRIC, MAY, JUNE)
    assert after.filter(event_date=MAY)["n"].sum() == n[MAY] + len(travel_times(town.city, late, 1))
    assert after.filter(event_date=JUNE).equals(before.filter(event_date=JUNE))
    assert {f.event_date for f in town.lake.files("metrics", METRIC)} == {MAY, JUNE}


def test_the_order_in_which_days_arrive_does_not_change_a_byte(make_town):
    once, bit_by_bit = make_town("once"), make_town("bit by bit")
    put(once, *DAYS)
    measure(once.lake, once.city, METRIC, DAYS)
    for day in reversed(DAYS):
        put(bit_by_bit, day)
        measure(bit_by_bit.lake, bit_by_bit.city, METRIC, [day])
    assert once.bodies(METRIC) == bit_by_bit.bodies(METRIC)


def test_a_month_with_a_blocked_day_is_left_as_it_was(town, tmp_path):
    from dagster_project.settings import load

    (tmp_path / "citylake.toml").write_text(
        f'[city]\nname = "Testham"\ntime_zone = "Europe/Berlin"\n[lake]\nroot = "{town.lake.root}"\n'
    )
    settings, built = load(tmp_path / "citylake.toml"), way.Built()
    put(town, *DAYS)
    built.blocked.add(("refined.travel_time", DAYS[0]))
    way.build_metric(settings, METRIC, DAYS, built, way.Silent(), gates=True, force=False)
    assert built.measured[METRIC] == [JUNE]
    assert [(g.day, g.blocks) for g in built.gates] == [(JUNE, False)]


def test_the_calendar_of_a_month_knows_the_change_of_clocks(town):
    put(town, date(2026, 3, 10))
    rows = town.measure(METRIC, date(2026, 3, 31)).filter(route_id="q0")
    assert rows["expected_quarters"].sum() == 31 * 96 - 4
    assert rows["event_date"].unique().to_list() == [date(2026, 3, 1)]
