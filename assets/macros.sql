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
