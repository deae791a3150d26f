"""The relay of the EMS guide: FastAPI under uvicorn with uvloop, connections in dictionaries in memory.

A device's token is compared by its SHA-256; a frame is parsed, its device_id compared, and then sent to each dashboard
of the device as it came. Nothing is stored or acknowledged. DEVICES names a file with an id, a blank and a token a line.
"""

import argparse
import hashlib
import hmac
import json
import os
import socket

import uvicorn
from fastapi import FastAPI, Header, WebSocket, WebSocketDisconnect, status

app = FastAPI()
devices: dict[str, WebSocket] = {}
dashboards: dict[str, set[WebSocket]] = {}


def hashes():
    with open(os.environ["DEVICES"], encoding="utf-8") as lines:
        pairs = (line.split() for line in lines)
        return {name: hashlib.sha256(token.encode()).hexdigest() for name, token in pairs}


TOKEN_HASHES = hashes()


def token_fits(device_id: str, authorization: str | None) -> bool:
    scheme, _, token = (authorization or "").partition(" ")
    digest = hashlib.sha256(token.encode()).hexdigest()
    return scheme.lower() == "bearer" and hmac.compare_digest(digest, TOKEN_HASHES.get(device_id, ""))


@app.websocket("/ws/device/{device_id}")
async def device_door(door: WebSocket, device_id: str, authorization: str | None = Header(None)):
    if not token_fits(device_id, authorization):
        await door.close(code=status.WS_1008_POLICY_VIOLATION)
        return
    await door.accept()
    devices[device_id] = door
    try:
        while True:
            text = await door.receive_text()
            if json.loads(text)["device_id"] != device_id:
                continue
            for dashboard in list(dashboards.get(device_id, ())):
                await dashboard.send_text(text)
    except WebSocketDisconnect:
        if devices.get(device_id) is door:
            del devices[device_id]


@app.websocket("/ws/dashboard/{device_id}")
async def dashboard_door(door: WebSocket, device_id: str):
    await door.accept()
    dashboards.setdefault(device_id, set()).add(door)
    try:
        while True:
            await door.receive_text()
    except WebSocketDisconnect:
        dashboards[device_id].discard(door)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    arguments = parser.parse_args()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    # Before it is told: whoever connects now waits in the queue until uvicorn takes it.
    listener.listen(4096)
    print(f"listening {listener.getsockname()[0]}:{listener.getsockname()[1]}", flush=True)
    # What the peers do without being asked: no line for each request, no compression that memory would pay for.
    config = uvicorn.Config(app, loop="uvloop", log_level="warning", ws_per_message_deflate=False, backlog=4096)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
