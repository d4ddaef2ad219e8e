"""The numbered rules of arbitration, one case each (docs/explain.md)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pywfp_ps.explain import Engine
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.model.objects import (
    CALLOUT_REGISTERED,
    PERMIT_IF_CALLOUT_UNREGISTERED,
    Callout,
    Filter,
    Provider,
)
from tests.explain.small import (
    ACCEPT,
    BIND,
    CONNECT,
    DRIVER,
    GONE,
    HARD,
    LOWER,
    OUT,
    UPPER,
    ask,
    on,
    policy,
    rule,
    verdicts,
)

_UNKNOWN_FIELD = on("COMPARTMENT_ID", 1, kind="UINT32")
_TERMINATING, _MAY = "CALLOUT_TERMINATING", "CALLOUT_UNKNOWN"
_IF_GONE = (PERMIT_IF_CALLOUT_UNREGISTERED,)
_OTHER = "{b0000000-0000-4000-8000-00000000000f}"

Case = tuple[str, tuple[Filter, ...], tuple[str, str, int | None]]

CASES: list[Case] = [
    ("1.1 a block at any layer blocks", (
        rule(1, "PERMIT"), rule(2, "BLOCK", layer="FWPM_LAYER_STREAM_V4"),
    ), ("block", "block", 2)),
    ("1.2 weights of different sublayers are not compared", (
        rule(1, "PERMIT", weight=9), rule(2, "BLOCK", sublayer=UPPER, weight=1),
    ), ("block", "block", 2)),
    ("1.3 a filter belongs to one layer alone", (
        rule(1, "BLOCK", layer=ACCEPT), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("1.4 a V6 filter sees no V4 traffic", (
        rule(1, "BLOCK", layer="FWPM_LAYER_ALE_AUTH_CONNECT_V6"), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("2.2 different fields are all needed", (
        rule(1, "BLOCK", on("IP_REMOTE_PORT", 443), on("IP_PROTOCOL", 17, kind="UINT8")),
    ), ("permit", "permit", None)),
    ("2.3 equal neighbours are alternatives", (
        rule(1, "BLOCK", on("IP_REMOTE_PORT", 80), on("IP_REMOTE_PORT", 443)),
    ), ("block", "block", 1)),
    ("2.4 the same field further on is another condition", (
        rule(1, "BLOCK", on("IP_REMOTE_PORT", 443), on("IP_PROTOCOL", 6, kind="UINT8"),
             on("IP_REMOTE_PORT", 80)),
    ), ("permit", "permit", None)),
    ("5.1 the heavier filter is asked first", (
        rule(1, "PERMIT", weight=1), rule(2, "BLOCK", weight=2),
    ), ("block", "block", 2)),
    ("5.6 a tie that changes the verdict is unknown", (
        rule(1, "PERMIT"), rule(2, "BLOCK"),
    ), ("unknown", "unknown", None)),
    ("5.6 a tie that changes nothing goes to the lowest id that surely matches", (
        rule(1, "PERMIT", _UNKNOWN_FIELD), rule(3, "PERMIT"), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("6.3 inspection never decides", (
        rule(1, "CALLOUT_INSPECTION", callout=DRIVER, weight=9), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("6.3 a terminating callout always does", (
        rule(1, _TERMINATING, callout=DRIVER, weight=9), rule(2, "BLOCK"),
    ), ("unknown", "permit", 1)),
    ("6.5 a callout of class unknown may leave it to lighter filters", (
        rule(1, _MAY, callout=DRIVER, weight=9), rule(2, "BLOCK"),
    ), ("unknown", "block", 2)),
    ("6.6 no filter, no opinion; 8.1 then it passes", (), ("permit", "permit", None)),
    ("7.2 both sublayers must agree", (
        rule(1, "BLOCK", sublayer=UPPER), rule(2, "PERMIT"),
    ), ("block", "block", 1)),
    ("7.4 a block below a soft permit blocks", (
        rule(1, "PERMIT", sublayer=UPPER), rule(2, "BLOCK"),
    ), ("block", "block", 2)),
    ("7.4 a soft permit below takes the credit", (
        rule(1, "PERMIT", sublayer=UPPER), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("7.4 a hard permit above beats a filter's block", (
        rule(1, "PERMIT", sublayer=UPPER, flags=HARD), rule(2, "BLOCK"),
    ), ("permit", "permit", 1)),
    ("7.4 a hard block below cannot beat a hard permit", (
        rule(1, "PERMIT", sublayer=UPPER, flags=HARD), rule(2, "BLOCK", flags=HARD),
    ), ("permit", "permit", 1)),
    ("7.4 a callout can: the veto", (
        rule(1, "PERMIT", sublayer=UPPER, flags=HARD), rule(2, _TERMINATING, callout=DRIVER),
    ), ("unknown", "permit", 1)),
    ("7.7 a callout's soft block yields to a permit below", (
        rule(1, _TERMINATING, callout=DRIVER, sublayer=UPPER), rule(2, "PERMIT"),
    ), ("unknown", "permit", 2)),
    ("E3 a callout's hard permit may beat a block below", (
        rule(1, _TERMINATING, callout=DRIVER, sublayer=UPPER), rule(2, "BLOCK"),
    ), ("unknown", "block", 2)),
    ("9.1 a callout without its driver blocks", (
        rule(1, _TERMINATING, callout=GONE),
    ), ("block", "block", 1)),
    ("9.1 but cannot veto", (
        rule(1, "PERMIT", sublayer=UPPER, flags=HARD), rule(2, _TERMINATING, callout=GONE),
    ), ("permit", "permit", 1)),
    ("9.2 unless the filter says permit", (
        rule(1, _MAY, callout=GONE, flags=_IF_GONE),
    ), ("permit", "permit", 1)),
    ("9.3 a callout nobody listed may be either", (
        rule(1, _TERMINATING, callout=_OTHER),
    ), ("unknown", "unknown", None)),
    ("10.1 boot-time filters are not in force", (
        rule(1, "BLOCK", flags=("FWPM_FILTER_FLAG_BOOTTIME",)), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("10.4 nor are disabled ones", (
        rule(1, "BLOCK", flags=("FWPM_FILTER_FLAG_DISABLED",)), rule(2, "PERMIT"),
    ), ("permit", "permit", 2)),
    ("11.8 a filter for known flows does not match a new one", (
        rule(1, "BLOCK", on("FLAGS", 4, "FLAGS_ALL_SET", "UINT32")),
    ), ("permit", "permit", None)),
    ("12 continue has no vote", (
        rule(1, "CONTINUE", weight=9), rule(2, "BLOCK"),
    ), ("block", "block", 2)),
    ("12 an action nobody knows may be anything", (
        rule(1, "BITMAP_INDEX_SET", weight=9), rule(2, "BLOCK"),
    ), ("unknown", "unknown", None)),
    ("14 an unknown that cannot change the verdict changes nothing", (
        rule(1, "BLOCK", _UNKNOWN_FIELD, weight=9), rule(2, "BLOCK"),
    ), ("block", "block", None)),
    ("14 an unknown that can makes it unknown", (
        rule(1, "BLOCK", _UNKNOWN_FIELD, weight=9), rule(2, "PERMIT"),
    ), ("unknown", "unknown", None)),
    ("a sublayer nobody listed comes last", (
        rule(1, "PERMIT", sublayer=_OTHER, flags=HARD), rule(2, "BLOCK"),
    ), ("block", "block", 2)),
    ("the stack chooses a port whose bind is not refused", (
        rule(1, "BLOCK", on("IP_LOCAL_PORT", 6000), layer=BIND),
    ), ("permit", "permit", None)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0].replace(" ", "-") for case in CASES],
)
def test_a_rule_of_arbitration(
    filters: tuple[Filter, ...], expected: tuple[str, str, int | None]
) -> None:
    assert verdicts(ask(*filters, said=replace(OUT, local="192.0.2.10"))) == expected


def test_filters_of_a_disabled_provider_are_left_out() -> None:
    provider = Provider(
        key=None, const_name="FWPM_PROVIDER_IKEEXT", flags=("FWPM_PROVIDER_FLAG_DISABLED",)
    )
    answer = ask(
        rule(1, "BLOCK", provider="FWPM_PROVIDER_IKEEXT"), rule(2, "PERMIT"), providers=(provider,)
    )
    assert verdicts(answer) == ("permit", "permit", 2)


def test_candidates_come_winner_first_then_in_evaluation_order() -> None:
    answer = ask(
        rule(5, "PERMIT", _UNKNOWN_FIELD, weight=9),
        rule(4, "PERMIT", weight=2),
        rule(3, "PERMIT", _UNKNOWN_FIELD, weight=2),
        rule(2, "BLOCK", weight=1),
    )
    (layer,) = [one for one in answer.layers if one.layer == CONNECT]
    assert [(one.filter_id, one.candidates) for one in layer.sublayers] == [(None, (5, 3, 4))]


def test_a_sure_callout_is_named_as_the_action() -> None:
    answer = ask(rule(1, _MAY, callout=DRIVER, weight=9), rule(2, "BLOCK"))
    (layer,) = [one for one in answer.layers if one.layer == CONNECT]
    (sub,) = layer.sublayers
    assert (sub.sublayer, sub.action, sub.policy_action) == (LOWER, "callout", "block")


def test_who_may_override_is_listed() -> None:
    answer = ask(rule(1, _TERMINATING, callout=DRIVER))
    assert [(one.layer, one.callout, one.product, one.modelled) for one in answer.overriders] == [
        (CONNECT, DRIVER, "driver 0", False)
    ]


def test_a_redirect_filter_makes_the_redirect_flags_unknown() -> None:
    redirected = on("FLAGS", 0x100000, "FLAGS_ALL_SET", "UINT32")
    block = rule(1, "BLOCK", redirected)
    redirector = rule(2, "CALLOUT_INSPECTION", callout=DRIVER,
                      layer="FWPM_LAYER_ALE_CONNECT_REDIRECT_V4")  # fmt: skip
    assert verdicts(ask(block))[0] == "permit"
    answer = ask(block, redirector)
    assert (answer.verdict, answer.notes) == (
        "unknown",
        ("the answer is for the original destination; filter 2 may redirect it",),
    )


def test_quarantine_holds_inbound_traffic_of_an_interface_without_a_pair() -> None:
    epoch = on("INTERFACE_QUARANTINE_EPOCH", 7, kind="UINT64")
    filters = (
        rule(1, "BLOCK", layer=ACCEPT),
        rule(2, "PERMIT", on("IP_ARRIVAL_INTERFACE", 6 << 48, kind="UINT64"), epoch,
             weight=1, layer=ACCEPT),
    )  # fmt: skip
    said = replace(OUT, direction="in", interface=str(6 << 48))
    assert verdicts(ask(*filters, said=said)) == ("permit", "permit", 2)
    assert verdicts(ask(*filters, said=replace(said, quarantined=True))) == ("block", "block", 1)
    other = replace(said, interface=str(7 << 48))
    assert verdicts(ask(*filters, said=other)) == ("block", "block", 1)


_SILENT = "FWPM_CALLOUT_WFP_TRANSPORT_LAYER_V4_SILENT_DROP"


@pytest.mark.parametrize(
    ("lower", "expected"),
    [
        ("BLOCK", ("unknown", "block", 1)),  # soft block + block: the upper one keeps the credit
        ("PERMIT", ("unknown", "permit", 2)),  # soft block + permit: the lower one permits
    ],
)
def test_a_soft_block_above(lower: str, expected: tuple[str, str, int | None]) -> None:
    silent = Callout(id=17, key=None, const_name=_SILENT, flags=(CALLOUT_REGISTERED,))
    snapshot = policy(rule(1, _TERMINATING, callout=_SILENT, sublayer=UPPER), rule(2, lower))
    snapshot = replace(snapshot, callouts=(silent,))
    assert verdicts(Engine(snapshot).explain(flow_of(OUT))) == expected


@pytest.mark.parametrize(
    ("layer", "direction", "package", "kind", "verdict"),
    [
        (ACCEPT, "in", "none", 0x800000, "block"),
        (ACCEPT, "in", "none", 0x400000, "permit"),
        (ACCEPT, "in", "S-1-15-2-1-2-3-4-5-6-7", 0x400000, "block"),
        (ACCEPT, "in", None, 0x800000, "unknown"),
        (CONNECT, "out", "none", 0x800000, "unknown"),
        (CONNECT, "out", "none", 0x1, "block"),
        (ACCEPT, "in", "none", 0x1000000, "unknown"),
    ],
)
def test_e1_loopback_flags_are_told_at_accept(
    layer: str, direction: str, package: str | None, kind: int, verdict: str
) -> None:
    said = Said(
        direction=direction, local="127.0.0.1:443", remote="127.0.0.1:50000", package=package
    )
    block = rule(1, "BLOCK", on("FLAGS", kind, "FLAGS_ALL_SET", "UINT32"), layer=layer)
    assert ask(block, said=said).verdict == verdict
