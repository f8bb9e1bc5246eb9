// The alerts page: which alerts are chosen, how many, and how fast they were raised. How charts and tables look is the board's.
"use strict";
(() => {
  const { at, alerts, districts, severities, specs } = citylake.data;
  if (!alerts.length) return;
  const form = document.getElementById("alert-choice");
  const byMatter = (a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity);

  /** A quantile of numbers, linear between two of them (Hyndman and Fan type 7), as DuckDB's quantile_cont. */
  const quantile = (values, share) => {
    const sorted = values.filter((v) => v !== null).sort((a, b) => a - b);
    if (!sorted.length) return null;
    const at = (sorted.length - 1) * share;
    const low = Math.floor(at);
    return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
  };
  const say = (id, text) => { document.getElementById(id).textContent = text; };
  const clock = (text) => (text ? text.replace("T", " ") : text);
  const least = (a, b) => (a < b ? a : b);

  const columns = [
    "state", "severity", "rule", "place", "district", { name: "started", label: "since" }, { name: "closed", label: "until" },
    { name: "raised_after_s", label: "raised after", unit: "s" }, { name: "message", label: "what was found" }, "measured", "limit",
    { name: "causes", label: "rows that caused it" },
  ];

  const show = () => {
    const { district } = citylake.filters;
    // the board's days are those of metrics; who chose no others is shown what lies outside of them, too
    const from = citylake.filters.from === citylake.site.first ? null : citylake.filters.from;
    const to = citylake.filters.to === citylake.site.last ? null : citylake.filters.to;
    const said = (name) => form.elements.namedItem(name).value;
    const chosen = alerts.filter((a) => (!from || a.day >= from) && (!to || a.day <= to) && (!district || a.district === district)
      && ["rule", "severity", "place_kind"].every((n) => !said(n) || a[n] === said(n))
      && (!form.elements.namedItem("open").checked || !a.closed));
    const after = chosen.map((a) => a.raised_after_s);
    say("alerts-open", citylake.number(chosen.filter((a) => !a.closed).length));
    say("alerts-n", citylake.number(chosen.length));
    say("alerts-p50", citylake.number(quantile(after, 0.5), "s"));
    say("alerts-p95", citylake.number(quantile(after, 0.95), "s"));
    const listed = [...chosen].sort((a, b) => Boolean(a.closed) - Boolean(b.closed) || (a.closed ? 0 : byMatter(a, b)));
    citylake.table("alerts-list", columns, listed.map((a) => ({
      ...a, state: a.closed ? "closed" : "open", started: clock(a.started), closed: clock(a.closed),
      place: `${a.place_kind} ${a.place_id}`, measured: citylake.number(a.value, a.unit), limit: citylake.number(a.threshold_value, a.unit),
    })), { most: 200, caption: "Alerts" });
    citylake.chart("alerts-times", specs.times, chosen.map((a) => ({ ...a, until: a.closed || (to ? least(at, `${to}T23:59:59`) : at) })), { columns: ["rule", "severity", "place_id", "district", "started", "closed", "message"] });

    const places = new Map();
    for (const a of chosen) {
      if (a.lat === null || a.lon === null) continue;
      const key = `${a.place_kind}\u0000${a.place_id}\u0000${a.lat}\u0000${a.lon}`;
      const place = places.get(key) || { layer: "alert", place_kind: a.place_kind, place_id: a.place_id, district: a.district, lat: a.lat, lon: a.lon, n: 0, severity: a.severity };
      if (byMatter(place, a) > 0) place.severity = a.severity;
      place.n += 1;
      places.set(key, place);
    }
    const points = [...places.values()];
    citylake.chart("alerts-map", specs.map, points.length ? [...districts, ...points] : [], {
      columns: ["place_kind", "place_id", "district", "severity", "n"], twin: points, nothing: "None of these alerts says where it is.",
    });
    const lost = chosen.filter((a) => a.lat === null).length;
    say("alerts-unplaced", lost ? `${lost} of these alerts say no place that can be drawn.` : "");

    const rules = new Map();
    for (const a of chosen) rules.set(a.rule, [...(rules.get(a.rule) || []), a]);
    citylake.table("alerts-rules", ["rule", { name: "n", label: "alerts" }, "open", { name: "p50", label: "raised after, p50", unit: "s" }, { name: "p95", unit: "s" }],
      [...rules].map(([rule, of]) => ({
        rule, n: of.length, open: of.filter((a) => !a.closed).length,
        p50: quantile(of.map((a) => a.raised_after_s), 0.5), p95: quantile(of.map((a) => a.raised_after_s), 0.95),
      })).sort((a, b) => b.open - a.open || b.n - a.n), { caption: "Alerts by rule" });
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", show);
  citylake.onFilter(show);
})();
