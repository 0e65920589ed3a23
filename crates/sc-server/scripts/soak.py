#!/usr/bin/env python3
"""Sends a server a long mixture of good, hostile and broken requests, and says what it got and what was left over.

The mixture holds a word in every format, a minute of sound, damaged files, connections that are dropped half way,
WebSockets and the Open Inference Protocol. The exit status is 1 if there was a 5xx but 503 and 504, a wrong answer to
a good clip, a descriptor left over, or, in a run of 50,000 requests or more, more than 10 % of growth in memory in its
second half: before that the allocator has not yet met all sizes at once.
It needs Python 3.9 and Linux.
"""

import argparse
import base64
import collections
import http.client
import json
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time

MEDIA = pathlib.Path(__file__).parents[2] / "sc-data/tests/media"
WORD = (MEDIA / "word.wav").read_bytes()
NO_WORD = "highest-first.mov"  # a twentieth of a second
GOOD = [path.read_bytes() for path in sorted(MEDIA.iterdir()) if path.name != NO_WORD]
MINUTE = WORD[:40] + struct.pack("<I", 0xFFFFFFFF) + WORD[44:] * 58
INFER = "/v2/models/speech-commands/infer"


class Server:
    """A server of its own, on a free port."""

    def __init__(self, program, arguments):
        command = [program, "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        threading.Thread(target=collections.deque, args=(self.process.stderr, 0), daemon=True).start()

    def use(self):
        """Resident memory in kB, descriptors and threads."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        number = lambda name: int(re.search(rf"{name}:\s+(\d+)", status)[1])
        return {
            "memory_kb": number("VmRSS"),
            "descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd")),
            "threads": number("Threads"),
        }

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


class Client:
    """One connection after another, and the counts of what came back."""

    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        self.counts, self.wrong, self.n_done = collections.Counter(), [], 0
        self.connection = None

    def post(self, path, body, content_type):
        for attempt in range(3):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.connection.request("POST", path, body, {"Content-Type": content_type})
                response = self.connection.getresponse()
                body_back = response.read()
                self.counts[response.status] += 1
                return response.status, body_back
            except (OSError, http.client.HTTPException):
                self.connection.close()  # an idle connection may end at any time
                self.connection = None
        self.counts["no answer"] += 1
        return None, b""

    def expect_yes(self, what, status, labels):
        if status == 200 and labels != ["yes"] * len(labels):
            self.wrong.append(f"{what}: {labels}")
        elif status not in (200, 503, 504):
            self.wrong.append(f"{what}: {status}")

    def good(self):
        status, body = self.post("/predict", self.random.choice(GOOD), "audio/wav")
        self.expect_yes("clip", status, [json.loads(body)["label"]] if status == 200 else [])

    def minute(self):
        status, body = self.post("/detect", MINUTE, "audio/wav")
        labels = [found["label"] for found in json.loads(body)["detections"]] if status == 200 else []
        self.expect_yes("minute", status, labels)

    def inference(self):
        data = [base64.b64encode(WORD).decode()]
        request = {"inputs": [{"name": "AUDIO_FILE", "shape": [1], "datatype": "BYTES", "data": data}]}
        status, body = self.post(INFER, json.dumps(request), "application/json")
        self.expect_yes("inference", status, json.loads(body)["outputs"][1]["data"] if status == 200 else [])

    def hostile(self):
        file = bytearray(self.random.choice(GOOD))
        for _ in range(self.random.randrange(1, 40)):
            file[self.random.randrange(len(file))] = self.random.randrange(256)
        del file[self.random.randrange(1, len(file)) :]
        content_type = self.random.choice(["audio/wav", "application/json", "multipart/form-data; boundary=x"])
        path = self.random.choice(["/predict", "/detect", INFER, "/predict?top_k=0", "/nothing"])
        self.post(path, bytes(file), content_type)

    def dropped(self):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\nContent-Length: {len(WORD)}\r\n\r\n"
            whole = head.encode() + WORD
            connection.sendall(whole[: self.random.randrange(1, len(whole))])
        self.counts["dropped"] += 1

    def stream(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(
                b"GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            sound = WORD[44:] + bytes(16_000)
            messages = [(2, sound[at : at + 8_000]) for at in range(0, len(sound), 8_000)] + [(1, b"end")]
            for opcode, message in messages[: self.random.choice([2, len(messages)])]:
                head = struct.pack(">BBH", 0x80 | opcode, 0xFE, len(message)) if len(message) > 125 else bytes([0x80 | opcode, 0x80 | len(message)])
                connection.sendall(head + bytes(4) + message)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        self.counts["stream"] += 1
        if b'"type":"end"' in answer and b'"label":"yes"' not in answer:
            self.wrong.append(f"stream: {answer[-200:]}")

    def run(self, n_requests):
        kinds = [self.good, self.hostile, self.dropped, self.inference, self.stream, self.minute]
        for _ in range(n_requests):
            try:
                self.random.choices(kinds, [60, 20, 8, 6, 5, 1])[0]()
            except OSError as error:
                self.counts[type(error).__name__] += 1
            self.n_done += 1


# Requests from which on memory no longer grows: all sizes have been met at once.
MANY = 50_000


def soak(server, n_requests, n_clients):
    clients = [Client(server.port, seed) for seed in range(n_clients)]
    threads = [threading.Thread(target=client.run, args=[n_requests // n_clients]) for client in clients]
    start, half, told = time.time(), None, 0
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        n_done = sum(client.n_done for client in clients)
        if half is None and n_done >= n_requests // 2:
            half = server.use()
        if n_done - told >= max(1, n_requests // 20):
            told = n_done
            n_wrong = sum(len(client.wrong) for client in clients)
            print(f"{n_done} of {n_requests} requests, {n_wrong} wrong, {server.use()}", file=sys.stderr, flush=True)
    seconds = time.time() - start
    for client in clients:
        if client.connection:
            client.connection.close()
    time.sleep(7)  # idle connections end after 5 s
    counts = sum((client.counts for client in clients), collections.Counter())
    wrong = [text for client in clients for text in client.wrong]
    return {"seconds": round(seconds, 1), "counts": {str(k): v for k, v in counts.items()}, "wrong": wrong, "half": half if n_requests >= MANY else None}


def faults(result, idle, end):
    """What must not be."""
    for status, number in result["counts"].items():
        if status.startswith("5") and status not in ("503", "504"):
            yield f"{number} times {status}"
    if result["wrong"]:
        yield f"{len(result['wrong'])} wrong answers, such as {result['wrong'][0]}"
    if result["half"] and end["memory_kb"] > 1.1 * result["half"]["memory_kb"]:
        yield f"memory grew from {result['half']['memory_kb']} to {end['memory_kb']} kB"
    if end["descriptors"] > idle["descriptors"]:
        yield f"descriptors grew from {idle['descriptors']} to {end['descriptors']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="target/release/sc-server", help="program to test")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("arguments", nargs="*", help="further arguments of the program, after --")
    options = parser.parse_args()
    server = Server(options.server, options.arguments)
    time.sleep(1)  # until every event loop has its own descriptors
    idle = server.use()
    result = soak(server, options.requests, options.clients)
    end = server.use()
    status = server.stop()
    found = list(faults(result, idle, end))
    if status != 0:
        found.append(f"exit status {status} after SIGTERM")
    print(json.dumps({**result, "wrong": len(result["wrong"]), "idle": idle, "end": end, "faults": found}, indent=2))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
