"""Callers that post one body again and again until the time is up.

``python -m bench.serving.callers PORT PATH FILE CALLERS SECONDS``: a process of their own, so that what they send does not slow
whoever measures. Writes how many answers of each status they got.
"""

import collections
import json
import sys
import threading
import time
from pathlib import Path

from bench.serving.processes import post


def main() -> None:
    """Call, and count."""
    port, path, body, callers, seconds = sys.argv[1:]
    content, statuses = Path(body).read_bytes(), collections.Counter[int]()
    until = time.monotonic() + float(seconds)

    def call() -> None:
        while time.monotonic() < until:
            statuses[post(int(port), path, content)] += 1

    threads = [threading.Thread(target=call) for _ in range(int(callers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(statuses))


if __name__ == "__main__":
    main()
