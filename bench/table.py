"""The table of the comparison, as JSON and as Markdown."""

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import timing

SIZES = {"kB", "MB", "GB"}
"""Units that no clock measures."""


@dataclass
class Summary:
    """Median and quartiles of measurements."""

    median: float
    quartiles: list[float]

    @staticmethod
    def of(values):
        low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return Summary(median, [low, high])


@dataclass
class Row:
    """One goal and its result."""

    work: str
    against: str
    ratio: float
    goal: str
    met: bool
    unit: str
    ours: Summary
    theirs: Summary
    runs: int
    clock: str
    threads: int
    versions: dict[str, str]


class Table:
    """All rows so far. Each new row is written at once, so that an interrupted run keeps its results."""

    def __init__(self, folder: Path, versions: dict[str, str]):
        self.folder, self.versions, self.rows = folder, versions, []

    def at_most(self, goal, work, against, ours, theirs, **how):
        """Adds a row whose goal is a ratio of ours to theirs of at most `goal`."""
        self._add(f"≤ {goal}", lambda ratio: ratio <= goal, work, against, ours, theirs, **how)

    def at_least(self, goal, work, against, ours, theirs, **how):
        """Adds a row whose goal is a ratio of ours to theirs of at least `goal`."""
        self._add(f"≥ {goal}", lambda ratio: ratio >= goal, work, against, ours, theirs, **how)

    def _add(self, goal, is_met, work, against, ours, theirs, unit, threads, peers=(), clock="wall"):
        """Adds a row. `theirs` is a list of measurements, or one number that is a limit; `clock` is \"CPU\" for times of a
        processor."""
        theirs = theirs if isinstance(theirs, list) else [theirs]
        ours, theirs, runs = Summary.of(ours), Summary.of(theirs), len(ours)
        ratio = ours.median / theirs.median
        versions = {peer: self.versions[peer] for peer in peers}
        clock = "–" if unit in SIZES else clock
        row = Row(work, against, ratio, goal, is_met(ratio), unit, ours, theirs, runs, clock, threads, versions)
        self.rows.append(row)
        self.write()
        timing.progress(f"{work} against {against}: {ratio:.3g}, goal {goal}{'' if row.met else ', missed'}")

    def write(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        report = {
            "machine": machine(),
            "date": date.today().isoformat(),
            "rows": [asdict(row) for row in self.rows],
        }
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        (self.folder / "bench-peers.json").write_text(text)
        (self.folder / "bench-peers.md").write_text(self.markdown())

    def markdown(self):
        versions = sorted({item for row in self.rows for item in row.versions.items()})
        versions = ", ".join(f"{name} {version}" for name, version in versions)
        lines = [
            f"{machine()}, {date.today().isoformat()}; {versions}",
            "",
            "| work | against | ours | theirs | runs | clock | ratio | goal | |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            cells = [row.work, row.against, show(row.ours, row.unit), show(row.theirs, row.unit)]
            cells += [str(row.runs), row.clock, f"{row.ratio:.3g}", row.goal, "met" if row.met else "**missed**"]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def show(summary, unit):
    """Returns the median, and the quartiles if there was more than one run."""
    low, high = summary.quartiles
    spread = "" if low == high else f" ({low:.4g} to {high:.4g})"
    return f"{summary.median:.4g}{spread} {unit}"


def machine():
    """Returns the processor's name and the number of cores."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, {os.cpu_count()} cores"
