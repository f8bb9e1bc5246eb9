"""The register of service requests of the simulated city: who asks for what, and how it goes on.

What polls show of it, and wrongly, is in service_requests.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.clockwork import local_hours
from pipelines.simulator.detectors import DISTRICTS
from schemas.city import City

SERVICES = pl.DataFrame(
    [
        ("SL-OUT", "Street light out", 72.0, "street_light", 0.02, 40.0),
        ("RD-DEBRIS", "Debris on the road", 12.0, "road", 0.03, 6.0),
        ("RD-POTHOLE", "Pothole", 240.0, "road", 0.13, 90.0),
        ("TS-FAULT", "Traffic signal out of order", 24.0, "traffic_signal", 0.06, 14.0),
        ("PK-ILLEGAL", "Car parked where it may not", 8.0, "parking", 0.22, 5.0),
        ("NS-NOISE", "Noise", 24.0, "noise", 0.14, 12.0),
        ("WS-MISSED", "Waste not collected", 48.0, "waste", 0.22, 30.0),
        ("WT-LEAK", "Water leak", 24.0, "water", 0.06, 16.0),
        ("OT-GRAFFITI", "Graffiti", 336.0, "other", 0.12, 120.0),
    ],
    schema=["service_code", "name", "sla_h", "subject", "share", "usual_h"],
    orient="row",
)
"""Services, what the city promises, how often each is asked for, and how long it usually takes."""
LIGHTS, DEBRIS = 0, 1
BY_DISTRICT = (0.12, 0.24, 0.26, 0.17, 0.15, 0.06)
OUTER = ("Harbour", "West")
APART_S = 8000
"""Least time between two versions of a request: a poll comes every two hours, and shows the latest alone."""
CRASH_REPORTED, LAMP_REPORTED, TWICE = 0.35, 0.75, 0.2
REOPENED, ANSWERED = 0.06, 0.5
CLEARED_AFTER_H, NOTICED_AFTER_H = (0.3, 20), (0.5, 60)
BESIDE_M = 12


class Register:
    """All requests so far, with all that will ever be said of them.

    Attributes:
        versions: request (number), request_id, service (row of `SERVICES`), lat, lon, district, requested_at, updated_at,
            status, sorted by request and time; lamp (row, or -1), crash_id (or null): what it is about.
    """

    def __init__(self, city: City) -> None:
        self.city = city
        self.versions = pl.DataFrame()
        self._n = 0

    def day(
        self,
        rng: np.random.Generator,
        start: int,
        end: int,
        n: float,
        crashes: pl.DataFrame,
        outages: pl.DataFrame,
        lamps: pl.DataFrame,
    ) -> None:
        """Take the requests of a day [start, end), epoch seconds: about `n`, and those about crashes and lamps.

        Args:
            crashes: of the day, as `crashes.happened` gives them.
            outages: that began on the day, as `lamps.Lamps` has them.
        """
        usual = self._usual(rng, start, end, n)
        debris = crashes.filter(pl.Series(rng.random(crashes.height) < CRASH_REPORTED))
        lat, lon = districts.beside(rng, debris["lat"].to_numpy(), debris["lon"].to_numpy(), 0, BESIDE_M)
        after = rng.uniform(*CLEARED_AFTER_H, debris.height) * 3600
        on_road = pl.DataFrame(
            {"service": DEBRIS, "at": (debris["at"].to_numpy() + after).astype(np.int64), "lat": lat, "lon": lon}
        ).with_columns(crash_id=debris["crash_id"])
        new = pl.concat([usual, on_road, self._of_lamps(rng, outages, lamps)], how="diagonal_relaxed")
        new = new.with_columns(pl.col("lamp").fill_null(-1)).sort("at", "lat")
        self.versions = pl.concat([self.versions, self._goes_on(rng, new)], how="diagonal_relaxed")
        self._n += new.height

    def own(self) -> pl.DataFrame:
        """Versions of the requests in the city's own register."""
        return self.versions.filter(~pl.col("district").is_in(OUTER))

    def outer(self) -> pl.DataFrame:
        """Versions of those in the outer districts'."""
        return self.versions.filter(pl.col("district").is_in(OUTER))

    def _usual(self, rng: np.random.Generator, start: int, end: int, n: float) -> pl.DataFrame:
        hours = np.arange(start, end, 3600)
        local = local_hours(self.city, hours)
        weight = 0.08 + np.exp(-0.5 * ((local - 11) / 2.5) ** 2) + 0.8 * np.exp(-0.5 * ((local - 17) / 2.5) ** 2)
        m = max(6, rng.poisson(n))
        lat, lon = districts.somewhere(rng, rng.choice(len(DISTRICTS), m, p=BY_DISTRICT))
        share = SERVICES["share"].to_numpy()
        return pl.DataFrame(
            {
                "service": rng.choice(SERVICES.height, m, p=share / share.sum()),
                "at": rng.choice(hours, m, p=weight / weight.sum()) + rng.integers(0, 3600, m),
                "lat": lat,
                "lon": lon,
            }
        )

    @staticmethod
    def _of_lamps(rng: np.random.Generator, outages: pl.DataFrame, lamps: pl.DataFrame) -> pl.DataFrame:
        """Lamps that somebody reports while they are out; some twice."""
        seen = outages.filter(pl.Series(rng.random(outages.height) < LAMP_REPORTED))
        seen = pl.concat([seen, seen.filter(pl.Series(rng.random(seen.height) < TWICE))])
        at = seen["from_s"].to_numpy() + (rng.uniform(*NOTICED_AFTER_H, seen.height) * 3600).astype(np.int64)
        where = lamps[seen["lamp"].to_list()]
        lat, lon = districts.beside(rng, where["lat"].to_numpy(), where["lon"].to_numpy(), 0, BESIDE_M)
        rows = pl.DataFrame({"service": LIGHTS, "at": at, "lat": lat, "lon": lon, "lamp": seen["lamp"]})
        return rows.filter(pl.Series(at) < seen["until_s"])

    def _goes_on(self, rng: np.random.Generator, new: pl.DataFrame) -> pl.DataFrame:
        """Every version of these requests: asked for, perhaps answered, closed, perhaps opened and closed again."""
        n = new.height
        took = SERVICES["usual_h"].gather(new["service"]).to_numpy() * 3600 * rng.lognormal(0, 0.8, n)
        closed = new["at"].to_numpy() + np.maximum(took, 2 * APART_S).astype(np.int64)
        answered = new["at"].to_numpy() + np.clip(took * rng.uniform(0.1, 0.5, n), APART_S, None).astype(np.int64)
        again = rng.random(n) < REOPENED
        reopened = closed + APART_S + rng.integers(0, 3 * 86_400, n)
        done = reopened + APART_S + rng.integers(0, 86_400, n)
        rows = new.with_columns(
            request=self._n + pl.int_range(n),
            request_id=pl.format("SR{}", 100_000 + self._n + pl.int_range(n)),
            requested_at="at",
            district=pl.Series(DISTRICTS).gather(districts.district_of(new["lat"].to_numpy(), new["lon"].to_numpy())),
        ).drop("at")
        has_answer = (rng.random(n) < ANSWERED) & (closed - answered >= APART_S)
        parts = [
            (np.ones(n, bool), new["at"].to_numpy(), "open"),
            (has_answer, answered, "open"),
            (np.ones(n, bool), closed, "closed"),
            (again, reopened, "open"),
            (again, done, "closed"),
        ]
        told = [
            rows.filter(pl.Series(which)).with_columns(updated_at=pl.Series(at[which]), status=pl.lit(status))
            for which, at, status in parts
        ]
        return pl.concat(told).sort("request", "updated_at")
