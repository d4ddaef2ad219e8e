"""Single findings, and the silence on real hosts."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import structs

from pywfp_ps.explain.lint import Finding, lint
from pywfp_ps.model.objects import (
    Callout,
    Completeness,
    Condition,
    Filter,
    Gap,
    Provider,
    ProviderContext,
    Snapshot,
    SubLayer,
)
from pywfp_ps.read import read_state

_LAYER: Final = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
_SUBLAYER: Final = "FWPM_SUBLAYER_UNIVERSAL"


def _is(field: str, kind: str, value: Any = None, match: str = "EQUAL", **more: Any) -> Condition:
    return Condition(
        field=f"FWPM_CONDITION_{field}", match=f"FWP_MATCH_{match}", type=f"FWP_{kind}",
        value=value, **more,
    )  # fmt: skip


def _filter(number: int, *conditions: Condition, weight: int = 1, **more: Any) -> Filter:
    said: dict[str, Any] = {"layer": _LAYER, "sublayer": _SUBLAYER, "action": "FWP_ACTION_PERMIT"}
    return Filter(
        id=number, key=None, effective_weight=weight, conditions=conditions, **(said | more)
    )


def _snapshot(*filters: Filter, **more: Any) -> Snapshot:
    said: dict[str, Any] = {
        "completeness": Completeness(command="netsh wfp show state"),
        "sublayers": (SubLayer(key=None, const_name=_SUBLAYER, weight=5),),
    }
    return Snapshot(source="netsh", filters=filters, **(said | more))


_TCP: Final = _is("IP_PROTOCOL", "UINT8", 6)
_NETWORK: Final = _is(
    "IP_REMOTE_ADDRESS", "V4_ADDR_MASK", IPv4Address("192.0.2.0"),
    mask=IPv4Address("255.255.255.0"), prefix_length=24,
)  # fmt: skip
_HOST: Final = _is("IP_REMOTE_ADDRESS", "UINT32", IPv4Address("192.0.2.7"))
_SERVICE: Final = "O:SYG:SYD:(A;;CC;;;S-1-5-80-1)"
_SERVICES: Final = "O:SYG:SYD:(A;;CC;;;S-1-5-80-1)(A;;CC;;;S-1-5-80-2)"


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        (
            (_is("IP_LOCAL_PORT", "RANGE_TYPE", match="RANGE", low=90, high=80,
                 bound_type="FWP_UINT16"),),
            "the range ends before it begins (IP_LOCAL_PORT in 90-80)",
        ),
        (
            (_is("FLAGS", "UINT32", 1, "FLAGS_ALL_SET"), _TCP,
             _is("FLAGS", "UINT32", 1, "FLAGS_NONE_SET")),
            "no value satisfies FLAGS has all of IS_LOOPBACK AND FLAGS has none of IS_LOOPBACK",
        ),
        (
            (_is("IP_PROTOCOL", "UINT8", 1), _is("IP_LOCAL_PORT", "UINT16", 443)),
            "ICMP has no type or code above 255 (IP_PROTOCOL = ICMP AND IP_LOCAL_PORT = 443)",
        ),
        (
            (_is("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", "O:SYG:SYD:(D;;CC;;;WD)"),),
            "no value satisfies ALE_USER_ID is not Everyone",
        ),
    ],
    ids=["range", "flags", "icmp", "descriptor"],
)  # fmt: skip
def test_a_filter_that_cannot_match_says_why(conditions: tuple[Condition, ...], why: str) -> None:
    assert lint(_snapshot(_filter(7, *conditions))) == [
        Finding(
            kind="never-matches", filter_id=7, layer=_LAYER, sublayer=_SUBLAYER,
            text=f"matches nothing: {why}",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("heavy", "light", "is_found"),
    [
        ((), (_TCP,), True),
        ((_TCP,), (), False),
        ((_NETWORK,), (_HOST, _TCP), True),
        ((_HOST,), (_NETWORK,), False),
        (
            (_is("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", _SERVICES),),
            (_is("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", _SERVICE),),
            True,
        ),
        (
            (_is("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", _SERVICE),),
            (_is("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", _SERVICES),),
            False,
        ),
        (
            (_is("ALE_PACKAGE_ID", "SID", "S-1-0-0", "NOT_EQUAL"),),
            (_is("ALE_PACKAGE_ID", "SID", "S-1-0-0", "NOT_EQUAL"), _TCP),
            True,
        ),
    ],
    ids=["all", "not all", "network", "wider", "services", "more services", "open but the same"],
)
def test_a_heavier_filter_shadows_what_it_holds(
    heavy: tuple[Condition, ...], light: tuple[Condition, ...], *, is_found: bool
) -> None:
    found = lint(
        _snapshot(_filter(1, *heavy, weight=9, action="FWP_ACTION_BLOCK"), _filter(2, *light))
    )
    assert [(one.kind, one.filter_id, one.proof, one.minor) for one in found] == (
        [("shadowed", 2, (1,), False)] if is_found else []
    )


def test_what_does_the_same_as_its_shadow_is_minor() -> None:
    (found,) = lint(_snapshot(_filter(1, weight=9), _filter(2, _TCP)))
    assert (found.kind, found.minor) == ("shadowed", True)


def test_filters_not_in_force_prove_nothing() -> None:
    boot = _filter(1, weight=9, flags=("FWPM_FILTER_FLAG_BOOTTIME",))
    assert lint(_snapshot(boot, _filter(2, _TCP))) == []


def test_a_contradiction_comes_with_an_example() -> None:
    (found,) = lint(_snapshot(_filter(1, _TCP), _filter(2, _HOST, action="FWP_ACTION_BLOCK")))
    assert (found.kind, found.filter_id, found.proof, found.example) == (
        "contradicting", 1, (2,), ("IP_PROTOCOL=6", "IP_REMOTE_ADDRESS=192.0.2.7"),
    )  # fmt: skip


_NAMES: Final[dict[str, Any]] = {
    "provider": "FWPM_PROVIDER_X", "provider_context": "{c}", "callout": "{o}",
    "action": "FWP_ACTION_CALLOUT_TERMINATING", "sublayer": "{s}",
}  # fmt: skip
_OTHERS: Final[dict[str, Any]] = {
    "providers": (Provider(key=None, const_name="FWPM_PROVIDER_Y"),),
    "contexts": (ProviderContext(key=None, const_name="{d}", type="FWPM_GENERAL_CONTEXT"),),
    "callouts": (Callout(id=1, key=None, const_name="{p}"),),
}


def test_names_what_a_filter_rests_on_and_is_not_there() -> None:
    found = lint(_snapshot(_filter(1, **_NAMES), **_OTHERS))
    assert [(one.kind, one.object) for one in found] == [
        ("missing-sublayer", "{s}"),
        ("missing-provider", "FWPM_PROVIDER_X"),
        ("missing-context", "{c}"),
        ("missing-callout", "{o}"),
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"completeness": Completeness(command="x", whole=False)},
        {"completeness": Completeness(command="x", elevated=False)},
        {"completeness": Completeness(command="x", consistent=False)},
        {"gaps": (Gap(source="state", place="subLayers/item[0]", problem="x"),)},
    ],
    ids=["cut", "not elevated", "changed", "gap"],
)
def test_a_doubtful_reading_proves_nothing_missing(more: dict[str, Any]) -> None:
    assert lint(_snapshot(_filter(1, **_NAMES), **(_OTHERS | more))) == []


def test_an_unregistered_callout_says_what_the_filter_does() -> None:
    callout = Callout(id=1, key=None, const_name="{o}", name="Old driver", layer=_LAYER)
    asks = _filter(1, action="FWP_ACTION_CALLOUT_UNKNOWN", callout="{o}")
    permits = structs.replace(
        asks, id=2, flags=("FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED",), effective_weight=5
    )
    found = [
        one for one in lint(_snapshot(asks, permits, callouts=(callout,))) if one.kind != "shadowed"
    ]
    said = "no driver has registered the callout Old driver: the filter"
    assert [(one.filter_id, one.kind, one.text) for one in found] == [
        (2, "unregistered-callout", f"{said} permits"),
        (1, "unregistered-callout", f"{said} blocks"),
    ]


@pytest.mark.parametrize("name", ["host-a-200", "host-b-665", "host-c-1050"])
def test_real_hosts_are_silent_but_for_minor_findings(samples: Path, name: str) -> None:
    found = lint(read_state((samples / "wfpstate" / f"{name}-filters.xml").read_bytes()))
    assert [one for one in found if not one.minor] == []
    ties = [one.name for one in found if one.kind == "contradicting"]
    assert ties == ["AppContainerLoopback"] * 2  # the known ties of the firewall itself
