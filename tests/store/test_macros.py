from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pywfp_ps.store import Store
from tests.store.store_rig import new_store

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder: Path = tmp_path_factory.mktemp("macros")
    return new_store(folder)


def ask(store: Store, expression: str, *columns: Sequence[object]) -> list[object]:
    """The expression over rows of values that it calls a, b and so on."""
    names = "abc"[: len(columns)]
    lists = ", ".join(f"unnest(${name}) AS {name}" for name in names)
    sql = f"SELECT {expression} FROM (SELECT {lists})"
    values = dict(zip(names, map(list, columns), strict=True))
    return [row[0] for row in store.query(sql, parameters=values)]


def hex_of(text: str) -> str | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return f"{int(address):0{address.max_prefixlen // 4}x}"


V4 = st.integers(0, (1 << 32) - 1).map(IPv4Address)
V6 = st.one_of(
    st.integers(0, (1 << 128) - 1),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 127).map(lambda bit: 1 << bit),
    st.integers(0, (1 << 32) - 1).map(lambda number: number << 80),
).map(IPv6Address)
ADDRESSES = st.one_of(V4, V6)
FORMS = st.one_of(
    ADDRESSES.map(str),
    V6.map(lambda address: address.exploded.upper()),
    V4.map(lambda address: f"::ffff:{address}"),
    V4.map(lambda address: f"64:ff9b:1:2:3:4:{address}"),
    V6.map(lambda address: f"{address}%eth0"),
    st.text("0123456789abcF:.%/- ", max_size=24),
    st.lists(st.sampled_from(["", "0", "1", "ffff", "12345", "1.2.3.4"]), max_size=10).map(
        ":".join
    ),
    st.lists(st.sampled_from(["0", "01", "255", "256", ""]), max_size=5).map(".".join),
)
NAMED = (
    "0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "",
    "::", ":", ":::", "::1", "1::", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8",
    "1::2:3:4:5:6:7:8", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1::2::3",
    "1:2:3:4:5:6:1.2.3.4", "::1.2.3.4", "1.2.3.4::", "::1.2.3.256", "::1.2.3", ":1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:", "fe80::1%", "fe80::1%a%b", "fe80::1%3", "1.2.3.4%3", "g::", "::G", "1\n::",
    "FE80::ABCD", "::ffff:0:0", "localhost",
)  # fmt: skip


def test_ip_reads_what_python_reads(store: Store) -> None:
    assert ask(store, "ip(a)", NAMED) == [hex_of(text) for text in NAMED]


@settings(max_examples=12, deadline=None)
@given(texts=st.lists(FORMS, min_size=1, max_size=40))
def test_ip_agrees_with_python_on_any_text(store: Store, texts: list[str]) -> None:
    assert ask(store, "ip(a)", texts) == [hex_of(text) for text in texts]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    address = draw(ADDRESSES)
    prefix = draw(st.integers(0, address.max_prefixlen))
    return ip_network(f"{address}/{prefix}", strict=False)


@st.composite
def areas(draw: st.DrawFn) -> tuple[str, Address, Address]:
    """A text that names addresses, and the first and last of them."""
    if draw(st.booleans()):
        network = draw(networks())
        first, last = network.network_address, network.broadcast_address
        return str(network), ip_address(str(first)), ip_address(str(last))
    kind: st.SearchStrategy[Address] = V4 if draw(st.booleans()) else V6
    first, last = sorted((draw(kind), draw(kind)), key=int)
    text = str(first) if first == last else f"{first}-{last}"
    return text, first, last


# A query is planned for seconds, however few pairs it compares: few queries of many pairs.
@settings(max_examples=3, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(pairs=st.lists(st.tuples(areas(), areas()), min_size=30, max_size=60))
def test_covers_and_overlaps_agree_with_python(
    store: Store, pairs: list[tuple[tuple[str, Address, Address], tuple[str, Address, Address]]]
) -> None:
    texts = [a[0] for a, _ in pairs], [b[0] for _, b in pairs]
    same = [a[1].version == b[1].version for a, b in pairs]
    numbers = [(int(a[1]), int(a[2]), int(b[1]), int(b[2])) for a, b in pairs]
    covered = [f and n[0] <= n[2] and n[3] <= n[1] for f, n in zip(same, numbers, strict=True)]
    met = [f and n[0] <= n[3] and n[2] <= n[1] for f, n in zip(same, numbers, strict=True)]
    said = (
        "[covers(a, b), overlaps(a, b), covers(ip_first(a), ip_last(a), b),"
        " overlaps(ip_first(a), ip_last(a), b), hits_ip([a], b)]"
    )
    expected = [[c, m, c, m, m] for c, m in zip(covered, met, strict=True)]
    assert ask(store, said, *texts) == expected


@settings(max_examples=10, deadline=None)
@given(found=st.lists(areas(), min_size=1, max_size=40))
def test_first_and_last_address_are_pythons(
    store: Store, found: list[tuple[str, Address, Address]]
) -> None:
    assert ask(store, "[ip_first(a), ip_last(a)]", [text for text, _, _ in found]) == [
        [hex_of(str(first)), hex_of(str(last))] for _, first, last in found
    ]


@pytest.mark.parametrize(
    "text", ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "x/8", "::/129", "10.0.0.9-10.0.0.1",
             "10.0.0.1-::1", "10.0.0.1-", "-", "/", "10.0.0.0/8/8"]
)  # fmt: skip
def test_nonsense_names_no_area(store: Store, text: str) -> None:
    assert ask(store, "ip_first(a)", [text]) == [None]
    assert ask(store, "hits_ip(['::/0', '0.0.0.0/0'], a)", [text]) == [None]


CASES: tuple[tuple[str, object], ...] = (
    ("hits_port(NULL, 443)", True),
    ("hits_port([], 443)", False),
    ("hits_port(['80', '400-500'], 443)", True),
    ("hits_port(['80', '400-442'], 443)", False),
    ("hits_port(['443'], NULL)", None),
    ("hits_port(['x', '443'], 443)", True),
    ("hits_port(['0-65535'], 0)", True),
    ("hits_port(['6'], 6::UBIGINT)", True),
    ("hits_ip(NULL, '10.0.0.1')", True),
    ("hits_ip(NULL, 'x')", None),
    ("hits_ip([], '10.0.0.1')", False),
    ("hits_ip(['::/0'], '10.0.0.1')", False),
    ("hits_ip(['10.0.0.0/8', 'fe80::/10'], 'fe80::1')", True),
    ("hits_ip(['10.0.0.0/8'], '0.0.0.0/0')", True),
    ("hits_ip(['10.0.0.0/8'], NULL)", None),
    ("covers('10.0.0.0/8', NULL)", None),
    ("overlaps('0.0.0.0/0', '::/0')", False),
    ("ip(NULL)", None),
    ("basename(NULL)", None),
)


@pytest.mark.parametrize(("expression", "value"), CASES)
def test_macros_at_their_edges(store: Store, expression: str, value: object) -> None:
    assert store.query(f"SELECT {expression}").all() == [(value,)]


@settings(max_examples=20, deadline=None)
@given(paths=st.lists(st.text("ab.\\/\n :", max_size=12), min_size=1, max_size=20))
def test_basename_is_what_follows_the_last_slash(store: Store, paths: list[str]) -> None:
    expected = [path.replace("/", "\\").rsplit("\\", 1)[-1] for path in paths]
    assert ask(store, "basename(a)", paths) == expected
