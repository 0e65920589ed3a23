"""Names the word in each recording: `python -m speech_commands clip.wav`."""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from . import Error, Recognizer, __version__

CHUNK = 256  # files that are in the threads' queue at a time
STDIN = "-"  # the path of standard input
MAX_BYTES = 256 << 20  # of the largest file that `detect` takes


def main():
    options = arguments()
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold any bytes
    try:
        run(options)
    except KeyboardInterrupt:
        os._exit(130)  # a thread that waits for standard input would be waited for; each row is flushed
    except OSError as error:
        # What is left goes nowhere: Python would write it at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # as `head` does: nobody reads on
            sys.exit(f"error: {error}")


def run(options):
    try:
        recognizer = Recognizer(options.model, threshold=options.threshold, backend=options.backend)
        paths = list(files(options.paths))
        if not paths:
            raise Error(f"no file in {', '.join(options.paths)}: expected recordings, or folders of them")
        failed = 0
        recognize = recognizer.detect if options.detect else recognizer.classify
        for path, answer in zip(paths, answers(recognize, paths)):
            failed += isinstance(answer, Error)
            print(as_json(path, answer) if options.json else as_text(path, answer), flush=True)
    except Error as error:
        sys.exit(f"error: {error}")
    sys.exit(1 if failed else 0)


def arguments():
    parser = argparse.ArgumentParser(prog="python -m speech_commands", description=__doc__.split(":")[0] + ".")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="recordings, and folders of them; - is standard input")
    parser.add_argument("--model", metavar="FILE", help="the model file [default: the one in this package]")
    parser.add_argument("--threshold", type=float, metavar="0..1", help="accept a keyword from this confidence")
    parser.add_argument(
        "--backend", default="native", metavar="NAME", help="native, or native-int8: in half the time or less [default: native]"
    )
    parser.add_argument("--detect", action="store_true", help="find every keyword and its time, instead of one word")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--version", action="version", version=__version__)
    return parser.parse_args()


def files(roots):
    """Yields each file, and each file in and below each folder, sorted by name, without hidden ones."""
    for root in roots:
        if root == STDIN or not os.path.isdir(root):
            yield root
            continue
        around = {root: frozenset()}  # the folders around each, by their real paths: a link may lead back to one
        for folder, folders, names in os.walk(root, followlinks=True, onerror=print_unlistable):
            up_to_here = around[folder] | {os.path.realpath(folder)}
            is_new = lambda name: os.path.realpath(os.path.join(folder, name)) not in up_to_here
            folders[:] = sorted(name for name in folders if not name.startswith(".") and is_new(name))
            around.update((os.path.join(folder, name), up_to_here) for name in folders)
            paths = (os.path.join(folder, name) for name in sorted(names) if not name.startswith("."))
            yield from filter(is_file, paths)


def is_file(path):
    """Returns true for a file, and for a link to nothing, which is to be told. A pipe would be waited for without an end."""
    return os.path.isfile(path) or not os.path.exists(path)


def print_unlistable(error):
    print(f"left out: {error}", file=sys.stderr)


def answers(recognize, paths):
    """Yields the answer to each file, or its `Error`, in the order of `paths`. All cores compute them."""

    def answer(path):
        try:
            return recognize(path) if path != STDIN else of_stdin(recognize)
        except Error as error:
            return error

    threads = ThreadPoolExecutor(os.cpu_count())
    try:
        for start in range(0, len(paths), CHUNK):
            yield from threads.map(answer, paths[start : start + CHUNK])
    finally:
        threads.shutdown(wait=False, cancel_futures=True)  # one may wait for standard input


def of_stdin(recognize):
    """Returns the answer to standard input. It is read here, since no path opens a socket."""
    if sys.stdin is None:
        raise Error(f"{STDIN}: standard input is closed")
    try:
        # Enough to be refused: a device would never end. Without a byte yet, `read` may give nothing at all.
        return recognize(sys.stdin.buffer.read(MAX_BYTES + 1) or b"")
    except (Error, OSError) as error:
        raise Error(f"{STDIN}: {error}") from error


def as_text(path, answer):
    if isinstance(answer, Error):
        return f"{'unreadable':<31}  {answer}"
    if isinstance(answer, list):
        rows = [
            f"{found.label:<12} {100 * found.confidence:>6.1f} %  {found.start_s:>7.2f} to {found.end_s:>7.2f} s  {path}"
            for found in answer
        ]
        return "\n".join(rows) or f"{'no keyword':<42}  {path}"
    verdict = "accepted" if answer.accepted else "-"
    return f"{answer.label:<12} {100 * answer.confidence:>6.1f} %  {verdict:<8}  {path}"


def as_json(path, answer):
    if isinstance(answer, Error):
        row = {"error": str(answer)}
    elif isinstance(answer, list):
        row = {"detections": [found.to_dict() for found in answer]}
    else:
        row = answer.to_dict()
    return json.dumps({"path": path, **row})


if __name__ == "__main__":
    main()
