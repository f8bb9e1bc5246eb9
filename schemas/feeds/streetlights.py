"""Street lights: what a lamp says of itself: whether it burns, what it draws, and whether it is in order.

What a lamp is rated for and when it should burn do not belong here: reference/lamps and the sun say so.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, Described, RowRule
from schemas.health import Health, stamped_ahead

# Cabinets are not judged: what they meter is many lamps.
LAMPS = """
SELECT *, is_burning <> lag(is_burning) OVER (PARTITION BY event_date, lamp_id ORDER BY observed_at) AS is_switch
FROM (
    SELECT *, lamp_is_burning(power_w, power_state, dim_share) AS is_burning
    FROM refined.streetlights
    WHERE device_kind = 'lamp'
)
"""

CONTRACT = Contract(
    name="streetlights",
    layer="feed",
    domain="energy",
    kind="states",
    version=1,
    doc="The state of one street light, or of the cabinet that feeds some, at one instant; it holds until the next one.",
    columns=(
        Column("lamp_id", "string", "street light, or cabinet", nullable=False, pattern=IDENTIFIER),
        Column("observed_at", "instant", "when the state was observed", nullable=False),
        Column(
            "device_kind",
            "string",
            "one lamp, or a control cabinet with all the circuits it feeds, which metrics of lamps leave out",
            nullable=False,
            default="lamp",
            allowed=("lamp", "cabinet"),
        ),
        Column(
            "power_state",
            "string",
            "whether the lamp burns; low: dimmed; booting_up: on, not yet at its level",
            allowed=("on", "off", "low", "booting_up"),
        ),
        Column("power_w", "float", "power drawn", unit="W", minimum=0, maximum=1e7),
        Column("dim_share", "float", "level of light, of the full one", unit="share", minimum=0, maximum=1),
        Column("energy_total_kwh", "float", "reading of the counter of lamp or cabinet", unit="kWh", minimum=0, maximum=1e9),
        Column(
            "status",
            "string",
            "what the lamp or its controller says is wrong",
            allowed=("ok", "defective_lamp", "column_issue", "broken_lantern"),
        ),
    ),
    key=("lamp_id", "observed_at"),
    event_time="observed_at",
    row_rules=(
        RowRule(
            "something_said",
            "power_state IS NOT NULL OR power_w IS NOT NULL OR energy_total_kwh IS NOT NULL OR status IS NOT NULL",
            "a row says whether the lamp burns, what it draws or what is wrong",
        ),
        RowRule("possible_power", "device_kind = 'cabinet' OR power_w <= 10000.0", "one street light stays under 10 kW"),
    ),
    # Forensics do not look for kW: a dead lamp's stand-by power is about a thousandth of the rated one too.
    described=Described("lamps", on="lamp_id", factors=(("power_w", "power_scale"),), clock="clock_offset_s"),
    # The whole day is judged: by day a lamp says that it is off. A stuck power is one that stays where the lamp says that it is
    # off, or that outlasts the night where it does not say; the first is a value over 0, the second one under 0.
    health=Health(
        rows=LAMPS,
        value="CASE WHEN power_w < threshold('lamp_burning_min_w') THEN 0 "
        "WHEN power_state = 'off' THEN power_w WHEN power_state IS NULL THEN -power_w END",
        holds_s="coalesce(device.report_ttl_s, threshold('lamp_report_ttl_s'))",
        # a circuit without power by day silences its lamps
        break_s="threshold('health_lamp_break_s')",
        is_zero="power_w = 0",
        is_high="coalesce(power_w > device.rated_w * threshold('health_lamp_high_ratio'), false)",
        has_flow_only="is_switch",
        has_both="true",
        is_constant="length * interval_s >= "
        "CASE WHEN value > 0 THEN threshold('health_lamp_constant_off_s') ELSE threshold('health_lamp_constant_run_s') END",
        is_clock_off=stamped_ahead("observed_at"),
        tests=(
            ("insufficient", "coverage_share < threshold('health_min_coverage_share')"),
            ("chatter", "flow_only_share * n > threshold('health_lamp_max_switches')"),
            ("high_value", "high_share > threshold('health_lamp_high_share')"),
            ("stuck", "constant_share > 0"),
        ),
    ),
    late_after=timedelta(hours=6),
    sources=(
        "FIWARE Smart Data Models, Streetlighting/Streetlight 0.0.3 and StreetlightControlCabinet 0.0.2, schema.json "
        "(the YAML models turn on, off and no into booleans)",
    ),
    wire={
        "ngsi/Streetlight": {
            "columns": {
                "lamp_id": "id",
                "observed_at": {
                    "from": [
                        "powerState.observedAt",
                        "status.observedAt",
                        "powerConsumption.observedAt",
                        "illuminanceLevel.observedAt",
                        "observationDateTime",
                        "dateObserved",
                        "TimeInstant",
                        "dateModified",
                    ],
                    "combine": "first",
                },
                # brokers whose models were read as YAML say true and false for on and off
                "power_state": {"from": "powerState", "values": {"bootingUp": "booting_up", "true": "on", "false": "off"}},
                # the model names no unit: watts, unless the property says otherwise
                "power_w": {"from": "powerConsumption", "unit_from": "powerConsumption.unitCode"},
                "dim_share": {"from": "illuminanceLevel", "unit_from": "illuminanceLevel.unitCode"},
                "energy_total_kwh": {
                    "from": "lifetimePowerConsumption",
                    "unit_from": "lifetimePowerConsumption.unitCode",
                },
                "status": {
                    "from": "status",
                    "values": {
                        "defectiveLamp": "defective_lamp",
                        "columnIssue": "column_issue",
                        "brokenLantern": "broken_lantern",
                    },
                },
            }
        },
        # one row for all circuits of the cabinet, under the cabinet's own id
        "ngsi/StreetlightControlCabinet": {
            "columns": {
                "lamp_id": "id",
                "observed_at": {
                    "from": [
                        "energyConsumed.observedAt",
                        "lastMeterReading.observedAt",
                        "totalActivePower.observedAt",
                        "dateObserved",
                        "TimeInstant",
                        "dateModified",
                    ],
                    "combine": "first",
                },
                "device_kind": {"constant": "cabinet"},
                "power_w": {"from": "totalActivePower", "unit": "kW", "unit_from": "totalActivePower.unitCode"},
                "energy_total_kwh": {"from": "energyConsumed", "unit_from": "energyConsumed.unitCode"},
            }
        },
    },
)
