// The page of data quality: sums the books, refusals, verdicts and coverage of the chosen days. How charts and tables look is the board's.
"use strict";
(() => {
  const data = citylake.data;
  const BOOKS = ["kept", "rejected", "repeated", "superseded"];
  const form = document.getElementById("q-choice");
  const gateForm = document.getElementById("q-gate-choice");
  const say = (id, text, bad) => {
    const place = document.getElementById(id);
    place.textContent = text;
    place.classList.toggle("bad", Boolean(bad));
  };

  const gates = citylake.unpacked(data.gates), coverage = citylake.unpacked(data.coverage), health = citylake.unpacked(data.health), ailing = citylake.unpacked(data.ailing);

  /** Rows with the same values of `by`, their `sums` added up. */
  const summed = (rows, by, sums) => {
    const out = new Map();
    for (const row of rows) {
      const key = by.map((n) => row[n]).join("\u0000");
      const one = out.get(key) || Object.fromEntries([...by.map((n) => [n, row[n]]), ...sums.map((n) => [n, 0])]);
      for (const n of sums) one[n] += row[n] || 0;
      out.set(key, one);
    }
    return [...out.values()];
  };
  const total = (rows, name) => rows.reduce((sum, r) => sum + r[name], 0);
  const off = (row) => (row.off_by ? `off by ${citylake.number(row.off_by)}` : "0");

  const show = () => {
    const { district } = citylake.filters;
    // the board's days are those of metrics; who chose no others is shown what lies outside of them, too
    const from = citylake.filters.from === citylake.site.first ? null : citylake.filters.from;
    const to = citylake.filters.to === citylake.site.last ? null : citylake.filters.to;
    const within = (r) => r.event_date !== null && (!from || r.event_date >= from) && (!to || r.event_date <= to);
    // a month stands under its first day: it counts when any of its days is chosen
    const touched = (r) => (r.period === "month" ? (!from || r.event_date.slice(0, 7) >= from.slice(0, 7)) && (!to || r.event_date <= to) : within(r));
    const here = (r) => !district || r.district === district;
    const feed = form ? form.elements.namedItem("feed").value : "";
    const stage = form ? form.elements.namedItem("stage").value : "land";
    const ofFeed = (r) => !feed || r.feed === feed;

    const books = data.balance.filter((r) => within(r) && ofFeed(r));
    const refused = data.refused.filter((r) => within(r) && ofFeed(r));
    say("q-taken", citylake.number(total(books.filter((r) => r.stage === "land"), "taken")));
    say("q-refused", citylake.number(total(refused, "rows")));
    say("q-off", citylake.number(total(books, "off_by")), total(books, "off_by"));
    const critical = gates.filter((r) => within(r) && r.verdict === "critical").length;
    say("q-critical", citylake.number(critical), critical);

    if (form) {
      const days = summed(books.filter((r) => r.stage === stage), ["event_date"], BOOKS).sort((a, b) => (a.event_date < b.event_date ? -1 : 1));
      citylake.chart("q-books", data.specs.books, days.flatMap((d) => BOOKS.map((became, place) => ({ event_date: d.event_date, became, n: d[became], place }))),
        { columns: ["event_date", "became", { name: "n", label: "rows" }] });
      const red = { mark: (r) => (r.off_by_n ? "bad" : null) };
      const shown = (r) => ({ ...r, off_by_n: r.off_by, off_by: off(r) });
      const counts = ["taken", ...BOOKS, "late", "filtered", "off_by"];
      citylake.table("q-balance", ["feed", "stage", ...counts.slice(0, -1), { name: "off_by", label: "unaccounted for", ...red }],
        summed(books, ["feed", "stage"], counts).map(shown), { caption: "The books of the chosen days, in rows" });
      const bad = books.filter((r) => r.off_by);
      document.getElementById("q-off-panel").hidden = !bad.length;
      if (bad.length) citylake.table("q-off-days", ["event_date", "feed", "stage", ...counts.slice(0, -1), { name: "off_by", label: "unaccounted for", ...red }], bad.map(shown));
      const undated = data.balance.filter((r) => r.event_date === null && ofFeed(r));
      const lost = total(undated, "off_by");
      say("q-undated", undated.length ? `Besides, ${citylake.number(total(undated, "rejected"))} refused rows told no day${lost ? `, and ${citylake.number(lost)} of them are unaccounted for` : ""}.` : "", lost);
    }
    if (data.refused.length) {
      citylake.chart("q-refused-chart", data.specs.refused, summed(refused, ["code", "meaning", "feed"], ["rows"]).map((r) => ({ ...r, n: r.rows })),
        { columns: ["code", "meaning", "feed", { name: "n", label: "rows" }] });
      citylake.table("q-refused-table", ["feed", "stage", "code", { name: "column_name", label: "column or rule" }, "rows"],
        summed(refused, ["feed", "stage", "code", "column_name"], ["rows"]).sort((a, b) => b.rows - a.rows), { caption: "Refused rows by feed, reason and column" });
      citylake.table("q-examples", ["feed", "code", { name: "column_name", label: "column or rule" }, "expected", "found", { name: "event_date", label: "day" }, "source", "position"],
        data.examples.filter((r) => ofFeed(r) && (r.event_date === null || within(r))), { caption: "Examples of refused rows", most: 200 });
    }
    if (gateForm) {
      const layer = gateForm.elements.namedItem("layer").value;
      citylake.chart("q-gates", data.specs.gates, gates.filter((r) => within(r) && (!layer || r.layer === layer)), { columns: ["table_name", "event_date", "verdict"] });
    }
    if (coverage.length) {
      const covered = summed(coverage.filter((r) => touched(r) && here(r)), ["metric", "event_date"], ["covered", "n", "withheld"]);
      citylake.chart("q-coverage", data.specs.coverage, covered.map((r) => ({ ...r, coverage: r.n ? r.covered / r.n : null })),
        { columns: ["metric", "event_date", { name: "coverage", unit: "share" }, { name: "n", label: "rows" }, { name: "withheld", label: "rows withheld" }] });
    }
    if (health.length) {
      const place = (v) => (v === "good" ? 0 : 1);
      citylake.chart("q-health", data.specs.health, summed(health.filter((r) => within(r) && here(r)), ["feed", "verdict"], ["n"]).map((r) => ({ ...r, place: place(r.verdict) })),
        { columns: ["feed", "verdict", { name: "n", label: "devices x days" }] });
      const ill = new Map();
      for (const r of ailing) {
        if (!within(r) || !here(r)) continue;
        const key = `${r.feed}\u0000${r.device}`;
        const one = ill.get(key) || { feed: r.feed, device: r.device, district: r.district, days: 0, last: r.event_date, verdict: r.verdict };
        one.days += 1;
        if (r.event_date > one.last) Object.assign(one, { last: r.event_date, verdict: r.verdict });
        ill.set(key, one);
      }
      citylake.table("q-ailing", ["feed", "device", "district", { name: "verdict", label: "last verdict" }, { name: "last", label: "on" }, "days"],
        [...ill.values()].sort((a, b) => b.days - a.days || (a.device < b.device ? -1 : 1)), { caption: "Devices that were not good", most: 200 });
    }
    if (data.restated.length) {
      citylake.table("q-restated", [{ name: "recorded", label: "stated" }, "feed", { name: "event_date", label: "day" }, "cause", "kept", { name: "more", label: "more than before" }, "late"],
        data.restated.filter((r) => within(r) && ofFeed(r)), { caption: "Days stated again, the latest first" });
    }
  };

  citylake.table("q-tables", ["layer", { name: "table_name", label: "table" }, "rows", "days", { name: "first_date", label: "first day" }, { name: "last_date", label: "last day" },
    { name: "newest_event", label: "newest event" }, { name: "age_h", label: "age", unit: "h" }, { name: "landed", label: "landed" }, { name: "written", label: "written" }],
  data.tables, { caption: "Tables by freshness; local times" });
  for (const one of [form, gateForm]) {
    if (!one) continue;
    one.addEventListener("submit", (event) => event.preventDefault());
    one.addEventListener("change", show);
  }
  citylake.onFilter(show);
})();
