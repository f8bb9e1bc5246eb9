// The map: sums the chosen measure by hexagon or district, colours them, and moves the map. How charts look is the board's.
"use strict";
(() => {
  const { ground, metric, measures = [], dims = [], levels = [], specs } = citylake.data;
  if (!document.getElementById("map")) return;
  const form = document.getElementById("map-choice");
  const kindForm = document.getElementById("map-kinds");
  const FEW_PLACES = 150;

  const sums = citylake.unpacked(citylake.data.sums), states = citylake.unpacked(citylake.data.states), places = citylake.unpacked(ground.places);

  const option = (value, text) => citylake.element("option", text, { value });
  if (form) {
    const { measure, level } = form.elements;
    for (const m of measures) measure.append(option(m.name, `${m.name}${m.unit && m.unit !== "1" && m.unit !== "share" ? ` (${m.unit})` : ""}`));
    levels.forEach((l, n) => level.append(option(String(n), n === 0 ? "hexagons, fine" : n === levels.length - 1 ? "hexagons, coarse" : "hexagons")));
    if (citylake.data.by_district) level.append(option("district", "districts"));
    const seen = levels.findIndex((l) => l.is_seen);
    level.value = levels.length ? String(seen < 0 ? levels.length - 1 : seen) : "district";
    for (const d of dims) {
      const select = citylake.element("select", null, { name: `dim-${d.name}` });
      if (!d.must) select.append(option("", "all"));
      for (const v of d.values) select.append(option(String(v), String(v)));
      const label = citylake.element("label", `${d.name} `);
      label.append(select);
      form.append(label);
    }
  }
  for (const kind of ground.kinds) {
    const box = citylake.element("input", null, { type: "checkbox", name: kind.name, checked: kind.n <= FEW_PLACES && (!citylake.data.kinds || citylake.data.kinds.includes(kind.name)) });
    const label = citylake.element("label");
    label.append(box, ` ${kind.name} (${kind.shown < kind.n ? `${kind.shown} of ` : ""}${kind.n}) `);
    kindForm.append(label);
  }

  /** A formula of sums: a number, a name, or [operator, left, right]; null where it cannot be worked out. */
  const worked = (formula, of) => {
    if (typeof formula === "number") return formula;
    if (typeof formula === "string") return of(formula);
    const [sign, a, b] = [formula[0], worked(formula[1], of), worked(formula[2], of)];
    if (a === null || b === null) return null;
    const value = sign === "+" ? a + b : sign === "-" ? a - b : sign === "*" ? a * b : sign === "/" ? a / b : Math.log10(a);
    return Number.isFinite(value) ? value : null;
  };

  /** The measure of an area, from its rows. Of what is there at once, days give their mean. */
  const valued = (measure, rows) => {
    if (measure.how === "word") {
      const counts = new Map();
      for (const r of rows) counts.set(r.value, (counts.get(r.value) || 0) + r.n);
      const most = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
      return { value: most.length ? most[0][0] : null, said: most.map(([v, n]) => `${v} ${n}`).join(", ") };
    }
    const sum = (name) => rows.reduce((total, r) => (r[name] === null ? total : (total || 0) + r[name]), null);
    if (measure.how === "ratio") return { value: worked(measure.formula, (part) => sum(measure.parts[part])) };
    const total = sum(Object.values(measure.parts)[0]);
    if (measure.how !== "at_once" || total === null) return { value: total };
    const days = new Set(rows.filter((r) => r[Object.values(measure.parts)[0]] !== null).map((r) => r.day));
    return { value: total / days.size };
  };

  const chosen = () => {
    const measure = measures.find((m) => m.name === form.elements.measure.value);
    const level = form.elements.level.value;
    const { from, to, district } = citylake.filters;
    const within = (r) => (metric.period === "month"
      ? (!from || r.day.slice(0, 7) >= from.slice(0, 7)) && (!to || r.day <= to) : (!from || r.day >= from) && (!to || r.day <= to));
    const picked = (r) => dims.every((d) => { const v = form.elements[`dim-${d.name}`].value; return v === "" || String(r[d.name]) === v; });
    const keep = (r) => within(r) && picked(r) && (!district || r.district === district);
    const of = level === "district" ? (r) => r.district : (r) => { const at = levels[level]?.of[r.cell]; return at === undefined ? null : at; };
    const areas = new Map();
    const at = (key) => { if (!areas.has(key)) areas.set(key, { sums: [], states: [] }); return areas.get(key); };
    let unplaced = 0;
    for (const r of sums.filter(keep)) if (of(r) === null) unplaced += r.rows; else at(of(r)).sums.push(r);
    if (measure.how === "word") for (const r of states.filter(keep)) if (r.word === measure.word && of(r) !== null) at(of(r)).states.push(r);
    const outlines = new Map(ground.districts.map((d) => [d.id, d.geometry]));
    const rows = [...areas].map(([key, { sums: mine, states: words }]) => {
      const { value, said = "" } = valued(measure, measure.how === "word" ? words : mine);
      const n = mine.reduce((s, r) => s + r.rows, 0), withheld = mine.reduce((s, r) => s + r.withheld + (measure.held ? r[measure.held] : 0), 0);
      const state = withheld && (withheld === n || value === null) ? "withheld" : value === null ? "empty" : withheld ? "partly" : "whole";
      const districts = [...new Set(mine.map((r) => r.district).filter((d) => d !== null))].sort();
      return {
        layer: "area", area: level === "district" ? key : levels[level].cells[key], district: districts.join(", "), value: state === "withheld" ? null : value, state,
        shown: state === "withheld" ? "withheld" : state === "empty" ? "no value" : citylake.number(value, measure.unit), rows: n, withheld,
        said: [said, withheld ? `${withheld} of ${n} rows withheld` : ""].filter(Boolean).join("; "),
        geometry: level === "district" ? outlines.get(key) : levels[level].outlines[key],
      };
    });
    return { measure, rows, unplaced, level };
  };

  // One specification per kind of colours and measure: the same one is only given other rows.
  const made = new Map();
  const specOf = (kind, measure, kinds) => {
    const key = [kind, measure ? measure.name : "", ...kinds].join(" ");
    if (!made.has(key)) {
      const spec = structuredClone(specs[kind]);
      const { fill } = spec.layer[0].encoding;
      if (measure && fill.field) fill.title = `${measure.name}${measure.unit && measure.unit !== "1" ? ` [${measure.unit}]` : ""}`;
      if (measure && fill.field && measure.unit === "share") fill.legend = { ...fill.legend, format: "%" };
      if (measure) spec.description = `Map of the city by ${measure.name}: ${measure.doc}`;
      if (measure && measure.how === "word") fill.scale = { domain: measure.values, range: measure.colours };
      const { color } = spec.layer[2].encoding;
      if (kinds.length) color.scale.domain = kinds;
      else color.legend = null; // a legend of nothing has no size
      made.set(key, spec);
    }
    return made.get(key);
  };

  let view = null, whole = null, seen = {};
  const look = async (change) => {
    if (!view) return;
    seen = { ...seen, ...change };
    for (const [name, value] of Object.entries(change)) view.signal(name, value);
    await view.runAsync();
    document.getElementById("map").dataset.zoom = String(view.signal("zoom"));
  };
  const looked = () => {
    const { district } = citylake.filters;
    const one = district && ground.districts.find((d) => d.id === district);
    return (one && one.look) || whole;
  };
  let shownDistrict = "";

  const show = async () => {
    const { measure, rows, unplaced, level } = form ? chosen() : { rows: [], unplaced: 0 };
    const drawn = rows.filter((r) => r.geometry);
    const kinds = new Set([...kindForm.elements].filter((e) => e.checked).map((e) => e.name));
    const { district } = citylake.filters;
    const points = places.filter((p) => kinds.has(p.kind) && (!district || !p.district || p.district === district)).map((p) => ({ layer: "place", ...p }));
    const lines = ground.districts.map((d) => ({ layer: "outline", area: d.id, geometry: d.geometry }));
    const valuedRows = drawn.filter((r) => r.value !== null);
    const kind = !measure || !valuedRows.length ? "nothing" : measure.how === "word" ? "word" : "number";
    const cells = drawn.length || lines.length || points.length ? [...drawn, ...lines, ...points] : [];
    const columns = [{ name: "area", label: level === "district" ? "district" : "hexagon" }, ...(level === "district" ? [] : ["district"]),
      { name: "told", label: measure ? measure.name : "value", unit: measure && measure.unit }, "rows", { name: "withheld", label: "rows withheld" }, { name: "said", label: "of these" }];
    const twin = rows.map((r) => ({ ...r, told: r.value === null ? r.shown : r.value }))
      .sort((a, b) => (a.value === null) - (b.value === null) || (typeof b.value === "number" ? b.value - a.value : String(a.value).localeCompare(String(b.value))));
    const now = await citylake.chart("map", specOf(kind, measure, [...new Set(points.map((p) => p.kind))].sort()), cells, { columns, twin: form ? twin : points });
    if (now && now !== view) {
      view = now;
      whole = whole || Object.fromEntries(["lon", "lat", "zoom"].map((n) => [n, view.signal(n)]));
      await look(seen); // another specification is drawn where the last one was left
    }
    if (view && shownDistrict !== (district || "")) { shownDistrict = district || ""; await look(looked()); }
    if (!form) return;
    const said = document.getElementById("map-said");
    said.textContent = `${measure.name}: ${measure.doc}${measure.how === "at_once" ? ", on average over times" : ""}${measure.how === "word" ? ", the most frequent" : ""}. `
      + `${citylake.number(rows.length)} ${level === "district" ? "districts" : "hexagons"}${unplaced ? `; ${citylake.number(unplaced)} rows say no place` : ""}.`;
    const withheld = rows.reduce((s, r) => s + r.withheld, 0);
    document.getElementById("map-withheld").textContent = withheld ? `${citylake.number(withheld)} rows of this choice are withheld${measure.held ? ", or withhold this number" : ""}.` : "";
  };

  const STEP = 0.25, TIMES = 1.5;
  const shifted = (dx, dy) => {
    // a step is a part of what is seen: at Mercator's scale, pixels are radians of longitude
    const scale = (citylake.data.specs.number.height * STEP) / pixels();
    const lat = view.signal("lat");
    return { lon: view.signal("lon") + dx * scale, lat: Math.max(-85, Math.min(85, lat + dy * scale * Math.cos((lat * Math.PI) / 180))) };
  };
  /** Pixels of a degree of longitude. */
  const pixels = () => {
    const { scale } = specs.number.projection;
    const [, room, wide, high] = /^([\d.]+) \* zoom \* min\(width \/ ([\d.]+), height \/ ([\d.]+)\)$/.exec(scale.expr);
    return (Number(room) * view.signal("zoom") * Math.min(view.signal("width") / Number(wide), view.signal("height") / Number(high)) * Math.PI) / 180;
  };
  document.getElementById("map-moves").addEventListener("click", (event) => {
    const move = event.target.dataset.move;
    if (!move || !view) return;
    const zoom = view.signal("zoom");
    look({ in: () => ({ zoom: zoom * TIMES }), out: () => ({ zoom: Math.max(zoom / TIMES, 0.5) }), whole: () => whole,
      west: () => shifted(-1, 0), east: () => shifted(1, 0), north: () => shifted(0, 1), south: () => shifted(0, -1) }[move]());
  });
  const map = document.getElementById("map");
  let held = null;
  map.addEventListener("pointerdown", (event) => { if (view && event.button === 0 && event.target.closest(".plot")) held = { x: event.clientX, y: event.clientY, lon: view.signal("lon"), lat: view.signal("lat") }; });
  window.addEventListener("pointermove", (event) => {
    if (!held || !view) return;
    const degree = pixels();
    look({ lon: held.lon - (event.clientX - held.x) / degree, lat: Math.max(-85, Math.min(85, held.lat + ((event.clientY - held.y) / degree) * Math.cos((held.lat * Math.PI) / 180))) });
  });
  window.addEventListener("pointerup", () => { held = null; });

  for (const one of [form, kindForm]) {
    if (!one) continue;
    one.addEventListener("submit", (event) => event.preventDefault());
    one.addEventListener("change", show);
  }
  citylake.onFilter(show);
})();
