"""Rules 5 to 10 and 14 (weights, sublayers, callouts, lifetimes), one named small case each."""

import itertools
import random

import pytest

from tests.oracle.explain_oracle import explain
from tests.oracle.oracle_arbitrate import (
    Met,
    Said,
    Standing,
    combine,
    enumerate_sublayer,
    layer_stands,
    sublayer_says,
    verdicts_of,
)
from tests.oracle.oracle_build import CONNECT, check, dump, rule
from tests.oracle.oracle_callouts import Answer
from tests.oracle.oracle_read import Filter, read_state

FLOW: dict[str, object] = {
    "direction": "out",
    "protocol": "tcp",
    "local_address": "192.0.2.10",
    "remote_address": "203.0.113.10",
    "remote_port": 443,
    "as": "user",
    "layer": CONNECT,
}
MISS = check("IP_REMOTE_PORT", "EQUAL", "UINT16", 80)
MAYBE = check("COMPARTMENT_ID", "EQUAL", "UINT32", 1)
Verdicts = tuple[str, str]


def both(*rules: tuple[str, str], **options: object) -> Verdicts:
    """Strict and policy verdict of these filters."""
    answer = explain(read_state(dump(*rules, **options)), FLOW)  # type: ignore[arg-type]
    return answer["verdict"], answer["policy_verdict"]


def test_rule_5_1_only_the_effective_weight_orders() -> None:
    rules = rule(1, "PERMIT", weight=5), rule(2, "BLOCK", weight=6)
    assert both(*rules) == ("block", "block")
    assert both(*reversed(rules)) == ("block", "block")


def test_rules_5_2_and_5_3_all_64_bits_of_a_weight_count() -> None:
    assert (
        both(rule(1, "PERMIT", weight=2**64 - 1), rule(2, "BLOCK", weight=2**64 - 2))[0] == "permit"
    )


def test_rule_5_4_a_more_specific_filter_of_less_weight_loses() -> None:
    port = check("IP_REMOTE_PORT", "EQUAL", "UINT16", 443)
    assert both(rule(1, "BLOCK", port, weight=1), rule(2, "PERMIT", weight=2))[0] == "permit"


def test_rule_5_5_weights_are_compared_inside_one_sublayer_only() -> None:
    rules = rule(1, "PERMIT", weight=999), rule(2, "BLOCK", weight=1, sublayer="B")
    assert both(*rules) == ("block", "block")


def test_rule_5_6_a_tie_that_changes_the_verdict_names_both() -> None:
    answer = explain(read_state(dump(rule(1, "PERMIT"), rule(2, "BLOCK"))), FLOW)
    shown = answer["layers"][0]["sublayers"][0]
    assert (answer["verdict"], answer["policy_verdict"]) == ("unknown", "unknown")
    assert (shown["action"], shown["filter_id"], shown["candidates"]) == ("unknown", None, [1, 2])


def test_rule_5_6_a_tie_that_changes_nothing_goes_to_the_lowest_id() -> None:
    shown = explain(read_state(dump(rule(2, "BLOCK"), rule(1, "BLOCK"))), FLOW)["layers"][0]
    assert (shown["verdict"], shown["filter_id"]) == ("block", 1)
    assert shown["sublayers"][0]["candidates"] == [1, 2]


def test_rules_6_1_and_6_2_the_heaviest_match_decides_and_the_rest_is_skipped() -> None:
    rules = (
        rule(1, "BLOCK", MISS, weight=9),
        rule(2, "PERMIT", weight=8),
        rule(3, "BLOCK", weight=7),
    )
    shown = explain(read_state(dump(*rules)), FLOW)["layers"][0]["sublayers"][0]
    assert (shown["action"], shown["filter_id"], shown["candidates"]) == ("permit", 2, [2])


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("CALLOUT_INSPECTION", ("block", "block")),
        ("CALLOUT_TERMINATING", ("unknown", "permit")),
        ("CALLOUT_UNKNOWN", ("unknown", "block")),
        ("CONTINUE", ("block", "block")),
        ("0x7777", ("unknown", "unknown")),
    ],
)
def test_rules_6_3_and_6_7_callouts_by_class(action: str, expected: Verdicts) -> None:
    rules = rule(1, action, callout="x", weight=9), rule(2, "BLOCK", weight=8)
    assert both(*rules, callouts={"x": True}) == expected


def test_rule_6_4_the_callout_is_looked_up_by_the_filter_type() -> None:
    rules = rule(1, "CALLOUT_TERMINATING", callout="x"), rule(2, "PERMIT", MISS)
    answer = explain(read_state(dump(*rules, callouts={"x": True, "y": True})), FLOW)
    assert [one["callout"] for one in answer["overriders"]] == ["x"]


