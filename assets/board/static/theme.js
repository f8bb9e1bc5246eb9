// Sets light or dark before the page is drawn. Everything else is in board.js.
"use strict";
try {
  const kept = localStorage.getItem("citylake-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
} catch { /* a browser that keeps nothing follows the system */ }
