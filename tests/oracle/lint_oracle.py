"""What is wrong with a tiny policy, found by trying every flow: slow and obvious.

A policy is a list of filters of one layer, each a mapping with ``id``, ``sublayer`` (its weight),
``weight``, ``action``, ``hard``, ``registered`` and ``conditions``; a condition is a mapping with
``field``, ``match``, ``value`` and, for a range, ``high``. A flow gives each field a value or
`None`, which is the empty value.

What the rules leave open is open here: a test other than equality on an empty value (rule 4.3),
a test of the end of a value (3.6). Each may hold or not, but equal conditions agree in one flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby, product
from typing import Any

Filter = Mapping[str, Any]
Flow = Mapping[str, Any]
NUMBERS = {"IP_PROTOCOL": 8, "IP_LOCAL_PORT": 16, "COMPARTMENT_ID": 32}
TOKEN = ("ALE_USER_ID", "ALE_PACKAGE_ID")
FIREWALL = 2


def condition_key(condition: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(condition[name] for name in ("field", "match", "value", "high"))


def values_of(field: str, policy: Sequence[Filter]) -> list[Any]:
    """Values that stand for all: each number named with its neighbours, and all small ones."""
    named = [c for f in policy for c in f["conditions"] if c["field"] == field]
    if field in NUMBERS:
        top = (1 << NUMBERS[field]) - 1
        numbers = {0, 255, 256, top} if field == "IP_LOCAL_PORT" else {0, top}
        for condition in named:
            for end in (condition["value"], condition["high"]):
                if end is not None:
                    numbers |= {end - 1, end, end + 1}
        if any(c["match"].startswith("FLAGS") for c in named):
            numbers |= set(range(16))
        kept: list[Any] = sorted(n for n in numbers if 0 <= n <= top)
        return kept if field == "IP_PROTOCOL" else [*kept, None]  # every packet has a protocol
    texts = {c["value"] for c in named}
    return [*sorted(texts), "another", None]


def tokens_of(policy: Sequence[Filter]) -> Iterator[dict[str, Any]]:
    """Every token that holds some of the SIDs named, in a package or in none."""
    users: set[str] = set()
    packages: set[str] = set()
    for condition in (c for f in policy for c in f["conditions"]):
        if condition["field"] == "ALE_USER_ID":
            for _, sid in condition["value"]:
                (packages if sid.startswith("S-1-15-2-") else users).add(sid)
        elif condition["field"] == "ALE_PACKAGE_ID":
            packages.add(condition["value"])
    packages = (packages | {"S-1-0-0", "S-1-15-2-9"}) - {"S-1-15-2-1"}
    users.discard("S-1-1-0")
    for count in range(len(users) + 1):
        for held in combinations(sorted(users), count):
            for package in sorted(packages):
                token = (frozenset(held) | {"S-1-1-0"}, package)
                for user, own in product((token, None), (package, None)):
                    yield {"ALE_USER_ID": user, "ALE_PACKAGE_ID": own}


def flows_of(policy: Sequence[Filter]) -> Iterator[Flow]:
    fields = sorted({c["field"] for f in policy for c in f["conditions"]})
    plain = [field for field in fields if field not in TOKEN]
    tokens = list(tokens_of(policy)) if len(plain) < len(fields) else [{}]
    seen = {tuple(sorted(token.items(), key=str)): token for token in tokens}
    for values in product(*(values_of(field, policy) for field in plain)):
        flow = dict(zip(plain, values, strict=True))
        port = flow.get("IP_LOCAL_PORT")
        if flow.get("IP_PROTOCOL") == 1 and port is not None and port > 255:
            continue  # for ICMP the field is the type: a byte
        for token in seen.values():
            yield {**flow, **token}


def granted(entries: Iterable[tuple[str, str]], token: tuple[frozenset[str], str]) -> bool:
    held, package = token

    def first(side: Iterable[tuple[str, bool]], kinds: dict[str, str]) -> bool:
        for sid, has in side:
            if has:
                return kinds[sid] == "A"
        return False

    user: list[tuple[int, str, bool]] = []
    box: list[tuple[int, str, bool]] = []
    for at, (kind, sid) in enumerate(entries):
        is_package = sid.startswith("S-1-15-2-")
        has = sid in {package, "S-1-15-2-1"} if is_package else sid in held
        (box if is_package else user).append((at, kind, has))
    by_user = first(((str(at), has) for at, _, has in user), {str(a): k for a, k, _ in user})
    if package == "S-1-0-0":
        return by_user
    return by_user and first(((str(at), has) for at, _, has in box), {str(a): k for a, k, _ in box})


def answer(condition: Mapping[str, Any], flow: Flow) -> bool | None:
    """Whether a condition holds; `None` where the rules leave it open."""
    match, wanted, high = condition["match"], condition["value"], condition["high"]
    value = flow[condition["field"]]
    if match == "PREFIX":
        return None
    if match == "RANGE" and wanted > high:
        return False
    if value is None:
        return False if match == "EQUAL" else None
    if condition["field"] == "ALE_USER_ID":
        return granted(wanted, value)
    tests: dict[str, Callable[[], bool]] = {
        "EQUAL": lambda: value == wanted,
        "NOT_EQUAL": lambda: value != wanted,
        "GREATER": lambda: value > wanted,
        "LESS": lambda: value < wanted,
        "GREATER_OR_EQUAL": lambda: value >= wanted,
        "LESS_OR_EQUAL": lambda: value <= wanted,
        "RANGE": lambda: wanted <= value <= high,
        "FLAGS_ALL_SET": lambda: value & wanted == wanted,
        "FLAGS_ANY_SET": lambda: value & wanted != 0,
        "FLAGS_NONE_SET": lambda: value & wanted == 0,
    }
    return tests[match]()


def matches(filter_: Filter, flow: Flow, holding: frozenset[Any]) -> bool:
    """Whether a filter matches if of the open conditions just these hold."""
    for _, run in groupby(filter_["conditions"], key=lambda c: str(c["field"])):
        answers = [
            condition_key(c) in holding if (said := answer(c, flow)) is None else said for c in run
        ]
        if not any(answers):
            return False
    return True


def worlds(policy: Sequence[Filter]) -> Iterator[tuple[Flow, list[frozenset[Any]]]]:
    """Every flow, with every way in which the open conditions may hold: none first, all last."""
    for flow in flows_of(policy):
        conditions = [c for f in policy for c in f["conditions"]]
        is_open = sorted({condition_key(c) for c in conditions if answer(c, flow) is None}, key=str)
        ways = [
            frozenset(chosen)
            for count in range(len(is_open) + 1)
            for chosen in combinations(is_open, count)
        ]
        yield flow, ways


def decides(filter_: Filter) -> bool:
    """Whether a filter that matches surely ends its sublayer (rules 6.2, 6.3, 9.1)."""
    if filter_["action"] == "CALLOUT_UNKNOWN":
        return not filter_["registered"]
    return filter_["action"] in {"PERMIT", "BLOCK", "CALLOUT_TERMINATING"}


def blocks(filter_: Filter) -> bool:
    action = filter_["action"]
    asks = action in {"CALLOUT_TERMINATING", "CALLOUT_UNKNOWN"}
    return action == "BLOCK" or (asks and not filter_["registered"])


def above(filter_: Filter, policy: Sequence[Filter]) -> list[Filter]:
    return [
        other
        for other in policy
        if other["sublayer"] == filter_["sublayer"]
        and other["weight"] > filter_["weight"]
        and decides(other)
    ]


class Answer:
    """Findings about one policy.

    Attributes:
        never: Filters that no flow matches.
        shadowed: Filters whose flows all end at heavier ones of their sublayer.
        contradicting: Permit and block of equal weight that surely match the same flow.
        hard: Hard permit and a block of the firewall below that surely match the same flow.
    """

    def __init__(self, policy: Sequence[Filter]) -> None:
        tried = list(worlds(policy))
        matched: set[int] = set()
        reached: set[int] = set()
        for flow, ways in tried:
            for way in ways:
                met = {f["id"] for f in policy if matches(f, flow, way)}
                matched |= met
                for one in policy:
                    if one["id"] in met and not any(o["id"] in met for o in above(one, policy)):
                        reached.add(one["id"])
        ids = {f["id"] for f in policy}
        self.never = ids - matched
        self.shadowed = matched - reached
        self.contradicting: set[tuple[int, int]] = set()
        self.hard: set[tuple[int, int]] = set()
        for flow, ways in tried:
            sure = [f for f in policy if f["id"] in reached and matches(f, flow, ways[0])]
            for one, other in product(sure, sure):
                if one["action"] == "PERMIT" and blocks(other):
                    self._pair(one, other, policy, flow, ways[-1])

    def _pair(
        self, one: Filter, other: Filter, policy: Sequence[Filter], flow: Flow, all_hold: Any
    ) -> None:
        pair = (one["id"], other["id"])
        same = ("sublayer", "weight")
        if all(one[name] == other[name] for name in same):
            if not any(matches(o, flow, all_hold) for o in above(one, policy)):
                self.contradicting.add(pair)
        elif one["hard"] and one["sublayer"] > other["sublayer"] == FIREWALL:
            self.hard.add(pair)


def covers(policy: Sequence[Filter], filter_id: int, proof: Iterable[int]) -> bool:
    """Whether every flow of a filter is taken by these filters alone."""
    (one,) = (f for f in policy if f["id"] == filter_id)
    named = [f for f in policy if f["id"] in set(proof)]
    if any(f not in above(one, policy) for f in named):
        return False
    return all(
        any(matches(f, flow, way) for f in named)
        for flow, ways in worlds(policy)
        for way in ways
        if matches(one, flow, way)
    )
