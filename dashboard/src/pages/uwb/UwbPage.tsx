import { useState } from "react";
import { Notice } from "../../components/Notice";
import { age, decimal } from "../../format";
import { useDoor } from "../../telemetry";
import { useTitle } from "../../title";
import { useTick } from "../../useTick";
import { ShortText } from "../shared/UserText";
import { Plan } from "./Plan";
import { OLD_MS, type Track } from "./tracks";
import { useTracks } from "./useTracks";
import "../shared/shared.css";
import "./uwb.css";

/** Where the UWB tags are, on a plan in metres. */
export default function UwbPage() {
  useTitle("UWB map");
  useTick(1_000);
  const door = useDoor();
  const { tracks, failure } = useTracks();
  const [selected, setSelected] = useState<string | null>(null);
  const nowMs = door.clock.now();
  const sorted = [...(tracks?.values() ?? [])].toSorted((a, b) => a.tag.localeCompare(b.tag, undefined, { numeric: true }));
  return (
    <>
      <div className="page-head">
        <h1>UWB map</h1>
        <p className="page-note">{tracks === null ? "" : `${sorted.length} ${sorted.length === 1 ? "tag" : "tags"}`}</p>
      </div>
      {failure !== null && <Notice tone="bad" title={failure} />}
      {tracks !== null && sorted.length === 0 && (
        <div className="card nothing">
          No UWB tag was heard of yet. A device reports them with <code>uwb.location</code>, or with{" "}
          <code>UWB_SERIAL</code> in its configuration.
        </div>
      )}
      {sorted.length > 0 && (
        <div className="uwb">
          <Plan tracks={sorted} nowMs={nowMs} selected={selected} onSelect={setSelected} />
          <section className="card panel uwb-list" aria-label="Tags">
            <ul data-testid="uwb-tags">
              {sorted.map((track) => (
                <TagEntry
                  key={track.tag}
                  track={track}
                  nowMs={nowMs}
                  selected={track.tag === selected}
                  onSelect={() => setSelected(track.tag === selected ? null : track.tag)}
                />
              ))}
            </ul>
          </section>
        </div>
      )}
    </>
  );
}

interface TagEntryProps {
  track: Track;
  nowMs: number;
  selected: boolean;
  onSelect: () => void;
}

function TagEntry({ track: { tag, last }, nowMs, selected, onSelect }: TagEntryProps) {
  const old = nowMs - last.timeMs > OLD_MS;
  return (
    <li>
      <button
        type="button"
        className={`tag-entry ${old ? "is-old" : ""}`}
        aria-pressed={selected}
        data-testid="uwb-tag"
        data-tag={tag}
        data-x={last.x}
        data-y={last.y}
        onClick={onSelect}
      >
        <span className="tag-name">
          <ShortText limit={40}>{tag}</ShortText>
        </span>
        <span className="tag-age">{age(Math.max(0, nowMs - last.timeMs))} ago</span>
        <span className="tag-place">
          {decimal(last.x, 2)}, {decimal(last.y, 2)}, {decimal(last.z, 2)} m
          {last.accuracy !== null && ` ± ${decimal(last.accuracy, 2)} m`}
        </span>
      </button>
    </li>
  );
}
