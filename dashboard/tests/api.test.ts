import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiError, request } from "../src/api";
import { json, TestServer } from "./server";

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
  (globalThis as unknown as { jsdom: { reconfigure: (to: { url: string }) => void } }).jsdom.reconfigure({ url: server.url });
});

afterEach(() => server.stop());

test("an answer that breaks off is one of the network, not an unknown or an empty one", async () => {
  server.handler = (_, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"alarms":');
    setTimeout(() => response.destroy(), 50);
  };
  await expect(request("GET", "/api/alarms")).rejects.toThrow(new ApiError(0, BROKEN));
});

test("an answer whose rest does not come in time is one of the network", async () => {
  server.handler = (_, response) => void response.writeHead(200, { "content-type": "application/json" }).write('{"alarms":');
  await expect(request("GET", "/api/alarms", { timeoutMs: 300 })).rejects.toMatchObject({ status: 0, message: BROKEN });
});

test("who ends a request while its answer comes gets that, and no failure of the network", async () => {
  const stop = new AbortController();
  server.handler = (_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).write("{");
    setTimeout(() => stop.abort(), 100);
  };
  await expect(request("GET", "/api/alarms", { signal: stop.signal })).rejects.toHaveProperty("name", "AbortError");
});

test("an answer without content is nothing", async () => {
  server.handler = (_, response) => void response.writeHead(204).end();
  expect(await request("POST", "/api/logout")).toBeNull();
  server.handler = (_, response) => json(response, { status: 409, detail: "It is taken." }, 409);
  await expect(request("POST", "/api/logout")).rejects.toThrow(new ApiError(409, "It is taken."));
});

const BROKEN = "The server's answer broke off or took too long. Try again, or check your network connection.";
