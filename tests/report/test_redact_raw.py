from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.model.objects import Snapshot
from pywfp_ps.read import read_records, read_state
from pywfp_ps.report.redact import Redactor
from pywfp_ps.report.redact_raw import RawRedactor

RAW = RawRedactor(Redactor(b"k" * 32), ["WEB-03", "corp.example", "CORP\\ann.lee"])
HOSTS = ("host-a", "host-b", "host-c")
SAME_EVERYWHERE = {
    *("0.0.0.0", "127.0.0.1", "::", "::1", "224.0.0.251", "239.255.255.250", "ff02::fb"),
    *("mpssvc", "query user", "server", "system", "uwp default inbound block rule"),
}


def state_of(samples: Path, host: str) -> bytes:
    (path,) = (samples / "wfpstate").glob(f"{host}-*.xml")
    return path.read_bytes()


def private(snapshot: Snapshot) -> Iterator[str]:
    """Texts of a snapshot that tell who or where."""
    for kind in ("filters", "sublayers", "providers", "contexts", "callouts", "sessions"):
        for one in getattr(snapshot, kind):
            yield from (str(getattr(one, name, "")) for name in ("name", "description"))
    yield from (str(one.user_name) for one in snapshot.sessions)
    for end in snapshot.endpoints:
        yield from (f">{end.local_address}<", f">{end.remote_address}<", str(end.file_name))
    for one in snapshot.filters:
        for condition in one.conditions:
            if isinstance(condition.value, str) and "\\" in condition.value:
                yield condition.value.rpartition("\\")[2]


def readable(data: bytes) -> str:
    """All that can be read in a file, hex of UTF-16 too."""
    text = data.decode()
    blobs = [
        bytes.fromhex(found[0]).decode("utf-16-le", "replace")
        for found in re.finditer(r"\b(?:[0-9a-f]{4}){4,}\b", text)
    ]
    return "\n".join((text, *blobs)).lower()


@pytest.mark.parametrize("host", HOSTS)
def test_a_real_dump_tells_nobody_and_reads_as_before(samples: Path, host: str) -> None:
    data = state_of(samples, host)
    before, made = read_state(data), RAW.xml(data)
    after, told = read_state(made), readable(made)
    words = {word.lower() for word in private(before) if len(word) > 4}
    left = {word for word in words if word in told} - SAME_EVERYWHERE
    assert {word.strip("<>") for word in left} - SAME_EVERYWHERE == set()
    assert (
        set(re.findall(r"S-1-5-21-[1-9][\d-]+", data.decode()))
        & set(re.findall(r"S-1-5-21-[1-9][\d-]+", made.decode()))
        == set()
    )
    assert (after.gaps, after.extra) == ((), ())
    assert [shape(one) for one in after.filters] == [shape(one) for one in before.filters]
    assert [layer.fields for layer in after.layers] == [layer.fields for layer in before.layers]


def shape(one: object) -> tuple[object, ...]:
    """A filter without keys, which carry the address of a network card on some machines."""
    names = ("id", "layer", "flags", "weight", "effective_weight", "action")
    conditions = [(c.field, c.match, c.type) for c in getattr(one, "conditions", ())]
    return (*(getattr(one, name) for name in names), conditions)


@pytest.mark.parametrize("host", HOSTS)
def test_real_records_tell_nobody_and_read_as_before(samples: Path, host: str) -> None:
    data = gzip.decompress((samples / "ntobjectmanager" / f"{host}.jsonl.gz").read_bytes())
    before, made = read_records(data), RAW.json_lines(data)
    after, told = read_records(made), readable(made)
    words = {word.lower() for word in private(before) if len(word) > 4}
    left = {word.strip("<>") for word in words if word in told} - SAME_EVERYWHERE
    assert left == set()
    assert after.gaps == ()
    assert [shape(one) for one in after.filters] == [shape(one) for one in before.filters]


SECRETS = ("ann", "1001", "192.0.2.77", "db8::77", "acme", "00-1a-2b")
PLANTED = (
    "ann",
    "CORP\\ann",
    "S-1-5-21-7-8-9-1001",
    "192.0.2.77",
    "2001:db8::77",
    "\\device\\harddiskvolume3\\users\\ann\\x.exe",
    "C:\\Users\\ann\\acme.exe",
    "ACME_VPN",
    "O:SYD:(A;;CC;;;S-1-5-21-7-8-9-1001)",
    "00-1a-2b-3c-4d-5e",
    "{a1b2c3d4-1111-11d1-9999-001a2b3c4d5e}",
)
NAMES = (
    "name",
    "description",
    "username",
    "asString",
    "serviceName",
    "novel",
    "sid",
    "sd",
    "uint32",
)


