from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.flow_table import Row, read_rows
from pywfp_ps.explain.sids import package_sid


def _rows(*lines: str) -> list[Row]:
    return list(read_rows(f"{line}\n" for line in lines))


def test_columns_are_the_options_of_explain() -> None:
    (row,) = _rows(
        "name,Direction,--protocol,local,remote,as,groups-complete,service,loopback,interface_type",
        "a,in,udp,192.0.2.1:53,192.0.2.2,package:App_8wekyb3d8bbwe,yes,Dnscache; BFE,no,6",
    )
    assert row.flow == Flow(
        direction="in", ip_version=4, protocol=17, local_address=IPv4Address("192.0.2.1"),
        local_port=53, remote_address=IPv4Address("192.0.2.2"), preset="user",
        package=package_sid("App_8wekyb3d8bbwe"), family="App_8wekyb3d8bbwe",
        groups_complete=True, services=("Dnscache", "BFE"), loopback=False, interface_type=6,
    )  # fmt: skip
    assert row.said["name"] == "a"


def test_an_empty_cell_is_not_said() -> None:
    (row,) = _rows("remote,protocol,loopback,no-capabilities", "192.0.2.2:443, ,,yes")
    assert row.flow == Flow(
        direction="out", ip_version=4, protocol=6, remote_port=443, capabilities=(),
        remote_address=IPv4Address("192.0.2.2"),
    )  # fmt: skip


def test_a_bad_row_carries_its_line_and_the_rest_is_read() -> None:
    rows = _rows(
        "remote,protocol,loopback,interface-type",
        "192.0.2.2:443,tcp",
        "",
        "192.0.2.2:443,icmp",
        "192.0.2.2,tcp,maybe",
        "192.0.2.2,tcp,,six",
        "192.0.2.2,tcp,,,extra",
        "192.0.2.2,tcp",
    )
    assert [(row.line, row.flow is None, row.problem) for row in rows] == [
        (2, False, ""),
        (4, True, "protocol ICMP has no ports"),
        (5, True, "loopback is yes or no, got 'maybe'"),
        (6, True, "interface type is a number, got 'six'"),
        (7, True, "5 cells in 4 columns"),
        (8, False, ""),
    ]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([], "the file of flows is empty"),
        (["remote,protocl"], "no column 'protocl'; did you mean 'protocol'?"),
        (["as,account"], "the column 'account' stands twice"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused(lines: list[str], error: str) -> None:
    with pytest.raises(UsageError, match=error.replace("?", r"\?")):
        _rows(*lines)


def test_a_cell_without_end_is_a_bad_row() -> None:
    rows = _rows("remote", "x" * 200_000, "192.0.2.2")
    assert [(row.line, row.flow is None) for row in rows] == [(2, True), (3, False)]
