import { useSyncExternalStore } from "react";

/** What the user chose; `system` follows the computer. */
export type ThemeChoice = "system" | "light" | "dark";

/** The scheme that is shown. */
export type Theme = "light" | "dark";

/** Also in public/theme.js. */
const KEY = "ems-theme";
const listeners = new Set<() => void>();
let choice: ThemeChoice = stored();

export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(subscribe, () => choice);
}

/** The scheme that is shown now. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, shown);
}

export function chooseTheme(chosen: ThemeChoice): void {
  choice = chosen;
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  apply();
}

/** Follows the computer, and the other tabs. Called once, at the start. */
export function followTheme(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    choice = stored();
    apply();
  });
  apply();
}

function apply(): void {
  const system: Theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = choice === "system" ? system : choice;
  for (const listener of listeners) listener();
}

function shown(): Theme {
  return document.documentElement.dataset["theme"] === "dark" ? "dark" : "light";
}

function stored(): ThemeChoice {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
