// Charts: Vega-Lite specifications drawn in the page's colours, each with its numbers as a table. What is charted is the page's.
"use strict";
(() => {
  const { vega } = vegaEmbed; // the bundle's own global of that name is empty
  const drawn = new Map();
  /** How many charts are being drawn. */
  citylake.drawing = 0;
  const INK = "var(--ink)", SOFT = "var(--soft)", LINE = "var(--line)";
  const TEXT = { labelColor: SOFT, titleColor: INK, labelFont: "inherit", titleFont: "inherit", titleFontWeight: 500 };
  // Okabe and Ito (2008), Color Universal Design: told apart by the colour blind; without black and yellow, which vanish on dark or white
  const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f"];
  const CONFIG = {
    background: "transparent",
    font: "inherit",
    view: { stroke: LINE },
    axis: { ...TEXT, gridColor: LINE, domainColor: LINE, tickColor: LINE, labelLimit: 160 },
    legend: { ...TEXT, orient: "bottom", labelLimit: 220 },
    header: TEXT,
    title: { color: INK, anchor: "start", fontWeight: 600 },
    range: { category: PALETTE },
    mark: { color: PALETTE[0], tooltip: true },
    text: { color: INK },
    rule: { color: SOFT },
    scale: { bandPaddingInner: 0.1 },
  };
  const TABLE_ROWS = 1000;

  const frame = (place) => {
    const plot = citylake.element("div", null, { class: "plot", role: "img" });
    const twin = citylake.element("details", null, { class: "twin" });
    const table = citylake.element("div");
    twin.append(citylake.element("summary", "Show as table"), table);
    place.replaceChildren(plot, twin);
    return { plot, twin, table };
  };

  const told = (spec, rows) => {
    const title = spec.title && (spec.title.text || spec.title);
    return `${spec.description || title || "Chart"} (${rows.length} values)`;
  };

  /**
   * Draws rows into the element by a Vega-Lite specification whose data are called "rows"; again with other rows, it changes them.
   * columns, twin: of the table beside it, and its rows; by default those that are drawn. Nothing to show is said in words.
   * Resolves to the Vega view, or undefined.
   */
  citylake.chart = async (where, spec, rows, { columns, twin: beside, nothing = "Nothing to show for this choice." } = {}) => {
    const place = typeof where === "string" ? document.getElementById(where) : where;
    if (!rows.length) {
      const old = drawn.get(place);
      if (old && old.view) old.view.finalize();
      drawn.delete(place);
      place.replaceChildren(citylake.element("p", nothing, { class: "nothing" }));
      place.dataset.rows = "0";
      return;
    }
    let now = drawn.get(place);
    if (!now || now.spec !== spec) {
      if (now && now.view) now.view.finalize();
      now = { spec, view: null, ...frame(place) };
      drawn.set(place, now);
      const fill = () => now.twin.open && citylake.table(now.table, now.columns, now.beside, { most: TABLE_ROWS, caption: told(spec, now.rows) });
      now.fill = fill;
      now.twin.addEventListener("toggle", fill);
    }
    now.rows = rows;
    now.beside = beside || rows;
    now.columns = columns || Object.keys(now.beside[0] || rows[0]);
    const name = () => { // Vega names its element too, and would have every mark read out: the table says it better
      now.plot.setAttribute("role", "img");
      now.plot.setAttribute("aria-label", told(spec, now.rows));
      now.plot.removeAttribute("aria-roledescription");
    };
    name();
    now.fill();
    if (now.drawing && !now.view) return; // what is being drawn takes the last rows when it is done
    if (now.view) {
      await now.view.data("rows", rows.map((r) => ({ ...r }))).runAsync();
    } else {
      const whole = { autosize: { type: "fit-x", contains: "padding" }, ...spec, data: { name: "rows" }, datasets: { rows: rows.map((r) => ({ ...r })) } };
      // ast: expressions are interpreted, not compiled, so that the page needs no permission to evaluate text
      now.drawing = vegaEmbed(now.plot, whole, {
        ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true }, config: CONFIG, logLevel: 1,
      });
      citylake.drawing += 1;
      const done = await now.drawing.finally(() => { citylake.drawing -= 1; });
      if (drawn.get(place) !== now) return done.view.finalize();
      now.view = done.view;
      name();
      if (now.rows !== rows) await citylake.chart(place, spec, now.rows, { columns: now.columns, twin: now.beside, nothing });
    }
    place.dataset.rows = String(now.rows.length);
    return now.view;
  };
})();
