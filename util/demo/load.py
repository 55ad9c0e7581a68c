"""The clients of the Ordering application.

    load.py ADDRESS PORT CLIENTS RATE

CLIENTS connections, kept alive, send RATE requests a second in sum to
ADDRESS:PORT.  For each a line on the standard output, with times of
CLOCK_MONOTONIC in seconds:

    START END VERSION           answered, by this version of the inventory
    START END ! WHAT            not answered as it should have been

SIGTERM ends it when what is under way was answered.
"""

import asyncio
import json
import signal
import sys
import time

REQUEST = (b"GET / HTTP/1.1\r\n"
           b"Host: ui.ordering.local\r\n"
           b"User-Agent: ordering-demo\r\n\r\n")


async def exchange(reader, writer):
    """One request: (what to report, whether the connection stays open)."""
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()

    if "content-length" not in headers:
        return "! no Content-Length", False
    body = await reader.readexactly(int(headers["content-length"]))
    keep = headers.get("connection", "").lower() != "close"

    status = lines[0].split(" ", 2)[1]
    if status != "200":
        return f"! {status} {body[:300]!r}", keep
    return json.loads(body)[-1], keep


async def client(address, period, delay, stop):
    writer = None
    due = time.monotonic() + delay
    while not stop.is_set():
        # a client that fell behind sends at once, but does not catch up
        due = max(due + period, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        start = time.monotonic()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection(*address)
            result, keep = await asyncio.wait_for(exchange(reader, writer), 20)
        except (OSError, EOFError, asyncio.TimeoutError, ValueError) as error:
            result, keep = f"! {error!r}", False

        print(f"{start:.6f} {time.monotonic():.6f} {result}")
        if not keep and writer is not None:
            writer.close()
            writer = None


async def flush(stop):
    while not stop.is_set():
        await asyncio.sleep(0.02)
        sys.stdout.flush()


async def main():
    host, *numbers = sys.argv[1:]
    port, clients, rate = (int(n) for n in numbers)
    period = clients / rate
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.gather(flush(stop), *(client((host, port), period,
                                               period * i / clients, stop)
                                        for i in range(clients)))


asyncio.run(main())
