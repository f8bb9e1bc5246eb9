-- Formulas that several metrics share, as DuckDB macros. A metric's digest holds only the macros it uses.

-- A number as an exact decimal. Sums of it do not depend on the order in which threads meet the rows; sums of floats do.
CREATE MACRO exact(x) AS CAST(x AS DECIMAL(38, 9));

-- The same for slowness (h/km), whose values are small.
CREATE MACRO exact_slowness(x) AS CAST(x AS DECIMAL(38, 15));

-- Whole microseconds from one instant to another, without the session's time zone.
CREATE MACRO us_between(a, b) AS epoch_us(b) - epoch_us(a);

-- PeMS delay: the time travelled beyond what the distance takes at free flow; never negative, unknown without a free flow.
CREATE MACRO delay_veh_h(km, hours, free_flow_kmh) AS
    CASE WHEN free_flow_kmh IS NOT NULL AND hours IS NOT NULL THEN greatest(hours - km / free_flow_kmh, 0) END;

-- VHT: nothing travelled takes no time; otherwise distance over the space-mean speed.
CREATE MACRO travelled_h(km, speed_kmh) AS CASE WHEN km = 0 THEN 0 ELSE km / speed_kmh END;

-- HCM level of service of a basic freeway segment, from vehicles per km and lane taken as passenger cars.
CREATE MACRO level_of_service(density) AS
    CASE
        WHEN density IS NULL THEN NULL
        WHEN density <= threshold('los_a_max_pc_km_lane') THEN 'A'
        WHEN density <= threshold('los_b_max_pc_km_lane') THEN 'B'
        WHEN density <= threshold('los_c_max_pc_km_lane') THEN 'C'
        WHEN density <= threshold('los_d_max_pc_km_lane') THEN 'D'
        WHEN density <= threshold('los_e_max_pc_km_lane') THEN 'E'
        ELSE 'F'
    END;

-- Whether what was observed in a bin carries its ratios.
CREATE MACRO is_carried(n, coverage_share) AS n > 0 AND coverage_share >= threshold('coverage_min_share');

-- Why a bin has no ratio, before a metric's own reasons: nothing is known of it, or too little.
CREATE MACRO coverage_reason(is_known, coverage_share) AS
    CASE
        WHEN is_known IS NOT TRUE THEN 'no_data'
        WHEN coverage_share < threshold('coverage_min_share') THEN 'low_coverage'
    END;

-- The first reason that leaves ratios of traffic empty.
CREATE MACRO traffic_null_reason(n, coverage_share, volume_veh, space_kmh) AS coalesce(
    coverage_reason(n > 0, coverage_share),
    CASE WHEN volume_veh IS NULL THEN 'no_count' WHEN space_kmh IS NULL THEN 'no_speed' END
);

-- Ratios of traffic at a detector from the parts of its bin, to be unnested; where they are not carried all are empty.
CREATE MACRO traffic_ratios(is_carried, seconds, volume_veh, space_kmh, time_kmh, occupancy, lanes, effective_length_m) AS {
    'flow_veh_h': CASE WHEN is_carried THEN volume_veh * 3600 / seconds END,
    'space_mean_speed_kmh': CASE WHEN is_carried THEN space_kmh END,
    'time_mean_speed_kmh': CASE WHEN is_carried THEN time_kmh END,
    'occupancy_share': CASE WHEN is_carried THEN occupancy END,
    'density_veh_km': CASE WHEN is_carried THEN volume_veh * 3600 / seconds / space_kmh END,
    'density_occupancy_veh_km': CASE WHEN is_carried THEN 1000 * occupancy / effective_length_m END,
    'level_of_service': CASE WHEN is_carried THEN level_of_service(volume_veh * 3600 / seconds / space_kmh / lanes) END
};

-- Incidents, California algorithm 7 (Payne and Tignor 1978). Occupancy of a minute: its lanes weighted by the time they were
-- measured, else lane 0, the whole carriageway.
CREATE MACRO minute_occupancy(lane, occupancy, interval_s) AS coalesce(
    sum(exact(occupancy * interval_s)) FILTER (WHERE lane > 0) / CAST(sum(interval_s) FILTER (WHERE lane > 0) AS DOUBLE),
    sum(exact(occupancy * interval_s)) FILTER (WHERE lane = 0) / CAST(sum(interval_s) FILTER (WHERE lane = 0) AS DOUBLE)
);

-- Seconds of detector lanes behind that occupancy, and how many lanes these are.
CREATE MACRO minute_observed_s(lane, interval_s) AS coalesce(sum(interval_s) FILTER (WHERE lane > 0), sum(interval_s));
CREATE MACRO minute_lanes(lane) AS greatest(bit_count(bit_or(1::BIGINT << lane) FILTER (WHERE lane > 0))::BIGINT, 1);

-- OCCRDF: how much emptier the road is downstream, in shares of the occupancy upstream.
CREATE MACRO relative_drop(upstream, downstream) AS (upstream - downstream) / nullif(upstream, 0);

-- An incident is tentative where OCCDF, OCCRDF and DOCC pass T1, T2 and T3, and lasts while OCCRDF passes T2.
CREATE MACRO is_tentative(upstream, downstream, t1, t2, t3) AS
    upstream - downstream >= t1 AND relative_drop(upstream, downstream) >= t2 AND downstream <= t3;
CREATE MACRO is_lasting(upstream, downstream, t2) AS coalesce(relative_drop(upstream, downstream) >= t2, false);

