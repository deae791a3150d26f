import type { Secret } from "../../api/admin";
import { Copyable, OnceDialog } from "../shared/OnceDialog";

/** A device's token, once, and what to do with it. */
export function SecretDialog({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const { deviceId, token, lines, command } = secret;
  const plain = lines.includes("ws://");
  return (
    <OnceDialog title={`Connect ${deviceId}`} promise="The token is where it belongs" onClose={onClose}>
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
    </OnceDialog>
  );
}
