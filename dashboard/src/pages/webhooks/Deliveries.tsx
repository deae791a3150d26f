import { useCallback, useEffect } from "react";
import { fetchDeliveries } from "../../api/webhooks";
import { Stamp } from "../shared/Stamp";
import { ShortText, UserText } from "../shared/UserText";
import { useRemote } from "../shared/useRemote";
import "./webhooks.css";

const LOOK_MS = 3_000;

/** What a webhook was told lately, and whether it took it. */
export function Deliveries({ id }: { id: number }) {
  const load = useCallback((signal: AbortSignal) => fetchDeliveries(id, signal), [id]);
  const { data, failure, reload } = useRemote(load);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <div className="deliveries">
      {failure !== null && <p className="form-failure">{failure}</p>}
      {data !== null && data.length === 0 && <p className="muted small">Nothing was delivered yet.</p>}
      {data !== null && data.length > 0 && (
        <table className="table">
          <thead>
            <tr>
              <th>When</th>
              <th>What</th>
              <th>State</th>
              <th>Attempts</th>
              <th>Answer</th>
              <th>Next</th>
            </tr>
          </thead>
          <tbody data-testid="deliveries">
            {data.slice(0, 50).map((delivery) => (
              <tr key={delivery.id} data-testid="delivery" data-state={delivery.state}>
                <td data-label="When">{delivery.createdMs === null ? "" : <Stamp ms={delivery.createdMs} />}</td>
                <td data-label="What">
                  <ShortText>{delivery.event}</ShortText>
                </td>
                <td data-label="State">{delivery.state}</td>
                <td data-label="Attempts">{delivery.attempts}</td>
                <td data-label="Answer">
                  {delivery.httpStatus === null ? "" : `HTTP ${delivery.httpStatus} `}
                  {delivery.error !== null && <UserText limit={120}>{delivery.error}</UserText>}
                </td>
                <td data-label="Next">{delivery.nextMs === null ? "" : <Stamp ms={delivery.nextMs} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
