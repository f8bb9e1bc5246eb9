"""Street lights of the simulated city: where they stand, when they burn, and when they do not though they should.

What they send about it, and wrongly, is in streetlights.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts, sky
from pipelines.simulator.clockwork import local_hours
from pipelines.simulator.detectors import DISTRICTS, clocks
from pipelines.simulator.faults import FaultRates, some
from schemas.city import City

PER_CABINET, SPACING_M = 8, 38
SWITCH_DEG = -3.4
"""Lamps are switched in twilight, each some minutes before or after the others."""
SLACK_S = 400
DIMMED_H = (23.0, 5.0)
DIMMED, STAND_BY_W = 0.5, 0.3
REPORT_S = 3600
NEW_OUTAGES, DAY_BURNERS, FLICKERS = 0.015, 0.006, 0.006
QUIET_SHARE = 0.3
"""Outages that the lamp does not notice for a day or so, of a lantern that burns and gives no light."""
OUTAGE = {"lamp": pl.Int64, "from_s": pl.Int64, "until_s": pl.Int64, "said_s": pl.Int64, "said_by": pl.String}


def lay_out(rng: np.random.Generator, n: int, rates: FaultRates) -> pl.DataFrame:
    """Lamps along streets, so many to a cabinet."""
    street = np.arange(n) // PER_CABINET
    at = rng.choice(len(DISTRICTS), street[-1] + 1)
    lat, lon = districts.somewhere(rng, at)
    angle = rng.uniform(0, 2 * np.pi, street[-1] + 1)[street]
    along = (np.arange(n) % PER_CABINET) * SPACING_M / (districts.KM_PER_DEG * 1000)
    lat = np.round(lat[street] + along * np.sin(angle), 6)
    lon = np.round(lon[street] + along * districts.WIDER * np.cos(angle), 6)
    led = rng.random(n) < 0.7
    kilo = some(rng, rates.kilowatts, n)
    return pl.DataFrame(
        {
            "lamp_id": [f"L{i + 1:05d}" for i in range(n)],
            "rated_w": np.where(led, rng.integers(3, 12, n) * 10.0, rng.integers(10, 26, n) * 10.0),
            "lamp_type": np.where(led, "LED", "HPS"),
            "cabinet_id": [f"CAB{s + 1:04d}" for s in street],
            "district": pl.Series(DISTRICTS).gather(districts.district_of(lat, lon)),
            "power_scale": np.where(kilo, 1000.0, 1.0),
            "clock_offset_s": clocks(rng, n, rates),
            "lat": lat,
            "lon": lon,
            "slack_s": rng.integers(-SLACK_S, SLACK_S, n),
            "draws": np.round(rng.uniform(0.95, 1.02, n), 3),
        }
    )


class Lamps:
    """Lamps over several days: an outage lasts until it is repaired."""

    def __init__(self, laid: pl.DataFrame, city: City) -> None:
        self.laid, self.city = laid, city
        self.outages = pl.DataFrame(schema=OUTAGE)

    def fail(self, rng: np.random.Generator, start: int, end: int) -> pl.DataFrame:
        """Let some lamps go out on the day [start, end), epoch seconds.

        Returns:
            Dark hours of lamps that are out: lat, lon, from_s, to_s.
        """
        dark = sky.below(sky.DARK_DEG, start, end)
        well = np.setdiff1d(np.arange(self.laid.height), self.outages.filter(pl.col("until_s") > start)["lamp"].to_numpy())
        n = min(max(1, round(NEW_OUTAGES * self.laid.height)), len(well)) if len(dark) else 0
        lamp = np.sort(rng.permutation(well)[:n])
        which = dark[rng.integers(0, max(len(dark), 1), n)] if n else np.zeros((0, 2), np.int64)
        begin = which[:, 0] + (rng.random(n) * 0.6 * (which[:, 1] - which[:, 0])).astype(np.int64)
        # the sun rules; who repairs it comes by day
        until = begin - (begin - start) % 86_400 + rng.integers(1, 4, n) * 86_400 + rng.integers(9, 16, n) * 3600
        quiet = (rng.random(n) < QUIET_SHARE) & (np.arange(n) > 0)
        said = np.where(quiet, begin + rng.integers(10, 40, n) * 3600, begin)
        new = pl.DataFrame(
            {
                "lamp": lamp, "from_s": begin, "until_s": until, "said_s": np.minimum(said, until),
                "said_by": np.where(quiet | (rng.random(n) < 0.5), "status", "power"),
            },
            schema=OUTAGE,
        )  # fmt: skip
        self.outages = pl.concat([self.outages, new])
        parts = [
            self.outages.select(
                "lamp", from_s=pl.max_horizontal("from_s", pl.lit(a)), to_s=pl.min_horizontal("until_s", pl.lit(b))
            )
            for a, b in dark.tolist()
        ]
        none = pl.DataFrame(schema={"lamp": pl.Int64, "from_s": pl.Int64, "to_s": pl.Int64})
        out = pl.concat([none, *parts]).filter(pl.col("to_s") > pl.col("from_s"))
        where = self.laid[out["lamp"].to_list()]
        return out.select("from_s", "to_s", lat=where["lat"], lon=where["lon"])

    def day(self, rng: np.random.Generator, start: int, end: int) -> pl.DataFrame:
        """What every lamp does on the day [start, end): a row whenever something changes, and every hour.

        Returns:
            lamp (row), at, power_state, power_w, dim_share, status, told_s (until the next row or the day's end).
        """
        n, lamps = self.laid.height, np.arange(self.laid.height)
        night = sky.below(SWITCH_DEG, start, end)
        slack = self.laid["slack_s"].to_numpy()
        hours = np.arange(start, end, REPORT_S)
        # the day's own edges are no switches
        turns = np.array([t for t in night.ravel() if start < t < end], np.int64)
        rises = np.array([t == b for a, b in night for t in (a, b) if start < t < end], bool)
        switched = turns[None, :] + np.where(rises, 1, -1)[None, :] * slack[:, None]
        dimmed = self._dimmed(start, end)
        inside = [t for t in dimmed.ravel() if start < t < end]
        windows = self._mishaps(rng, start, end)
        edges = self.outages.filter(pl.col("until_s") > start, pl.col("from_s") < end)
        moments = [
            (np.repeat(lamps, len(hours)), np.tile(hours, n)),
            (np.repeat(lamps, len(turns)), switched.ravel()),
            (np.repeat(lamps, len(inside)), np.tile(np.array(inside, np.int64), n)),
            *((edges["lamp"].to_numpy(), edges[c].to_numpy()) for c in ("said_s", "until_s")),
            *((w["lamp"].to_numpy(), w["at"].to_numpy()) for w in windows.values()),
        ]
        rows = pl.DataFrame({"lamp": np.concatenate([m[0] for m in moments]), "at": np.concatenate([m[1] for m in moments])})
        rows = rows.filter(pl.col("at").is_between(start, end - 1)).unique().sort("lamp", "at")
        states = self._states(rows, switched, bool(len(night) and night[0, 0] <= start), dimmed, edges, windows)
        until = pl.col("at").shift(-1).over("lamp").fill_null(end)
        return states.with_columns(told_s=until - pl.col("at"))

    def _dimmed(self, start: int, end: int) -> np.ndarray:
        """Stretches of the day in which lamps are dimmed."""
        at = np.arange(start, end, 300)
        hour = local_hours(self.city, at)
        late = ((hour >= DIMMED_H[0]) | (hour < DIMMED_H[1])).astype(int)
        turns = at[1:][np.diff(late) != 0]
        edges = np.concatenate([[start] if late[0] else [], turns, [end] if late[-1] else []]).astype(np.int64)
        return edges.reshape(-1, 2)

    def _mishaps(self, rng: np.random.Generator, start: int, end: int) -> dict[str, pl.DataFrame]:
        """Moments at which a lamp that burns by day is switched, and at which one flickers: lamp, at, is_on."""
        n = self.laid.height
        burners = np.flatnonzero(some(rng, DAY_BURNERS, n))
        noon = start + 11 * 3600 + rng.integers(0, 3600, len(burners))
        ends = noon + rng.integers(1, 4, len(burners)) * 3600
        day = pl.DataFrame({"lamp": np.tile(burners, 2), "at": np.concatenate([noon, ends])})
        day = day.with_columns(is_on=pl.Series(np.repeat([True, False], len(burners))))
        flickers = np.flatnonzero(some(rng, FLICKERS, n))
        dark = sky.below(sky.DARK_DEG, start, end)
        begins = dark[-1, 0] + 1200 if len(dark) else end
        steps = np.arange(0, 20 * 60, 90)
        night = pl.DataFrame({"lamp": np.repeat(flickers, len(steps)), "at": np.tile(begins + steps, len(flickers))})
        night = night.with_columns(is_on=pl.Series(np.tile(np.arange(len(steps)) % 2 == 1, len(flickers))))
        return {"day": day, "flicker": night}

    def _states(
        self,
        rows: pl.DataFrame,
        switched: np.ndarray,
        begins_on: bool,
        dimmed: np.ndarray,
        edges: pl.DataFrame,
        windows: dict[str, pl.DataFrame],
    ) -> pl.DataFrame:
        """What each lamp is and draws at these moments."""
        lamp, at = rows["lamp"].to_numpy(), rows["at"].to_numpy()
        passed = (switched[lamp] <= at[:, None]).sum(axis=1) if switched.size else np.zeros(len(at), int)
        on = (passed % 2 == 1) != bool(begins_on)
        on |= self._last(rows, windows["day"], 4 * 3600, False)
        on &= self._last(rows, windows["flicker"], 90, True)
        out = rows.join(edges.select("lamp", "said_s", "until_s", "said_by"), on="lamp", how="left", maintain_order="left")
        out = out.filter(pl.col("said_s").is_null() | ((pl.col("said_s") <= pl.col("at")) & (pl.col("at") < pl.col("until_s"))))
        out = out.filter(pl.col("said_s").is_not_null()).select("lamp", "at", "said_by").unique(["lamp", "at"])
        said = rows.join(out, on=["lamp", "at"], how="left", maintain_order="left")["said_by"].fill_null("").to_numpy()
        laid = self.laid[lamp]
        led = (laid["lamp_type"] == "LED").to_numpy()
        low = on & led & sky.within(dimmed, at)
        burns = on & (said == "")
        full = laid["rated_w"].to_numpy() * laid["draws"].to_numpy()
        power = np.where(burns, np.where(low, DIMMED * full, full), STAND_BY_W)
        # one that is out by its power alone says that it is switched on
        claims = np.where(said == "status", False, on)
        return rows.with_columns(
            power_state=np.where(claims, np.where(low, "low", "on"), "off"),
            power_w=np.round(power, 1),
            dim_share=np.where(claims, np.where(low, DIMMED, 1.0), 0.0),
            status=np.where(said == "status", "defective_lamp", "ok"),
            is_burning=burns,
        )

    @staticmethod
    def _last(rows: pl.DataFrame, moments: pl.DataFrame, holds_s: int, otherwise: bool) -> np.ndarray:
        """What the last of these moments says at each row; it holds no longer than so many seconds."""
        told = rows.with_row_index("row").sort("at").join_asof(
            moments.sort("at").with_columns(told_at="at"), on="at", by="lamp", check_sortedness=False
        ).sort("row")  # fmt: skip
        fresh = pl.col("at") - pl.col("told_at") < holds_s
        return told.select(pl.when(fresh).then("is_on").otherwise(None).fill_null(otherwise)).to_series().to_numpy()
