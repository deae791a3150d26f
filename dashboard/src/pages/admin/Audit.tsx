import { useCallback, useMemo, useState, type FormEvent } from "react";
import { fetchAudit, toAudit, type AuditEntry, type AuditFilter } from "../../api/admin";
import { Notice } from "../../components/Notice";
import { navigate, useLocation } from "../../router";
import { useRoom } from "../../telemetry";
import { Stamp } from "../shared/Stamp";
import { ShortText, UserText } from "../shared/UserText";
import { useRemote } from "../shared/useRemote";
import { withFirst } from "../shared/withFirst";

const PAGE = 100;
const MAX = 1_000;
const NAMES = ["who", "action", "subject", "from", "to"] as const;

/** Who did what, and who was not let; the filter is in the address. */
export function Audit() {
  const { pathname, query } = useLocation();
  const text = query.toString();
  const filter = useMemo(() => toFilter(new URLSearchParams(text)), [text]);
  // On a phone the entries matter more.
  const [open] = useState(() => innerWidth > 720);
  const [limit, setLimit] = useState(PAGE);
  const load = useCallback((signal: AbortSignal) => fetchAudit(filter, limit, signal), [filter, limit]);
  const { data, failure, update } = useRemote(load);
  useRoom("audit", ({ payload }) => {
    const entry = toAudit(payload);
    if (entry !== null && passes(entry, filter)) update((entries) => withFirst(entries, entry, MAX));
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const chosen = new URLSearchParams();
    for (const name of NAMES) {
      const value = String(form.get(name)).trim();
      if (value !== "") chosen.set(name, value);
    }
    setLimit(PAGE);
    navigate(`${pathname}?${chosen.toString()}`, { replace: true });
  };
  return (
    <section className="card panel" aria-label="Audit">
      <details className="audit-filter" open={open || text !== ""}>
        <summary>Filter</summary>
        <form key={text} className="form-row" onSubmit={submit} aria-label="Filter" data-testid="audit-filter">
          <Filter name="who" title="Who" value={filter.who} />
          <Filter name="action" title="What" value={filter.action} placeholder="refused" />
          <Filter name="subject" title="Of what" value={filter.subject} placeholder="ems_001" />
          <Filter name="from" title="From" value={filter.from} type="datetime-local" />
          <Filter name="to" title="To" value={filter.to} type="datetime-local" />
          <button type="submit" className="button button-main">
            Filter
          </button>
          {text !== "" && (
            <button type="button" className="button" onClick={() => navigate(pathname, { replace: true })}>
              All
            </button>
          )}
        </form>
      </details>
      {failure !== null && <Notice tone="bad" title={failure} />}
      {data !== null && data.length === 0 && <p className="nothing">No entry.</p>}
      {data !== null && data.length > 0 && (
        <table className="table audit-table">
          <thead>
            <tr>
              <th>When</th>
              <th>Who</th>
              <th>What</th>
              <th>Of what</th>
              <th>Details</th>
            </tr>
          </thead>
          <tbody data-testid="audit">
            {data.map((entry, i) => (
              <Entry key={`${entry.atMs} ${i}`} entry={entry} />
            ))}
          </tbody>
        </table>
      )}
      {data !== null && data.length >= limit && limit < MAX && (
        <button type="button" className="button" onClick={() => setLimit((n) => Math.min(MAX, n + 200))}>
          Older ones
        </button>
      )}
    </section>
  );
}

interface FilterProps {
  name: string;
  title: string;
  value: string;
  type?: string;
  placeholder?: string;
}

function Filter({ name, title, value, type = "text", placeholder }: FilterProps) {
  return (
    <label className="labelled labelled-grow">
      <span className="labelled-title">{title}</span>
      <input
        className="input"
        name={name}
        type={type}
        defaultValue={value}
        placeholder={placeholder}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
      />
    </label>
  );
}

function Entry({ entry: { atMs, who, action, subject, details } }: { entry: AuditEntry }) {
  const more = Object.keys(details).length > 0 ? JSON.stringify(details) : "";
  return (
    <tr data-testid="audit-entry" data-action={action}>
      <td data-label="When">
        <Stamp ms={atMs} />
      </td>
      <td data-label="Who">
        <ShortText>{who}</ShortText>
      </td>
      <td data-label="What" className={action === "refused" ? "is-refused" : ""}>
        <ShortText>{action}</ShortText>
      </td>
      <td data-label="Of what">
        <ShortText>{subject}</ShortText>
      </td>
      <td data-label="Details" className={more === "" ? "is-empty" : "muted small"}>
        <span>
          <UserText limit={120}>{more}</UserText>
        </span>
      </td>
    </tr>
  );
}

function toFilter(query: URLSearchParams): AuditFilter {
  const value = (name: string) => query.get(name) ?? "";
  return { who: value("who"), action: value("action"), subject: value("subject"), from: value("from"), to: value("to") };
}

/** As the server filters, for what it tells of its own accord. */
function passes(entry: AuditEntry, { who, action, subject, from, to }: AuditFilter): boolean {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const inSpan = !(entry.atMs < fromMs) && !(entry.atMs > toMs);
  return equals(who, entry.who) && equals(action, entry.action) && equals(subject, entry.subject) && inSpan;
}

function equals(wanted: string, value: string): boolean {
  return wanted === "" || wanted === value;
}
