"""How lamps are judged by sensor_health_daily: one lamp of each verdict. The order of its tests is the contract's of the feed."""

from datetime import UTC, date, datetime, timedelta

START = datetime(2026, 3, 9, 23, tzinfo=UTC)
"""The local day of Berlin that is measured begins here."""


def test_each_verdict(town):
    def said(lamp, minutes, tell, **more):
        return [
            {"lamp_id": lamp, "observed_at": START + timedelta(minutes=m)} | tell(m / 60) | more
            for m in minutes
            if tell(m / 60) is not None
        ]

    def night(hour):
        return {"power_state": "on", "power_w": 80.0} if not 6 <= hour < 18 else {"power_state": "off", "power_w": 0.4}

    def always(hour):
        return {"power_state": "on" if not 6 <= hour < 18 else "off", "power_w": 80.0}

    def by_night(hour):
        return night(hour) if not 6 <= hour < 18 else None

    polls = range(0, 1440, 15)
    rows = [
        *said("good", polls, night),
        *said("no power by day", polls, by_night),
        *said("clock", polls, night, _received_at=START),
        *said("unit", polls, night, _corrections="power_w x 1000.0"),
        # nearly four hours between reports, of which each is believed for two
        *said("insufficient", range(0, 1381, 230), night),
        # says that it is off, and draws the same for twelve hours
        *said("stuck", polls, always),
        # says nothing of whether it burns, and draws the same all day
        *said("stuck too", polls, lambda _: {"power_w": 80.0}),
        *said("burns by day", polls, lambda _: {"power_state": "on", "power_w": 80.0}),
        *said("chatter", polls, lambda h: {"power_state": "on" if round(h * 4) % 3 else "off"}),
        *said("high_value", polls, lambda h: {"power_state": "on", "power_w": 151.0 if h < 5 else 149.0}),
        *said("cabinet", polls, lambda _: {"power_w": 5000.0}, device_kind="cabinet"),
    ]
    names = {r["lamp_id"] for r in rows} - {"cabinet"}
    town.put("refined.streetlights", rows)
    known = [{"lamp_id": n, "valid_from": datetime(2020, 1, 1, tzinfo=UTC), "rated_w": 100.0} for n in (*names, "silent")]
    town.put("reference.lamps", known)
    found = {r["sensor_id"]: r["verdict"] for r in town.measure("sensor_health_daily", date(2026, 3, 10)).to_dicts()}
    good = dict.fromkeys(("no power by day", "burns by day"), "good")
    assert found == {n: n for n in (*names, "silent")} | good | {"stuck too": "stuck"}
