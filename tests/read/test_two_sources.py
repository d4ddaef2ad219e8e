"""A netsh dump and NtObjectManager's records of one host give one snapshot.

That proves the two readers, not what Windows says: the records of real hosts were made from their
dumps, by the module's own classes.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.model.enums import flags_of_number
from pywfp_ps.model.merging import Disagreement, merge
from pywfp_ps.model.sources import BLIND, OBJECTS, OWN_WORDS, differences, snapshot_differences
from pywfp_ps.model.tables import reference
from pywfp_ps.read import read_records, read_state
from pywfp_ps.write import write_records, write_state
from pywfp_remote.lab.generate import make_host
from tests.read.two_sources import both_ways, differing, writable
from tests.strategies_model import snapshots

HOSTS = {"a": "host-a-200-filters", "b": "host-b-665-filters", "c": "host-c-1050-filters"}
EXCUSED = {(row.kind, field) for row in BLIND for field in row.fields}
ALWAYS = {("snapshot", field) for field in OWN_WORDS - {"extra"}}
GUID = UUID("11111111-2222-3333-4444-555555555555")
LAYER, LAYER_KEY = reference("layers", "FWPM_LAYER_ALE_AUTH_CONNECT_V4")
PORT, PORT_KEY = reference("conditions", "FWPM_CONDITION_IP_REMOTE_PORT")


def unexplained(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {
        (kind, field)
        for kind, field in found - ALWAYS
        if not {(kind, field), ("any", field)} & EXCUSED
    }


@pytest.mark.parametrize("host", HOSTS)
def test_real_hosts_agree(samples: Path, host: str) -> None:
    netsh = read_state((samples / "wfpstate" / f"{HOSTS[host]}.xml").read_bytes())
    records = read_records((samples / "ntobjectmanager" / f"host-{host}.jsonl.gz").read_bytes())
    assert set(differing(netsh, records)) - ALWAYS == {
        ("filter", "flags"),
        ("filter", "flags_value"),
        ("filter", "provider_context"),
        ("filter", "provider_context_key"),
        ("filter", "raw_context"),
        ("snapshot", "associations"),
        ("snapshot", "contexts"),
        ("snapshot", "statistics"),
        ("snapshot", "subscriptions"),
        ("snapshot", "taken_at"),
    } - (set() if netsh.associations else {("snapshot", "associations")})
    merged, disagreements = merge(netsh, records)
    assert disagreements == ()
    assert records.gaps == ()
    assert (merged.source, merged.is_complete) == ("both", True)
    for kind in (*OBJECTS.values(), "contexts", "subscriptions"):
        ours = getattr(netsh, kind)
        if kind == "filters":
            ours = tuple(
                replace(f, flags_value=r.flags_value)
                for f, r in zip(ours, records.filters, strict=True)
            )
        assert getattr(merged, kind) == ours


@pytest.mark.parametrize("index", [0, 2, 5, 8, 9, 12, 13, 22, 23])
def test_made_up_hosts_agree(index: int) -> None:
    netsh, records = both_ways(make_host(index, seed=7, filters=250, hostile=True).snapshot)
    assert unexplained(set(differing(netsh, records))) == set()
    assert merge(netsh, records)[1] == ()
    assert (len(records.filters), records.gaps) == (len(netsh.filters), ())


@settings(max_examples=40, deadline=None)
@given(snapshots().map(writable))
def test_anything_agrees(snapshot: o.Snapshot) -> None:
    netsh, records = both_ways(snapshot)
    assert unexplained(set(differing(netsh, records))) == set()
    assert merge(netsh, records)[1] == ()


def test_merging_a_reading_with_itself_changes_nothing() -> None:
    netsh, _ = both_ways(make_host(3, seed=7, filters=250).snapshot)
    merged, disagreements = merge(netsh, netsh)
    assert disagreements == ()
    assert {kind: getattr(merged, kind) for kind in OBJECTS.values()} == {
        kind: getattr(netsh, kind) for kind in OBJECTS.values()
    }


_FILTER = o.Filter(
    id=7, key=GUID, layer=LAYER or "", layer_key=LAYER_KEY, sublayer="{s}", action=o.BLOCK
)
_CONDITION = o.Condition(
    field=PORT or "", field_key=PORT_KEY, match="FWP_MATCH_EQUAL", type="FWP_UINT16", value=80
)
_NODE = o.Node("value", "?")
_SPARE = flags_of_number("filter_flags", 0x1000)

# A pair of objects for every row of the table that is about objects, in its order.
CASES: list[tuple[str, Any, Any]] = [
    ("filter", replace(_FILTER, raw_context=5), _FILTER),
    ("filter", _FILTER, replace(_FILTER, security_descriptor="D:(A;;CC;;;WD)")),
    (
        "filter",
        replace(_FILTER, flags=(o.HAS_FILTER_ORIGIN,), flags_value=None),
        replace(_FILTER, flags=_SPARE, flags_value=0x1000),
    ),
    (
        "filter",
        replace(_FILTER, sublayer="FWPM_SUBLAYER_NEW"),
        replace(_FILTER, sublayer=f"{{{GUID}}}", sublayer_key=GUID),
    ),
    (
        "condition",
        replace(_CONDITION, type="FWP_DOUBLE", value=0.5),
        replace(_CONDITION, type="FWP_DOUBLE", value=None, extra=(_NODE,)),
    ),
    (
        "condition",
        replace(_CONDITION, type="FWP_NEW_TYPE", value=None, extra=(_NODE,)),
        replace(_CONDITION, type="0x00000063", value=None, extra=(_NODE,)),
    ),
    ("filter", replace(_FILTER, provider_data=b""), _FILTER),
    ("session", o.Session(key=GUID, name=str(GUID)), o.Session(key=GUID)),
    ("filter", replace(_FILTER, extra=(_NODE,)), _FILTER),
]


@pytest.mark.parametrize("number", range(len(BLIND)))
def test_every_row_of_the_table_is_needed(number: int) -> None:
    row = BLIND[number]
    if row.kind == "snapshot":
        netsh, records = both_ways(make_host(3, seed=7, filters=250).snapshot)
        found = list(snapshot_differences(netsh, records))
    else:
        kind, ours, theirs = CASES[number - 2]
        found = list(differences(kind, ours, theirs))
        assert {one.blind for one in found} <= {row, BLIND[-1]}
    assert row in [one.blind for one in found]


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        # A flag of its own number on one side only.
        ("filter", _FILTER, replace(_FILTER, flags=(o.BOOTTIME,), flags_value=2)),
        ("filter", replace(_FILTER, flags=(o.HAS_FILTER_ORIGIN,), flags_value=None), _FILTER),
        (
            "filter",
            replace(_FILTER, flags=(o.HAS_FILTER_ORIGIN,), flags_value=None),
            replace(_FILTER, flags=(o.BOOTTIME, *_SPARE), flags_value=0x1002),
        ),
        # A constant against another one, and a bare GUID against one with a GUID.
        ("filter", replace(_FILTER, sublayer="FWPM_A"), replace(_FILTER, sublayer="FWPM_B")),
        ("filter", replace(_FILTER, sublayer_key=GUID), replace(_FILTER, sublayer_key=None)),
        ("filter", _FILTER, replace(_FILTER, provider_context=f"{{{GUID}}}", effective_weight=4)),
        ("filter", replace(_FILTER, provider_data=b"1"), _FILTER),
        ("filter", replace(_FILTER, conditions=(_CONDITION,)), _FILTER),
        ("condition", _CONDITION, replace(_CONDITION, value=81)),
        ("condition", _CONDITION, replace(_CONDITION, type="0x00000063")),
        ("session", o.Session(key=GUID, name="VPN"), o.Session(key=GUID)),
        ("layer", o.Layer(id=1, key=GUID, const_name="x"), o.Layer(id=2, key=GUID, const_name="x")),
    ],
)
def test_what_no_row_explains_is_a_disagreement(kind: str, ours: Any, theirs: Any) -> None:
    assert [one for one in differences(kind, ours, theirs) if one.blind is None]


def test_descriptors_are_compared_by_what_they_say() -> None:
    sddl = "FWP_SECURITY_DESCRIPTOR_TYPE"
    one = replace(_CONDITION, type=sddl, value="O:SYD:(A;;CC;;;WD)")
    assert (
        list(differences("condition", one, replace(one, value="O:S-1-5-18D:(A;;0x1;;;S-1-1-0)")))
        == []
    )
    assert list(differences("condition", one, replace(one, value="O:SYD:(A;;CC;;;BA)")))


def _changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, (IPv4Address, IPv6Address)):
        return value + 1
    if isinstance(value, str):
        if len(value) == 36 and value.count("-") == 4:
            return "00000000-1111-2222-3333-444444444444"
        return value.replace("ff", "ee") if "ff" in value else value + "ab"
    if isinstance(value, dict):
        return {"t": 1, "v": 3} if value == {"t": 0} else {**value, "v": value["v"] ^ 1}
    if isinstance(value, list):
        return value[:-1]
    return "00000000-1111-2222-3333-444444444444"


_LINES = {
    line["kind"]: line
    for line in map(
        json.loads, write_records(make_host(3, seed=7, filters=250).snapshot).splitlines()
    )
    if line.get("conditions") != [] and line.get("local") != "::1"
}


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, name) for kind, line in _LINES.items() for name in line if name != "kind"],
)
def test_any_change_of_a_record_is_told(kind: str, field: str) -> None:
    """Whatever member of a record is changed, exactly one object disagrees, or is no longer it."""
    line = _LINES[kind]
    value = line[field]
    other = {**line, field: "198.51.100.77" if field in ("local", "remote") else _changed(value)}
    before, after = (read_records(json.dumps(one).encode()) for one in (line, other))
    disagreements = merge(replace(before, gaps=()), after)[1]
    assert len(disagreements) in (1, 2), (line, other)
    assert {one.kind for one in disagreements} == {kind}


def test_objects_that_one_source_lacks_are_told_and_kept() -> None:
    netsh = both_ways(make_host(3, seed=7, filters=250).snapshot)[0]
    first, second, *rest = netsh.filters
    ours = replace(netsh, filters=(first, *rest))
    theirs = replace(netsh, filters=(second, *rest), source="ntobjectmanager")
    merged, disagreements = merge(ours, theirs)
    assert merged.filters == (first, *rest, second)
    assert disagreements == (
        Disagreement(
            kind="filter", name=str(first.id), netsh="listed", ntobjectmanager="not listed"
        ),
        Disagreement(
            kind="filter", name=str(second.id), netsh="not listed", ntobjectmanager="listed"
        ),
    )
    assert disagreements[0].text == (
        f"filter {first.id}: netsh says listed, NtObjectManager not listed"
    )


def test_a_callout_whose_guid_is_not_public_is_one_callout() -> None:
    netsh = o.Callout(
        id=12, key=None, const_name="FWPM_CALLOUT_NEW", layer=LAYER, layer_key=LAYER_KEY
    )
    records = replace(netsh, key=GUID, const_name=f"{{{GUID}}}")
    stated = o.Completeness(command="x")
    merged, disagreements = merge(
        o.Snapshot(source="netsh", completeness=stated, callouts=(netsh,)),
        o.Snapshot(source="ntobjectmanager", completeness=stated, callouts=(records,)),
    )
    assert disagreements == ()
    assert merged.callouts == (replace(netsh, key=GUID),)


def test_what_only_the_records_know_is_filled_in() -> None:
    snapshot = make_host(3, seed=7, filters=250).snapshot
    described = replace(
        snapshot,
        filters=tuple(replace(f, security_descriptor="D:(A;;CC;;;WD)") for f in snapshot.filters),
    )
    netsh, records = both_ways(described)
    merged, disagreements = merge(netsh, records)
    assert disagreements == ()
    assert {f.security_descriptor for f in merged.filters} == {"D:(A;;CC;;;WD)"}
    assert not any("descriptor" in text for text in merged.completeness.leaves_out)


def test_the_table_stands_in_the_documents() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
    for row in BLIND:
        fields = ", ".join(f"`{field}`" for field in row.fields)
        assert (
            f"| {row.source} | {row.kind} | {fields} | {row.when or 'always'} | {row.why} |" in text
        )
    assert text.count("| netsh |") + text.count("| ntobjectmanager |") == len(BLIND)


def test_writing_records_needs_a_guid() -> None:
    snapshot = o.Snapshot(
        source="netsh",
        completeness=o.Completeness(command="x"),
        filters=(replace(_FILTER, sublayer="FWPM_SUBLAYER_NEW"),),
    )
    with pytest.raises(ValueError, match="FWPM_SUBLAYER_NEW without a GUID"):
        write_records(snapshot)
    assert write_state(replace(snapshot, filters=()))
