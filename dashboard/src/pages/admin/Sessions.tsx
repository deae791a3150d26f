import { useCallback } from "react";
import { endSession, fetchSessions, type OpenSession } from "../../api/admin";
import { Notice } from "../../components/Notice";
import { Stamp } from "../shared/Stamp";
import { ShortText } from "../shared/UserText";
import { useConfirmed } from "../shared/useConfirmed";
import { useRemote } from "../shared/useRemote";

/** Who is logged in. */
export function Sessions() {
  const load = useCallback((signal: AbortSignal) => fetchSessions(signal), []);
  const { data, failure, reload } = useRemote(load);
  const ending = useConfirmed(
    async ({ id }: OpenSession) => {
      await endSession(id);
      reload();
    },
    ({ username }) => ({
      title: "End this session?",
      action: "End it",
      children: (
        <p>
          <ShortText>{username}</ShortText> is logged out there within seconds. If it is yours, so are you.
        </p>
      ),
    }),
  );
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
                  <button type="button" className="button" onClick={() => ending.ask(session)}>
                    End<span className="visually-hidden"> the session of {session.username.slice(0, 64)}</span>
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {ending.dialog}
    </section>
  );
}
