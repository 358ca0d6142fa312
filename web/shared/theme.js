// Sets the colours before anything is painted. The choice is this browser's own; without one the system's counts.
(() => {
  try {
    const theme = localStorage.getItem("tollgate-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's colours are good too.
  }
})();
