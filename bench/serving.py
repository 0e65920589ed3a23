"""Measures our server and the Flask service under the same load, over loopback."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import clips
from our_side import MODEL, OurSide, target_folder
from timing import progress

HERE = Path(__file__).parent
CONNECTIONS = 16
"""Connections at full load: enough to keep each service busy, and few enough for the slowest to answer in time."""
PAUSING = 64
"""Connections that pause between requests."""
SECONDS = 5
"""Seconds of load for each measurement."""
ROUNDS = 7
STARTS = 20
MB = 1e6


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Service:
    """A server, started by its command with a free port in place of `PORT`."""

    def __init__(self, command, **environment):
        port = str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        command = [str(part).replace("PORT", port) for part in command]
        start = time.perf_counter()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, cwd=HERE, env=os.environ | environment, **quiet)
        while not self.is_ready():
            if self.process.poll() is not None:
                raise SystemExit(f"{' '.join(command)} ended")
            time.sleep(0.001)
        self.ready_after = time.perf_counter() - start

    def is_ready(self):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(self.url + "/health", timeout=5).status == 200
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def cpu_seconds(self):
        """Returns the CPU time of all its threads, in user and system mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, field):
        """Returns `VmRSS`, the resident memory now, or `VmHWM`, the most so far."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024 / MB
        raise KeyError(field)

    def load(self, clip, connections=CONNECTIONS, pause_ms=()):
        """Returns the result of wrk, which posts `clip` again and again."""
        script = ["-s", HERE / "predict.lua", self.url + "/predict", "--", clip, *pause_ms]
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout=20s", *script]
        seen = json.loads(subprocess.check_output(wrk, text=True).splitlines()[-1])
        if seen["failed"]:
            raise SystemExit(f"{self.url}: {seen['failed']} of {seen['requests']} requests failed")
        return seen

    def load_at(self, rate, clip):
        """Returns the same at about `rate` requests a second, as from many independent clients."""
        seen = self.load(clip, PAUSING, [f"{PAUSING / rate * 1000:.1f}"])
        progress(f"asked for {rate:.0f} requests a second, got {seen['requests'] / seen['seconds']:.0f}")
        return seen


def run(table, data):
    """Adds the rows of our server, compared with the other services."""
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: apt-get install wrk, or leave this out with --only")
    size = server_program().stat().st_size / MB
    limit(table, "server, size of the program", [size], 20, "MB")
    starts = [start() for _ in range(STARTS)]
    limit(table, "server, ready after its start", [server.ready_after for server in starts], 0.1, "s")
    limit(table, "server, resident before load", [server.memory_mb("VmRSS") for server in starts], 40, "MB")
    for server in starts:
        server.stop()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folder = Path(folder) / "clips"
        clips.write(folder, 1, data)
        services = [start(), flask(), gunicorn()]
        for service in services:
            stack.callback(service.stop)
        load_rows(table, services, folder)


def server_program():
    return target_folder() / "release/sc-server"


def start():
    return Service([server_program(), "--port", "PORT"])


def flask():
    """Starts one process with threads."""
    return Service([sys.executable, "flask_original.py", MODEL, "PORT"])


def gunicorn():
    """Starts two workers. PyTorch is quickest with one thread in each, because they share two cores."""
    command = [sys.executable, "-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:PORT", "flask_original:app"]
    return Service(command, MODEL=str(MODEL), OMP_NUM_THREADS="1")


def limit(table, work, measured, most, unit):
    table.at_most(1, work, f"{most} {unit}", measured, float(most), unit=unit, threads=2)


def load_rows(table, services, folder):
    """Measures every service in turn at full load, and ours at half load."""
    clip, bare_path = next(folder.iterdir()), OurSide(folder)
    rates, latencies, cpu, bare = [[] for _ in services], [], [], []
    for round in range(ROUNDS):
        progress(f"load, round {round + 1} of {ROUNDS}")
        for service, its_rates in zip(services, rates):
            before = service.cpu_seconds()
            seen = service.load(clip)
            its_rates.append(seen["requests"] / seen["seconds"])
            if service is services[0]:
                cpu.append((service.cpu_seconds() - before) / seen["requests"] * 1e6)
                bare.append(bare_path.ask("wav", 1000) * 1e6)
        time.sleep(1)  # until the services before have answered what they still had to
        half = services[0].load_at(rates[0][-1] / 2, clip)
        latencies.append(half["p99_ms"])
    ours, flask, gunicorn = rates
    how = {"unit": "requests/s", "threads": 2, "peers": ["flask", "torch", "torchaudio"]}
    table.at_least(20, "server", "Flask, threaded", ours, flask, **how)
    how["peers"] = ["gunicorn", *how["peers"]]
    table.at_least(8, "server", "gunicorn, 2 workers", ours, gunicorn, **how)
    limit(table, "server, p99 at half of its most", latencies, 10, "ms")
    table.at_most(1.4, "server, CPU time a request", "WAV bytes to label", cpu, bare, unit="µs", threads=2, clock="CPU")
    limit(table, "server, most resident under load", [services[0].memory_mb("VmHWM")], 120, "MB")