CASES = [
    (tag, text)
    for tag in NAMES
    for text in PLANTED
    # Under a name that says nothing of people it cannot be told from a constant of Windows.
    if text != "ACME_VPN" or tag in NAMES[:5]
]


@pytest.mark.parametrize(("tag", "text"), CASES)
def test_a_planted_text_stays_under_no_name(tag: str, text: str) -> None:
    xml = f"<a><{tag}>{text}</{tag}></a>".encode()
    line = json.dumps({tag: text, "more": [{tag: [text]}]}).encode()
    told = readable(RAW.xml(xml)) + readable(RAW.json_lines(line))
    assert [secret for secret in SECRETS if secret in told] == []


@pytest.mark.parametrize(
    "xml",
    [
        b'<a name="ann">x</a>',
        b"<a><!-- ann --></a>",
        b"<a><![CDATA[ann]]></a>",
        b"<a>ann<b/>ann</a>",
        b"<a><b>ann</a>",
        b"<a>a&#110;n &#x61;nn</a>",
        b"ann",
        b"<a>ann",
        b"<ann@corp.example>",
        b"<?ann?>",
        b"<a>\xff\xfeann</a>",
        "<a>ann</a>".encode("utf-16"),
    ],
)
def test_a_text_beside_the_form_goes_too(xml: bytes) -> None:
    assert "ann" not in RAW.xml(xml).decode().replace("\0", "")


def test_what_a_program_printed_keeps_its_words() -> None:
    said = "WEB-03: ann.lee may not write C:\\Temp\\a b.xml from 192.0.2.77, error 5."
    told = RAW.words(said)
    assert told.startswith("***: *** may not write path-"), told
    assert not {"WEB-03", "ann", "Temp", "192.0.2.77"} & {
        word for word in ("WEB-03", "ann", "Temp", "192.0.2.77") if word in told
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no answer from dc01.corp2.example.", "no answer from name-"),
        ("as svc@corp2 it is denied", "as name-"),
        ("System.IO.IOException in 10.0.26100.1", "System.IO.IOException in "),
        ("netevents = on", "netevents = on"),
        ("from CORP2\\svc: Allow", "from path-"),
    ],
)
def test_names_in_words_go_and_classes_stay(said: str, kept: str) -> None:
    told = RAW.words(said)
    assert told.startswith(kept)
    assert not {word for word in ("dc01", "svc", "example") if word in told}


def test_what_netsh_prints_of_rights_is_not_taken_for_words() -> None:
    line = {
        "command": "security type=engine",
        "said": ["CORP2\\svc  Allow", "O:SYG:SYD:(A;;CC;;;WD)"],
    }
    (made,) = RAW.json_lines(json.dumps(line).encode()).splitlines()
    told = json.loads(made)["security"]
    assert told[1] == "O:SYG:SYD:(A;;CC;;;WD)"
    assert "CORP2" not in told[0]


def test_a_firewall_rule_keeps_its_form() -> None:
    rule = (
        "v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=443|RA4=192.0.2.77"
        "|App=C:\\acme\\ann.exe|Name=ann's rule|"
    )
    (line,) = RAW.json_lines(json.dumps({"value": rule}).encode()).splitlines()
    told = json.loads(line)["value"]
    assert told.startswith("v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=443|RA4=240.")
    assert [field.partition("=")[0] for field in told.split("|")] == [
        field.partition("=")[0] for field in rule.split("|")
    ]
    assert "ann" not in told
    assert "acme" not in told


def test_a_range_whose_ends_are_replaced_still_rises() -> None:
    for last in range(1, 30):
        low, high = (f"<uint32>{text}</uint32>" for text in ("192.0.2.1", f"198.51.100.{last}"))
        xml = (
            f"<rangeValue><valueLow><type>FWP_UINT32</type>{low}</valueLow>"
            f"<valueHigh><type>FWP_UINT32</type>{high}</valueHigh></rangeValue>"
        )
        low, high = re.findall(r"<uint32>([\d.]+)<", RAW.xml(xml.encode()).decode())
        assert tuple(map(int, low.split("."))) <= tuple(map(int, high.split(".")))


@given(st.binary(max_size=200))
def test_any_bytes_are_taken(data: bytes) -> None:
    RAW.xml(data)
    RAW.json_lines(data)


@given(st.text(max_size=60))
def test_any_words_are_taken(text: str) -> None:
    RAW.words(text)
