from __future__ import annotations

from pathlib import Path

import pytest

from pywfp_ps.read import read_filters, read_state
from tests.store.store_rig import new_store


@pytest.mark.parametrize("folder", ["wfpstate", "filters"])
def test_the_store_gives_back_what_reading_real_dumps_gives(
    samples: Path, tmp_path: Path, folder: str
) -> None:
    read = {"wfpstate": read_state, "filters": read_filters}[folder]
    dumps = {path.stem: path.read_bytes() for path in sorted((samples / folder).glob("*.xml"))}
    store = new_store(tmp_path)
    with store.begin_run(command="import") as writer:
        for host, data in dumps.items():
            writer.put_raw(host, "state", data)
            writer.add(host, read(data))
    for host, data in dumps.items():
        raw = store.raw(host, writer.run_id, "state")
        assert raw == data
        assert store.snapshot(host, writer.run_id) == read(raw)


def test_every_condition_of_real_dumps_stands_in_a_wide_column_or_in_rest(
    samples: Path, tmp_path: Path
) -> None:
    store = new_store(tmp_path)
    with store.begin_run(command="import") as writer:
        for path in sorted((samples / "wfpstate").glob("*.xml")):
            writer.add(path.stem, read_state(path.read_bytes()))
    (counts,) = store.query("""
        SELECT count(*) FILTER (WHERE condition_count > 0) AS some,
            count(*) FILTER (WHERE condition_count > 0 AND rest IS NULL) AS said_by_columns,
            count(*) FILTER (WHERE condition_count > 0 AND coalesce(protocols, local_ports,
                remote_ports, local_addresses, remote_addresses, apps, sids, packages, profiles,
                flags_all, flags_none, rest) IS NULL AND luids IS NULL) AS silent,
            count(*) FILTER (WHERE condition_count = 0 AND rest IS NOT NULL) AS made_up
        FROM filters_wide""").all()
    some, said_by_columns, silent, made_up = counts
    assert (silent, made_up) == (0, 0)
    assert 0 < said_by_columns < some
