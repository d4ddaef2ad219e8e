"""Writes one run and dies at a given step; started by test_crash as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pywfp_ps.store import Store
from tests.store.store_rig import made_snapshot

HOSTS = ("a", "b", "CON", "d")
_STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir")


def main() -> None:
    folder, last_step = Path(sys.argv[1]), int(sys.argv[2])
    import pyarrow.parquet  # loaded before steps are counted

    steps = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in _STEPS and str(arguments[0]).startswith(str(folder)):
            steps += 1
            if steps == last_step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    store = Store.open(folder, create=True)
    with store.begin_run(command="import", buffer_bytes=1) as writer:
        for host in HOSTS:
            writer.put_raw(host, "state", host.encode() * 1000)
            writer.add(host, made_snapshot())
    with store.rewrite(writer.run_id) as writer:
        for host in HOSTS:
            writer.add(host, made_snapshot())
    store.prune(keep=1)
    del pyarrow
    sys.stdout.write(str(steps))


if __name__ == "__main__":
    main()
