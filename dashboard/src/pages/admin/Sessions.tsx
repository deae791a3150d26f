import { useCallback, useState } from "react";
import { endSession, fetchSessions, type OpenSession } from "../../api/admin";
import { Notice } from "../../components/Notice";
import { Confirm } from "../shared/Dialog";
import { Stamp } from "../shared/Stamp";
import { ShortText } from "../shared/UserText";
import { useAction, useRemote } from "../shared/useRemote";

/** Who is logged in. */
export function Sessions() {
  const load = useCallback((signal: AbortSignal) => fetchSessions(signal), []);
  const { data, failure, reload } = useRemote(load);
  const [ending, setEnding] = useState<OpenSession | null>(null);
  const end = useAction(async (id: string) => {
    await endSession(id);
    setEnding(null);
    reload();
  });
  return (
    <section className="card panel" aria-label="Sessions">
      <header className="panel-head">
        <h2 className="panel-title">Who is logged in</h2>
        <button type="button" className="button button-compact" onClick={reload}>
          Look again
        </button>
      </header>
      {failure !== null && <Notice tone="bad" title={failure} />}
      <table className="table">
        <thead>
          <tr>
            <th>User</th>
            <th>Since</th>
            <th>Ends without use</th>
            <th>
              <span className="visually-hidden">End</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {data?.map((session) => (
            <tr key={session.id} data-testid="session">
              <td className="cell-main">
                <strong>
                  <ShortText>{session.username}</ShortText>
                </strong>
              </td>
              <td data-label="Since">{session.createdMs === null ? "" : <Stamp ms={session.createdMs} />}</td>
              <td data-label="Ends without use">{session.expiresMs === null ? "" : <Stamp ms={session.expiresMs} />}</td>
              <td>
                <div className="row-buttons">
                  <button type="button" className="button" onClick={() => setEnding(session)}>
                    End<span className="visually-hidden"> the session of {session.username.slice(0, 64)}</span>
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {ending !== null && (
        <Confirm
          title="End this session?"
          action="End it"
          busy={end.busy}
          failure={end.failure}
          onCancel={() => setEnding(null)}
          onConfirm={() => void end.run(ending.id)}
        >
          <p>
            <ShortText>{ending.username}</ShortText> is logged out there within seconds. If it is yours, so are you.
          </p>
        </Confirm>
      )}
    </section>
  );
}
