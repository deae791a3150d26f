import { useCallback, useId, useState } from "react";
import { fetchRegistry } from "../../api/admin";
import { useRemote } from "../shared/useRemote";

interface CompareProps {
  deviceId: string;
  compare: string | null;
  onCompare: (deviceId: string | null) => void;
}

/** Chooses a second device to see beside the first. */
export function Compare({ deviceId, compare, onCompare }: CompareProps) {
  const [choosing, setChoosing] = useState(false);
  if (compare !== null) {
    return (
      <button type="button" className="button button-small" onClick={() => onCompare(null)}>
        Without {compare} <span aria-hidden="true">×</span>
      </button>
    );
  }
  if (!choosing) {
    return (
      <button type="button" className="button button-small" data-testid="compare" onClick={() => setChoosing(true)}>
        Compare…
      </button>
    );
  }
  return (
    <Choice
      deviceId={deviceId}
      onChoice={(chosen) => {
        setChoosing(false);
        if (chosen !== null) onCompare(chosen);
      }}
    />
  );
}

function Choice({ deviceId, onChoice }: { deviceId: string; onChoice: (deviceId: string | null) => void }) {
  const load = useCallback((signal: AbortSignal) => fetchRegistry(signal), []);
  const devices = useRemote(load);
  const listId = useId();
  const others = devices.data?.filter((device) => device.deviceId !== deviceId) ?? [];
  const [failure, setFailure] = useState<string | null>(null);
  return (
    <form
      className="compare"
      onSubmit={(event) => {
        event.preventDefault();
        const chosen = String(new FormData(event.currentTarget).get("device")).trim();
        if (chosen === "") onChoice(null);
        else if (others.some((device) => device.deviceId === chosen)) onChoice(chosen);
        else setFailure(devices.data === null ? "The list of devices is not there yet." : `There is no other device ${chosen.slice(0, 70)}.`);
      }}
    >
      <input
        className="input"
        name="device"
        list={listId}
        placeholder="device"
        aria-label="Compare with device"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        onKeyDown={(event) => {
          if (event.key === "Escape") onChoice(null);
        }}
        // It appears because it was asked for.
        ref={focusOnce}
      />
      <datalist id={listId}>
        {others.map((device) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.name}
          </option>
        ))}
      </datalist>
      <button type="submit" className="button button-compact">
        Compare
      </button>
      <p className="form-failure" role="alert">
        {failure ?? devices.failure}
      </p>
    </form>
  );
}

/** A function of its own: one made at each rendering would be called at each, and take the focus from elsewhere. */
function focusOnce(input: HTMLInputElement | null): void {
  input?.focus();
}
