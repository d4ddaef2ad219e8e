"""Sessions, subscriptions, endpoints, counters and keywords as netsh prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pywfp_ps.model.enums import constant_of
from pywfp_ps.model.objects import (
    AleEndpoint,
    DynamicKeyword,
    Session,
    Snapshot,
    Subscription,
    SubscriptionKind,
)
from pywfp_ps.model.values import blob_of_text
from pywfp_ps.write.markup import blob, display_data, flag_list, items_of, key, leaf, node_text
from pywfp_ps.write.policy import item

_SUBSCRIPTIONS: Final[tuple[tuple[SubscriptionKind, str], ...]] = (
    ("callout", "calloutSubscriptions"),
    ("filter", "filterSubscriptions"),
    ("net_event", "netEventSubscriptions"),
    ("provider", "providerSubscriptions"),
    ("provider_context", "providerContextSubscriptions"),
    ("sublayer", "subLayerSubscriptions"),
)


def session_item(indent: str, session: Session) -> str:
    """One session as a list item."""
    inner = indent + "\t"
    lines = [
        key(inner, "sessionKey", session.key),
        display_data(inner, session.name, session.description),
        flag_list(inner, "flags", "session_flags", session.flags),
    ]
    if session.txn_wait_timeout_ms is not None:
        lines.append(leaf(inner, "txnWaitTimeoutInMSec", session.txn_wait_timeout_ms))
    if session.process_id is not None:
        lines.append(leaf(inner, "processId", session.process_id))
    lines += [leaf(inner, "sid", session.sid), leaf(inner, "username", session.user_name)]
    if session.kernel_mode is not None:
        lines.append(leaf(inner, "kernelMode", "true" if session.kernel_mode else "false"))
    return item(indent, lines, session.extra)


def endpoint_item(indent: str, endpoint: AleEndpoint) -> str:
    """One connected endpoint as a list item."""
    inner = indent + "\t"
    version = endpoint.ip_version
    family = "V6" if version == 6 else "V4"
    printed = {4: 0, 6: 1}.get(version or 0, version)
    app = None if endpoint.app_id is None else blob_of_text(endpoint.app_id)
    status = endpoint.ipsec_status
    lines = [
        _optional(inner, "endpointId", endpoint.id),
        None if printed is None else leaf(inner, "ipVersion", constant_of("ip_versions", printed)),
        _optional(inner, f"local{family}Address", endpoint.local_address),
        _optional(inner, f"remote{family}Address", endpoint.remote_address),
        _optional(inner, "ipProtocol", endpoint.protocol),
        _optional(inner, "localPort", endpoint.local_port),
        _optional(inner, "remotePort", endpoint.remote_port),
        _optional(inner, "localTokenModifiedId", endpoint.token_modified_id),
        _optional(inner, "mmSaId", endpoint.mm_sa_id),
        _optional(inner, "qmSaId", endpoint.qm_sa_id),
        _optional(inner, "ipsecStatus", "0 (ERROR_SUCCESS)" if status == 0 else status),
        flag_list(inner, "flags", None, endpoint.flags),
        blob(inner, "appId", app),
    ]
    return item(indent, [line for line in lines if line is not None], endpoint.extra)


def _optional(indent: str, tag: str, value: object) -> str | None:
    return None if value is None else leaf(indent, tag, str(value))


def subscriptions_text(indent: str, subscriptions: tuple[Subscription, ...]) -> str:
    """The element ``subscriptions`` with a list for each kind, none of them counted above."""
    lines = [f"{indent}<subscriptions>"]
    inner = indent + "\t"
    for kind, tag in _SUBSCRIPTIONS:
        items = [_subscription(inner + "\t", one) for one in subscriptions if one.kind == kind]
        lines.append(items_of(inner, tag, items))
    return "\n".join((*lines, f"{indent}</subscriptions>"))


def _subscription(indent: str, subscription: Subscription) -> str:
    inner = indent + "\t"
    lines = []
    if subscription.template is not None:
        lines.append(node_text(inner, subscription.template))
    if subscription.kind == "net_event" and not subscription.flags:
        lines.append(leaf(inner, "flags", 0))
    else:
        lines.append(flag_list(inner, "flags", None, subscription.flags))
    lines.append(key(inner, "sessionKey", subscription.session_key))
    return item(indent, lines, subscription.extra)


def ipsec_sections(indent: str, snapshot: Snapshot) -> tuple[str, str]:
    """What comes before the endpoints (contexts), and what comes after (counters, IKE SAs).

    The keying module's counters and associations are there only while its service runs.
    """
    inner = indent + "\t"
    held: dict[str, list[str]] = {"ipsec": [], "ikeext": []}
    for association in snapshot.associations:
        held[association.kind].append(node_text(inner, association.tree))
    counters = {
        kind: [node_text(indent, one.tree) for one in snapshot.statistics if one.kind == kind]
        for kind in ("ikeext", "ipsec")
    }
    after = [*counters["ikeext"], *counters["ipsec"]]
    if counters["ikeext"] or held["ikeext"]:
        after.append(items_of(indent, "ikeextSas", held["ikeext"]))
    return items_of(indent, "ipsecSaContexts", held["ipsec"]), "\n".join(after)


def keyword_items(indent: str, keywords: tuple[DynamicKeyword, ...]) -> Iterator[str]:
    """Dynamic keyword addresses as list items, with the member names of the structure."""
    inner = indent + "\t"
    for keyword in keywords:
        lines = (
            key(inner, "id", keyword.id),
            leaf(inner, "keyword", keyword.keyword),
            flag_list(inner, "flags", None, keyword.flags),
            leaf(inner, "addresses", keyword.addresses),
        )
        yield item(indent, lines, keyword.extra)
