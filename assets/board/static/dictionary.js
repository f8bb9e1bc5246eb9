// Search over the columns of every dataset: all words must be in a column's name, meaning, unit, formula or dataset.
"use strict";
(() => {
  const MOST = 200;
  const words = document.getElementById("dictionary-words");
  const found = document.getElementById("dictionary-found");
  const place = document.getElementById("dictionary-columns");
  const columns = citylake.data.columns.map((c) => ({ ...c, said: [c.column, c.dataset, c.kind, c.unit, c.doc, c.formula].join(" ").toLowerCase() }));

  const search = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = asked.length ? columns.filter((c) => asked.every((w) => c.said.includes(w))) : [];
    found.textContent = asked.length ? `${hits.length} column${hits.length === 1 ? "" : "s"}` : "";
    if (!hits.length) return place.replaceChildren();
    return citylake.table(place, [
      { name: "column", label: "Column", href: "href" }, { name: "dataset", label: "Dataset" }, { name: "kind", label: "Among" },
      { name: "unit", label: "Unit" }, { name: "doc", label: "Meaning" }, { name: "formula", label: "Formula" },
    ], hits, { most: MOST, caption: "Columns found" });
  };
  document.getElementById("dictionary-search").addEventListener("submit", (event) => event.preventDefault());
  words.addEventListener("input", search);
  search();
})();
