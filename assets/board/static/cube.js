// Sums over the tables of a metric's page, as its contract says that rows go together. Nothing is drawn here.
"use strict";
(() => {
  const known = (values) => values.filter((v) => v !== null && v !== undefined);
  const sum = (values) => { const some = known(values); return some.length ? some.reduce((a, b) => a + b, 0) : null; };

  /** A quantile of sorted numbers, linear between them (Hyndman and Fan type 7), as DuckDB's quantile_cont. */
  const quantile = (sorted, q) => {
    const at = (sorted.length - 1) * q, low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };

  /** Least, greatest and middle of numbers; of a single one, its value. */
  const range = (values, median = true) => {
    const sorted = known(values).sort((a, b) => a - b);
    if (!sorted.length) return { value: null };
    const [low, high] = [sorted[0], sorted[sorted.length - 1]];
    return { value: low === high ? low : null, low, high, median: median ? quantile(sorted, 0.5) : null, count: sorted.length };
  };

  const computed = (formula, sums) => {
    if (typeof formula === "number") return formula;
    if (typeof formula === "string") return sums[formula];
    const [sign, first, second] = formula;
    const a = computed(first, sums), b = computed(second, sums);
    if (a === null || b === null || a === undefined || b === undefined) return null;
    const made = { "+": a + b, "-": a - b, "*": a * b, "/": b === 0 ? null : a / b, log10: a > 0 ? Math.log10(a) : null }[sign];
    return Number.isFinite(made) ? made : null;
  };

  /** Numbers and dates of one table of a page, `said` by assets/board/cube.py. */
  class Cube {
    constructor(said, measures) {
      Object.assign(this, said);
      this.measures = new Map(measures.map((m) => [m.name, m]));
      this.length = said.day.length;
      this.byName = new Map(said.dims.map((d) => [d.name, d]));
    }

    /** The cells of the filters' days and district, and of one value of each column in `chosen` ({column: place of the value}). */
    select({ from, to, district }, chosen = {}, monthly = false) {
      const cutoff = (day) => (monthly ? day.slice(0, 7) : day);
      const wanted = this.days.map((d) => (!from || cutoff(d) >= cutoff(from)) && (!to || cutoff(d) <= cutoff(to)));
      const picks = [];
      const place = this.byName.get("district");
      if (district && place) picks.push([place.at, place.values.indexOf(district)]);
      for (const [name, value] of Object.entries(chosen)) if (this.byName.has(name)) picks.push([this.byName.get(name).at, value]);
      const out = [];
      for (let i = 0; i < this.length; i++) if (wanted[this.day[i]] && picks.every(([at, value]) => at[i] === value)) out.push(i);
      return out;
    }

    /** Cells by what `of` says of each, in order of appearance. */
    group(cells, of) {
      const groups = new Map();
      for (const i of cells) {
        const key = of(i);
        if (groups.has(key)) groups.get(key).push(i);
        else groups.set(key, [i]);
      }
      return groups;
    }

    /** Which time a cell is of: its day, and of tables by time of day its slot. */
    time(i) { return this.at ? this.day[i] * 10000 + this.at[i] : this.day[i]; }

    column(name) { return this.values[name] || []; }

    rows(cells) { return cells.reduce((n, i) => n + this.values.rows[i], 0); }

    /** Withheld rows; of a measure, also told rows that withhold it. */
    withheld(cells, name) {
      const held = this.column(`held:${name}`);
      return cells.reduce((n, i) => n + this.values.withheld[i] + (held[i] || 0), 0);
    }

    /** What a measure is over cells: {value} or {low, high, median}; `withheld` where all that could tell it is, `held` the rows that withhold it. */
    measure(name, cells) {
      const m = this.measures.get(name);
      const out = this[`_${m.how}`](m, cells);
      const nothing = out.value === null && out.low === undefined;
      const held = this.withheld(cells, name);
      return { ...out, held, withheld: nothing && held > 0 };
    }

    _sum(m, cells) { const column = this.column(m.name); return { value: sum(cells.map((i) => column[i])) }; }

    _at_once(m, cells) {
      const column = this.column(m.name);
      const totals = [...this.group(cells, (i) => this.time(i)).values()].map((g) => sum(g.map((i) => column[i])));
      return range(totals);
    }

    _ratio(m, cells) {
      const name = (p) => (this.values[`${p}|${m.name}`] ? `${p}|${m.name}` : p);
      const columns = m.parts.map((p) => this.column(name(p)));
      const whole = cells.filter((i) => columns.every((c) => c[i] !== null));
      const sums = Object.fromEntries(m.parts.map((p, n) => [p, sum(whole.map((i) => columns[n][i]))]));
      return { value: whole.length ? computed(m.formula, sums) : null };
    }

    _rows(m, cells) {
      if (this.exact) { const column = this.column(m.name); return range(cells.map((i) => column[i])); }
      const low = range(cells.map((i) => this.column(`lo:${m.name}`)[i])), high = range(cells.map((i) => this.column(`hi:${m.name}`)[i]));
      if (low.low === undefined) return { value: null };
      return { value: low.low === high.high ? low.low : null, low: low.low, high: high.high, median: null };
    }
  }

  citylake.Cube = Cube;
  citylake.quantile = quantile;
  /** What stands for a measure in a chart: its value, else the middle of its range. */
  citylake.middle = (m) => m.value ?? m.median ?? null;
})();
