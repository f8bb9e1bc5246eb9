// The first page: a number and a line of each metric, for the days and district chosen. Sums are cube.js's.
"use strict";
(() => {
  const { metrics, chart } = citylake.data;
  const domain = document.getElementById("domain");
  const shown = (value, m) => (value === null || value === undefined ? null : m.unit === "share" ? value * 100 : value);

  const draw = (metric, filters) => {
    const { measure: m, cube } = metric;
    const card = document.querySelector(`[data-metric="${CSS.escape(metric.name)}"]`);
    const cells = cube.select(filters, {}, metric.monthly);
    const told = cube.measure(m.name, cells);
    const value = card.querySelector("[data-value]");
    value.classList.toggle("withheld", told.withheld);
    const ranged = told.value === null && told.low !== undefined;
    value.textContent = told.withheld ? "withheld" : ranged ? `${citylake.number(told.low, m.unit)} to ${citylake.number(told.high, m.unit)}` : citylake.number(told.value, m.unit);
    const { held } = told;
    const how = [ranged ? "range over rows" : "", held ? `${citylake.number(held)} of ${citylake.number(cube.rows(cells))} rows withheld` : "",
      filters.district && !cube.byName.has("district") ? "of the whole city" : "", `newest day ${metric.last}`];
    card.querySelector("[data-how]").textContent = how.filter(Boolean).join("; ");
    const rows = [...cube.group(cells, (i) => cube.day[i])].map(([day, group]) => {
      const of = cube.measure(m.name, group);
      return { when: `${cube.days[day]}T00:00:00`, value: shown(citylake.middle(of), m), low: shown(of.low ?? null, m), high: shown(of.high ?? null, m) };
    }).filter((r) => r.value !== null || r.low !== null).sort((a, b) => (a.when < b.when ? -1 : 1));
    citylake.chart(card.querySelector("[data-spark]"), chart, rows, {
      columns: [{ name: "when", label: "day" }, { name: "value", unit: m.unit === "share" ? "%" : m.unit }, { name: "low", label: "least" }, { name: "high", label: "greatest" }],
      nothing: cells.length ? "Nothing known in this choice." : "No rows in this choice.",
    });
  };

  for (const metric of metrics) metric.cube = new citylake.Cube(metric.table, [metric.measure]);
  domain.addEventListener("change", () => citylake.choose({ domain: domain.value || null }));
  citylake.onFilter((filters) => {
    domain.value = [...domain.options].some((o) => o.value === filters.domain) ? filters.domain : "";
    for (const section of document.querySelectorAll("[data-domain]")) section.hidden = Boolean(domain.value) && section.dataset.domain !== domain.value;
    for (const metric of metrics) if (!domain.value || metric.domain === domain.value) draw(metric, filters);
  });
})();
