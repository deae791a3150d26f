// A Live tab around that hook.

import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { useTelemetry } from "./useTelemetry.js";

globalThis.frames_seen = [];

function Live({ deviceId }) {
  const { data, status } = useTelemetry(deviceId);
  const volts = data === null ? "" : data.battery.voltage.toFixed(1);
  return createElement("output", { id: "live" }, `${status} ${volts}`);
}

const root = createRoot(document.body.appendChild(document.createElement("div")));
root.render(createElement(Live, { deviceId: globalThis.DEVICE_ID }));
globalThis.unmount = () => root.unmount();
