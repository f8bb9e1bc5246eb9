"""Traffic by hour, per detector: the 15-minute columns over an hour, and the peak-hour factor."""

from dataclasses import replace

from schemas.contract import Contract
from schemas.measure import ratio
from schemas.metrics import traffic_15min

CONTRACT = Contract(
    name="traffic_hourly",
    layer="metric",
    domain="traffic",
    version=1,
    doc=(
        "One detector in one hour, all lanes together; rows longer than an hour are left out. Distances, times and "
        "delays are sums over the quarters (and over rows of 15 to 60 minutes), never recomputed from averages. The peak-hour "
        "factor needs four covered quarters and no longer row."
    ),
    columns=(
        *(replace(c) for c in traffic_15min.COLUMNS[:-1]),
        ratio("peak_hour_factor", "peak-hour factor", "share", "volume_veh / (4 * max(volume_veh of a quarter))", 1),
        traffic_15min.COLUMNS[-1],
    ),
    key=("sensor_id", "bin_at"),
    table_rules=traffic_15min.CONTRACT.table_rules,
    sources=traffic_15min.CONTRACT.sources,
)
