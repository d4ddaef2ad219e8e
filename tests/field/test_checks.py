from __future__ import annotations

import copy
import gzip
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.field import Asked, Result, assumptions, results
from pywfp_ps.field.asking import SAY, Ended
from pywfp_ps.field.assumptions import page
from pywfp_ps.field.checks import _result, checks
from pywfp_ps.field.seen import Seen
from pywfp_ps.payload import decode
from pywfp_ps.payload.frames import encode_part
from tests.field.field_rig import (
    ABSENT,
    NOW,
    PROBES,
    Broken,
    Change,
    Machine,
    asked,
    changed,
    field_frames,
)

_ROOT = Path(__file__).resolve().parents[2]
_CHECKED = [one.id for one in assumptions() if one.check]


@pytest.fixture(scope="module")
def good() -> Asked:
    return asked()


def by_id(found: tuple[Result, ...]) -> dict[str, Result]:
    return {one.id: one for one in found}


def test_the_page_is_up_to_date() -> None:
    text = (_ROOT / "docs" / "unproven.md").read_text("utf-8")
    assert text == page(), "run python -m pywfp_ps.field > docs/unproven.md"


def test_every_check_is_one_of_an_assumption_and_no_id_stands_twice() -> None:
    assert sorted(_CHECKED) == sorted(checks())
    ids = [one.id for one in assumptions()]
    assert len(set(ids)) == len(ids)


def test_the_code_that_an_assumption_names_is_there() -> None:
    """A file named in the list without its folder is one of the module's functions."""
    names = {name for one in assumptions() for name in re.findall(r"`([\w./-]+\.\w+)`", one.where)}
    places = (
        "",
        "pywfp_ps",
        "psmodules/PyWfp",
        "psmodules/PyWfp/Private",
        "psmodules/PyWfp/Public",
    )
    lost = {
        name
        for name in names
        if not name.startswith("Filter.")
        and not any((_ROOT / place / name).is_file() for place in places)
        and not (_ROOT / "pywfp_ps" / "transports" / name).is_file()
    }
    assert lost == set()


def test_all_holds_on_a_machine_that_is_as_we_think(good: Asked) -> None:
    found = [one for one in results(good) if one.verdict != "held"]
    assert {(one.id, one.verdict) for one in found} == {(name, "could not ask") for name in ABSENT}


def test_nothing_is_known_of_a_machine_that_refuses() -> None:
    found = results(asked(Broken()))
    verdicts = {one.verdict for one in found}
    reasons = {one.seen for one in found if one.id.startswith(("dump", "policy", "module"))}
    assert "could not ask" in verdicts
    assert {one.id for one in found if one.verdict == "held"} <= {
        "ps-frames-whole",
        "ps-pace",
        "netsh-limits",
    }
    assert reasons <= {
        f"no {part}: it did not come" for part in ("state", "records", "filters", "field", "facts")
    }


def test_a_probe_that_failed_says_which_error(good: Asked) -> None:
    found = by_id(results(asked(Machine({**PROBES, "Module": None}))))
    assert found["module-type"] == Result(
        id="module-type",
        verdict="could not ask",
        seen="Module could not be tried: PyWfp.module-missing",
    )
    assert found["module-agrees"] == by_id(results(good))["module-agrees"]


def put(name: str, value: object) -> Change:
    def change(probe: dict[str, Any]) -> None:
        probe[name] = value

    return change


def in_case(case: str, **values: object) -> Change:
    def change(probe: Any) -> None:
        next(row for row in probe if row["case"] == case).update(values)

    return change


WORKED = {"works": True, "id": None, "text": None}
FAILED = {"works": False, "id": "PyWfp.netsh-failed", "text": "netsh ended with code 1: no"}
OTHERS = "O:BAG:SYD:PAI(A;OICI;FA;;;OW)(A;OICI;FA;;;BA)(A;;FR;;;BU)"

