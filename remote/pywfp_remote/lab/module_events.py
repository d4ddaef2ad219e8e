"""Net events and the Security log of a practice host, as its functions send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pywfp_ps.model.enums import number_of, values_of
from pywfp_ps.model.values import blob_of_text
from pywfp_ps.payload.frames import time_text
from pywfp_ps.write.markup import blob, flag_list, items_of, leaf

Event = Mapping[str, Any]

_FLAGS: Final = tuple(
    f"FWPM_NET_EVENT_FLAG_{name}_SET"
    for name in (
        *("IP_PROTOCOL", "LOCAL_ADDR", "REMOTE_ADDR", "LOCAL_PORT", "REMOTE_PORT", "APP_ID"),
        *("USER_ID", "IP_VERSION"),
    )
)
_DROP: Final = "FWPM_NET_EVENT_TYPE_CLASSIFY_DROP"
_INTERNAL: Final = {
    "FWPM_SUBLAYER_MPSSVC_WF": "FWPP_SUBLAYER_INTERNAL_FIREWALL_WF",
    "FWPM_SUBLAYER_MPSSVC_APP_ISOLATION": "FWPP_SUBLAYER_INTERNAL_FIREWALL_APP_ISOLATION",
    "FWPM_SUBLAYER_MPSSVC_QUARANTINE": "FWPP_SUBLAYER_INTERNAL_FIREWALL_QUARANTINE",
}
_BLOCKED_CONNECTION: Final = 5157
_BLOCKED_PACKET: Final = 5152
_FILTER_CHANGED: Final = 5447
_LOCAL_SERVICE: Final = "NT AUTHORITY\\LOCAL SERVICE"
_IN, _OUT = 14592, 14593  # messages of the event source: inbound, outbound
_LAYER_WORDS: Final = {44: "%%14610", 48: "%%14611"}
_NOBODY: Final = "S-1-0-0"
_AF_INET: Final = 0  # FWP_AF_INET (fwptypes.h)


def net_events(events: Sequence[Event], now: datetime) -> bytes:
    """What ``netsh wfp show netevents`` writes.

    Source: learn.microsoft.com, "Troubleshooting UWP app connectivity issues", which prints such
    events; and the members of FWPM_NET_EVENT_HEADER3 and FWPM_NET_EVENT_CLASSIFY_DROP2.
    """
    items = [_item("\t", event, now) for event in events]
    root = items_of("", "netEvents", items)
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return f"\ufeff{head}\n{root}\n".encode()


def _item(indent: str, event: Event, now: datetime) -> str:
    inner, deep = indent + "\t", indent + "\t\t"
    way = "IN" if event["inward"] else "OUT"
    header = (
        leaf(deep, "timeStamp", time_text(_moment(event, now))),
        flag_list(deep, "flags", "net_event_flags", _FLAGS),
        leaf(deep, "ipVersion", "FWP_IP_VERSION_V4"),
        leaf(deep, "ipProtocol", event["protocol"]),
        leaf(deep, "localAddrV4", event["local"]),
        leaf(deep, "remoteAddrV4", event["remote"]),
        leaf(deep, "localPort", event["local_port"]),
        leaf(deep, "remotePort", event["remote_port"]),
        leaf(deep, "scopeId", 0),
        blob(deep, "appId", blob_of_text(event["app"])),
        leaf(deep, "userId", event["user_sid"]),
        leaf(deep, "addressFamily", "FWP_AF_INET"),
        leaf(deep, "packageSid", _NOBODY),
        leaf(deep, "enterpriseId", None),
        leaf(deep, "policyFlags", 0),
        leaf(deep, "effectiveName", None),
    )
    drop = (
        leaf(deep, "filterId", event["filter_id"]),
        leaf(deep, "layerId", event["layer_id"]),
        leaf(deep, "reauthReason", 0),
        leaf(deep, "originalProfile", event["profile"]),
        leaf(deep, "currentProfile", event["profile"]),
        leaf(deep, "msFwpDirection", f"MS_FWP_DIRECTION_{way}"),
        leaf(deep, "isLoopback", "false"),
        leaf(deep, "vSwitchId", None),
        leaf(deep, "vSwitchSourcePort", 0),
        leaf(deep, "vSwitchDestinationPort", 0),
    )
    return "\n".join(
        (
            f"{indent}<item>",
            _element(inner, "header", header),
            leaf(inner, "type", _DROP),
            _element(inner, "classifyDrop", drop),
            _internal(inner, event),
            f"{indent}</item>",
        )
    )


def _internal(indent: str, event: Event) -> str:
    deep = indent + "\t"
    sublayer = _INTERNAL.get(event["sublayer"])
    items = []
    if sublayer is not None:
        members = (
            leaf(deep + "\t\t", "filterId", event["filter_id"]),
            leaf(deep + "\t\t", "subLayer", sublayer),
            leaf(deep + "\t\t", "actionType", "FWP_ACTION_BLOCK"),
        )
        items.append(_element(deep + "\t", "item", members))
    return _element(
        indent,
        "internalFields",
        (
            leaf(deep, "internalFlags", None),
            leaf(deep, "capabilities", None),
            leaf(deep, "fqbnVersion", 0),
            leaf(deep, "fqbnName", None),
            items_of(deep, "terminatingFiltersInfo", items),
        ),
    )


def _element(indent: str, tag: str, lines: Sequence[str]) -> str:
    return "\n".join((f"{indent}<{tag}>", *lines, f"{indent}</{tag}>"))


def event_records(events: Sequence[Event], now: datetime) -> Iterator[dict[str, Any]]:
    """The same events as ``Get-PyWfpRecord -Kind NetEvent`` gives them."""
    known = values_of("net_event_flags")
    word = sum(known.get(flag) or 0 for flag in _FLAGS)
    for event in events:
        yield {
            "kind": "netevent",
            "type": number_of("net_event_types", _DROP),
            "flags": word,
            "time": time_text(_moment(event, now)),
            "protocol": event["protocol"],
            "local": event["local"],
            "local_port": event["local_port"],
            "remote": event["remote"],
            "remote_port": event["remote_port"],
            "scope_id": 0,
            "app_id": event["app"],
            "user_sid": event["user_sid"],
            "address_family": _AF_INET,
            "package_sid": _NOBODY,
            "filter_id": event["filter_id"],
            "layer_id": event["layer_id"],
            "reauth_reason": 0,
            "original_profile": event["profile"],
            "current_profile": event["profile"],
            "direction": _IN if event["inward"] else _OUT,
            "is_loopback": False,
            "vswitch_id": None,
            "vswitch_source_port": 0,
            "vswitch_destination_port": 0,
        }


def security_events(
    events: Sequence[Event], now: datetime, computer: str, processes: Mapping[str, int]
) -> list[dict[str, Any]]:
    """The drops as the Security log has them, oldest first: 5157, and 5152 for datagrams.

    Args:
        events: As `make_events` makes them.
        now: When the dump is taken.
        computer: Name of the host.
        processes: Process id by device path of the program.
    """
    return [
        {
            "event_id": _BLOCKED_PACKET if event["protocol"] == 17 else _BLOCKED_CONNECTION,
            "version": 1,
            "record_id": 40_000 + number,
            "time": time_text(_moment(event, now)),
            "computer": computer,
            "data": _data(event, processes.get(event["app"], 0)),
        }
        for number, event in enumerate(events)
    ]


def security_changes(
    changes: Sequence[Event], now: datetime, computer: str, process: int
) -> list[dict[str, Any]]:
    """What was added to the policy as the Security log has it, oldest first: 5447.

    Args:
        changes: As `make_changes` makes them.
        now: When the dump is taken.
        computer: Name of the host.
        process: The filter engine's process.
    """
    who = {"ProcessId": str(process), "UserSid": "S-1-5-19", "UserName": _LOCAL_SERVICE}
    callout = {"CalloutKey": f"{{{UUID(int=0)}}}", "CalloutName": "-"}
    return [
        {
            "event_id": _FILTER_CHANGED,
            "version": 0,
            "record_id": 39_000 + number,
            "time": time_text(_moment(change, now)),
            "computer": computer,
            "data": [
                {"name": name, "text": text}
                for name, text in {**who, **change, **callout}.items()
                if name != "ago_ms"
            ],
        }
        for number, change in enumerate(changes)
    ]


def _data(event: Event, process: int) -> list[dict[str, str]]:
    here = (event["local"], event["local_port"])
    there = (event["remote"], event["remote_port"])
    source, target = (there, here) if event["inward"] else (here, there)
    is_packet = event["protocol"] == 17
    values = {
        "ProcessId" if is_packet else "ProcessID": process,
        "Application": event["app"],
        "Direction": f"%%{_IN if event['inward'] else _OUT}",
        "SourceAddress": source[0],
        "SourcePort": source[1],
        "DestAddress": target[0],
        "DestPort": target[1],
        "Protocol": event["protocol"],
        "FilterRTID": event["filter_id"],
        "LayerName": _LAYER_WORDS[event["layer_id"]],
        "LayerRTID": event["layer_id"],
    }
    if not is_packet:
        values |= {"RemoteUserID": _NOBODY, "RemoteMachineID": _NOBODY}
    return [{"name": name, "text": str(value)} for name, value in values.items()]


def _moment(event: Event, now: datetime) -> datetime:
    return now - timedelta(milliseconds=event["ago_ms"])
