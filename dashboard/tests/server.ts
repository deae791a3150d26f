import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

/** A socket a page opened, as the server sees it. */
export interface Peer {
  path: string;
  socket: WebSocket;
}

/** A real HTTP and WebSocket server on a free loopback port. */
export class TestServer {
  /** Every socket accepted so far, in order. */
  readonly peers: Peer[] = [];
  /** `GET /path` and the like, in order. */
  readonly requests: string[] = [];
  /** Answers HTTP requests; 404 unless a test sets it. */
  handler: Handler = (_, response) => void response.writeHead(404).end();
  /** Refuses the upgrade while true. */
  refuse = false;
  /** Greets whoever opens the event door, as the server does with a good cookie. */
  greets = true;
  /** What it asks for in the greeting: over which time pages shall come back, s. */
  retryWindowS = 0;
  /** Answers a ping at the event door. */
  pongs = true;
  /** Answers a ping that much later, ms; 0 as `pongs` says. */
  delayedPongMs = 0;
  /** Pings that came. */
  pings = 0;
  /** What is told to somebody who joins a room, after `subscribed`. */
  onJoin: (room: string, options: Record<string, unknown>) => object[] = () => [];
  /** What was said at the event door, in order: "subscribe device/ems_001" and the like. */
  readonly said: string[] = [];
  private readonly http = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://test");
    this.requests.push(`${request.method} ${url.pathname}`);
    this.handler(request, response, url);
  });
  private readonly sockets = new WebSocketServer({ noServer: true });

  static async start(): Promise<TestServer> {
    const server = new TestServer();
    server.http.on("upgrade", (request, socket, head) => {
      // A client that is refused or gone may reset the connection: that is no error of the test.
      socket.on("error", () => {});
      if (server.refuse) return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      server.sockets.handleUpgrade(request, socket, head, (accepted) => {
        server.peers.push({ path: request.url ?? "", socket: accepted });
        if (request.url === "/ws") server.attend(accepted);
      });
    });
    await new Promise<void>((listening) => server.http.listen(0, "127.0.0.1", listening));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  /** Sockets that are open now. */
  get open(): Peer[] {
    return this.peers.filter(({ socket }) => socket.readyState === socket.OPEN);
  }

  /** The newest socket. */
  get last(): WebSocket {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error("nobody has connected");
    return peer.socket;
  }

  /** Sends to every open socket; objects as JSON. */
  send(frame: object | string): void {
    for (const { socket } of this.open) socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** The event door, as far as the page uses it. */
  private attend(socket: WebSocket): void {
    const tell = (type: string, payload: object) => socket.send(JSON.stringify({ type, payload }));
    if (this.greets) tell("system.connection", { connection_id: "c1", server_time: new Date().toISOString(), rooms: [], retry_window_s: this.retryWindowS });
    socket.on("message", (data: Buffer) => {
      const { type, payload } = JSON.parse(data.toString()) as { type: string; payload: Record<string, unknown> };
      if (type === "ping") this.pings += 1;
      if (type === "ping" && this.pongs) tell("pong", payload);
      else if (type === "ping" && this.delayedPongMs > 0) setTimeout(() => tell("pong", payload), this.delayedPongMs);
      for (const room of (payload["rooms"] ?? []) as string[]) {
        this.said.push(`${type} ${room}`);
        tell(`${type}d`, { room });
        if (type === "subscribe") for (const message of this.onJoin(room, payload)) socket.send(JSON.stringify(message));
      }
    });
  }

  async stop(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    this.http.closeAllConnections();
    await new Promise((closed) => this.http.close(closed));
  }
}

/** Answers with JSON. */
export function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** A sample as a device sends it. */
export function sample(seq: number, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    device_id: "ems_001",
    timestamp: new Date().toISOString(),
    boot_id: "boot",
    seq,
    clock: "synced",
    battery: { voltage: 50 + seq / 100, soc: 85, current: -4.5 },
    ...change,
  };
}
