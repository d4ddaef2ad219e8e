"""From the keys of the flow tables to a `Flow`."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from pywfp_ps.explain.flow import Flow, parse_app, parse_package, parse_profile, parse_protocol

_ADDRESSES = ("local_address", "remote_address", "bind_address")
_PLAIN = (
    "action", "direction", "groups_complete", "icmp_code", "icmp_type", "interface", "loopback",
    "local_port", "raw", "reauthorize", "remote_port", "user", "ipsec", "redirected",
)  # fmt: skip


def flow_of_given(given: Mapping[str, Any]) -> Flow:
    """The flow of a table's ``given``."""
    known: dict[str, Any] = {key: given[key] for key in _PLAIN if key in given}
    known["protocol"] = parse_protocol(given["protocol"])
    for key in _ADDRESSES:
        if key in given:
            known[key] = ip_address(given[key])
    versions = {known[key].version for key in _ADDRESSES if key in known}
    known["ip_version"] = given.get("ip_version") or versions.pop()
    if "app" in given:
        known["app"] = parse_app(given["app"])
    if "as" in given:
        known["preset"] = given["as"]
    if "service" in given:
        known["services"] = (given["service"],)
    if "package" in given:
        known["package"], known["family"] = parse_package(given["package"])
    for key in ("groups", "capabilities"):
        if key in given:
            known[key] = tuple(given[key])
    if "profile" in given:
        known["profile"] = parse_profile(given["profile"])
    return Flow(**known)
