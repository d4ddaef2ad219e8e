from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from pywfp_ps.model.objects import (
    HAS_FILTER_ORIGIN,
    Completeness,
    Condition,
    Filter,
    Provider,
    ProviderContext,
    Snapshot,
)
from pywfp_ps.model.origin import Rule, owner_of, rule_number, rules_of
from pywfp_ps.model.text import condition_text
from pywfp_ps.read import read_state

_FIREWALL = "FWPM_PROVIDER_MPSSVC_WF"


def _filter(id_: int, number: int | None = None, **what: Any) -> Filter:
    fields: dict[str, Any] = {
        "id": id_,
        "key": None,
        "layer": "FWPM_LAYER_ALE_AUTH_CONNECT_V4",
        "sublayer": "FWPM_SUBLAYER_MPSSVC_WF",
        "provider": _FIREWALL,
        "action": "FWP_ACTION_PERMIT",
        "provider_data": None if number is None else number.to_bytes(8, "little"),
    }
    return Filter(**(fields | what))


def _with_origin(context: int) -> dict[str, Any]:
    return {"flags": (HAS_FILTER_ORIGIN,), "provider_context_key": UUID(int=context)}


def _context(key: int, text: str) -> ProviderContext:
    data = (text + "\0").encode("utf-16-le")
    name = f"{{{UUID(int=key)}}}"
    return ProviderContext(
        key=UUID(int=key), const_name=name, type="FWPM_GENERAL_CONTEXT", data=data
    )


def test_a_rule_is_known_by_origin_then_by_number() -> None:
    snapshot = Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        contexts=(_context(1, "RuleA"), _context(2, "Query User Default")),
        filters=(
            _filter(1, 5, **_with_origin(1)),
            _filter(2, 5, name="Rule A shown"),
            _filter(3, 6, name="Rule B"),
            _filter(4, 6, name="Rule B"),
            _filter(5, (1 << 64) - 1, **_with_origin(2)),
            _filter(6, (1 << 64) - 1),
            _filter(7, 7, name="one"),
            _filter(8, 7, name="two"),
            _filter(9, 5, provider="{other}"),
            _filter(10, **_with_origin(99)),
        ),
    )
    assert rules_of(snapshot) == {
        1: Rule(name="RuleA", origin="RuleA", number=5),
        2: Rule(name="RuleA", number=5),
        3: Rule(name="Rule B", number=6),
        4: Rule(name="Rule B", number=6),
        5: Rule(name="Query User Default", origin="Query User Default"),
        7: Rule(number=7),
        8: Rule(number=7),
    }


def test_a_number_needs_eight_bytes_of_the_firewall() -> None:
    assert rule_number(_filter(1, 5, provider_data=b"\x05")) is None


def test_an_owner_is_a_product_a_service_or_a_display_name() -> None:
    windivert = UUID("450ec398-1eaf-49f5-85e0-228f0d293921")
    providers = {
        "{a}": Provider(key=None, const_name="{a}", name="Shown", service_name="svc"),
        "{b}": Provider(key=None, const_name="{b}", name="Shown"),
    }
    other = "FWPM_SUBLAYER_UNIVERSAL"
    owners = [
        owner_of(_filter(1, provider="{w}", provider_key=windivert, sublayer=other), providers),
        owner_of(_filter(1, provider="{a}", sublayer=other), providers),
        owner_of(_filter(1, provider="{b}", sublayer=other), providers),
        owner_of(_filter(1, provider=None, sublayer=other), providers),
        owner_of(_filter(1, provider=None), providers),
    ]
    assert owners == ["WinDivert", "svc", "Shown", None, "MPSSVC"]


def test_every_origin_of_the_samples_resolves(samples: Path) -> None:
    for path in sorted((samples / "wfpstate").glob("*.xml")):
        snapshot = read_state(path.read_bytes())
        rules = rules_of(snapshot)
        marked = [f for f in snapshot.filters if HAS_FILTER_ORIGIN in f.flags]
        assert marked
        assert all(rules[f.id].origin for f in marked)
        for number in {rule.number for rule in rules.values() if rule.number is not None}:
            names = {f.name for f in snapshot.filters if rule_number(f) == number}
            assert len(names) == 1


def test_conditions_read_as_a_sentence() -> None:
    def one(field: str, type_: str, match: str = "EQUAL", **what: Any) -> Condition:
        name = f"FWPM_CONDITION_{field}"
        return Condition(field=name, match=f"FWP_MATCH_{match}", type=type_, **what)

    assert condition_text(
        (
            one("IP_PROTOCOL", "FWP_UINT8", value=6),
            one("IP_REMOTE_PORT", "FWP_UINT16", value=80),
            one("IP_REMOTE_PORT", "FWP_RANGE_TYPE", "RANGE", low=8000, high=8080),
            one("FLAGS", "FWP_UINT32", "FLAGS_NONE_SET", value=1),
            one("ORIGINAL_PROFILE_ID", "FWP_UINT32", value=3),
        )
    ) == (
        "IP_PROTOCOL = TCP AND (IP_REMOTE_PORT = 80 OR IP_REMOTE_PORT in 8000-8080)"
        " AND FLAGS has none of IS_LOOPBACK AND ORIGINAL_PROFILE_ID = domain"
    )
