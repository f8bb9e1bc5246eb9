"""Cameras' JSON lines: what their analytics concluded, faults and all; some carry what no row may have.

What they conclude is in cameras.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.faults import FaultRates
from pipelines.simulator.sent import Sent
from pipelines.simulator.wording import JSON_FAULTS, Wording, worded
from schemas import registry

# the first bytes of a JPEG of one grey pixel, as base64 says them
PICTURE = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////"
FORBIDDEN = (
    '"thumbnail":"data:image/jpeg;base64,' + PICTURE + '"',
    '"analytics":{"detections":[{"face_template":[' + ",".join(f"{(i * 37 % 101) / 101:.4f}" for i in range(128)) + "]}]}",
    '"vehicle":{"license_plate":"B XY 1234"}',
)
"""A picture, a face as numbers, a plate: at any depth, in a member nobody asked for."""


def wording() -> Wording:
    """How events are worded."""
    return Wording(
        registry.feed("camera_events"),
        number="confidence",
        draft={"confidence": pl.lit(0.5)},
        kinds=(*JSON_FAULTS, "forbidden_content"),
        forbidden=FORBIDDEN,
    )


def day(rng: np.random.Generator, cameras: pl.DataFrame, seen: pl.DataFrame, start: int, rates: FaultRates) -> Sent:
    """All that the cameras send about what they concluded on the day that begins at `start`."""
    index = seen["camera"]
    rows = seen.with_columns(
        camera_id=cameras["camera_id"].gather(index),
        event_id=pl.format("E{}-{}", pl.lit(start // 86_400), pl.int_range(pl.len())),
        area_m2=pl.when(pl.col("kind") == "crowd_count").then(cameras["area_m2"].gather(index)),
        received_at=pl.col("captured_at") + pl.col("latency_s"),
        shift_s=cameras["clock_offset_s"].gather(index).cast(pl.Int64),
        is_lost=pl.lit(False),
    ).with_columns(sent_s="received_at")
    return worded(rng, wording(), rows, rates)
