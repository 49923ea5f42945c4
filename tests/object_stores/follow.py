"""Usage: follow.py URL THREADS. Follows _manifest.json below an s3:// URL until standard input ends.

Each thread reads the manifest and then every file that it names, and compares the digests, over and over. Prints the id
of each run whose snapshot was complete, and at the end one line of JSON; exits with 1 if a reader found anything but
one complete snapshot.
"""

import hashlib
import json
import sys
import threading
import traceback
from collections import Counter

from s3 import get

URL = sys.argv[1].rstrip("/")
lock = threading.Lock()
counts: Counter[str] = Counter()
runs: set[str] = set()
problems: list[str] = []
ended = threading.Event()


def _report(problem: str) -> None:
    with lock:
        problems.append(problem)


def _follow_once() -> None:
    content = get(f"{URL}/_manifest.json")
    if content is None:
        with lock:
            counts["no_manifest"] += 1
            if runs:
                problems.append("the manifest is missing, although it was there before")
        return
    manifest = json.loads(content)
    rows = 0
    for part in manifest["parts"]:
        data = get(f"{URL}/{part['file']}")
        if data is None:
            # The files of the earlier snapshot are deleted once its manifest is replaced: a reader starts over.
            if get(f"{URL}/_manifest.json") == content:
                _report(f"{part['file']} is missing, although the manifest names it")
            else:
                with lock:
                    counts["superseded"] += 1
            return
        if hashlib.sha256(data).hexdigest() != part["sha256"] or len(data) != part["bytes"]:
            _report(f"{part['file']} is not what the manifest of run {manifest['run']['id']} describes")
        rows += part["rows"]
    if rows != manifest["counts"]["rows"]:
        _report(f"the parts have {rows} rows, and not {manifest['counts']['rows']}")
    with lock:
        counts["complete"] += 1
        if manifest["run"]["id"] not in runs:
            runs.add(manifest["run"]["id"])
            print(manifest["run"]["id"], flush=True)


def _follow() -> None:
    while len(problems) < 10:
        try:
            _follow_once()
        except Exception:
            _report(traceback.format_exc())
        if ended.is_set():
            return


threads = [threading.Thread(target=_follow) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
sys.stdin.read()
ended.set()
for thread in threads:
    thread.join()
print(json.dumps({**counts, "snapshots": len(runs), "problems": problems}))
sys.exit(1 if problems else 0)
