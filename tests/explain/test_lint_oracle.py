"""`lint` against trying every flow, on policies over domains small enough for that."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import pytest

from pywfp_ps.explain.lint import lint
from pywfp_ps.model.objects import (
    CALLOUT_REGISTERED,
    CLEAR_ACTION_RIGHT,
    Callout,
    Completeness,
    Condition,
    Field,
    Filter,
    Layer,
    Snapshot,
    SubLayer,
)
from tests.oracle.lint_oracle import Answer, covers

_LAYER: Final = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
_TYPES: Final = {
    "IP_PROTOCOL": "UINT8", "IP_LOCAL_PORT": "UINT16", "COMPARTMENT_ID": "UINT32",
    "ALE_APP_ID": "BYTE_BLOB_TYPE", "ALE_USER_ID": "TOKEN_ACCESS_INFORMATION_TYPE",
    "ALE_PACKAGE_ID": "SID",
}  # fmt: skip
_SUBLAYERS: Final = {2: "FWPM_SUBLAYER_MPSSVC_WF", 9: "FWPM_SUBLAYER_UNIVERSAL"}
_CALLOUTS: Final = {
    True: "{ca000000-0000-4000-8000-000000000001}",
    False: "{ca000000-0000-4000-8000-000000000002}",
}
_NUMBERS: Final = {"IP_PROTOCOL": [1, 1, 2, 6], "IP_LOCAL_PORT": [0, 3, 255, 256, 300, 65535],
                   "COMPARTMENT_ID": [0, 1, 2, 3, 5]}  # fmt: skip
_SIDS: Final = ["S-1-1-0", "S-1-5-80-1", "S-1-5-80-2", "S-1-15-2-1", "S-1-15-2-7"]
_FLAG_TESTS: Final = ["FLAGS_ALL_SET", "FLAGS_ANY_SET", "FLAGS_NONE_SET"]
_ORDER: Final = ["GREATER", "LESS", "GREATER_OR_EQUAL", "LESS_OR_EQUAL"]

FRESH: Final = 700
"""Fresh policies in an ordinary run; WFP_POLICIES says how many instead."""

Made = dict[str, Any]


def _condition(chance: Random, field: str) -> Made:
    def made(match: str, value: Any, high: Any = None) -> Made:
        return {"field": field, "match": match, "value": value, "high": high}

    if field == "ALE_APP_ID":
        match = chance.choice(["EQUAL", "EQUAL", "EQUAL", "NOT_EQUAL", "PREFIX"])
        return made(match, chance.choice(["a", "b"]))
    if field == "ALE_PACKAGE_ID":
        return made(chance.choice(["EQUAL", "NOT_EQUAL"]), chance.choice(["S-1-0-0", "S-1-15-2-7"]))
    if field == "ALE_USER_ID":
        count = chance.randint(1, 3)
        entries = [(chance.choice("AAAD"), chance.choice(_SIDS)) for _ in range(count)]
        return made("EQUAL", tuple(entries))
    pool = _NUMBERS[field]
    number = chance.choice(pool)
    shape = chance.choice(["equal", "equal", "range", "range", "order", "not", "flags"])
    if shape == "range":
        return made("RANGE", number, chance.choice(pool))
    if shape == "order":
        return made(chance.choice(_ORDER), number)
    if shape == "flags" and field == "COMPARTMENT_ID":
        return made(chance.choice(_FLAG_TESTS), number)
    return made("NOT_EQUAL" if shape == "not" else "EQUAL", number)


def policy_of(seed: int) -> list[Made]:
    """A policy of a few filters that touch, cover and contradict each other often."""
    chance = Random(seed)
    fields = chance.sample(sorted(_TYPES), 2)
    made: list[Made] = []
    for number in range(chance.randint(2, 6)):
        conditions: list[Made] = []
        for field in chance.sample(fields, chance.choice([0, 1, 1, 2, 2, 2])):
            conditions += [_condition(chance, field) for _ in range(chance.choice([1, 1, 2]))]
        if conditions and chance.randint(0, 5) == 0:
            conditions.append(_condition(chance, conditions[0]["field"]))  # a run of its own
        actions = ["PERMIT", "PERMIT", "BLOCK", "BLOCK", "CALLOUT_TERMINATING", "CALLOUT_UNKNOWN",
                   "CALLOUT_INSPECTION"]  # fmt: skip
        made.append(
            {
                "id": 10 + number,
                "sublayer": chance.choice([2, 2, 9]),
                "weight": chance.choice([1, 2, 2, 3]),
                "action": chance.choice(actions),
                "hard": chance.random() < 0.3,
                "registered": chance.random() < 0.6,
                "conditions": conditions,
            }
        )
    if chance.random() < 0.3:
        made += _halves(chance, 10 + len(made))
    return made


def _halves(chance: Random, first: int) -> list[Made]:
    """A filter on one or two values, below two that take the halves of all values."""
    field = chance.choice(sorted(_NUMBERS))
    cut, *values = chance.sample(sorted(set(_NUMBERS[field])), 3)
    below, above = (("LESS", "GREATER_OR_EQUAL"), ("LESS_OR_EQUAL", "GREATER"))[
        chance.random() < 0.5
    ]
    tests = [[(below, cut)], [(above, cut)], [("EQUAL", value) for value in values]]
    return [
        {
            "id": first + at,
            "sublayer": 2,
            "weight": weight,
            "action": chance.choice(["PERMIT", "BLOCK"]),
            "hard": False,
            "registered": True,
            "conditions": [
                {"field": field, "match": match, "value": value, "high": None}
                for match, value in wanted
            ],
        }
        for at, (wanted, weight) in enumerate(zip(tests, (5, 6, 4), strict=True))
    ]


def _model_condition(made: Made) -> Condition:
    kind, value = _TYPES[made["field"]], made["value"]
    name = f"FWPM_CONDITION_{made['field']}"
    if made["match"] == "RANGE":
        return Condition(
            field=name, match="FWP_MATCH_RANGE", type="FWP_RANGE_TYPE", low=value,
            high=made["high"], bound_type=f"FWP_{kind}",
        )  # fmt: skip
    if made["field"] == "ALE_USER_ID":
        kind = "SECURITY_DESCRIPTOR_TYPE"
        value = "O:SYG:SYD:" + "".join(f"({what};;CC;;;{sid})" for what, sid in value)
    return Condition(
        field=name, match=f"FWP_MATCH_{made['match']}", type=f"FWP_{kind}", value=value
    )


def snapshot_of(policy: Sequence[Made]) -> Snapshot:
    filters = [
        Filter(
            id=one["id"],
            key=None,
            layer=_LAYER,
            sublayer=_SUBLAYERS[one["sublayer"]],
            flags=(CLEAR_ACTION_RIGHT,) if one["hard"] else (),
            effective_weight=one["weight"],
            action=f"FWP_ACTION_{one['action']}",
            callout=_CALLOUTS[one["registered"]] if "CALLOUT" in one["action"] else None,
            conditions=tuple(map(_model_condition, one["conditions"])),
        )
        for one in policy
    ]
    fields = tuple(
        Field(name=f"FWPM_CONDITION_{name}", type="FWPM_FIELD_RAW_DATA", data_type=f"FWP_{kind}")
        for name, kind in _TYPES.items()
    )
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        layers=(Layer(id=None, key=None, const_name=_LAYER, fields=fields),),
        sublayers=tuple(
            SubLayer(key=None, const_name=name, weight=weight)
            for weight, name in _SUBLAYERS.items()
        ),
        callouts=tuple(
            Callout(
                id=300 + is_there,
                key=None,
                const_name=name,
                flags=(CALLOUT_REGISTERED,) if is_there else (),
                layer=_LAYER,
            )
            for is_there, name in _CALLOUTS.items()
        ),
        filters=tuple(filters),
    )


def check(seed: int, counts: Counter[str]) -> None:
    """Compares both for one policy.

    Raises:
        AssertionError: They differ, or a proof proves nothing.
    """
    policy = policy_of(seed)
    answer = Answer(policy)
    found = lint(snapshot_of(policy))
    of_kind = {
        kind: [one for one in found if one.kind == kind]
        for kind in ("never-matches", "shadowed", "contradicting", "hard-permit")
    }
    assert {one.filter_id for one in of_kind["never-matches"]} == answer.never, seed
    assert {one.filter_id for one in of_kind["shadowed"]} == answer.shadowed, seed
    pairs = {
        kind: {(one.filter_id, other) for one in of_kind[kind] for other in one.proof}
        for kind in ("contradicting", "hard-permit")
    }
    assert pairs == {"contradicting": answer.contradicting, "hard-permit": answer.hard}, seed
    for one in of_kind["shadowed"]:
        assert covers(policy, one.filter_id, one.proof), seed
    counts["policies"] += 1
    counts["never-matches"] += len(answer.never)
    counts["shadowed"] += len(answer.shadowed)
    counts["shadowed by several"] += sum(len(one.proof) > 1 for one in of_kind["shadowed"])
    counts["contradicting"] += len(answer.contradicting)
    counts["hard-permit"] += len(answer.hard)


def test_finds_exactly_what_trying_every_flow_finds(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for seed in range(300):
        check(seed, counts)
    with capsys.disabled():
        sys.stderr.write(f"\n{dict(counts)}\n")
    assert {kind: count for kind, count in counts.items() if count < 15} == {}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_finds_exactly_that_on_fresh_policies(capsys: pytest.CaptureFixture[str]) -> None:
    start = int(os.environ.get("WFP_SEED", "0")) or Random().randrange(1, 1 << 40)
    count = int(os.environ.get("WFP_POLICIES", FRESH))
    counts: Counter[str] = Counter()
    for seed in range(start, start + count):
        check(seed, counts)
    with capsys.disabled():
        sys.stderr.write(f"\nWFP_SEED={start}: {dict(counts)}\n")
    assert counts["policies"] == count