def test_rule_6_5_an_unknown_callout_that_continues_leaves_the_rest_to_run() -> None:
    rules = rule(1, "CALLOUT_UNKNOWN", callout="x", weight=9), rule(2, "PERMIT", weight=8)
    shown = explain(read_state(dump(*rules, callouts={"x": True})), FLOW)["layers"][0]
    assert shown["sublayers"][0]["candidates"] == [1, 2]
    assert (shown["sublayers"][0]["action"], shown["policy_filter_id"]) == ("callout", 2)


def test_rule_6_6_a_sublayer_without_match_has_no_opinion_and_is_left_out() -> None:
    rules = rule(1, "BLOCK", MISS), rule(2, "PERMIT", sublayer="B")
    answer = explain(read_state(dump(*rules)), FLOW)
    assert [one["sublayer"] for one in answer["layers"][0]["sublayers"]] == ["B"]


def test_rule_7_1_sublayers_run_by_falling_weight() -> None:
    rules = [rule(number, "PERMIT", sublayer=name) for number, name in enumerate("CAB", start=1)]
    shown = explain(read_state(dump(*rules)), FLOW)["layers"][0]["sublayers"]
    assert [(one["sublayer"], one["weight"]) for one in shown] == [("A", 10), ("B", 5), ("C", 1)]


def test_rule_7_2_sublayers_below_a_block_are_still_evaluated() -> None:
    rules = rule(1, "BLOCK"), rule(2, "PERMIT", sublayer="B"), rule(3, "BLOCK", sublayer="C")
    layer = explain(read_state(dump(*rules)), FLOW)["layers"][0]
    assert [one["filter_id"] for one in layer["sublayers"]] == [1, 2, 3]
    assert (layer["verdict"], layer["filter_id"]) == ("block", 1)


NONE = Standing()
SOFT_PERMIT = Standing(verdict="permit", filter_id=1)
HARD_PERMIT = Standing(verdict="permit", hard=True, filter_id=1)
SOFT_BLOCK = Standing(verdict="block", filter_id=1)
HARD_BLOCK = Standing(verdict="block", hard=True, filter_id=1)


def answer_of(text: str) -> Said:
    """Words such as 'soft permit' or 'hard block callout' as an opinion of filter 2."""
    words = text.split()
    answer = Answer(verdict=words[1], hard=words[0] == "hard", by_callout="callout" in words)
    return Said(answer=answer, filter_id=2)


@pytest.mark.parametrize(
    ("above", "here", "verdict", "hard", "filter_id"),
    [
        (NONE, "soft permit", "permit", False, 2),
        (NONE, "hard permit", "permit", True, 2),
        (NONE, "hard block", "block", True, 2),
        (NONE, "soft block callout", "block", False, 2),
        (SOFT_PERMIT, "soft permit", "permit", False, 2),
        (SOFT_PERMIT, "hard permit", "permit", True, 2),
        (SOFT_PERMIT, "hard block", "block", True, 2),
        (HARD_PERMIT, "soft permit", "permit", True, 1),
        (HARD_PERMIT, "hard block", "permit", True, 1),
        (HARD_PERMIT, "soft block callout", "block", True, 2),
        (HARD_PERMIT, "hard block callout", "block", True, 2),
        (SOFT_BLOCK, "soft permit", "permit", False, 2),
        (SOFT_BLOCK, "hard permit", "permit", True, 2),
        (SOFT_BLOCK, "soft block callout", "block", False, 1),
        (SOFT_BLOCK, "hard block", "block", True, 1),
        (HARD_BLOCK, "hard permit", "block", True, 1),
        (HARD_BLOCK, "soft permit callout", "block", True, 1),
    ],
)
def test_rules_7_3_and_7_4_the_combination_table(
    above: Standing, here: str, verdict: str, *, hard: bool, filter_id: int
) -> None:
    expected = Standing(verdict=verdict, hard=hard, filter_id=filter_id)
    assert combine(above, answer_of(here)) == expected
    assert combine(above, Said(answer=None)) == above


def test_rule_7_5_a_plain_block_beats_permits_above_and_below() -> None:
    permits = rule(1, "PERMIT"), rule(3, "PERMIT", sublayer="C")
    assert both(*permits, rule(2, "BLOCK", sublayer="B")) == ("block", "block")


def test_rules_7_6_and_7_8_a_hard_permit_above_lets_a_block_below_stand_by() -> None:
    rules = rule(1, "PERMIT", flags="CLEAR_ACTION_RIGHT"), rule(2, "BLOCK", sublayer="B")
    answer = explain(read_state(dump(*rules)), FLOW)
    assert (answer["verdict"], answer["layers"][0]["filter_id"]) == ("permit", 1)
    assert answer["layers"][0]["sublayers"][0]["clear_action_right"] is True


