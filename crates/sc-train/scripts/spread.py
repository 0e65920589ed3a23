#!/usr/bin/env python3
"""Prints mean and standard deviation of the validation figures of several runs: spread.py RUN..."""

import json
import statistics
import sys
from pathlib import Path

if len(sys.argv) < 3:
    sys.exit(__doc__)
reports = [json.loads((Path(run) / "report.json").read_text()) for run in sys.argv[1:]]
runs = [report["training"]["training"]["validation"] for report in reports]
print(f"{'figure':<28} {'mean':>9} {'spread':>9}   by run")
for figure in runs[0]:
    values = [run[figure] for run in runs]
    spread = statistics.stdev(values)
    print(f"{figure:<28} {statistics.mean(values):>9.4f} {spread:>9.4f}   {' '.join(f'{value:.4f}' for value in values)}")
