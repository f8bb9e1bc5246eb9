// What is chosen: day range and district, kept in the address's hash and carried along links. What is done with it is the page's.
"use strict";
(() => {
  const NAMES = ["from", "to", "district", "domain"];
  const DAY = /^\d{4}-\d\d-\d\d$/;
  const form = document.getElementById("filters");
  const field = (name) => form && form.elements.namedItem(name);
  const heard = [];
  const { first, last, districts = [] } = citylake.site;

  const read = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    const day = (name, otherwise) => (DAY.test(said.get(name) || "") ? said.get(name) : otherwise || null);
    const district = said.get("district");
    return {
      from: day("from", first),
      to: day("to", last),
      district: districts.includes(district) ? district : null,
      domain: said.get("domain") || null,
    };
  };

  const hash = () => {
    const said = new URLSearchParams();
    const { from, to, district, domain } = citylake.filters;
    if (from && from !== first) said.set("from", from);
    if (to && to !== last) said.set("to", to);
    if (district) said.set("district", district);
    if (domain) said.set("domain", domain);
    return said.toString();
  };

  /** Links to other pages of the board carry the choice along. */
  citylake.carry = (root = document) => {
    const said = hash();
    for (const link of root.querySelectorAll("a[href]:not([data-plain])")) {
      const [plain, place = ""] = link.getAttribute("href").split("#");
      if (place && !place.includes("=")) continue; // it leads to a place in the page
      if (/^[A-Za-z0-9_./-]+\.html$/.test(plain) && !/^(?:[a-z]+:|\/)/i.test(plain)) link.setAttribute("href", said ? `${plain}#${said}` : plain);
    }
  };

  const tell = () => {
    for (const name of NAMES) {
      const control = field(name);
      if (control) control.value = citylake.filters[name] || "";
    }
    const { from, to, district } = citylake.filters;
    const out = document.getElementById("filter-said");
    const parts = [field("from") && from ? `${from} to ${to}` : "", field("district") ? district || "all districts" : ""];
    if (out) out.textContent = parts.filter(Boolean).join(", ");
    for (const fn of heard) fn(citylake.filters);
    citylake.carry();
  };

  /** Change some of the filters; every function given to onFilter is called. */
  citylake.choose = (change) => {
    citylake.filters = { ...citylake.filters, ...change };
    const { from, to } = citylake.filters;
    if (from && to && from > to) Object.assign(citylake.filters, { from: to, to: from });
    const said = hash();
    history.replaceState(null, "", said ? `#${said}` : location.pathname + location.search);
    tell();
  };

  /** Calls fn with the filters now, and whenever they change. */
  citylake.onFilter = (fn) => {
    heard.push(fn);
    fn(citylake.filters);
    citylake.carry();
  };

  const select = field("district");
  if (select) for (const name of districts) select.append(citylake.element("option", name, { value: name }));
  citylake.filters = read();
  if (form) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", (event) => {
      const { name, value } = event.target;
      if (!NAMES.includes(name)) return;
      const ends = { from: first, to: last };
      citylake.choose({ [name]: value || ends[name] || null });
    });
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      citylake.choose({ from: first || null, to: last || null, district: null, domain: null });
    });
  }
  window.addEventListener("hashchange", () => {
    if (location.hash && !location.hash.includes("=")) return; // a place in this page
    citylake.filters = read();
    tell();
  });
  tell();
})();