def test_rule_7_6_the_flag_changes_nothing_on_a_block() -> None:
    low = rule(2, "PERMIT", sublayer="B", flags="CLEAR_ACTION_RIGHT")
    for flags in ("", "CLEAR_ACTION_RIGHT"):
        assert both(rule(1, "BLOCK", flags=flags), low) == ("block", "block")


def test_rule_7_7_a_callout_block_is_soft_or_hard() -> None:
    rules = rule(1, "CALLOUT_TERMINATING", callout="x"), rule(2, "PERMIT", sublayer="B")
    assert both(*rules, callouts={"x": True}) == ("unknown", "permit")


def test_rules_7_4_and_7_7_only_a_callout_can_veto_a_hard_permit() -> None:
    hard = rule(1, "PERMIT", flags="CLEAR_ACTION_RIGHT")
    veto = rule(2, "CALLOUT_TERMINATING", callout="x", sublayer="B")
    assert both(hard, veto, callouts={"x": True}) == ("unknown", "permit")
    assert both(hard, veto, callouts={"x": False}) == ("permit", "permit")


def test_a_callout_above_may_permit_hard_and_so_save_what_a_filter_blocks() -> None:
    rules = rule(1, "CALLOUT_TERMINATING", callout="x"), rule(2, "BLOCK", sublayer="B")
    assert both(*rules, callouts={"x": True}) == ("unknown", "block")


def test_a_block_above_cannot_be_undone_by_a_callout_below() -> None:
    rules = rule(1, "BLOCK"), rule(2, "CALLOUT_TERMINATING", callout="x", sublayer="B")
    assert both(*rules, callouts={"x": True}) == ("block", "block")


def test_rule_7_9_the_heaviest_block_is_the_one_named() -> None:
    rules = rule(1, "BLOCK", sublayer="C"), rule(2, "BLOCK", sublayer="B")
    assert explain(read_state(dump(*rules)), FLOW)["deciding"] == {"layer": CONNECT, "filter_id": 2}


def test_rule_8_1_nothing_matched_passes() -> None:
    answer = explain(read_state(dump(rule(1, "BLOCK", MISS))), FLOW)
    assert (answer["verdict"], answer["certain"], answer["deciding"]) == ("permit", True, None)
    assert verdicts_of(layer_stands([])) == {"permit"}


def test_rule_8_2_the_visible_default_is_a_filter() -> None:
    rules = rule(1, "PERMIT", MISS, weight=9), rule(2, "BLOCK", weight=0)
    assert explain(read_state(dump(*rules)), FLOW)["deciding"] == {"layer": CONNECT, "filter_id": 2}


@pytest.mark.parametrize("action", ["CALLOUT_TERMINATING", "CALLOUT_UNKNOWN"])
def test_rules_9_1_to_9_3_an_unregistered_callout_blocks_unless_told_otherwise(action: str) -> None:
    told = "PERMIT_IF_CALLOUT_UNREGISTERED"
    assert both(rule(1, action, callout="x"), callouts={"x": False}) == ("block", "block")
    assert both(rule(1, action, callout="x", flags=told), callouts={"x": False}) == (
        "permit",
        "permit",
    )


def test_rules_9_1_and_6_3_an_unregistered_inspection_still_has_no_vote() -> None:
    rules = rule(1, "CALLOUT_INSPECTION", callout="x", weight=9), rule(2, "PERMIT", weight=8)
    assert both(*rules, callouts={"x": False}) == ("permit", "permit")


def test_rule_9_3_a_callout_the_dump_does_not_list_may_be_missing() -> None:
    assert both(rule(1, "CALLOUT_TERMINATING", callout="x")) == ("unknown", "unknown")


def test_rule_9_4_a_callout_may_absorb_so_its_silence_is_a_possible_block() -> None:
    assert both(rule(1, "CALLOUT_UNKNOWN", callout="x"), callouts={"x": True}) == (
        "unknown",
        "permit",
    )


def test_rule_9_5_discard_layers_are_no_step_of_the_path() -> None:
    discard = "FWPM_LAYER_ALE_AUTH_CONNECT_V4_DISCARD"
    state = read_state(dump(rule(1, "BLOCK", layer=discard), rule(2, "PERMIT")))
    assert explain(state, FLOW | {"layer": None})["verdict"] == "permit"


def test_rule_10_1_boot_time_filters_are_not_in_force() -> None:
    rules = rule(1, "PERMIT", flags="BOOTTIME"), rule(2, "BLOCK")
    assert both(*rules) == ("block", "block")


