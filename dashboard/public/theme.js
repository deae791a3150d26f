// Runs before the first paint, so that a chosen scheme does not flash. src/theme.ts takes over from here.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("ems-theme");
  } catch {
    // Storage may be forbidden: the system decides.
  }
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
