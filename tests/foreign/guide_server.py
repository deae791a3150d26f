"""A cloud as the EMS guide describes it: FastAPI under uvicorn, plain WebSocket, bearer header, hashed tokens.

What happens is written to a file, a JSON object a line, that outlives a restart of the server:
  {"connected": DEVICE_ID, "authorized": bool, "scheme": …, "query": …, "protocols": [...], "tls": bool}
  {"frame": TEXT}            every text frame, as it came
It sends the command in COMMAND, if there is one, after the first frame of a connection, and after any frame the lines
that were added to the file COMMANDS meanwhile.
"""

import argparse
import hashlib
import hmac
import json
import os
import socket

import uvicorn
from fastapi import FastAPI, Header, WebSocket, WebSocketDisconnect, status

TOKEN_HASHES = dict.fromkeys(os.environ["DEVICE_IDS"].split(), os.environ["TOKEN_SHA256"].split())
COMMAND = os.environ.get("COMMAND")
COMMANDS = open(os.environ.get("COMMANDS", os.devnull), encoding="utf-8")

app = FastAPI()
record_file = None


def record(**fact):
    record_file.write(json.dumps(fact) + "\n")
    record_file.flush()


def token_fits(device_id: str, token: str) -> bool:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return any(hmac.compare_digest(digest, stored) for stored in TOKEN_HASHES.get(device_id, []))


@app.websocket("/ws/device/{device_id}")
async def device_door(socket: WebSocket, device_id: str, authorization: str | None = Header(None)):
    scheme, _, token = (authorization or "").partition(" ")
    authorized = scheme.lower() == "bearer" and token_fits(device_id, token)
    record(
        connected=device_id,
        authorized=authorized,
        scheme=scheme,
        query=socket.url.query,
        protocols=socket.scope.get("subprotocols", []),
        tls=socket.url.scheme == "wss",
    )
    if not authorized:
        # Closed before it was accepted: uvicorn answers HTTP 403.
        await socket.close(code=status.WS_1008_POLICY_VIOLATION)
        return

    await socket.accept()
    command = COMMAND
    try:
        while True:
            record(frame=await socket.receive_text())
            if command is not None:
                await socket.send_text(command)
                command = None
            for line in COMMANDS:
                await socket.send_text(line.strip())
    except WebSocketDisconnect as end:
        record(disconnected=end.code)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 for a free one")
    parser.add_argument("--record", required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()

    global record_file
    record_file = open(arguments.record, "a", encoding="utf-8")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    # Before it is told: whoever connects now waits in the queue until uvicorn takes it.
    listener.listen()
    print(f"listening {listener.getsockname()[0]}:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, ssl_certfile=arguments.certificate, ssl_keyfile=arguments.key)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
