"""A Pi as the EMS guide describes it: the PyPI library `websockets`, bearer header, bare telemetry, an endless loop.

DEVICE_ID and API_TOKEN come from the environment. Written out is what a user would want to see, and each payload as
it was sent:
  connected | refused STATUS | sent TEXT | received TEXT | lost REASON
"""

import argparse
import asyncio
import json
import os
import ssl

import websockets

DEVICE_ID = os.environ["DEVICE_ID"]
API_TOKEN = os.environ.get("API_TOKEN")


def payload() -> dict:
    return {
        "device_id": DEVICE_ID,
        # As in the guide: a constant.
        "timestamp": "2026-02-03T12:00:00Z",
        "battery": {"voltage": 53.2, "soc": 85},
    }


async def publish(server: str, trust: ssl.SSLContext, count: int, interval: float):
    uri = f"{server}/ws/device/{DEVICE_ID}"
    headers = {"Authorization": f"Bearer {API_TOKEN}"} if API_TOKEN else None
    sent = 0
    while sent < count:
        try:
            async with websockets.connect(uri, additional_headers=headers, ssl=trust) as socket:
                print("connected")
                while sent < count:
                    text = json.dumps(payload())
                    await socket.send(text)
                    print("sent", text)
                    sent += 1
                    try:
                        print("received", await asyncio.wait_for(socket.recv(), timeout=0.01))
                    except TimeoutError:
                        pass
                    await asyncio.sleep(interval)
        except websockets.exceptions.InvalidStatus as refusal:
            print("refused", refusal.response.status_code)
            return
        except (OSError, websockets.exceptions.ConnectionClosed) as reason:
            print("lost", reason)
            await asyncio.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", help="wss://host:port")
    parser.add_argument("--ca", required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--interval", type=float, default=0.1)
    arguments = parser.parse_args()
    trust = ssl.create_default_context(cafile=arguments.ca)
    asyncio.run(publish(arguments.server, trust, arguments.count, arguments.interval))


if __name__ == "__main__":
    main()
