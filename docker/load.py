#!/usr/bin/env python3
"""Sends requests until SIGTERM, retries each failed one once after a second, and prints how many failed.

load.py URL WAV [CLIENTS]
"""

import http.client
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

# The engine needs part of a second to notice that a replica has died; from then on it uses the others.
RETRY_S = 1

url, wav = urlsplit(sys.argv[1]), open(sys.argv[2], "rb").read()
n_clients = int(sys.argv[3]) if len(sys.argv) > 3 else 8
counts, causes, times = Counter(), Counter(), []
stopped = threading.Event()


def ask():
    # One of the addresses of the name, so that one try is one connection.
    address = random.choice(socket.getaddrinfo(url.hostname, url.port, type=socket.SOCK_STREAM))[4][0]
    connection = http.client.HTTPConnection(address, url.port, timeout=5)
    try:
        connection.request("POST", "/predict", wav, {"Content-Type": "audio/wav", "Connection": "close"})
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise OSError(f"status {response.status}")
    finally:
        connection.close()


def client():
    while not stopped.is_set():
        begin = time.monotonic()
        for attempt in ("first", "second"):
            try:
                ask()
                break
            except (OSError, http.client.HTTPException) as error:
                counts[f"{attempt} tries failed"] += 1
                causes[f"{attempt}: {type(error).__name__}: {error}"] += 1
                time.sleep(RETRY_S)
        counts["requests"] += 1
        times.append(time.monotonic() - begin)


signal.signal(signal.SIGTERM, lambda *_: stopped.set())
signal.signal(signal.SIGINT, lambda *_: stopped.set())
clients = [threading.Thread(target=client) for _ in range(n_clients)]
for thread in clients:
    thread.start()
stopped.wait()
for thread in clients:
    thread.join()

times.sort()
print(f"{counts['requests']} requests, {counts['first tries failed']} answered only at the second try or not at all,")
print(f"{counts['second tries failed']} not at all; half within {1000 * times[len(times) // 2]:.0f} ms, ", end="")
print(f"99 in 100 within {1000 * times[len(times) * 99 // 100]:.0f} ms, the slowest {1000 * times[-1]:.0f} ms")
for cause, n in causes.most_common():
    print(f"  {n} {cause}")
sys.exit(counts["second tries failed"] > 0)
