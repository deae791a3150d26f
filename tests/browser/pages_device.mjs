// A device written in a few lines, for what a real daemon does not do by itself: an old backlog, UWB tags, texts that
// mean harm.

import assert from "node:assert/strict";
import WebSocket from "ws";

/** The most samples of one batch. */
const BATCH = 500;

/** Connects as a device that takes these actions; `close` ends it. */
export async function device({ url, id, token, actions = ["PING"] }) {
  const socket = await connected(url, id, token);
  const acknowledgements = [];
  const errors = [];
  socket.on("message", (data) => {
    const { type, payload } = JSON.parse(String(data));
    if (type === "telemetry.ack") acknowledgements.splice(0).forEach((resolve) => resolve());
    if (type === "error") errors.push(payload.message);
  });
  const send = (type, payload) => socket.send(JSON.stringify({ type, payload }));
  const acknowledged = () => new Promise((resolve) => acknowledgements.push(resolve));
  let seq = 0;
  const sample = (timeMs, battery) => ({
    device_id: id,
    timestamp: new Date(timeMs).toISOString(),
    boot_id: "browser-test",
    seq: (seq += 1),
    clock: "synced",
    battery,
  });
  send("device.hello", { boot_id: "browser-test", firmware_version: "0", actions, backlog: 0 });
  return {
    errors,
    send,
    live: (battery) => send("telemetry", sample(Date.now(), battery)),
    event: (severity, code, message, details = {}) =>
      send("device.event", { timestamp: new Date().toISOString(), severity, code, message, details }),
    tag: (name, x, y, accuracy) =>
      send("uwb.location", { device_id: name, location: { x, y, z: 1 }, accuracy, timestamp: new Date().toISOString() }),
    /** A sample a minute from `fromMs` to `toMs`, each as `battery` tells for its time; none where that is null. */
    async past(fromMs, toMs, battery) {
      const samples = [];
      for (let timeMs = fromMs; timeMs < toMs; timeMs += 60_000) {
        const values = battery(timeMs);
        if (values !== null) samples.push(sample(timeMs, values));
      }
      for (let i = 0; i < samples.length; i += BATCH) {
        const stored = acknowledged();
        send("telemetry.batch", { samples: samples.slice(i, i + BATCH) });
        await stored;
      }
      assert.deepEqual(errors, []);
    },
    close: () => socket.close(),
  };
}

/** A device that the command line has registered is known to a running server a moment later. */
async function connected(url, id, token) {
  const address = new URL(`/ws/device/${id}`, url);
  address.protocol = "ws:";
  for (let attempt = 1; ; attempt += 1) {
    const socket = new WebSocket(address, "ems.v1", { headers: { authorization: `Bearer ${token}` } });
    const error = await new Promise((resolve) => {
      socket.once("open", () => resolve(null));
      socket.once("error", resolve);
    });
    if (error === null) return socket;
    if (attempt === 20) throw error;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
