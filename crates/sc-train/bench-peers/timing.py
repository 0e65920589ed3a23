"""Two sides measured in turn, so that whatever else the machine does meets both."""

import sys
import time

import torch


def alternate(rounds, ours, theirs):
    """Measures each side `rounds` times in turn, after one turn that does not count."""
    measured = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    return [list(side) for side in zip(*measured)]


def cpu_us(work, times, clips=1):
    """CPU time of this thread a clip in microseconds, where each call of `work` takes so many clips."""

    def measure():
        with torch.inference_mode():
            start = time.thread_time()
            for _ in range(times):
                work()
            return (time.thread_time() - start) / (times * clips) * 1e6

    return measure


def progress(text):
    print(text, file=sys.stderr, flush=True)
