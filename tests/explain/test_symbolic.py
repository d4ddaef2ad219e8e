"""Sets of flows against the engine, point by point, on hostile policies made up for it."""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pywfp_ps.explain import Engine
from pywfp_ps.explain.shapes import Shape, Wanted, shapes_of
from pywfp_ps.explain.space import Space
from pywfp_ps.explain.symbolic import Deadline, Model
from pywfp_ps.explain.universe import Universe
from pywfp_ps.model.objects import Snapshot
from tests.explain.strategies import LUIDS, PACKAGE, USER, policies

_POINTS = 12
_GIVEN: Final[list[dict[str, Any]]] = [
    *[{}] * 6, {"reauthorize": True}, {"ipsec": True}, {"raw": True}, {"preset": "user"},
    {"preset": "network-service"}, {"user": "S-1-5-19"}, {"user": USER, "groups_complete": True},
    {"services": ("Dnscache",)}, {"package": PACKAGE, "groups_complete": True},
    {"package": PACKAGE, "capabilities": ()}, {"quarantined": True}, {"app": "System"},
    {"redirected": True}, {"interface": LUIDS[2]}, {"interface_type": 131}, {"profile": 2},
    {"original_profile": 1}, {"loopback": True}, {"loopback": False},
    {"app": r"c:\apps\browser.exe"}, {"remote_package": PACKAGE},
    {"fields": (("FWPM_CONDITION_COMPARTMENT_ID", 1),)},
]  # fmt: skip
"""What a question may fix."""


def points_of(space: Space, chance: Random, count: int) -> list[dict[str, Any]]:
    """Points drawn by chance, of which those are kept that can be."""
    found = []
    for _ in range(count * 6):
        point: dict[str, Any] = {
            name: chance.choice(axis.samples) for name, axis in space.diagrams.axes.items()
        }
        point |= {name: chance.random() < 0.3 for name in space.diagrams.flags}
        if "sid:S-1-5-11" in point:
            point["sid:S-1-5-11"] = True
        if space.diagrams.has(space.world, point):
            found.append(point)
        if len(found) == count:
            break
    return found


def compare(engine: Engine, shape: Shape, chance: Random, counts: Counter[str]) -> None:
    """Compares the sets of one shape with what the engine says of some of its flows.

    Raises:
        AssertionError: They differ.
    """
    base = structs.replace(shape.base, **chance.choice(_GIVEN))
    universe = Universe(structs.replace(shape, base=base), Wanted(), [engine])
    space = Space(universe)
    model = Model(space, engine, Deadline(60))
    sets = {strict: model.verdicts(strict=strict) for strict in (False, True)}
    for point in points_of(space, chance, _POINTS):
        flow = universe.flow(point)
        answer = engine.explain(flow)
        for strict, expected in ((False, answer.policy_verdict), (True, answer.verdict)):
            got = [
                verdict
                for verdict in ("permit", "block", "unknown")
                if space.diagrams.has(sets[strict].of(verdict), point)
            ]
            assert got == [expected], (flow, strict)
            counts[expected] += 1


def run(examples: int, *, derandomize: bool) -> Counter[str]:
    counts: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=(
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
            HealthCheck.filter_too_much,
        ),
    )
    @given(policy=policies(), seed=st.integers(0, 1 << 32))
    def case(policy: Snapshot, seed: int) -> None:
        engine, chance = Engine(policy), Random(seed)
        version = int(policy.layers[0].const_name[-1])
        shapes = list(shapes_of(Wanted(versions=(version,))))
        shapes += shapes_of(Wanted(versions=(version,), action="listen"))
        shapes += shapes_of(Wanted(versions=(version,), directions=("forward",)))
        for shape in shapes:
            compare(engine, shape, chance, counts)

    case()
    return counts


def test_sets_say_what_the_engine_says_of_each_point() -> None:
    counts = run(25, derandomize=True)
    assert min(counts[verdict] for verdict in ("permit", "block", "unknown")) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif("WFP_POLICIES" not in os.environ, reason="WFP_POLICIES: how many fresh ones")
def test_sets_say_it_on_fresh_policies() -> None:
    assert run(int(os.environ["WFP_POLICIES"]), derandomize=False)
