"""The table of record fields against the published records."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from pywfp_ps import resources

TABLE = (resources.module_folder() / "RecordMap.psd1").read_text("ascii")
KINDS = {
    kind: [tuple(line.split(" ")) for line in re.findall(r"'([^']+)'", body)]
    for kind, body in re.findall(r"^    (\w+) = @\((.*?)^    \)", TABLE, re.DOTALL | re.MULTILINE)
}
FORMS = {
    "address", "bool", "conditions", "enum", "fields", "guid", "hex", "luid", "number", "number32",
    "port", "string", "text", "time", "value",
}  # fmt: skip
_OBJECT = {"Key", "Name", "Description", "Flags"}

# Properties of NtObjectManager's classes in the versions 1.1.34 and 2.0.1, without those that are
# computed from others (names of keys, what a filter has) and the lazy security descriptor.
PROPERTIES = {
    "Filter": _OBJECT | {
        "FilterId", "ActionType", "LayerKey", "SubLayerKey", "Conditions", "Weight",
        "EffectiveWeight", "ProviderKey", "ProviderData", "FilterType", "CalloutKey",
    },
    "Layer": _OBJECT | {"DefaultSubLayerKey", "LayerId", "Fields"},
    "SubLayer": _OBJECT | {"ProviderKey", "ProviderData", "Weight"},
    "Provider": _OBJECT | {"ServiceName", "ProviderData"},
    "Callout": _OBJECT | {"ProviderKey", "ProviderData", "ApplicableLayer", "CalloutId"},
    "Session": {
        "SessionKey", "Name", "Description", "Flags", "TxnWaitTimeoutInMSec", "ProcessId", "Sid",
        "UserName", "KernelMode",
    },
    "AleEndpoint": {
        "EndpointId", "LocalEndpoint", "RemoteEndpoint", "IpProtocol", "LocalTokenModifiedId",
        "MmSaId", "QmSaId", "IPsecStatus", "Flags", "AppId",
    },
    "NetEvent": {
        "Type", "Flags", "Timestamp", "IPProtocol", "LocalEndpoint", "RemoteEndpoint", "ScopeId",
        "AppId", "UserId", "AddressFamily", "PackageSid",
    },
}  # fmt: skip
EVENT_EXTRAS = {
    "FilterId", "LayerId", "ReauthReason", "OriginalProfile", "CurrentProfile", "MsFwpDirection",
    "IsLoopback", "VSwitchId", "VSwitchSourcePort", "VSwitchDestinationPort", "NetworkCapabilityId",
    "FailureStatus", "Direction", "Spi", "FailureErrorCode", "FailurePoint", "MmFilterId",
    "QmFilterId",
}  # fmt: skip


def test_every_kind_has_a_table() -> None:
    assert set(KINDS) == set(PROPERTIES)


@pytest.mark.parametrize("kind", PROPERTIES)
def test_every_property_becomes_a_field(kind: str) -> None:
    lines = KINDS[kind]
    assert {form.rstrip("?") for _, form, _ in lines} <= FORMS
    assert {name for _, form, name in lines if not form.endswith("?")} == PROPERTIES[kind]
    extras = EVENT_EXTRAS if kind == "NetEvent" else set()
    assert {name for _, form, name in lines if form.endswith("?")} == extras
    assert len({field for field, _, _ in lines}) == len(lines)


def test_every_form_is_known_to_the_code() -> None:
    code = "".join(
        resources.functions()[name].text for name in ("get-pywfprecordtext", "get-pywfpfieldtext")
    )
    assert set(re.findall(r"(?:\$form -eq |^  )'(\w+)'", code, re.MULTILINE)) == FORMS


def test_the_fields_are_those_of_real_records(samples: Path) -> None:
    names = {"endpoint": "AleEndpoint", "sublayer": "SubLayer"}
    seen = {}
    with gzip.open(samples / "ntobjectmanager" / "host-a.jsonl.gz", "rt") as lines:
        for line in lines:
            record = json.loads(line)
            seen[names.get(record["kind"], record["kind"].title())] = list(record)[1:]
    assert seen == {kind: [field for field, _, _ in KINDS[kind]] for kind in seen}
    assert set(KINDS) - set(seen) == {"NetEvent"}


def test_a_script_carries_the_table_itself() -> None:
    text = resources.build_script("Get-PyWfpRecord").text
    assert "Import-LocalizedData" not in text
    assert "  'effective_weight value EffectiveWeight'\n" in text
