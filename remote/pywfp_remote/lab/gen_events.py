"""What a made-up host's filter engine dropped lately: events that fit its own filters."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from pywfp_ps.model.objects import Condition, Filter, Snapshot
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_policy import BLOCK, PERMIT, SUB_WF, SUB_WSH, TERMINATING, device
from pywfp_remote.lab.gen_rules import TCP, UDP

_CONNECT: Final = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
_ACCEPT: Final = "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4"
_LAYER_IDS: Final = {_CONNECT: 48, _ACCEPT: 44}
_BROWSER: Final = "%programs%\\wendover\\browse\\wbrowse.exe"
_CLOSED: Final = ((TCP, 23), (TCP, 79), (UDP, 161), (TCP, 513))
"""What strangers knock at and no rule lets in. The watch for second channels has the high ports."""

_READ: Final = {
    f"FWPM_CONDITION_{name}": name
    for name in (
        *("ALE_APP_ID", "IP_PROTOCOL", "IP_REMOTE_PORT"),
        *("ORIGINAL_PROFILE_ID", "CURRENT_PROFILE_ID"),
    )
}
_EVENTS: Final = 30
_CHANGES: Final = 6
_ADDED, _NOT_PERSISTENT, _PERMITS = "%%16384", "%%16388", "%%16390"  # messages of the event source
_LONGEST_MS: Final = 2 * 3600 * 1000


def make_events(plan: Plan, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Drops of the last two hours, oldest first; plain JSON values.

    Each has ``ago_ms`` before the dump, ``filter_id`` and ``sublayer`` of the filter that dropped
    it, ``layer_id``, ``inward``, ``profile``, ``protocol``, ``local``, ``local_port``, ``remote``,
    ``remote_port``, ``app``, ``process_id`` (None where nobody knows) and ``user_sid``.
    """
    rng = plan.random("events")
    makers = [_drop(plan, rng, one) for one in _blocks(plan, snapshot)]
    if not makers:
        return []
    found = [next(makers[n % len(makers)]) for n in range(_EVENTS)]
    agos = sorted((rng.randrange(1000, _LONGEST_MS) for _ in found), reverse=True)
    return [{"ago_ms": ago, **event} for ago, event in zip(agos, found, strict=True)]


def make_changes(plan: Plan, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Filters that the firewall added last, oldest first; plain JSON values.

    Each has ``ago_ms`` before the dump and what the Security log tells of a filter, as text.
    """
    permits = [one for one in snapshot.filters if one.action == PERMIT and one.provider]
    newest = sorted(permits, key=lambda one: one.id)[-_CHANGES:]
    ids = {layer.const_name: layer for layer in snapshot.layers}
    providers = {provider.const_name: provider for provider in snapshot.providers}
    rng = plan.random("changes")
    ago = rng.randrange(_LONGEST_MS, 2 * _LONGEST_MS)
    return [
        {
            "ago_ms": ago - number,  # rules are made within moments
            "ProviderKey": f"{{{one.provider_key}}}",
            "ProviderName": providers[one.provider or ""].name or "-",
            "ChangeType": _ADDED,
            "FilterKey": f"{{{one.key}}}",
            "FilterName": one.name or "-",
            "FilterType": _NOT_PERSISTENT,
            "FilterId": str(one.id),
            "LayerKey": f"{{{one.layer_key}}}",
            "LayerName": ids[one.layer].name or "-",
            "LayerId": str(ids[one.layer].id),
            "Weight": str(one.effective_weight),
            "Conditions": "".join(map(_condition_text, one.conditions)) + "\n",
            "Action": _PERMITS,
        }
        for number, one in enumerate(newest)
    ]


def _condition_text(condition: Condition) -> str:
    words = {"FWP_MATCH_EQUAL": "Equal to", "FWP_MATCH_RANGE": "In range"}
    value = f"{condition.low!s} - {condition.high!s}"
    if condition.match != "FWP_MATCH_RANGE":
        one = condition.value
        value = f"0x{one:08x}" if isinstance(one, int) else f"{one!s}"
    return (
        f"\n\tCondition ID:\t{{{condition.field_key}}}\n"
        f"\tMatch value:\t{words.get(condition.match, 'Not equal to')}\n"
        f"\tCondition value:\t{value}\n"
    )


def _blocks(plan: Plan, snapshot: Snapshot) -> Iterator[Filter]:
    """Filters that drop connections of their own: all that they test is what an event can say."""
    unregistered = {one.const_name for one in snapshot.callouts if not one.is_registered}
    # A kill switch stands above all others: nothing else gets to drop anything.
    switched = plan.has("vpn-kill-switch")
    for one in snapshot.filters:
        if switched and (one.conditions or one.layer != _CONNECT):
            continue
        blocks = one.action == BLOCK or (one.action == TERMINATING and one.callout in unregistered)
        if not blocks or one.layer not in _LAYER_IDS or one.sublayer == SUB_WSH:
            continue
        tested = {condition.field for condition in one.conditions}
        if not tested <= _READ.keys() or any(c.match != "FWP_MATCH_EQUAL" for c in one.conditions):
            continue
        wanted = _profile(one)
        is_default = one.layer == _ACCEPT and one.sublayer == SUB_WF and wanted is None
        if wanted in (None, plan.lan.profile) and not is_default and not one.is_boottime:
            yield one


def _profile(one: Filter) -> int | None:
    found = {c.value for c in one.conditions if c.field.endswith("PROFILE_ID")}
    return next((int(str(value)) for value in found), None)


def _drop(plan: Plan, rng: Random, one: Filter) -> Iterator[dict[str, Any]]:
    """One connection after the other that this filter drops."""
    tested = {_READ[c.field]: c.value for c in one.conditions}
    inward = one.layer == _ACCEPT
    while True:
        protocol, port = rng.choice(_CLOSED) if inward else (TCP, 443)
        protocol = int(str(tested.get("IP_PROTOCOL", protocol)))
        port = int(str(tested.get("IP_REMOTE_PORT", port)))
        app = tested.get("ALE_APP_ID", "System" if inward else device(plan, _BROWSER))
        near = str(plan.lan.network[rng.randrange(200, 240)])
        far = f"198.51.100.{rng.randrange(10, 60)}"
        ephemeral = rng.randrange(49_152, 65_536)
        yield {
            "filter_id": one.id,
            "sublayer": one.sublayer,
            "layer_id": _LAYER_IDS[one.layer],
            "inward": inward,
            "profile": plan.lan.profile,
            "protocol": protocol,
            "local": str(plan.lan.ipv4.ip),
            "local_port": port if inward else ephemeral,
            "remote": near if inward else far,
            "remote_port": ephemeral if inward else port,
            "app": str(app),
            "user_sid": "S-1-5-18" if inward else plan.users[0][1],
        }
