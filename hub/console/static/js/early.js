// Runs before the first paint: the remembered theme and language, so that nothing flashes.
(() => {
  const root = document.documentElement;
  const theme = localStorage.getItem("tocsin.theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  const chosen = localStorage.getItem("tocsin.language");
  const language = chosen || (navigator.language || "en").slice(0, 2);
  root.lang = language === "fr" ? "fr" : "en";
})();
