import type { Secret } from "../../api/admin";

/** What a technician puts on the device so that it connects. */
export interface Provisioning {
  /** Where the device connects to. */
  serverUrl: string;
  /** Lines of `config.env`; the token is among them. */
  lines: string;
  /** The command that asks for the rest; it asks for the token too, which so is in no history of a shell. */
  command: string;
}

/** For a page that came from `origin`: the device reaches the server where the browser does. */
export function provisioning({ deviceId, token }: Secret, origin: string): Provisioning {
  const { protocol, host } = new URL(origin);
  const serverUrl = `${protocol === "https:" ? "wss" : "ws"}://${host}`;
  return {
    serverUrl,
    lines: `DEVICE_ID=${deviceId}\nAPI_TOKEN='${token}'\nSERVER_URL=${serverUrl}\n`,
    command: `sudo ems-edge setup --set DEVICE_ID=${deviceId} --set SERVER_URL=${serverUrl}`,
  };
}