-- Bins (from 0) into which a spell of a day reaches, all in microseconds since the day began; and what of it is in one of them.
CREATE MACRO bins_of_spell(from_us, until_us, bin_us) AS range(from_us // bin_us, (until_us - 1) // bin_us + 1);

CREATE MACRO us_in_bin(from_us, until_us, bin, bin_us) AS least(until_us, (bin + 1) * bin_us) - greatest(from_us, bin * bin_us);

-- Metres between two places of WGS 84: the haversine on a sphere of the earth's mean radius (IUGG), within 0.5 % of the ellipsoid.
CREATE MACRO metres_between(lat1, lon1, lat2, lon2) AS 2 * 6371008.8 * asin(sqrt(least(
    sin(radians(lat2 - lat1) / 2) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lon2 - lon1) / 2) ** 2,
    1
)));

-- Whether a lamp burns, from a report: what it draws is surer than what it was told.
CREATE MACRO lamp_is_burning(power_w, power_state, dim_share) AS CASE
    WHEN power_w IS NOT NULL THEN power_w >= threshold('lamp_burning_min_w')
    WHEN power_state IS NOT NULL THEN power_state <> 'off'
    WHEN dim_share IS NOT NULL THEN dim_share > 0
END;

-- The place whose sun is taken for a lamp's or a crash's: tenths of a degree, some seconds of dusk apart, so that few are worked out.
CREATE MACRO sun_place(degrees) AS round(degrees, 1);

-- Whether a camera's analytics were sure of what they concluded; those that do not say are believed.
CREATE MACRO is_sure(confidence) AS coalesce(confidence >= threshold('camera_min_confidence'), true);

-- Least area a person has in one of Fruin's levels of service, of people who walk, or stand and wait.
CREATE MACRO fruin_least_m2(level, crowd) AS
    CASE WHEN crowd = 'standing' THEN
        CASE level
            WHEN 'A' THEN threshold('crowd_standing_a_min_m2')
            WHEN 'B' THEN threshold('crowd_standing_b_min_m2')
            WHEN 'C' THEN threshold('crowd_standing_c_min_m2')
            WHEN 'D' THEN threshold('crowd_standing_d_min_m2')
            WHEN 'E' THEN threshold('crowd_standing_e_min_m2')
        END
    ELSE
        CASE level
            WHEN 'A' THEN threshold('crowd_walking_a_min_m2')
            WHEN 'B' THEN threshold('crowd_walking_b_min_m2')
            WHEN 'C' THEN threshold('crowd_walking_c_min_m2')
            WHEN 'D' THEN threshold('crowd_walking_d_min_m2')
            WHEN 'E' THEN threshold('crowd_walking_e_min_m2')
        END
    END;

-- Fruin's level of service of people in an area: the first whose least area a person they have. Nobody at all is level A.
CREATE MACRO fruin_level(people, area_m2, crowd) AS
    CASE
        WHEN people IS NULL OR area_m2 IS NULL THEN NULL
        WHEN area_m2 >= people * fruin_least_m2('A', crowd) THEN 'A'
        WHEN area_m2 >= people * fruin_least_m2('B', crowd) THEN 'B'
        WHEN area_m2 >= people * fruin_least_m2('C', crowd) THEN 'C'
        WHEN area_m2 >= people * fruin_least_m2('D', crowd) THEN 'D'
        WHEN area_m2 >= people * fruin_least_m2('E', crowd) THEN 'E'
        ELSE 'F'
    END;

-- Why ratios of lamps are empty: nothing is known of them, nor when they should burn, or too little of the hours in which they should.
CREATE MACRO lamp_null_reason(n, coverage_share, should_burn_h, known_should_burn_h) AS CASE
    WHEN n = 0 AND coverage_share = 0 THEN 'no_data'
    WHEN should_burn_h IS NULL THEN 'no_place'
    WHEN should_burn_h = 0 THEN 'no_night'
    WHEN known_should_burn_h < threshold('coverage_min_share') * should_burn_h THEN 'low_coverage'
END;

-- Energy of one meter as an exact decimal: narrower than exact(), for sums over millions of readings; up to 1e9 kWh.
CREATE MACRO exact_kwh(x) AS CAST(x AS DECIMAL(18, 9));

-- Microseconds, and seconds, from one instant to another; of instants that run backwards, as of clocks that disagree, none.
CREATE MACRO us_on(a, b) AS CASE WHEN us_between(a, b) >= 0 THEN us_between(a, b) END;

CREATE MACRO seconds_on(a, b) AS us_on(a, b) / 1e6;

-- Bands of latitude as high as a distance, numbered northwards: what is within it lies in the same band or in the next.
CREATE MACRO metres_band(lat, metres) AS CAST(floor(radians(lat) * 6371008.8 / metres) AS BIGINT);

-- Alerts: whether an event of a camera is news still, from when it was captured or, where it came late, from when it came.
CREATE MACRO is_news(captured_at, received_at) AS
    us_between(greatest(captured_at, received_at), getvariable('now')::TIMESTAMPTZ) <= threshold('camera_alert_news_s') * 1e6;

-- Alerts: what a camera was sure of, as a sentence.
CREATE MACRO seen_before_camera(what, camera_id, district, confidence) AS concat(
    what, ' before camera ', camera_id, ' in ' || district, format(', {:.0f} % sure', 100 * confidence), '.'
);

-- Getis-Ord Gi* of a cell (Ord and Getis 1995, weights 1 within the neighbourhood, itself included, else 0), from whole numbers: cells of
-- the area, their counts summed, and squared and summed; cells of the neighbourhood and their counts summed.
CREATE MACRO gi_star(cells, total, squares, near_cells, near_total) AS
    (cells * near_total - near_cells * total)
    / sqrt((cells * squares - total * total)::DOUBLE * (cells * near_cells - near_cells * near_cells) / (cells - 1));
