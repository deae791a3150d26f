// A stage for the page: the built dashboard, and a cloud that plays what the benchmark asks for, faster than any real
// one could. It speaks the contract of the HTTP interface and of the event door as far as the fleet and the Live view
// use it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { WebSocketServer } from "ws";

const POLICY =
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml" };

/** Starts the stage for a fleet of `count` devices on a free port of loopback. */
export async function stage({ dist, count = 1 }) {
  const fleet = new Fleet(count);
  const doors = new Set();
  const http = createServer((request, response) => void answer(request, response, { dist, fleet }));
  const sockets = new WebSocketServer({ server: http, handleProtocols: (offered) => (offered.has("ems.v1") ? "ems.v1" : false) });
  sockets.on("connection", (socket) => {
    const door = new Door(socket, fleet);
    doors.add(door);
    socket.on("close", () => doors.delete(door));
  });
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    fleet,
    doors,
    /** One more second of every device. */
    step() {
      fleet.step();
      for (const door of doors) door.tell();
    },
    async stop() {
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      await new Promise((closed) => http.close(closed));
    },
  };
}

/** Devices whose values follow the clock of the play, which may run faster than the world's. */
class Fleet {
  constructor(count) {
    this.seq = 0;
    this.nowMs = Date.now();
    this.ids = Array.from({ length: count }, (_, i) => `ems_${String(i + 1).padStart(4, "0")}`);
  }

  step() {
    this.seq += 1;
    this.nowMs += 1_000;
  }

  sample(i, seq = this.seq) {
    const phase = seq / 40 + i;
    const current = 12 * Math.sin(phase) + 0.4 * Math.sin(seq * 1.7 + i);
    const voltage = 52 + 0.05 * current + 0.5 * Math.sin(seq / 900 + i);
    const soc = 50 + 40 * Math.sin(seq / 3_000 + i);
    const timestamp = new Date(this.nowMs - (this.seq - seq) * 1_000).toISOString();
    return {
      v: 1,
      device_id: this.ids[i],
      timestamp,
      boot_id: "play",
      seq: seq + 100_000,
      clock: "synced",
      battery: {
        voltage: round(voltage, 3),
        current: round(current, 3),
        power: round(voltage * current, 1),
        soc: round(soc, 2),
        soc_low: round(soc - 2, 2),
        soc_high: round(soc + 2, 2),
        soc_uncertainty: 1 + 0.1 * Math.sin(phase),
        synced: true,
        hours_since_sync: 6.5,
        ah_since_sync: 31.2,
        charge_allowed: true,
        load_allowed: i % 9 !== 0,
        temperature: round(24 + 2 * Math.sin(phase / 9), 2),
        soh: round(97 + Math.sin(phase / 20), 2),
        energy_in: round(1_200 + seq / 500, 3),
        energy_out: round(1_100 + seq / 600, 3),
        cycle_count: 182,
        time_to_empty_s: round(20_000 + 900 * Math.sin(phase), 0),
        time_to_full_s: round(9_000 + 900 * Math.cos(phase), 0),
      },
      grid: {
        voltage: round(230 + Math.sin(phase), 1),
        current: round(2 + Math.sin(phase), 2),
        power: round(460 + 200 * Math.sin(phase / 2), 0),
        frequency: round(50 + 0.02 * Math.sin(phase * 2), 3),
        power_factor: round(0.96 + 0.02 * Math.sin(phase), 3),
      },
      solar: { power: round(1_500 + 500 * Math.sin(phase / 7), 0) },
      load: { power: round(1_300 + 250 * Math.sin(phase / 3), 0) },
      system_status: {
        state: current > 0 ? "CHARGING" : "DISCHARGING",
        mode: "AUTO",
        wifi_strength: round(-55 + 4 * Math.sin(phase), 0),
        cpu_temperature: round(48 + 3 * Math.sin(phase / 5), 1),
        uptime_seconds: 86_000 + seq,
        undervoltage: false,
        firmware_version: "0.1.0",
      },
    };
  }

