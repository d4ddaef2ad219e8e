"""Questions about all flows, answered by trying every flow of a tiny domain: slow and obvious.

A tiny policy is a list of filters, each a mapping whose ``conditions`` have ``field``, ``match``,
``value`` and, for a range, ``high``. Flows differ in the fields that the policy was made to test,
and in nothing else; every value that is named is tried with its neighbours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from itertools import combinations, product
from typing import Any

from tests.oracle.explain_oracle import explain
from tests.oracle.oracle_read import State

Flow = dict[str, Any]
OWN, PEER = "192.0.2.10", "203.0.113.77"
NUMBERS = {"IP_LOCAL_PORT": 0xFFFF, "IP_REMOTE_PORT": 0xFFFF, "COMPARTMENT_ID": 0xFFFFFFFF}
ENDS = {"IP_LOCAL_ADDRESS": "local_address", "IP_REMOTE_ADDRESS": "remote_address"}
KEYS = {"IP_LOCAL_PORT": "local_port", "IP_REMOTE_PORT": "remote_port"}
FIRST_ADDRESS, LAST_ADDRESS = "0.0.0.1", "255.255.255.255"
USERS = ("S-1-5-32-580", "S-1-5-80-1-2-3-4-5")
AUTHENTICATED = "S-1-5-11"
CAPABILITY = "S-1-15-3-1"
PACKAGES = ("none", "S-1-15-2-1001-1002-1003-1004-1005-1006-1007", "S-1-15-2-9-9-9-9-9-9-9")
APPS = (
    r"\device\harddiskvolume3\apps\browser.exe",
    r"\device\harddiskvolume3\apps\mail.exe",
    r"\device\harddiskvolume7\else\browser.exe",
    r"\device\harddiskvolume7\else\any other.exe",
)


def near(values: Iterable[int], most: int) -> list[int]:
    """Each number with its neighbours, and both ends."""
    found = {0, most}
    for value in values:
        found |= {value - 1, value, value + 1}
    return sorted(one for one in found if 0 <= one <= most)


def named(policy: Sequence[Mapping[str, Any]], field: str) -> list[Any]:
    """Values that conditions on a field name."""
    conditions = [c for rule in policy for c in rule["conditions"] if c["field"] == field]
    return [c[end] for c in conditions for end in ("value", "high") if c[end] is not None]


def named_ends(policy: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Addresses that are named for either end: two ends are the same or they are not."""
    return [text for field in ENDS for text in named(policy, field)]


def choices(policy: Sequence[Mapping[str, Any]], field: str) -> Iterator[Flow]:
    """What a flow may say for one field."""
    if field == "IP_PROTOCOL":
        yield from ({"protocol": number} for number in (6, 17))
    elif field in ENDS:
        yield from ({ENDS[field]: one} for one in addresses(named_ends(policy)))
    elif field == "ALE_APP_ID":
        yield from ({"app": app} for app in APPS)
    elif field == "CURRENT_PROFILE_ID":
        yield from ({"profile": name} for name in ("none", "public", "private", "domain"))
    elif field == "ALE_USER_ID":
        for count in range(len(USERS) + 1):
            for held in combinations(USERS, count):
                for package, capabilities in product(PACKAGES, ([], [CAPABILITY])):
                    has = [] if package == "none" else capabilities
                    yield {
                        "groups": [AUTHENTICATED, *held], "groups_complete": True,
                        "package": package, "capabilities": has,
                    }  # fmt: skip
    elif field == "COMPARTMENT_ID":
        numbers = {*near(named(policy, field), NUMBERS[field]), *range(16)}
        yield from ({"fields": {field: number}} for number in sorted(numbers))
    else:
        for number in near(named(policy, field), NUMBERS[field]):
            yield {KEYS[field]: number}


def addresses(texts: Iterable[str]) -> list[str]:
    """Addresses at and beside both ends of each network, loopback and both usual ones."""
    numbers = {
        int(ip_address(one)) for one in ("127.0.0.1", OWN, PEER, FIRST_ADDRESS, LAST_ADDRESS)
    }
    for text in texts:
        net = ip_network(text, strict=False)
        for end in (int(net.network_address), int(net.broadcast_address)):
            numbers |= {end - 1, end, end + 1}
    most = int(ip_address(LAST_ADDRESS))
    return [str(ip_address(number)) for number in sorted(numbers) if 0 < number <= most]


def flows_of(
    policy: Sequence[Mapping[str, Any]], fields: Sequence[str], base: Flow
) -> Iterator[Flow]:
    """Every flow of the domain: what is the same for all, and a choice for each field."""
    for chosen in product(*(list(choices(policy, field)) for field in fields)):
        flow = dict(base)
        for one in chosen:
            flow |= one
        yield flow


def verdict_of(state: State, flow: Flow, *, strict: bool = False) -> tuple[str, int | None]:
    """The policy verdict, or the strict one, and the filter that decides."""
    answer = explain(state, flow)
    deciding = answer["deciding"]
    return answer["verdict" if strict else "policy_verdict"], deciding and deciding["filter_id"]


def changes(
    before: Sequence[tuple[str, int | None]], after: Sequence[tuple[str, int | None]]
) -> set[tuple[str, int | None, str, int | None]]:
    """Classes of flows whose verdict changes: verdict and decider before, and after."""
    pairs = zip(before, after, strict=True)
    return {(*old, *new) for old, new in pairs if old[0] != new[0]}
