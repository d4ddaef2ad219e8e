"""Which fields a host's filters use, and how each is filled."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pywfp_ps.model.objects import Snapshot

_INTERFACE: Final = "from the interface"
_NETWORK: Final = "from the interface's network, else unknown"
_FILLED: Final[dict[str, tuple[str, str]]] = {
    "ALE_APP_ID": ("--app", "that of the listener, from facts; else unknown"),
    "ALE_PACKAGE_FAMILY_NAME": ("--as, --user, --package", "unknown"),
    "ALE_PACKAGE_ID": (
        "--package, --as",
        "no AppContainer with a preset or a service; else unknown",
    ),
    "ALE_REMOTE_MACHINE_ID": ("--ipsec", "empty: not protected by IPsec"),
    "ALE_REMOTE_USER_ID": ("--ipsec", "empty: not protected by IPsec"),
    "ALE_USER_ID": (
        "--as, --user, --service, --group",
        "that of the listener's services, from facts; else unknown",
    ),
    "ARRIVAL_INTERFACE_INDEX": ("--interface-index", "unknown but at accept"),
    "ARRIVAL_INTERFACE_PROFILE_ID": ("--profile, --arrival-profile", _NETWORK),
    "ARRIVAL_INTERFACE_TYPE": ("--interface, --interface-type", "unknown but at accept"),
    "ARRIVAL_TUNNEL_TYPE": ("--interface, --tunnel-type", "0 where the interface is no tunnel"),
    "CURRENT_PROFILE_ID": ("--profile, --current-profile", _NETWORK),
    "DIRECTION": ("--direction", "given"),
    "FLAGS": ("--loopback, --reauthorize, --raw, --ipsec, --redirected", "by layer and flow"),
    "INTERFACE_INDEX": ("--interface-index, --interface", "from the interface"),
    "INTERFACE_QUARANTINE_EPOCH": ("--quarantined, --quarantine-epoch", "assumed: not held"),
    "INTERFACE_TYPE": ("--interface, --interface-type", _INTERFACE),
    "IP_ARRIVAL_INTERFACE": ("--interface", "unknown but at accept"),
    "IP_DESTINATION_ADDRESS": ("--remote", "unknown"),
    "IP_DESTINATION_ADDRESS_TYPE": ("--remote", "derived from the address"),
    "IP_LOCAL_ADDRESS": (
        "--local, --bind-address",
        "a client binds to no address; from routes; else unknown",
    ),
    "IP_LOCAL_ADDRESS_TYPE": ("--local", "derived from the address"),
    "IP_LOCAL_INTERFACE": ("--interface", "that of the local address, from facts; else unknown"),
    "IP_LOCAL_PORT": ("--local, --icmp", "a client's port is one whose bind is not refused"),
    "IP_NEXTHOP_INTERFACE": ("--interface", "unknown but at connect"),
    "IP_PROTOCOL": ("--protocol", "given"),
    "IP_REMOTE_ADDRESS": ("--remote", "unknown"),
    "IP_REMOTE_PORT": ("--remote, --icmp", "unknown"),
    "IP_SOURCE_ADDRESS": ("--local", "from routes; else unknown"),
    "LOCAL_INTERFACE_PROFILE_ID": ("--profile", _NETWORK),
    "NEXTHOP_INTERFACE_INDEX": ("--interface-index", "unknown but at connect"),
    "NEXTHOP_INTERFACE_PROFILE_ID": ("--profile, --nexthop-profile", _NETWORK),
    "NEXTHOP_INTERFACE_TYPE": ("--interface, --interface-type", "unknown but at connect"),
    "NEXTHOP_TUNNEL_TYPE": ("--interface, --tunnel-type", "0 where the interface is no tunnel"),
    "ORIGINAL_ICMP_TYPE": ("--icmp", "unknown"),
    "ORIGINAL_PROFILE_ID": ("--profile, --original-profile", _NETWORK),
    "TUNNEL_TYPE": ("--interface, --tunnel-type", "0 where the interface is no tunnel"),
}


class UsedField(Struct, frozen=True, kw_only=True):
    """One field that filters in force test.

    Attributes:
        field: Constant of the field, or its GUID in braces.
        filters: Filters that test it.
        layers: Layers at which they stand.
        given_by: Options that say it.
        else_is: What it is taken to be where nobody says it.
    """

    field: str
    filters: int
    layers: tuple[str, ...]
    given_by: str
    else_is: str


def given_by(field: str) -> str:
    """The options that say a field."""
    name = field.removeprefix("FWPM_CONDITION_")
    return _FILLED[name][0] if name in _FILLED else f"--field {name}=VALUE"


def used_fields(snapshot: Snapshot) -> list[UsedField]:
    """The fields that filters in force test, most used first."""
    layers: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for filter_ in snapshot.filters:
        if filter_.is_in_force:
            for field in {condition.field for condition in filter_.conditions}:
                counts[field] = counts.get(field, 0) + 1
                layers.setdefault(field, set()).add(filter_.layer)
    return [
        UsedField(
            field=field,
            filters=count,
            layers=tuple(sorted(layers[field])),
            given_by=given_by(field),
            else_is=_FILLED.get(field.removeprefix("FWPM_CONDITION_"), ("", "unknown"))[1],
        )
        for field, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
