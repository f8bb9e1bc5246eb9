// The page's frame: menu, theme, numbers and tables. Filters are in filters.js, charts in charts.js.
"use strict";
// eslint-disable-next-line no-var
var citylake = { data: {}, site: {} };

(() => {
  const WORDS = { share: "%", "1": "" };

  /** A number as a person reads it, with its unit; shares as percent, nothing as a dash. */
  citylake.number = (value, unit) => {
    if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "–";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return String(value);
    const shown = unit === "share" ? value * 100 : value;
    const size = Math.abs(shown);
    const digits = Number.isInteger(shown) || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
    const text = shown.toLocaleString("en-GB", { maximumFractionDigits: digits });
    const word = unit in WORDS ? WORDS[unit] : unit;
    return word ? `${text}\u00a0${word}` : text;
  };

  /** An element with text and attributes; text from outside never becomes HTML. */
  citylake.element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
    return made;
  };

  /** Rows of columns, as assets.board.trust.as_columns writes them. */
  citylake.unpacked = (columns) => {
    const names = Object.keys(columns || {});
    const read = names.map((n) => (columns[n].texts ? columns[n].at.map((i) => (i === null ? null : columns[n].texts[i])) : columns[n].values));
    return (read[0] || []).map((_, row) => Object.fromEntries(names.map((n, i) => [n, read[i][row]])));
  };

  const columnsOf = (columns) => columns.map((c) => (typeof c === "string" ? { name: c } : c));
  const compared = (a, b) => (a === null || a === undefined ? 1 : b === null || b === undefined ? -1
    : typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));

  /**
   * Fills an element with a table that can be sorted by its headings.
   * columns: names, or {name, label, unit, href}; href names the field that holds a link, mark(row) gives a class. rows: objects.
   */
  citylake.table = (where, columns, rows, { most = 500, caption = "" } = {}) => {
    const place = typeof where === "string" ? document.getElementById(where) : where;
    const heads = columnsOf(columns);
    const table = citylake.element("table");
    if (caption) table.append(citylake.element("caption", caption));
    const head = table.createTHead().insertRow();
    const body = table.createTBody();
    const number = (c) => rows.some((r) => typeof r[c.name] === "number");
    const fill = (sorted) => body.replaceChildren(...sorted.slice(0, most).map((row) => {
      const line = citylake.element("tr");
      for (const c of heads) {
        const value = row[c.name];
        const cell = citylake.element("td", null, { class: [number(c) && "number", c.mark && c.mark(row)].filter(Boolean).join(" ") || null });
        const text = typeof value === "number" ? citylake.number(value, c.unit) : citylake.number(value);
        if (c.href && row[c.href]) cell.append(citylake.element("a", text, { href: row[c.href] }));
        else cell.textContent = text;
        line.append(cell);
      }
      return line;
    }));
    for (const c of heads) {
      const cell = citylake.element("th", null, { scope: "col", class: number(c) ? "number" : null });
      const button = citylake.element("button", c.label || c.name, { type: "button", class: "sort" });
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        const known = rows.filter((r) => r[c.name] !== null && r[c.name] !== undefined);
        const sorted = [...known].sort((a, b) => compared(a[c.name], b[c.name]));
        fill([...(down ? sorted.reverse() : sorted), ...rows.filter((r) => !known.includes(r))]);
      });
      cell.append(button);
      head.append(cell);
    }
    fill(rows);
    const scroll = citylake.element("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": caption || "Table" });
    scroll.append(table);
    const said = rows.length > most ? [citylake.element("p", `The first ${most} of ${rows.length} rows.`, { class: "note" })] : [];
    place.replaceChildren(scroll, ...said);
  };

  // theme: what the system says, or what was chosen
  const root = document.documentElement;
  const themes = ["system", "light", "dark"];
  const button = document.getElementById("theme-switch");
  const show = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  show(root.dataset.theme || "system");
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % themes.length];
    show(next);
    try { localStorage.setItem("citylake-theme", next); } catch { /* kept for this page alone */ }
  });

  const menu = document.getElementById("menu");
  const opener = document.getElementById("menu-switch");
  opener.addEventListener("click", () => {
    const open = menu.classList.toggle("open");
    opener.setAttribute("aria-expanded", String(open));
  });
})();
