"""What a host was asked for and could not list is never taken for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pywfp_ps.explain import Engine
from pywfp_ps.explain.asked import AskedFlows, wanted_of
from pywfp_ps.explain.batch import Batch, Flows
from pywfp_ps.explain.find import find
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.model.tables import key_of
from pywfp_ps.report.explain import first_line
from tests.explain.small import ACCEPT, CONNECT, OUT, on, policy, rule

_CONNECT_KEY = key_of("layers", CONNECT)


def refused(*unlisted: str, source: str = "ntobjectmanager", **more: Any) -> Snapshot:
    held = policy(
        rule(1, "PERMIT", on("IP_REMOTE_PORT", 443)), rule(2, "BLOCK", layer=ACCEPT), **more
    )
    stated = structs.replace(held.completeness, unlisted=unlisted)
    return structs.replace(held, source=source, completeness=stated)


@pytest.mark.parametrize(
    ("unlisted", "source", "verdict"),
    [
        ((), "ntobjectmanager", "permit"),
        ((f"filter {_CONNECT_KEY}",), "ntobjectmanager", "unknown"),
        (("filter",), "ntobjectmanager", "unknown"),
        ((f"filter {key_of('layers', ACCEPT)}",), "ntobjectmanager", "permit"),
        (("provider", "filter ?"), "ntobjectmanager", "permit"),
        # netsh listed them all.
        ((f"filter {_CONNECT_KEY}",), "both", "permit"),
    ],
)
def test_a_layer_that_was_refused_is_unknown(
    unlisted: tuple[str, ...], source: str, verdict: str
) -> None:
    engine = Engine(refused(*unlisted, source=source))
    flow = flow_of(OUT)
    answer = engine.explain(flow)
    many = Batch(engine).answer(Flows([flow]))[0]
    assert (answer.verdict, answer.policy_verdict) == (verdict, verdict)
    assert (many.verdict, many.policy_verdict) == (verdict, verdict)
    assert (CONNECT in answer.unlisted) == (verdict == "unknown")


def test_the_answer_says_so_and_names_no_filter() -> None:
    answer = Engine(refused(f"filter {_CONNECT_KEY}")).explain(flow_of(OUT))
    assert "the filters at ALE_AUTH_CONNECT_V4 could not be listed" in first_line(answer)
    (layer,) = [one for one in answer.layers if one.layer == CONNECT]
    assert 0 not in {one for sub in layer.sublayers for one in sub.candidates}


def test_no_flow_is_found_there() -> None:
    asked = AskedFlows(version=4, protocols=("tcp",), directions=("out",), said=Said())
    wanted = wanted_of(asked)
    listed, blind = Engine(refused()), Engine(refused(f"filter {_CONNECT_KEY}"))
    assert find(listed, wanted, "permit").status == "found"
    assert find(blind, wanted, "permit").status == "none"
    assert find(blind, wanted, "unknown").status == "found"
