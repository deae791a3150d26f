import { useEffect, useRef } from "react";
import { exportPath } from "../../api/history";
import { stepWords } from "./timeAxis";

interface ExportMenuProps {
  deviceId: string;
  bounds: { fromMs: number; toMs: number };
  /** One point of the curves, ms; `null` while there are none. */
  stepMs: number | null;
}

/** Downloads of the span: raw, or as the curves show it. */
export function ExportMenu({ deviceId, bounds: { fromMs, toMs }, stepMs }: ExportMenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => (menu.current === null ? undefined : dismissible(menu.current)), []);
  const links = (step?: string) =>
    (["csv", "ndjson"] as const).map((format) => (
      <a
        key={format}
        href={exportPath(deviceId, format, { fromMs, toMs, ...(step !== undefined && { step }) })}
        download
        data-testid={`export-${format}${step === undefined ? "" : "-step"}`}
      >
        {format.toUpperCase()}
      </a>
    ));
  return (
    <details ref={menu} className="export">
      <summary className="button button-small">Export</summary>
      <dl className="export-menu card">
        <dt>Every sample</dt>
        <dd>{links()}</dd>
        {stepMs !== null && (
          <>
            <dt>One row a {stepWords(stepMs)}</dt>
            <dd>{links(String(Math.round(stepMs / 1_000)))}</dd>
          </>
        )}
      </dl>
    </details>
  );
}

/** Closes the menu when the focus goes elsewhere, and with Escape, which gives the focus back. */
function dismissible(menu: HTMLDetailsElement): () => void {
  const listeners = new AbortController();
  const { signal } = listeners;
  menu.addEventListener("focusout", ({ relatedTarget }) => (menu.open &&= menu.contains(relatedTarget as Node | null)), { signal });
  menu.addEventListener(
    "keydown",
    ({ key }) => {
      if (key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary")?.focus();
    },
    { signal },
  );
  return () => listeners.abort();
}
