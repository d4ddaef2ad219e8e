"""`find` and `impact` against trying every flow, on policies over domains small enough for that."""

from __future__ import annotations

import os
import sys
from collections import Counter
from random import Random
from typing import Any

import pytest

from pywfp_ps.explain import Engine
from pywfp_ps.explain.arbitrate import Verdict
from pywfp_ps.explain.find import find
from pywfp_ps.explain.guards import Guard
from pywfp_ps.explain.impact import impact
from pywfp_ps.read import read_state
from pywfp_ps.write import write_state
from tests.explain.tiny import exactly, flow_of, snapshot_of, tiny_of, wanted_of
from tests.oracle.oracle_read import read_state as second_read
from tests.oracle.whole_oracle import changes, flows_of, verdict_of

_VERDICTS: tuple[Verdict, ...] = ("permit", "block", "unknown")
_EACH = 4


def _tried(text: str, flows: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    state = second_read(text)
    return [verdict_of(state, flow) for flow in flows]


def check(seed: int, counts: Counter[str]) -> None:
    """Compares both for one policy and one change.

    Raises:
        AssertionError: They differ, or something was given up.
    """
    tiny, chance = tiny_of(seed), Random(seed)
    wanted = wanted_of(tiny)
    flows = list(flows_of([*tiny.before, *tiny.after], tiny.fields, tiny.base))
    texts = [write_state(snapshot_of(policy)) for policy in (tiny.before, tiny.after)]
    before, after = (Engine(read_state(text)) for text in texts)
    old, new = (_tried(text.decode("utf-8-sig"), flows) for text in texts)
    for verdict in _VERDICTS:
        there = [flow for flow, (got, _) in zip(flows, old, strict=True) if got == verdict]
        found = find(before, wanted, verdict)
        assert found.status == ("found" if there else "none"), (seed, verdict)
        counts[f"find {verdict} {found.status}"] += 1
        for said in chance.sample(there, min(len(there), _EACH)):
            flow = flow_of(said)
            statuses = [find(before, exactly(flow), one).status for one in _VERDICTS]
            expected = ["found" if one == verdict else "none" for one in _VERDICTS]
            assert statuses == expected, (seed, said)
    answer = impact(before, after, wanted=wanted, guards=[Guard(name="all", wanted=wanted)])
    classes = {
        (
            one.before.verdict, one.before.deciding and one.before.deciding.filter_id,
            one.after.verdict, one.after.deciding and one.after.deciding.filter_id,
        )
        for one in answer.changes
    }  # fmt: skip
    assert (classes, answer.reason) == (changes(old, new), ""), seed
    ends = {(first, last) for first, _, last, _ in changes(old, new)}
    cut, maybe = ("permit", "block") in ends, ("permit", "unknown") in ends
    assert answer.guarded[0].danger == ("cut" if cut else "may-be-cut" if maybe else "safe"), seed
    counts["policies"] += 1
    counts["flows"] += len(flows)
    counts["changed"] += bool(classes)
    counts["classes"] += len(classes)


def test_answers_are_exactly_what_trying_every_flow_finds() -> None:
    counts: Counter[str] = Counter()
    start = Random().randrange(1 << 40)
    for seed in (*range(40), *range(start, start + 10)):
        check(seed, counts)
    assert counts["changed"] > 8
    for verdict in _VERDICTS:
        assert counts[f"find {verdict} found"] > 3
        assert counts[f"find {verdict} none"] > 3


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif("WFP_POLICIES" not in os.environ, reason="WFP_POLICIES: how many fresh ones")
def test_they_are_on_fresh_policies(capsys: pytest.CaptureFixture[str]) -> None:
    start = Random().randrange(1 << 40)
    counts: Counter[str] = Counter()
    for seed in range(start, start + int(os.environ["WFP_POLICIES"])):
        check(seed, counts)
    with capsys.disabled():
        sys.stdout.write(f"\n{dict(counts)}\n")
    assert counts["policies"] == int(os.environ["WFP_POLICIES"])