DIFFERENT: list[tuple[str, str, Change]] = [
    ("ps-json", "Json", put("lists", '{"a":[],"b":"x","c":["x","y"],"d":[{"e":[1]}]}')),
    ("ps-json", "Json", put("texts", '{"a":"\u00fc","b":""}')),
    ("ps-json", "Json", put("deep", '{"a":{"b":"System.Collections.Hashtable"}}')),
    ("ps-json-too-deep", "Json", put("too_deep", '{"a":{}}')),
    ("ps-numbers", "Shell", put("minus_five", "\u22125")),
    ("ps-numbers", "Shell", put("one_and_a_half", "1,5")),
    ("ps-native-exit", "Shell", put("program_code", 0)),
    ("ps-error-id", "Shell", put("program_missing", "Microsoft.PowerShell.WriteErrorException")),
    ("ps-hash", "Shell", put("digest", "00")),
    ("ps-language-mode", "Shell", put("language_mode", "Other")),
    ("ps-elevation-hive", "Registry", put("network_service", False)),
    ("ps-files", "Text", put("bytes", 10)),
    ("ps-files", "Text", put("whole", "abc\r\ndef\r\n")),
    ("ps-stop-finally", "Left", put("folders", 1)),
    ("ps-folder-closed", "Folder", put("access", OTHERS)),
    ("ps-folder-closed", "Folder", put("access", OTHERS.replace("PAI", "AI"))),
    ("ps-folder-gone", "Folder", put("gone", False)),
    ("netsh-replaces", "Netsh", in_case("again", bytes=9000)),
    ("netsh-space", "Netsh", in_case("space", **FAILED)),
    ("netsh-boottimepolicy", "Netsh", in_case("boottime", **FAILED)),
    ("netsh-timewindow", "Netsh", in_case("window", **FAILED)),
    ("netsh-many", "Netsh", in_case("many", **FAILED)),
    ("ps-owner", "Folder", put("access", "O:BUG:SYD:PAI(A;OICI;FA;;;OW)(A;OICI;FA;;;BA)")),
    ("netsh-capture-status", "Netsh", in_case("capture", **FAILED)),
    ("netsh-console", "Netsh", in_case("console", said=["Data collection successful"])),
    ("netsh-no-folder", "Netsh", in_case("no_folder", **WORKED)),
    ("netsh-no-command", "Netsh", in_case("no_command", text="netsh ended with code 0: x")),
    ("netsh-no-option", "Netsh", in_case("no_option", **WORKED)),
    ("netsh-no-type", "Netsh", in_case("no_type", **WORKED)),
    ("host-option-key", "Registry", put("options", False)),
    ("host-option-names", "Registry", put("option_names", [])),
    ("host-rule-key", "Registry", put("rules", False)),
    ("host-restricted-key", "Registry", put("restricted", False)),
    ("host-language-key", "Registry", put("language", False)),
    ("module-type", "Module", put("type", "Other.Filter")),
    ("module-plain-list", "Module", put("plain", {"filters": 2, "boottime": 0, "disabled": 0})),
]


@pytest.mark.parametrize(("name", "kind", "change"), DIFFERENT)
def test_a_machine_that_differs_is_seen(good: Asked, name: str, kind: str, change: Change) -> None:
    assert verdict(name, with_probes(good, changed(kind, change))) == "did not hold"


def with_probes(good: Asked, probes: dict[str, Any]) -> Asked:
    lines = list(field_frames(probes, list(SAY)))
    parts = {**good.parts, ("field", "field"): decode(lines, host="h", transport="t").payloads[0]}
    return msgspec.structs.replace(good, parts=parts)


def with_text(good: Asked, job: str, part: str, old: bytes, new: bytes, count: int) -> Asked:
    """The answers with another text in one part."""
    found = good.parts[job, part]
    plain = found.raw()
    assert old in plain
    made = encode_part(
        plain.replace(old, new, count), part=part, content=found.content, call="X", taken_at=NOW
    )
    payload = decode(made, host="h", transport="t").payloads[0]
    return msgspec.structs.replace(good, parts={**good.parts, (job, part): payload})


def verdict(name: str, found: Asked) -> str:
    """What comes of one check."""
    return _result(name, checks()[name], Seen(found)).verdict


