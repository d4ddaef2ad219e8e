"""Flows for a terminal: the command that explains one, and what tells it from others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from pywfp_ps.explain.flow import ICMP, PROFILES, Address, Flow
from pywfp_ps.explain.sids import name_of_sid
from pywfp_ps.model.text import PROTOCOLS
from pywfp_ps.report.explain import flow_text
from pywfp_ps.report.text import one_line

_PROFILE_NAMES: Final = {number: name for name, number in PROFILES.items()}
_ONE_VALUE: Final = {
    "app": "--app", "preset": "--as", "user": "--user", "remote_package": "--remote-package",
    "bind_address": "--bind-address", "interface": "--interface",
    "interface_index": "--interface-index", "interface_type": "--interface-type",
    "tunnel_type": "--tunnel-type", "quarantine_epoch": "--quarantine-epoch",
}  # fmt: skip
_PROFILES: Final = {
    "profile": "--profile", "original_profile": "--original-profile",
    "current_profile": "--current-profile", "arrival_profile": "--arrival-profile",
    "nexthop_profile": "--nexthop-profile",
}  # fmt: skip
_SWITCHES: Final = {
    "groups_complete": "--groups-complete", "quarantined": "--quarantined",
    "reauthorize": "--reauthorize", "raw": "--raw",
}  # fmt: skip
_LISTS: Final = {"groups": "--group", "services": "--service", "capabilities": "--capability"}
_EITHER: Final = ("loopback", "redirected", "ipsec")


def words_of(flow: Flow, host: str | None = None) -> list[str]:
    """The words of the ``wfp explain`` command that asks about a flow."""
    words = ["wfp", "explain", *(("--host", host) if host is not None else ()), *_traffic(flow)]
    for name, option in _ONE_VALUE.items():
        if (value := getattr(flow, name)) is not None:
            words += [option, str(value)]
    if flow.package is not None:
        words += ["--package", flow.family or flow.package]
    for name, option in _LISTS.items():
        for one in getattr(flow, name) or ():
            words += [option, one]
    if flow.capabilities == ():
        words.append("--no-capabilities")
    for name, option in _PROFILES.items():
        if (number := getattr(flow, name)) is not None:
            words += [option, _PROFILE_NAMES[number]]
    return [*words, *_switches(flow)]


def _switches(flow: Flow) -> Iterator[str]:
    yield from (option for name, option in _SWITCHES.items() if getattr(flow, name))
    for name in _EITHER:
        if (known := getattr(flow, name)) is not None:
            yield f"--{name}" if known else f"--no-{name}"
    for name, value in flow.fields:
        yield from ("--field", f"{name.removeprefix('FWPM_CONDITION_')}={_text(value)}")


def _traffic(flow: Flow) -> Iterator[str]:
    if flow.action == "connect":
        yield from ("--direction", flow.direction)
    else:
        yield f"--{flow.action}"
    name = PROTOCOLS.get(flow.protocol, "").lower()
    yield from ("--protocol", name or str(flow.protocol))
    for option, address, port in (
        ("--local", flow.local_address, flow.local_port),
        ("--remote", flow.remote_address, flow.remote_port),
    ):
        if address is not None:
            yield from (option, _end(address, port))
    if flow.local_address is None and flow.remote_address is None:
        yield from ("--ip-version", str(flow.ip_version))
    if flow.protocol in ICMP and flow.icmp_type is not None:
        code = "" if flow.icmp_code is None else f":{flow.icmp_code}"
        yield from ("--icmp", f"{flow.icmp_type}{code}")


def _end(address: Address, port: int | None) -> str:
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _text(value: int | str | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def command_of(flow: Flow, host: str | None = None) -> str:
    """The command that explains a flow, ready to paste into a shell."""
    return one_line(shlex.join(words_of(flow, host)), limit=100_000)


def example_text(flow: Flow) -> str:
    """A flow in one line, with what its token holds."""
    text = flow_text(flow)
    named = [name_of_sid(sid) for sid in flow.groups if sid != "S-1-5-11"]
    if named:
        text += f", the token holds {', '.join(named)}"
    if flow.capabilities:
        text += f", with {', '.join(map(name_of_sid, flow.capabilities))}"
    if flow.fields:
        text += ", " + ", ".join(
            f"{name.removeprefix('FWPM_CONDITION_')}={_text(value)}" for name, value in flow.fields
        )
    return one_line(text, limit=1000)
