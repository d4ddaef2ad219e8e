"""What surrounds the filter engine, on a real engine with stand-ins for what Windows answers."""

from __future__ import annotations

import os
import re

import pytest

from tests.psmodules.conftest import Host, stubs

pytestmark = pytest.mark.pwsh

MODES = ["FullLanguage", "ConstrainedLanguage"]


def win_http(*texts: bytes) -> str:
    """WinHttpSettings as decimal bytes."""
    data = bytes([40, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0])
    data += b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return " ".join(map(str, data))


@pytest.mark.parametrize("mode", MODES)
def test_proxies_come_without_accounts(
    host: Host, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("WFP_PROXY", "http=u:p;/=s@cret@a:1;https=b:2")
    monkeypatch.setenv("WFP_BYTES", win_http(b"u:secret@c:3", b"<local>"))
    rows = host.value("@(Get-PyWfpProxy)", stubs=stubs("proxy"), mode=mode)
    machine = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings"
    user = "HKEY_USERS\\S-1-5-21-1-2-3-500" + machine[len("HKEY_LOCAL_MACHINE") :]
    assert rows == [
        {
            "key": machine,
            "values": {"ProxyServer": "http=***@a:1;https=b:2", "ProxyOverride": ["a", "***@b"]},
        },
        {
            "key": f"{machine}\\Connections",
            "values": {
                "WinHttpSettings": None,
                "WinHttpFlags": 3,
                "WinHttpProxy": "***@c:3",
                "WinHttpBypass": "<local>",
            },
        },
        {"key": user, "values": {"ProxyEnable": 1, "ProxyServer": None}},
    ]


@pytest.mark.parametrize(
    ("data", "proxy"),
    [
        ("1 2 3", None),
        ("40 0 0 0 0 0 0 0 1 0 0 0 255 255 255 255 65", None),
        ("40 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0", ""),
        ("40 0 0 0 0 0 0 0 1 0 0 0 1 0 0 0 65", "A"),
    ],
)
def test_bytes_of_winhttp_that_lie_are_not_believed(
    host: Host, data: str, proxy: str | None
) -> None:
    wanted = f"Get-PyWfpWinHttp -Data ([byte[]] @({data.replace(' ', ', ')}))"
    (found,) = host.value(wanted)
    assert found["WinHttpProxy"] == proxy


def test_registry_values_are_numbers_and_texts(host: Host) -> None:
    (found,) = host.value("Get-PyWfpRegistryValue -Key 'K'", stubs=stubs("registry"))
    assert found == {"good": 4294967295, "text": "a", "bytes": "01ff", "list": ["b"]}


def test_one_value_that_cannot_be_read_costs_only_itself(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFP_BROKEN", "yes")
    wanted = "Get-PyWfpRegistryValue -Key 'K' -Name 'good', 'bad', 'absent'"
    (found,) = host.value(wanted, stubs=stubs("registry"))
    assert found == {"good": 4294967295, "bad": None}


@pytest.mark.parametrize("broken", ["", "yes"])
def test_services_come_with_the_company_of_what_runs(
    host: Host, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("WFP_BROKEN", broken)
    rows = host.value("@(Get-PyWfpService)", stubs=stubs("service", "file"))
    wanted = ("name", "sid_type", "type", "service_dll", "company")
    assert [tuple(row[name] for name in wanted) for row in rows] == [
        ("Own", 1, 16, None, "of C:\\Own Co\\own.exe"),
        ("Dll", None if broken else 0, None if broken else 32, "C:\\d.dll", "of C:\\d.dll"),
        ("Gone", None, None, None, None),
    ]
    assert rows[0]["process_id"] == 8


def test_a_driver_without_its_file_costs_only_itself(host: Host) -> None:
    named = {"name": "n", "display_name": "d"}
    assert host.value("@(Get-PyWfpDriver)", stubs=stubs("driver", "file")) == [
        {**named, "path": "C:\\gone.sys", "company": None, "version": None, "signer": None},
        {
            **named,
            "path": "C:\\there.sys",
            "company": "of C:\\there.sys",
            "version": "1.2",
            "signer": "CN=x",
            "signature_status": 0,
        },
    ]


def test_profiles_of_policy_have_a_key_of_their_own_name(host: Host) -> None:
    assert host.value("@(Get-PyWfpFirewallProfile)", stubs=stubs("policy")) == [
        {
            "store": "group-policy",
            "profile": "PrivateProfile",
            "values": {"EnableFirewall": 1, "Keys": 2},
        }
    ]


def test_a_rule_that_cannot_be_read_is_told_without_text(host: Host) -> None:
    assert host.value("@(Get-PyWfpFirewallRule)", stubs=stubs("policy")) == [
        {"store": "group-policy", "id": "R1", "rule": "v2.31|Action=Allow|"},
        {"store": "group-policy", "id": "R2", "rule": ""},
        {"store": "group-policy", "id": "Keys", "rule": "v2.31|Y|"},
    ]


VOLUMES = r"""
print("Dos Name                        Volume Name                              FileSystem")
print("------------------------------  ---------------------------------------  ----------")
print("                                \\Device\\Mup                              Remote")
print("C:                              \\Device\\HarddiskVolume3                  NTFS")
print("C:\\Mount Point\\a b              \\Device\\HarddiskVolume4                  NTFS")
"""
AUDIT = """
import pathlib, sys
target = next(a[6:] for a in sys.argv if a.startswith("/file:"))
guid = "{0CCE9226-69AE-11D9-BED3-505054503030}"
pathlib.Path(target).write_text(
    "Machine Name,Policy Target,Subcategory,Subcategory GUID,Inclusion Setting,,Setting Value\\n"
    f"H,System,Filterplattformverbindung,{guid},Erfolg,,1\\n"
    f"H,S-1-5-21-1,Filterplattformverbindung,{guid},Fehler,,2\\n"
    "H,,Option:CrashOnAuditFail,,Disabled,,0\\n"
)
"""


@pytest.mark.parametrize("mode", MODES)
def test_volumes_are_known_by_letter_and_by_folder(host: Host, mode: str) -> None:
    host.program("fltmc", VOLUMES)
    assert host.value("@(Get-PyWfpVolume)", mode=mode) == [
        {"letter": "C:", "device": "\\Device\\HarddiskVolume3"},
        {"letter": "C:\\Mount Point\\a b", "device": "\\Device\\HarddiskVolume4"},
    ]


@pytest.mark.parametrize("mode", MODES)
def test_audit_policy_is_the_machine_s(host: Host, mode: str) -> None:
    host.program("auditpol", AUDIT)
    assert host.value("@(Get-PyWfpAuditPolicy)", mode=mode) == [
        {"subcategory": "0cce9226-69ae-11d9-bed3-505054503030", "setting": 1}
    ]
    assert host.left() == []


@pytest.mark.parametrize(
    ("kind", "program", "does", "code"),
    [
        ("Volume", "fltmc", "raise SystemExit(5)", "volumes-failed"),
        ("AuditPolicy", "auditpol", "raise SystemExit(5)", "audit-failed"),
        ("AuditPolicy", "auditpol", AUDIT.replace("f\"H", "f\"").replace("{guid}", ""),
         "audit-failed"),
        ("AuditPolicy", "icacls" if os.name == "nt" else "chmod", "raise SystemExit(1)",
         "folder-failed"),
    ],
)  # fmt: skip
def test_a_program_that_fails_costs_one_kind(
    host: Host, kind: str, program: str, does: str, code: str
) -> None:
    host.program(program, does)
    outcome = host.run("Get-PyWfpContext", {"Kind": [kind]})
    assert outcome.error_id is None, outcome.stderr
    assert [problem.code for problem in outcome.received.problems] == [code]
    line = outcome.json("context")
    assert (line["kind"], line["rows"]) == (kind, None)
    assert host.left() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has these programs")
def test_a_host_without_the_program_says_so(host: Host) -> None:
    outcome = host.run("Get-PyWfpContext", {"Kind": ["Volume"]})
    assert [problem.code for problem in outcome.received.problems] == ["program-missing"]


def test_one_event_that_cannot_be_read_still_has_its_values(host: Host) -> None:
    (text,) = host.value("Get-PyWfpEventText -InputObject (New-Event1)", stubs=stubs("event"))
    assert re.search(r'"values":\["7"\]', text)
