import { useState } from "react";
import type { Secret } from "../../api/admin";
import { CopyButton } from "../shared/CopyButton";
import { Dialog } from "../shared/Dialog";

/** A device's token, once, and what to do with it. It closes only when it was said that the token is kept. */
export function SecretDialog({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const [kept, setKept] = useState(false);
  const { deviceId, token, lines, command } = secret;
  const plain = lines.includes("ws://");
  return (
    <Dialog title={`Connect ${deviceId}`} onClose={onClose} insistent={!kept}>
      <div className="dialog-body" data-testid="secret">
        <p>
          This is the only time that the token is shown. The server keeps no copy of it; a lost one is replaced, not
          found again.
        </p>
        <Copyable title="Token" text={token} testId="secret-token" />
        <Copyable
          title="On the device: this command asks for the token and the sensor, tests them and starts the service"
          text={command}
          testId="secret-command"
        />
        <Copyable
          title="Or these lines in /etc/ems-edge/config.env, then sudo systemctl restart ems-edge"
          text={lines}
          testId="secret-lines"
        />
        <p className="hint">
          {plain
            ? "You opened this page without TLS. A device takes ws:// for its own machine only: elsewhere, write wss:// and the server's address with TLS."
            : "If the server made its own certificate, copy ca.pem from its data folder to the device and add CA_FILE=/etc/ems-edge/ca.pem."}
        </p>
        <label className="check">
          <input type="checkbox" checked={kept} data-testid="secret-kept" onChange={(event) => setKept(event.target.checked)} />
          The token is where it belongs
        </label>
      </div>
      <div className="dialog-buttons">
        <button type="button" className="button button-main" data-testid="secret-close" disabled={!kept} onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

export function Copyable({ title, text, testId }: { title: string; text: string; testId?: string }) {
  return (
    <div>
      <div className="code-head">
        <p className="labelled-title">{title}</p>
        <CopyButton text={text} />
      </div>
      <pre className="code-block" data-testid={testId}>
        {text}
      </pre>
    </div>
  );
}
