"""What runs at the time of the dump: sessions, endpoints, subscriptions, keywords, IPsec."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

from pywfp_ps.model.objects import (
    AleEndpoint,
    DynamicKeyword,
    Node,
    SecurityAssociation,
    Session,
    Subscription,
    SubscriptionKind,
)
from pywfp_ps.model.values import integer, ipv4, ipv6
from pywfp_ps.read.netsh.elements import (
    Log,
    Parts,
    attempt,
    blob_at,
    display,
    flags_at,
    node_of,
    number,
    parts_of,
    text_at,
    unique,
)
from pywfp_ps.read.netsh.tree import Element

SUBSCRIPTIONS: Final[dict[str, SubscriptionKind]] = {
    "calloutSubscriptions": "callout",
    "filterSubscriptions": "filter",
    "netEventSubscriptions": "net_event",
    "providerContextSubscriptions": "provider_context",
    "providerSubscriptions": "provider",
    "subLayerSubscriptions": "sublayer",
}
"""Lists below ``subscriptions``."""

_SESSION: Final = frozenset(
    {
        "displayData",
        "flags",
        "kernelMode",
        "processId",
        "sessionKey",
        "sid",
        "txnWaitTimeoutInMSec",
        "username",
    }
)
_ENDPOINT: Final = frozenset(
    {
        "appId",
        "endpointId",
        "flags",
        "ipProtocol",
        "ipVersion",
        "ipsecStatus",
        "localPort",
        "localTokenModifiedId",
        "localV4Address",
        "localV6Address",
        "mmSaId",
        "qmSaId",
        "remotePort",
        "remoteV4Address",
        "remoteV6Address",
    }
)
_SUBSCRIPTION: Final = frozenset({"enumTemplate", "flags", "sessionKey"})
_KEYWORD: Final = frozenset({"addresses", "flags", "id", "keyword"})
_VERSIONS: Final = {"FWP_IP_VERSION_V4": 4, "FWP_IP_VERSION_V6": 6}
_TRUTH: Final = {"false": False, "true": True}


def read_session(item: Element, log: Log) -> Session:
    """One session."""
    kept: list[Node] = []
    parts = parts_of(item, _SESSION, kept, log)
    name, description = display(parts, kept)
    flags, flags_value = flags_at("session_flags", parts, kept, log)
    return Session(
        key=attempt(unique, parts, "sessionKey", kept, log),
        name=name,
        description=description,
        flags=flags,
        flags_value=flags_value,
        txn_wait_timeout_ms=number(parts, "txnWaitTimeoutInMSec", "FWP_UINT32", kept, log),
        process_id=number(parts, "processId", "FWP_UINT32", kept, log),
        sid=text_at(parts, "sid", kept),
        user_name=text_at(parts, "username", kept),
        kernel_mode=attempt(_truth, parts, "kernelMode", kept, log),
        extra=tuple(kept),
    )


def _truth(text: str) -> bool:
    if text not in _TRUTH:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return _TRUTH[text]


def read_endpoint(item: Element, log: Log) -> AleEndpoint:
    """One connected endpoint."""
    kept: list[Node] = []
    parts = parts_of(item, _ENDPOINT, kept, log)
    flags, flags_value = flags_at(None, parts, kept, log)
    return AleEndpoint(
        id=number(parts, "endpointId", "FWP_UINT64", kept, log),
        ip_version=attempt(_version, parts, "ipVersion", kept, log),
        local_address=_address(parts, "local", kept, log),
        remote_address=_address(parts, "remote", kept, log),
        local_port=number(parts, "localPort", "FWP_UINT16", kept, log),
        remote_port=number(parts, "remotePort", "FWP_UINT16", kept, log),
        protocol=number(parts, "ipProtocol", "FWP_UINT8", kept, log),
        token_modified_id=number(parts, "localTokenModifiedId", "FWP_UINT64", kept, log),
        mm_sa_id=number(parts, "mmSaId", "FWP_UINT64", kept, log),
        qm_sa_id=number(parts, "qmSaId", "FWP_UINT64", kept, log),
        ipsec_status=attempt(_status, parts, "ipsecStatus", kept, log),
        flags=flags,
        flags_value=flags_value,
        app_id=_app(parts, kept, log),
        extra=tuple(kept),
    )


def _version(text: str) -> int:
    if text not in _VERSIONS:
        raise ValueError(f"{text[:40]!r} is no IP version")
    return _VERSIONS[text]


def _address(
    parts: Parts, side: str, kept: list[Node], log: Log
) -> IPv4Address | IPv6Address | None:
    v4 = attempt(ipv4, parts, f"{side}V4Address", kept, log)
    v6 = attempt(ipv6, parts, f"{side}V6Address", kept, log)
    if v4 is not None and v6 is not None:
        log.note(f"{side}V6Address", "stands beside an IPv4 address, which was read")
        kept.append(node_of(parts[f"{side}V6Address"]))
    return v6 if v4 is None else v4


def _status(text: str) -> int:
    """The number of ``0 (ERROR_SUCCESS)``."""
    return integer("FWP_UINT32", text.partition(" ")[0])


def _app(parts: Parts, kept: list[Node], log: Log) -> str | None:
    data = blob_at(parts, "appId", kept, log)
    if not data:
        return None
    try:
        return data.decode("utf-16-le").rstrip("\0")
    except UnicodeDecodeError:
        log.note("appId", "is no UTF-16 text")
        kept.append(node_of(parts["appId"]))
        return None


def subscription_reader(kind: SubscriptionKind) -> Callable[[Element, Log], Subscription]:
    """What reads one subscription of a kind."""

    def read(item: Element, log: Log) -> Subscription:
        kept: list[Node] = []
        parts = parts_of(item, _SUBSCRIPTION, kept, log)
        template = parts.get("enumTemplate")
        flags, flags_value = flags_at(None, parts, kept, log)
        return Subscription(
            kind=kind,
            session_key=attempt(unique, parts, "sessionKey", kept, log),
            flags=flags,
            flags_value=flags_value,
            template=None if template is None else node_of(template),
            extra=tuple(kept),
        )

    return read


def read_keyword(item: Element, log: Log) -> DynamicKeyword:
    """One dynamic keyword address."""
    kept: list[Node] = []
    parts = parts_of(item, _KEYWORD, kept, log)
    flags, flags_value = flags_at(None, parts, kept, log)
    return DynamicKeyword(
        id=attempt(unique, parts, "id", kept, log),
        keyword=text_at(parts, "keyword", kept),
        flags=flags,
        flags_value=flags_value,
        addresses=text_at(parts, "addresses", kept),
        extra=tuple(kept),
    )


def association_reader(
    kind: Literal["ikeext", "ipsec"],
) -> Callable[[Element, Log], SecurityAssociation]:
    """What reads one security association of a kind."""

    def read(item: Element, _: Log) -> SecurityAssociation:
        return SecurityAssociation(kind=kind, tree=node_of(item))

    return read
