import { useEffect } from "react";

// The title has two authors: the page says what it shows, the shell how many alarms wait.
let text = "EMS";
let waiting = 0;

/** The page's own part of the title, while the component is mounted. */
export function useTitle(title: string): void {
  useEffect(() => {
    text = `${title} – EMS`;
    write();
  }, [title]);
}

/** Alarms that nobody has acknowledged, in front of every title: "(2) Fleet – EMS". */
export function setTitleBadge(count: number): void {
  waiting = count;
  write();
}

function write(): void {
  document.title = waiting > 0 ? `(${waiting}) ${text}` : text;
}
