"""Every numbered rule has a named case, and the engine answers it as the second implementation.

The cases stand beside the second implementation, as dumps in the shape that netsh prints. Here each
of them is asked of the engine: the same text, the same flow, the same expectation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct

from pywfp_ps.explain import Engine
from pywfp_ps.explain.flow import PROFILES
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.read import read_state
from tests.oracle import (
    test_oracle_pages,
    test_oracle_rules_arbitration,
    test_oracle_rules_matching,
)
from tests.oracle.oracle_read import State
from tests.oracle.oracle_read import read_state as second_read

_MODULES: Final = (test_oracle_rules_arbitration, test_oracle_rules_matching, test_oracle_pages)


_NOT_HERE: Final = {
    # netsh prints the sublayer of every filter; one without it is a gap of the reader.
    "test_rule_1_2_and_1_3_a_filter_without_sublayer_lies_in_universal",
    # A sublayer without a name or GUID is a gap of the reader; small policies have the case.
    "test_rule_10_6_a_sublayer_that_is_missing_comes_last",
    # No option says that a field is empty; the conditions have the case.
    "test_rules_4_2_and_4_3_empty_fields",
    # Discard layers see what is dropped already; the path leaves them out (rule 9.5).
    "test_section_3_a_silent_drop_is_modelled_as_a_block",
}
"""Cases of the second implementation that the engine never meets."""

_SAME: Final = (
    "direction", "protocol", "app", "user", "package", "profile", "original_profile",
    "current_profile", "arrival_profile", "nexthop_profile", "interface_type", "tunnel_type",
    "quarantine_epoch", "quarantined", "loopback", "reauthorize", "raw", "redirected", "ipsec",
    "groups_complete", "bind_address", "ip_version",
)  # fmt: skip


class _Text(Struct):
    """What both read: the text, and what the second implementation makes of it."""

    text: str
    state: State

    def __getattr__(self, name: str) -> Any:
        return getattr(self.state, name)


def _read(text: str) -> _Text:
    return _Text(text, second_read(text))


def _said(flow: Mapping[str, Any]) -> Said:
    """The flow of a case as options."""
    known: dict[str, Any] = {name: flow[name] for name in _SAME if flow.get(name) is not None}
    categories = {number: name for name, number in PROFILES.items()}
    for name in [one for one in known if one.endswith("profile")]:
        known[name] = categories.get(known[name], known[name])
    for end in ("local", "remote"):
        address, port = flow.get(f"{end}_address"), flow.get(f"{end}_port")
        if address is not None:
            host = f"[{address}]" if ":" in str(address) else address
            known[end] = str(address) if port is None else f"{host}:{port}"
    if flow.get("icmp_type") is not None:
        known["icmp"] = f"{flow['icmp_type']}:{flow.get('icmp_code', 0)}"
    if flow.get("wildcard_bind") is not None:
        known["bind_address"] = "0.0.0.0" if flow["wildcard_bind"] else flow["local_address"]
    if flow.get("action") == "forward":
        known["direction"] = "forward"
    for name in ("groups", "capabilities"):
        if flow.get(name) is not None:
            known[name] = tuple(flow[name])
    if flow.get("interface") is not None:
        known["interface"] = str(flow["interface"])
    services = (flow["service"],) if flow.get("service") else ()
    fields = tuple(f"{key}={value}" for key, value in flow.get("fields", {}).items())
    return Said(
        account=flow.get("as"),
        services=services,
        fields=fields,
        listen=flow.get("action") == "listen",
        bind=flow.get("action") == "bind",
        **known,
    )


def _explain(both: _Text, flow: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's answer in the shape of the second one."""
    layer = flow.get("layer")
    engine = Engine(read_state(both.text.encode()))
    answer = engine.explain(flow_of(_said(flow)), layers=None if layer is None else [layer])
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    if plain["deciding"]:
        plain["deciding"] = {key: plain["deciding"][key] for key in ("layer", "filter_id")}
    for one in plain["layers"]:
        for sub in one["sublayers"]:
            sub["weight"] = -1 if sub["weight"] is None else sub["weight"]
    return plain


@pytest.fixture(autouse=True)
def _the_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in _MODULES:
        monkeypatch.setattr(module, "read_state", _read)
        monkeypatch.setattr(module, "explain", _explain)


def _cases(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, function in vars(module).items():
        if name.startswith("test_") and name not in _NOT_HERE:
            yield name, function


globals().update({name: function for module in _MODULES for name, function in _cases(module)})


_RULES: Final = {
    1: 4, 2: 8, 3: 11, 4: 4, 5: 6, 6: 7, 7: 9, 8: 2, 9: 5, 10: 7, 11: 11, 12: 8, 13: 0, 14: 0,
}  # fmt: skip
"""How many numbered rules each section of arbitration has; 0 for one whole section."""
_SECTIONS: Final = 9
_ELSEWHERE: Final = {
    "rule 3.9": "tests/explain/test_tokens.py::test_a_descriptor_against_a_token",
    "rule 3.10": "tests/explain/test_tokens.py::test_a_descriptor_against_a_token",
    "rule 3.11": "tests/explain/test_tokens.py::test_a_descriptor_against_a_token",
    "rule 1.2": "tests/explain/test_arbitration.py::test_a_rule_of_arbitration",
    "rule 1.3": "tests/explain/test_arbitration.py::test_a_rule_of_arbitration",
    "rule 4.2": "tests/explain/test_match.py::test_an_empty_field_equals_an_empty_value_alone",
    "rule 4.3": "tests/explain/test_match.py::test_an_empty_field_equals_an_empty_value_alone",
    "rule 10.6": "tests/explain/test_arbitration.py::test_a_rule_of_arbitration",
    "section 5": "tests/explain/test_derive.py::test_facts_fill_in_what_they_settle",
    "section 8": "tests/model/test_origin.py::test_a_rule_is_known_by_origin_then_by_number",
    "section 9": "tests/explain/test_flow_tables.py"
    "::test_no_connected_endpoint_is_surely_blocked_both_ways",
}
"""Rules of which the engine's case stands in another file."""


def _named_in(name: str) -> Iterator[str]:
    """The rules and sections in the name of a case: ``rules_5_2_and_5_3``, ``rules_9_1_to_9_3``."""
    words = name.removeprefix("test_").split("_")
    kind, is_range, last = "", False, (0, 0)
    while words:
        word = words.pop(0)
        if word.rstrip("s") in {"rule", "section"}:
            kind = word.rstrip("s")
        elif word in {"and", "to"}:
            is_range = word == "to"
        elif not word.isdigit() or not kind:
            kind = ""
        elif kind == "rule" and words and words[0].isdigit():
            number = (int(word), int(words.pop(0)))
            first = last[1] + 1 if is_range else number[1]
            yield from (f"rule {number[0]}.{one}" for one in range(first, number[1] + 1))
            is_range, last = False, number
        else:
            yield f"{kind} {word}"


def test_every_rule_has_a_named_case() -> None:
    wanted = {
        f"rule {section}.{number}" if count else f"rule {section}"
        for section, count in _RULES.items()
        for number in range(1, (count or 1) + 1)
    } | {f"section {number}" for number in range(1, _SECTIONS + 1)}
    named = {one for module in _MODULES for name, _ in _cases(module) for one in _named_in(name)}
    named |= {one.split(".")[0] for one in named if one.startswith("rule 14.")}
    assert wanted - named - set(_ELSEWHERE) == set()
    root = Path(__file__).resolve().parents[2]
    for place in _ELSEWHERE.values():
        file, _, name = place.partition("::")
        assert f"def {name}(" in (root / file).read_text("utf-8"), place
