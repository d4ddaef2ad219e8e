"""The documented net events name the kernel's own winner of every sublayer.

Policies made from Microsoft's description of the cases, with decoys above, below and equal in each
sublayer, must give the same winners.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from lxml import etree

from pywfp_ps.explain import Engine, Flow
from pywfp_ps.model.objects import Completeness, Filter, Snapshot, SubLayer
from pywfp_ps.model.tables import tables
from tests.explain.small import on, rule

_SUBLAYERS = {
    "FWPP_SUBLAYER_INTERNAL_FIREWALL_QUARANTINE": ("FWPM_SUBLAYER_MPSSVC_QUARANTINE", 4),
    "FWPP_SUBLAYER_INTERNAL_FIREWALL_WSH": ("FWPM_SUBLAYER_MPSSVC_WSH", 3),
    "FWPP_SUBLAYER_INTERNAL_FIREWALL_WF": ("FWPM_SUBLAYER_MPSSVC_WF", 2),
}
_NOT_LOOPBACK = on("FLAGS", 1, "FLAGS_NONE_SET", "UINT32")
_LOOPBACK = on("FLAGS", 1, "FLAGS_ALL_SET", "UINT32")


def _text(event: etree._Element, path: str) -> str | None:
    found = event.findtext(path)
    return found.strip() if found else None


def _events(samples: Path) -> list[etree._Element]:
    data = (samples / "events" / "netevents-documented.xml").read_bytes()
    return list(etree.fromstring(data).iterfind("netEvent"))


def _flow(event: etree._Element, layer: str) -> Flow:
    version = int(layer[-1])
    suffix = "V4" if version == 4 else "V6.byteArray16"
    return Flow(
        direction="in" if "RECV_ACCEPT" in layer else "out",
        ip_version=version,
        protocol=int(_text(event, "header/ipProtocol") or 0),
        local_address=ip_address(_text(event, f"header/localAddr{suffix}") or ""),
        remote_address=ip_address(_text(event, f"header/remoteAddr{suffix}") or ""),
        local_port=int(_text(event, "header/localPort") or 0),
        remote_port=int(_text(event, "header/remotePort") or 0),
        app="\\device\\harddiskvolume1\\windows\\system32\\svchost.exe",
        user=_text(event, "header/userId"),
        package={"S-1-0-0": "none"}.get(
            _text(event, "header/packageSid") or "", _text(event, "header/packageSid")
        ),
        capabilities=(),
        interface=6 << 48,
        profile=1,
    )


def _around(winner: Filter, other_action: str, number: int) -> list[Filter]:
    """Decoys: heavier ones that do not match, an equal one that does not, lighter contrary ones."""
    layer, sublayer = winner.layer, winner.sublayer
    return [
        rule(number, other_action, on("IP_REMOTE_PORT", 9), weight=9, layer=layer,
             sublayer=sublayer),
        rule(number + 1, other_action, _LOOPBACK, weight=8, layer=layer, sublayer=sublayer),
        rule(number + 2, other_action, on("IP_PROTOCOL", 47, kind="UINT8"), weight=5, layer=layer,
             sublayer=sublayer),
        rule(number + 3, other_action, weight=4, layer=layer, sublayer=sublayer),
        rule(number + 4, winner.action.removeprefix("FWP_ACTION_"), weight=1, layer=layer,
             sublayer=sublayer),
    ]  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_winners_are_those_of_the_kernel(samples: Path, number: int) -> None:
    event = _events(samples)[number]
    kind = "classifyDrop" if event.find("classifyDrop") is not None else "classifyAllow"
    layer_id = int(_text(event, f"{kind}/layerId") or 0)
    layer = next(row["name"] for row in tables()["layers"] if row["id"] == layer_id)
    filters: list[Filter] = []
    expected: dict[str, tuple[int, str]] = {}
    for at, item in enumerate(event.iterfind("internalFields/terminatingFiltersInfo/item")):
        sublayer, _ = _SUBLAYERS[_text(item, "subLayer") or ""]
        filter_id = int(_text(item, "filterId") or 0)
        action = (_text(item, "actionType") or "").removeprefix("FWP_ACTION_")
        winner = rule(filter_id, action, _NOT_LOOPBACK, weight=5, layer=layer, sublayer=sublayer)
        other = "PERMIT" if action == "BLOCK" else "BLOCK"
        filters += [winner, *_around(winner, other, 900000 + 10 * at)]
        expected[sublayer] = (filter_id, action.lower())
    snapshot = Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        sublayers=tuple(
            SubLayer(key=None, const_name=name, weight=weight)
            for name, weight in _SUBLAYERS.values()
        ),
        filters=tuple(filters),
    )
    answer = Engine(snapshot).explain(_flow(event, layer), layers=[layer])
    (only,) = answer.layers
    won = {one.sublayer: (one.filter_id, one.action) for one in only.sublayers}
    assert won == expected
    assert answer.verdict == ("block" if kind == "classifyDrop" else "permit")
    if kind == "classifyDrop":
        assert only.filter_id == int(_text(event, f"{kind}/filterId") or 0)