  row(i, withSpark) {
    const { battery, system_status: system, timestamp } = this.sample(i);
    const status = i % 50 === 49 ? "offline" : i % 50 === 48 ? "stale" : "online";
    const values = (read) => Array.from({ length: 15 }, (_, k) => read(this.sample(i, this.seq - (14 - k) * 60).battery));
    return {
      device_id: this.ids[i],
      ...(i % 3 !== 0 && { name: `Battery ${i + 1}` }),
      connected: status !== "offline",
      status,
      since: new Date(this.nowMs - 3_600_000 * (1 + (i % 30))).toISOString(),
      last_seen: status === "offline" ? new Date(this.nowMs - 86_400_000).toISOString() : timestamp,
      at: timestamp,
      state: system.state,
      mode: system.mode,
      soc: battery.soc,
      soc_low: battery.soc_low,
      soc_high: battery.soc_high,
      synced: i % 11 !== 0,
      voltage: battery.voltage,
      current: battery.current,
      power: battery.power,
      temperature: battery.temperature,
      error_flags: i % 97 === 7 ? ["SENSOR_LOST"] : [],
      alarms: i % 120 === 5 ? 1 : 0,
      unacknowledged: i % 120 === 5 ? 1 : 0,
      groups: [["Roof", "Barn", "Harbour", "Depot"][i % 4]],
      conflict: false,
      ...(withSpark && { spark: { step_s: 60, soc: values((b) => b.soc), power: values((b) => b.power) } }),
    };
  }
}

/** One page's connection. */
class Door {
  constructor(socket, fleet) {
    Object.assign(this, { socket, fleet, rooms: new Set() });
    this.send("system.connection", { connection_id: "play", username: "kim", role: "operator", rooms: [], server_time: this.time(), heartbeat_seconds: 30 });
    socket.on("message", (data) => this.take(JSON.parse(String(data))));
  }

  take({ type, payload }) {
    if (type === "ping") this.send("pong", payload);
    else if (type === "unsubscribe") for (const room of payload.rooms) this.rooms.delete(room);
    else if (type === "subscribe") for (const room of payload.rooms) this.join(room, payload);
  }

  join(room, { recent_s: recent = 0 }) {
    this.rooms.add(room);
    this.send("subscribed", { room });
    const { fleet } = this;
    if (room === "fleet") {
      for (let first = 0; first < fleet.ids.length; first += 250) {
        const end = Math.min(first + 250, fleet.ids.length);
        const devices = Array.from({ length: end - first }, (_, k) => fleet.row(first + k, true));
        this.send("fleet.snapshot", { server_time: this.time(), devices, final: end === fleet.ids.length });
      }
    }
    const i = fleet.ids.indexOf(room.replace("device/", ""));
    if (i < 0) return;
    this.send("device.status", { device_id: fleet.ids[i], online: true, connected: true, status: "online", since: this.time(-3_600_000), last_seen: this.time() });
    this.send("telemetry", fleet.sample(i));
    const samples = Array.from({ length: recent }, (_, k) => fleet.sample(i, fleet.seq - recent + 1 + k));
    if (recent > 0) this.send("telemetry.recent", { device_id: fleet.ids[i], from: this.time(-recent * 1_000), to: this.time(), samples, complete: true });
  }

  tell() {
    const { fleet } = this;
    for (const room of this.rooms) {
      if (room === "fleet") {
        this.send("fleet.update", { server_time: this.time(), devices: fleet.ids.map((_, i) => fleet.row(i, false)), removed: [] });
      }
      const i = fleet.ids.indexOf(room.replace("device/", ""));
      if (i >= 0) this.send("telemetry", fleet.sample(i));
    }
  }

  send(type, payload) {
    this.socket.send(JSON.stringify({ type, payload }));
  }

  time(shiftMs = 0) {
    return new Date(this.fleet.nowMs + shiftMs).toISOString();
  }
}

async function answer(request, response, { dist, fleet }) {
  const url = new URL(request.url, "http://stage");
  const { pathname } = url;
  const json = (body, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  const device = /^\/api\/devices\/([^/]+)$/.exec(pathname)?.[1];
  if (pathname === "/api/me" || pathname === "/api/login" || pathname === "/api/refresh") return json({ username: "kim", role: "operator" });
  if (pathname === "/api/alarms") return json({ alarms: [] });
  if (pathname.endsWith("/telemetry")) return json({ device_id: "", samples: [], truncated: false });
  if (device !== undefined) {
    const i = fleet.ids.indexOf(device);
    if (i < 0) return json({ status: 404, detail: "there is no such device" }, 404);
    return json({ device_id: device, name: `Battery ${i + 1}`, enabled: true, online: true, since: null, last_seen: null, latest: fleet.sample(i) });
  }
  if (pathname.startsWith("/api/")) return json({ status: 404 }, 404);
  const known = pathname === "/" || !path.extname(pathname) ? "/index.html" : pathname;
  const file = await readFile(path.join(dist, path.normalize(known))).catch(() => null);
  if (file === null) return response.writeHead(404).end();
  response.writeHead(200, {
    "content-type": TYPES[path.extname(known)] ?? "application/octet-stream",
    "content-encoding": "gzip",
    "content-security-policy": POLICY,
    "cache-control": known.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
  });
  response.end(gzipSync(file));
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
