import { Icon } from "../components/Icon";
import { FILTERS, SORTS, type FilterKey, type SortKey, type View } from "./view";

interface FleetControlsProps {
  view: View;
  counts: Record<FilterKey, number>;
  groups: readonly string[];
  onChange: (change: Partial<View>) => void;
}

/** Search, filter, group and (where there are no column heads) sort. */
export function FleetControls({ view, counts, groups, onChange }: FleetControlsProps) {
  return (
    <div role="search" className="fleet-controls">
      <label className="field field-search">
        <span className="visually-hidden">Search the devices</span>
        <Icon name="search" size={18} />
        <input
          type="search"
          placeholder="Search name, id, group, state"
          value={view.text}
          data-testid="fleet-search"
          onChange={(event) => onChange({ text: event.target.value })}
        />
      </label>
      <div className="chips" role="group" aria-label="Show">
        {(Object.keys(FILTERS) as FilterKey[]).map((filter) => (
          <button
            key={filter}
            type="button"
            className={`chip ${filter === "alarms" && counts.alarms > 0 ? "chip-bad" : ""}`}
            aria-pressed={view.filter === filter}
            data-testid={`filter-${filter}`}
            onClick={() => onChange({ filter })}
          >
            {FILTERS[filter]} <span className="chip-count">{counts[filter]}</span>
          </button>
        ))}
      </div>
      {groups.length > 0 && (
        <label className="field">
          <span className="visually-hidden">Group</span>
          <select
            value={view.group ?? ""}
            data-testid="fleet-group"
            onChange={(event) => onChange({ group: event.target.value === "" ? null : event.target.value })}
          >
            <option value="">All groups</option>
            {groups.map((group) => (
              <option key={group} value={group}>
                {group}
              </option>
            ))}
          </select>
        </label>
      )}
      <label className="field field-sort">
        <span className="visually-hidden">Sort by</span>
        <select
          value={view.sort}
          onChange={(event) => onChange({ sort: event.target.value as SortKey, descending: false })}
        >
          {(Object.keys(SORTS) as SortKey[]).map((sort) => (
            <option key={sort} value={sort}>
              {SORTS[sort]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
