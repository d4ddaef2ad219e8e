"""The reader against the second reading on made-up hosts: products, leftovers, hostile names."""

from __future__ import annotations

import pytest

from pywfp_ps.read import read_filters, read_state
from pywfp_ps.write import write_filters, write_state
from pywfp_remote.lab.gen_plan import DIFFERENCES, make_plan
from pywfp_remote.lab.generate import make_host
from tests.oracle.oracle_netsh import read
from tests.read.plain_shape import plain

SEED = 7
HOSTS = (0, 2, 5, 8, 9, 12, 13, 22, 23)


def test_every_difference_is_among_the_hosts() -> None:
    assert {kind for index in HOSTS for kind in make_plan(index, SEED).differences} == set(
        DIFFERENCES
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("index", HOSTS)
def test_a_made_up_state_equals_the_second_reading(index: int, newline: str) -> None:
    host = make_host(index, seed=SEED, filters=250, hostile=True)
    data = write_state(host.snapshot, newline=newline)
    snapshot, second = read_state(data), read(data)
    assert {kind: plain(getattr(snapshot, kind)) for kind in second} == second
    assert len(second["filters"]) == len(host.snapshot.filters)


@pytest.mark.parametrize("index", HOSTS)
def test_made_up_filters_equal_the_second_reading(index: int) -> None:
    data = write_filters(make_host(index, seed=SEED, filters=250, hostile=True).snapshot)
    snapshot, second = read_filters(data), read(data)
    assert {kind: plain(getattr(snapshot, kind)) for kind in second} == second


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_encodings_make_no_difference(encoding: str) -> None:
    snapshot = make_host(3, seed=SEED, filters=250, hostile=True).snapshot
    data = write_state(snapshot, encoding=encoding)
    again, second = read_state(data), read(write_state(snapshot))
    assert {kind: plain(getattr(again, kind)) for kind in second} == second
