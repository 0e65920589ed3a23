"""Measures how many live streams one core of our server hears in time, over WebSockets."""

import json
import math
import os
import resource
import selectors
import socket
import struct
import tempfile
import time
from pathlib import Path

import clips
from serving import MB, Service, server_program
from timing import progress

PIECE_S = 0.08
"""Length of a piece of sound, and the time from one to the next."""
SECONDS = 8
"""Time that is measured, after as long a time to begin."""
GOAL = 500
"""Streams that one core is to hear."""
MOST_MS = 200
"""Latency of 99 of 100 answers."""
STEPS = [125, 250, 500, 750, 1000, 1250, 1500, 2000]


def run(table, data):
    """Adds the most streams that a core hears in time, and what each takes of memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        clips.write(Path(folder) / "clips", 60, data)
        pieces = pieces_of(clips.read_all(Path(folder) / "clips").reshape(-1))
    most, memory = 0, 0.0
    for n_streams in STEPS:
        p99_ms, memory_kb = listen(pieces, n_streams)
        progress(f"{n_streams} streams: p99 {p99_ms:.0f} ms, {memory_kb:.0f} kB a stream")
        if p99_ms >= MOST_MS:
            break
        most, memory = n_streams, memory_kb
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    table.at_least(1, f"live streams on one core, p99 below {MOST_MS} ms", f"{GOAL} streams", [most], float(GOAL), unit="streams", threads=1)
    if most:
        table.at_most(1, "memory of a live stream", "200 kB", [memory], 200.0, unit="kB", threads=1)


def pieces_of(samples):
    """Returns the sound as WebSocket frames of 80 ms. A mask of zeros leaves the samples as they are."""
    samples = (samples * 32767).astype("<i2").tobytes()
    n = round(2 * PIECE_S * clips.RATE_HZ)
    head = struct.pack(">BBH", 0x82, 0x80 | 126, n) + bytes(4)
    return [head + samples[start : start + n] for start in range(0, len(samples) - n + 1, n)]


def listen(pieces, n_streams):
    """Returns the latency of 99 of 100 answers in ms, and the memory of a stream in kB. The server has one core, and this
    program the other."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    # One client takes half of the places at most.
    server = Service([server_program(), "--port", "PORT", "--workers", "1", "--streams", str(3 * n_streams)])
    os.sched_setaffinity(0, cores[1:] or cores)
    try:
        before = server.memory_mb("VmRSS")
        load = Load(int(server.url.rsplit(":", 1)[1]), pieces, n_streams)
        load.run(2 * SECONDS)
        if load.n_detections == 0:
            raise SystemExit(f"{n_streams} streams: no keyword was detected")
        memory_kb = (server.memory_mb("VmRSS") - before) * MB / 1000 / n_streams
        return load.p99_ms(), memory_kb
    finally:
        server.stop()
        os.sched_setaffinity(0, cores)


class Stream:
    """One live stream: its socket, the times of its pieces, and what came of its answers."""

    def __init__(self, port, offset):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(
            b"GET /stream?sample_rate=16000&scores=true HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            if not (more := self.socket.recv(1)):
                break
            answer += more
        if b" 101 " not in answer:
            raise SystemExit(f"the server refused a stream: {answer[:200]}")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.offset, self.sent, self.received = offset, [], b""

    def send(self, pieces):
        self.sent.append(time.perf_counter())
        self.socket.sendall(pieces[(self.offset + len(self.sent)) % len(pieces)])

    def events(self):
        """Returns the events that have come. None is longer than 65,535 bytes."""
        self.received += self.socket.recv(65536)
        events = []
        while len(self.received) >= 2:
            length, head = self.received[1], 2
            if length == 126:
                if len(self.received) < 4:
                    break
                length, head = struct.unpack(">H", self.received[2:4])[0], 4
            if len(self.received) < head + length:
                break
            events.append(json.loads(self.received[head : head + length]))
            self.received = self.received[head + length :]
        return events


class Load:
    """Streams that all send in real time, each at its own moment of the 80 ms."""

    def __init__(self, port, pieces, n_streams):
        self.pieces = pieces
        self.streams = [Stream(port, 7 * i) for i in range(n_streams)]
        self.selector = selectors.DefaultSelector()
        for stream in self.streams:
            self.selector.register(stream.socket, selectors.EVENT_READ, stream)
        self.latencies_s, self.n_detections = [], 0

    def run(self, seconds):
        """Sends for so long, and measures in the second half."""
        begin = time.perf_counter()
        measured_from = begin + seconds / 2
        n_pieces = round(seconds / PIECE_S) * len(self.streams)
        for i in range(n_pieces):
            due = begin + i * PIECE_S / len(self.streams)
            while (left := due - time.perf_counter()) > 0:
                self.receive(left, measured_from)
            self.streams[i % len(self.streams)].send(self.pieces)
            self.receive(0, measured_from)
        end = time.perf_counter() + 1
        while (left := end - time.perf_counter()) > 0:
            self.receive(left, measured_from)
        for stream in self.streams:
            stream.socket.close()
        # A piece without an answer is late.
        n_sent = sum(sent >= measured_from for stream in self.streams for sent in stream.sent)
        self.latencies_s += [math.inf] * (n_sent - len(self.latencies_s))

    def receive(self, most_s, measured_from):
        for key, _ in self.selector.select(most_s):
            now, stream = time.perf_counter(), key.data
            for event in stream.events():
                self.n_detections += event["type"] == "detection"
                if event["type"] == "score":
                    last = math.ceil(event["time_s"] / PIECE_S)
                    if stream.sent[last - 1] >= measured_from:
                        self.latencies_s.append(now - stream.sent[last - 1])

    def p99_ms(self):
        """Returns the latency within which 99 of 100 answers come."""
        return sorted(self.latencies_s)[len(self.latencies_s) * 99 // 100] * 1000