def test_rules_10_2_and_10_3_persistent_and_dynamic_filters_are_equal() -> None:
    rules = rule(1, "PERMIT", weight=2, flags="PERSISTENT"), rule(2, "BLOCK", weight=1)
    assert both(*rules) == ("permit", "permit")


def test_rule_10_4_disabled_filters_and_providers_are_left_out() -> None:
    low = rule(2, "PERMIT", weight=1)
    assert both(rule(1, "BLOCK", flags="DISABLED"), low) == ("permit", "permit")
    assert both(rule(1, "BLOCK", provider="p"), low, disabled="p") == ("permit", "permit")
    assert both(rule(1, "BLOCK", provider="q"), low, disabled="p") == ("block", "block")


def test_rule_10_5_indexed_has_no_effect() -> None:
    assert both(rule(1, "BLOCK", flags="INDEXED"), rule(2, "PERMIT", weight=1))[0] == "block"


def test_rule_10_6_a_sublayer_that_is_missing_comes_last() -> None:
    rules = rule(1, "PERMIT"), rule(2, "BLOCK", sublayer="{gone}")
    shown = explain(read_state(dump(*rules)), FLOW)["layers"][0]["sublayers"]
    assert [(one["sublayer"], one["weight"]) for one in shown] == [("A", 10), ("{gone}", -1)]


def test_rule_10_7_filters_are_named_by_the_id_of_their_dump() -> None:
    assert explain(read_state(dump(rule(2**40, "BLOCK"))), FLOW)["deciding"]["filter_id"] == 2**40


def test_rule_14_4_an_unknown_above_a_block_leaves_it_open_only_if_it_permits() -> None:
    low = rule(2, "BLOCK", weight=1)
    assert both(rule(1, "PERMIT", MAYBE), low) == ("unknown", "unknown")
    assert both(rule(1, "BLOCK", MAYBE), low) == ("block", "block")
    shown = explain(read_state(dump(rule(1, "BLOCK", MAYBE), low)), FLOW)["layers"][0]
    assert (shown["filter_id"], shown["sublayers"][0]["candidates"]) == (None, [1, 2])


def test_rule_14_4_an_unknown_below_the_decision_changes_nothing() -> None:
    rules = rule(1, "PERMIT", weight=2), rule(2, "BLOCK", MAYBE, weight=1)
    shown = explain(read_state(dump(*rules)), FLOW)["layers"][0]["sublayers"][0]
    assert (shown["action"], shown["candidates"]) == ("permit", [1])


def test_rule_14_5_an_unknown_that_a_block_elsewhere_covers_is_certain() -> None:
    rules = rule(1, "PERMIT", MAYBE), rule(2, "BLOCK", sublayer="B")
    assert both(*rules) == ("block", "block")


def test_rule_14_7_certain_is_false_exactly_when_the_verdict_is_unknown() -> None:
    answer = explain(read_state(dump(rule(1, "BLOCK", MAYBE))), FLOW)
    assert (answer["verdict"], answer["certain"]) == ("unknown", False)


ANSWERS = [
    Answer(verdict=verdict, hard=hard, by_callout=callout)
    for verdict in ("permit", "block", "continue")
    for hard in (False, True)
    for callout in (False, True)
]


def made_up(rng: random.Random) -> list[Met]:
    """Up to five filters with few weights, so that ties are many."""
    found = []
    for number in range(rng.randint(0, 5)):
        one = Filter(
            id=number,
            name="",
            layer="",
            sublayer="",
            weight=rng.randint(0, 2),
            action="",
            callout="",
            flags=frozenset(),
            provider="",
            context="",
            conditions=(),
        )
        answers = frozenset(
            Answer(verdict="continue") if pick.verdict == "continue" else pick
            for pick in rng.sample(ANSWERS, rng.randint(1, 3))
        )
        found.append(Met(rule=one, matches=rng.choice([True, None]), answers=answers))
    return sorted(found, key=lambda one: (-one.rule.weight, one.rule.id))


def test_the_walk_says_what_enumeration_of_every_resolution_says() -> None:
    rng = random.Random(20261121)
    for _ in range(400):
        met = made_up(rng)
        walked, enumerated = sublayer_says(met), enumerate_sublayer(met)
        assert {one.answer for one in walked} == {one.answer for one in enumerated}
        assert walked <= enumerated


def test_carrying_standings_is_the_product_of_all_opinions() -> None:
    rng = random.Random(7)
    for _ in range(200):
        opinions = [sublayer_says(made_up(rng)) for _ in range(3)]
        product = set()
        for picks in itertools.product(*opinions):
            standing = Standing()
            for pick in picks:
                standing = combine(standing, pick)
            product.add(standing)
        assert layer_stands(opinions) == product
