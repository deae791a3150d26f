import type { ReactNode } from "react";

/** A sentence the user has to read, with what can be done about it as children. */
export function Notice({ tone, title, children }: { tone: "warn" | "bad"; title: string; children?: ReactNode }) {
  return (
    <div className={`notice notice-${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <p className="notice-title">{title}</p>
      {children}
    </div>
  );
}
