"""Measures two sides in turn, so that other work of the machine slows both alike."""

import sys
import time

import torch


def alternate(rounds, ours, theirs):
    """Measures each side `rounds` times in turn, after one turn as a warm-up."""
    measured = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    return [list(side) for side in zip(*measured)]


def cpu_us(work, times, clips=1):
    """Returns a function that measures the CPU time of this thread in µs per clip; each call of `work` takes `clips`."""

    def measure():
        with torch.inference_mode():
            start = time.thread_time()
            for _ in range(times):
                work()
            return (time.thread_time() - start) / (times * clips) * 1e6

    return measure


def progress(text):
    print(text, file=sys.stderr, flush=True)
