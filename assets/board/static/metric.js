// The page of one metric: what was chosen becomes numbers and charts. Sums are cube.js's, drawing is charts.js's.
"use strict";
(() => {
  const { measures, tables, monthly, charts, reasons, families } = citylake.data;
  if (!tables) return;
  const main = new citylake.Cube(tables.main, measures);
  const timed = tables.timed ? new citylake.Cube(tables.timed, measures) : main.at ? main : null;
  const single = tables.sample ? new citylake.Cube(tables.sample, measures) : main;
  const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  const LAST_DAYS = 14, POINTS = 400, BARS = 30, BINS = 30;
  const place = (id) => document.getElementById(id);
  const unitOf = (m) => (m.unit === "share" ? "%" : m.unit === "1" ? "" : m.unit || "");
  const shown = (value, m) => (value === null || value === undefined ? null : m.unit === "share" ? value * 100 : value);
  const worded = (value, m) => citylake.number(value, m.unit);

  // controls: the measure, a value of each column that rows differ by
  const chosen = () => citylake.data.measures.find((m) => m.name === place("measure").value);
  const keys = () => {
    const out = {};
    for (const select of document.querySelectorAll("[data-dim]")) if (select.value !== "") out[select.dataset.dim] = Number(select.value);
    return out;
  };
  /** The choice in another table, whose values have other places. */
  const keysIn = (cube) => Object.fromEntries(Object.entries(keys()).flatMap(([name, at]) => {
    const there = cube.byName.get(name);
    return there ? [[name, there.values.indexOf(main.byName.get(name).values[at])]] : [];
  }));
  const cellsOf = (cube, filters) => cube.select(filters, keysIn(cube), monthly);
  /** at_once needs the times apart: a day's sum over its bins is of no time. */
  const cubeFor = (m) => (m.how === "at_once" && timed ? timed : main);

  const words = (told, m) => {
    if (told.withheld) return "withheld";
    if (told.value !== null) return worded(told.value, m);
    if (told.low === undefined) return "–";
    return `${worded(told.low, m)} to ${worded(told.high, m)}`;
  };
  const made = (told, m) => {
    if (told.withheld) return "";
    if (told.low === undefined || told.value !== null) return m.how === "ratio" ? "from the sums of its parts" : m.how === "sum" ? "sum" : "";
    const over = m.how === "at_once" ? "range over the times" : "range over rows, not a value of the whole";
    return told.median === null || told.median === undefined ? over : `${over}; median ${worded(told.median, m)}`;
  };
  /** What a reader must know of a number that some rows have no part in. */
  const missing = (told, rows) => (told.withheld ? "for privacy" : told.held ? `${citylake.number(told.held)} of ${citylake.number(rows)} rows withheld` : "");

  const cards = (filters) => {
    const list = citylake.data.measures.map((m) => {
      const cube = cubeFor(m);
      const cells = cellsOf(cube, filters);
      const told = cube.measure(m.name, cells);
      const card = citylake.element("li", null, { class: "card", "data-measure": m.name });
      card.append(
        citylake.element("p", m.label, { class: "label name" }),
        citylake.element("p", words(told, m), { class: told.withheld ? "value withheld" : "value" }),
        citylake.element("p", m.doc, { class: "label" }),
        citylake.element("p", made(told, m), { class: "label how" }),
        citylake.element("p", missing(told, cube.rows(cells)), { class: "label missing" }),
      );
      return card;
    });
    place("cards").replaceChildren(...list.slice(0, 8));
    place("more-cards").replaceChildren(...list.slice(8));
    place("more").hidden = list.length <= 8;
  };

  const notes = (filters) => {
    const cells = cellsOf(main, filters), m = chosen();
    const rows = main.rows(cells), held = main.withheld(cells), more = main.withheld(cells, m.name) - held;
    const all = citylake.data.rows;
    place("rows-said").textContent = `${citylake.number(rows)} of ${citylake.number(all)} rows are in this choice.`;
    const note = place("withheld-said");
    note.hidden = !held && !more;
    const said = [held ? `${citylake.number(held)} of ${citylake.number(rows)} rows are withheld` : "", more ? `${citylake.number(more)} ${held ? "more " : `of ${citylake.number(rows)} rows `}withhold ${m.name}` : ""];
    note.textContent = note.hidden ? "" : `${said.filter(Boolean).join(", and ")} for privacy: they count in no such number here, and sums are of the others.`;
    const no = filters.district && !main.byName.has("district");
    place("district-said").hidden = !no;
  };

  const times = (cube, cells, m) => [...cube.group(cells, (i) => cube.time(i))].map(([, group]) => {
    const i = group[0];
    const minute = cube.at ? cube.at[i] % 1440 : 0;
    const clock = `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
    return { when: `${cube.days[cube.day[i]]}T${clock}:00`, told: cube.measure(m.name, group) };
  });

  const point = ({ when, told }, m) => ({
    when,
    value: shown(citylake.middle(told), m),
    low: shown(told.low ?? null, m),
    high: shown(told.high ?? null, m),
    note: told.withheld ? "withheld" : "",
  });
  const heads = (m) => [{ name: "when", label: "time" }, { name: "value", label: m.label, unit: unitOf(m) }, { name: "low", label: "least" }, { name: "high", label: "greatest" }, { name: "note" }];

  /** Rows in order of time, with an empty one where some are missing, so that no line runs over days without rows. */
  const broken = (rows, minutes) => {
    rows.sort((a, b) => (a.when < b.when ? -1 : 1));
    const out = [];
    for (const row of rows) {
      const before = out[out.length - 1];
      const after = before && new Date(`${before.when}Z`).getTime() + minutes * 60000;
      if (before && new Date(`${row.when}Z`).getTime() > after + 1) out.push({ when: new Date(after).toISOString().slice(0, 19), value: null, low: null, high: null, note: "" });
      out.push(row);
    }
    return out;
  };

  const byDay = (filters, m) => {
    const cube = cubeFor(m);
    const groups = cube.group(cellsOf(cube, filters), (i) => cube.day[i]);
    const rows = [...groups].map(([day, cells]) => point({ when: `${cube.days[day]}T00:00:00`, told: cube.measure(m.name, cells) }, m));
    const told = rows.filter((r) => r.value !== null || r.low !== null || r.note);
    return citylake.chart("by-day", charts.series, broken(told, monthly ? 44640 : 1440), { columns: heads(m) });
  };

  const byTime = (filters, m) => {
    if (!timed) return;
    const cells = cellsOf(timed, filters);
    const days = [...new Set(cells.map((i) => timed.day[i]))].sort((a, b) => a - b).slice(-LAST_DAYS);
    const rows = times(timed, cells.filter((i) => timed.day[i] >= days[0]), m).map((t) => point(t, m));
    citylake.chart("by-time", charts.times, broken(rows.filter((r) => r.value !== null), timed.slot), { columns: heads(m) });
    const curve = times(timed, cells, m).map((t) => shown(citylake.middle(t.told), m)).filter((v) => v !== null).sort((a, b) => b - a);
    const steps = curve.length > POINTS ? Array.from({ length: POINTS }, (_, n) => Math.round((n * (curve.length - 1)) / (POINTS - 1))) : curve.map((_, n) => n);
    citylake.chart("load-curve", charts.curve, steps.map((n) => ({ share: (100 * (n + 1)) / curve.length, value: curve[n] })), {
      columns: [{ name: "share", label: "share of time", unit: "%" }, { name: "value", label: m.label, unit: unitOf(m) }],
    });
  };

  const heat = (filters, m) => {
    if (!timed) return;
    const weekday = timed.days.map((d) => (new Date(`${d}T00:00:00Z`).getUTCDay() + 6) % 7);
    const groups = timed.group(cellsOf(timed, filters), (i) => weekday[timed.day[i]] * 24 + Math.floor((timed.at[i] % 1440) / 60));
    const rows = [...groups].map(([key, cells]) => {
      const told = timed.measure(m.name, cells);
      const days = new Set(cells.map((i) => timed.day[i])).size;
      const value = m.how === "sum" && told.value !== null ? told.value / days : citylake.middle(told);
      return { weekday: WEEKDAYS[Math.floor(key / 24)], hour: key % 24, value: shown(value, m), note: told.withheld ? "withheld" : "" };
    });
    rows.sort((a, b) => WEEKDAYS.indexOf(a.weekday) - WEEKDAYS.indexOf(b.weekday) || a.hour - b.hour);
    place("heat-said").textContent = { sum: "Mean over days of the hour's sum.", ratio: "From the sums of its parts.", at_once: "Median over the times.", rows: "Median over rows." }[m.how];
    citylake.chart("heat", charts.heat, rows.filter((r) => r.value !== null || r.note), { columns: ["weekday", "hour", { name: "value", label: m.label, unit: unitOf(m) }, "note"] });
  };

  const spread = (filters, m) => {
    const column = single.column(m.name);
    const values = cellsOf(single, filters).map((i) => shown(column[i], m)).filter((v) => v !== null && v !== undefined).sort((a, b) => a - b);
    const at = (q) => citylake.number(citylake.quantile(values, q), unitOf(m));
    place("spread-said").textContent = values.length ? `${citylake.number(values.length)} ${tables.sample ? "rows of a sample" : "rows"}: half are at most ${at(0.5)}, 90 % at most ${at(0.9)}, 95 % at most ${at(0.95)}.` : "";
    const low = values[0], width = (values[values.length - 1] - low) / BINS || 1;
    const bins = values.length ? Array.from({ length: BINS }, (_, n) => ({ from: low + n * width, to: low + (n + 1) * width, rows: 0 })) : [];
    for (const v of values) bins[Math.min(BINS - 1, Math.floor((v - low) / width))].rows += 1;
    citylake.chart("histogram", charts.histogram, bins);
    const steps = values.length > POINTS ? Array.from({ length: POINTS }, (_, n) => Math.round((n * (values.length - 1)) / (POINTS - 1))) : values.map((_, n) => n);
    citylake.chart("ecdf", charts.ecdf, steps.map((n) => ({ value: values[n], share: (100 * (n + 1)) / values.length })));
  };

  const breakdown = (filters, m) => {
    const by = place("by");
    if (!by) return;
    const cube = cubeFor(m).byName.has(by.value) ? cubeFor(m) : main;
    const dim = cube.byName.get(by.value);
    const groups = cube.group(cellsOf(cube, filters), (i) => dim.at[i]);
    const rows = [...groups].map(([at, cells]) => {
      const value = dim.values[at];
      return { ...point({ when: "", told: cube.measure(m.name, cells) }, m), name: value === null ? "(empty)" : String(value), rows: cube.rows(cells), held: cube.withheld(cells) };
    });
    rows.sort((a, b) => (b.value ?? b.high ?? -Infinity) - (a.value ?? a.high ?? -Infinity));
    place("breakdown-said").textContent = rows.length > BARS ? `The first ${BARS} of ${rows.length}.` : "";
    citylake.chart("breakdown", charts.bars, rows.slice(0, BARS), {
      columns: [{ name: "name", label: by.selectedOptions[0].textContent }, { name: "value", label: m.label, unit: unitOf(m) }, { name: "low", label: "least" }, { name: "high", label: "greatest" }, "rows", { name: "held", label: "rows withheld" }, "note"],
    });
  };

  const percentiles = (filters) => {
    const rows = [];
    for (const { title, columns } of families) {
      for (const { name, label, unit } of columns) {
        const column = single.column(name);
        for (const i of cellsOf(single, filters)) if (column[i] !== null && column[i] !== undefined) rows.push({ name: `${title} ${label}`, value: column[i], unit: unit || "", day: single.days[single.day[i]] });
      }
    }
    if (families.length) citylake.chart("percentiles", charts.percentiles, rows.slice(0, 5000));
  };

  const empty = (filters) => {
    const cut = (d) => (monthly ? d.slice(0, 7) : d);
    const found = new Map();
    for (const [day, district, reason, rows] of reasons) {
      if (cut(day) < cut(filters.from || day) || cut(day) > cut(filters.to || day)) continue;
      if (filters.district && district !== null && district !== filters.district) continue;
      found.set(reason, (found.get(reason) || 0) + rows);
    }
    const rows = [...found].map(([reason, n]) => ({ reason, rows: n })).sort((a, b) => b.rows - a.rows);
    citylake.chart("reasons", charts.reasons, rows, { nothing: "No ratio is empty in this choice." });
  };

  const draw = () => {
    const m = chosen();
    const filters = citylake.filters;
    for (const said of document.querySelectorAll("[data-said-measure]")) said.textContent = `${m.label}${unitOf(m) ? `, ${unitOf(m)}` : ""}`;
    place("measure-doc").textContent = m.doc + (m.formula_said ? ` = ${m.formula_said}` : "");
    notes(filters);
    cards(filters);
    byDay(filters, m);
    byTime(filters, m);
    heat(filters, m);
    spread(filters, m);
    breakdown(filters, m);
    percentiles(filters);
    empty(filters);
  };

  place("controls").addEventListener("change", draw);
  const by = place("by");
  if (by) by.addEventListener("change", () => breakdown(citylake.filters, chosen()));
  citylake.onFilter(draw);
})();