SNAPSHOT = "snapshot"
CONNECT_ID = b"<filterId>"
KEYWORD = (
    b"<dynamicKeywordAddresses><item><id>{8a1e6c5e-3b0f-4b3e-8f38-0b6f2f9c7d11}</id>"
    b"<novel>1</novel></item></dynamicKeywordAddresses>"
)
OTHER_PARTS = [
    ("dump-mark", SNAPSHOT, "state", b"\xef\xbb\xbf", b"", -1),
    ("dump-two-roots", SNAPSHOT, "state", b"firewallState>", b"firewallOther>", -1),
    ("dump-no-gaps", SNAPSHOT, "state", b"FWP_MATCH_EQUAL<", b"<", 1),
    ("dump-nothing-new", SNAPSHOT, "state", b"<reserved/>", b"<novel>1</novel>", 1),
    ("dump-layers", SNAPSHOT, "state", b"<layerId>98<", b"<layerId>99<", -1),
    ("dump-flags", SNAPSHOT, "state", b"FWPM_FILTER_FLAG_INDEXED", b"40000000", -1),
    ("dump-effective-weight", SNAPSHOT, "state", b"effectiveWeight>", b"otherWeight>", -1),
    ("dump-time", SNAPSHOT, "state", b"<timeStamp>20", b"<timeStamp>19", -1),
    ("dump-value-forms", SNAPSHOT, "state", b"<type>FWP_UINT16<", b"<type>FWP_FLOAT<", -1),
    ("dump-keywords", SNAPSHOT, "state", b"<dynamicKeywordAddresses/>", KEYWORD, -1),
    ("dump-endpoint-addresses", SNAPSHOT, "facts", b'"address":"', b'"address":"9', -1),
    ("policy-boottime", SNAPSHOT, "state", b"FWPM_FILTER_FLAG_BOOTTIME", b"00000300", -1),
    ("module-boottime", SNAPSHOT, "state", b"FWPM_FILTER_FLAG_BOOTTIME", b"00000300", -1),
    ("policy-disabled", SNAPSHOT, "state", b"FLAG_INDEXED", b"FLAG_DISABLED", 1),
    ("policy-prefix-unused", SNAPSHOT, "state", b"MATCH_RANGE", b"MATCH_PREFIX", -1),
    ("policy-origins", SNAPSHOT, "state", b"providerContexts", b"otherContexts", -1),
    ("policy-quarantine", SNAPSHOT, "state", b"MPSSVC_WF<", b"MPSSVC_QUARANTINE<", -1),
    ("module-agrees", SNAPSHOT, "state", b"FWP_ACTION_PERMIT", b"FWP_ACTION_BLOCK", 1),
    ("module-no-gaps", SNAPSHOT, "records", b'"kind":"filter"', b'"kind":"new"', 1),
    ("netsh-options", SNAPSHOT, "options", b"netevents = on", b"Netzereignisse: an", -1),
    ("netsh-sysports", SNAPSHOT, "sysports", b"ports", b"porte", -1),
    ("events-ring", SNAPSHOT, "netevents", b"netEvents", b"netevents", -1),
    ("events-ring", SNAPSHOT, "netevents", b"FWPM_NET_EVENT_TYPE_", b"NEW_", 1),
    ("host-engine", SNAPSHOT, "facts", b'"status":4', b'"status":1', -1),
    ("host-fast", SNAPSHOT, "context", b'"ms":5', b'"ms":5000', -1),
    ("dump-verbose", "filters", "filters", CONNECT_ID, b"<filterId>9", -1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "job", "part", "old", "new", "count"), OTHER_PARTS)
def test_a_dump_that_differs_is_seen(
    good: Asked, name: str, job: str, part: str, old: bytes, new: bytes, count: int
) -> None:
    assert verdict(name, with_text(good, job, part, old, new, count)) == "did not hold"


def test_an_order_by_falling_id_is_seen(good: Asked) -> None:
    order = Seen(good).probe("Module")["order"]
    turned = with_probes(good, changed("Module", put("order", list(reversed(order)))))
    assert verdict("policy-sorted-weight", turned) == "did not hold"
    assert verdict("policy-sorted-ties", turned) == "did not hold"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=100)
@given(kind=st.sampled_from(sorted(PROBES)), odd=ODD, data=st.data())
def test_odd_answers_are_never_an_exception(
    good: Asked, kind: str, odd: object, data: st.DataObject
) -> None:
    probes = copy.deepcopy(PROBES)
    if isinstance(probes[kind], dict) and data.draw(st.booleans()):
        probes[kind][data.draw(st.sampled_from(sorted(probes[kind])))] = odd
    else:
        probes[kind] = odd
    found = with_probes(good, probes)
    for name in sorted({name for name, _, _ in DIFFERENT}):
        assert verdict(name, found) in {"held", "did not hold", "could not ask"}


@pytest.mark.parametrize("host", ["host-a", "host-b", "host-c"])
def test_real_dumps_are_as_we_think(samples: Path, host: str) -> None:
    (path,) = (samples / "wfpstate").glob(f"{host}-*.xml")
    records = (samples / "ntobjectmanager" / f"{host}.jsonl.gz").read_bytes()
    texts = {"state": path.read_bytes(), "records": gzip.decompress(records)}
    parts = {
        ("snapshot", part): decode(
            encode_part(text, part=part, content="x", call="X", taken_at=NOW),
            host="h",
            transport="t",
        ).payloads[0]
        for part, text in texts.items()
    }
    found = Asked(transport="t", ended={"snapshot": Ended(state="completed")}, parts=parts)
    told = by_id(results(found))
    asked_of_both = [name for name in told if name.startswith(("dump", "policy", "module"))]
    # The samples are older than the time that this test gives their parts.
    odd = {name for name in asked_of_both if told[name].verdict == "did not hold"} - {"dump-time"}
    assert odd == set()
    assert {told[name].verdict for name in ("dump-layers", "policy-endpoints-pass")} == {"held"}
    assert told["module-agrees"].verdict == "held"
