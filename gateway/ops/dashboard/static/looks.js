// Light or dark: as the system says, until the reader says otherwise.

const KEPT = "ota-gateway.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  return localStorage.getItem(KEPT) ?? (system.matches ? "dark" : "light");
}

export function dress() {
  const kept = localStorage.getItem(KEPT);
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
}

export function turn() {
  localStorage.setItem(KEPT, theme() === "dark" ? "light" : "dark");
  dress();
}

export function whenSystemTurns(listener) {
  system.addEventListener("change", listener);
}
