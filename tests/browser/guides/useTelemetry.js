// A hook as the EMS guide describes it, written by somebody who knows nothing but that guide: it opens the device's
// socket on the page's own server, takes every frame for telemetry, and closes the socket when it is unmounted.

import { useEffect, useRef, useState } from "react";

export function useTelemetry(deviceId) {
  const [data, setData] = useState(null);
  const [status, setStatus] = useState("CLOSED");
  const socket = useRef(null);

  useEffect(() => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const opened = new WebSocket(`${scheme}//${location.host}/ws/device/${deviceId}`);
    socket.current = opened;
    setStatus("CONNECTING");
    opened.onopen = () => setStatus("OPEN");
    opened.onclose = () => setStatus("CLOSED");
    opened.onmessage = ({ data: text }) => {
      globalThis.frames_seen.push(text);
      setData(JSON.parse(text));
    };
    return () => socket.current?.close();
  }, [deviceId]);

  return { data, status };
}
