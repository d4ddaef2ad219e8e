"""What every engine has from the start: layers, providers, sublayers, callouts, contexts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from pywfp_ps.model.enums import flags_of_items
from pywfp_ps.model.objects import ClassifyOption, Field, Layer, Node, ProviderContext
from pywfp_ps.model.tables import key_of, names_of, reference, tables
from pywfp_remote.lab.gen_policy import INSPECTION, SUB_INSPECTION, WF, WSH, Policy, flags_clear

_EMPTY_PROVIDERS: Final = (
    ("FWPM_PROVIDER_MPSSVC_EDP", "mpssvc", "Data protection rules"),
    ("FWPM_PROVIDER_MPSSVC_TENANT_RESTRICTIONS", "mpssvc", "Tenant rules"),
    ("FWPM_PROVIDER_MPSSVC_APP_ISOLATION", "mpssvc", "App fence"),
    (WSH, "mpssvc", "Service fence"),
    (WF, "mpssvc", "Firewall rules"),
    ("FWPM_PROVIDER_IPSEC_DOSP_CONFIG", None, "Flood protection for keying"),
    ("FWPM_PROVIDER_TCP_TEMPLATES", None, "Connection templates"),
    ("FWPM_PROVIDER_TCP_CHIMNEY_OFFLOAD", None, "Connection offload"),
)
USAGE_PROVIDER: Final = "{8e44982a-f477-11df-85ce-78e7d1810190}"
"""The usage meter of Windows (NDU); this and its callouts are the same on every machine."""
_USAGE_CALLOUTS: Final = (
    ("8e44982b", "FWPM_LAYER_ALE_FLOW_ESTABLISHED_V4", 0x360),
    ("8e44982d", "FWPM_LAYER_ALE_FLOW_ESTABLISHED_V6", 0x360),
    ("8e44982f", "FWPM_LAYER_INBOUND_TRANSPORT_FAST", 0x360),
    ("8e449833", "FWPM_LAYER_OUTBOUND_TRANSPORT_FAST", 0x360),
    ("8e449837", "FWPM_LAYER_INBOUND_MAC_FRAME_NATIVE_FAST", 0x3E0),
    ("8e449839", "FWPM_LAYER_OUTBOUND_MAC_FRAME_NATIVE_FAST", 0x3E0),
)
_REGISTERED: Final = "FWPM_CALLOUT_FLAG_REGISTERED"
_WITH_CONTEXT: Final = "FWPM_CALLOUT_FLAG_USES_PROVIDER_CONTEXT"
_SUBLAYER_WORDS: Final = {
    "FWPM_SUBLAYER_MPSSVC_WF": ("Firewall", WF),
    "FWPM_SUBLAYER_MPSSVC_WSH": ("Service fence", WSH),
    "FWPM_SUBLAYER_MPSSVC_QUARANTINE": ("Unsorted networks", WF),
    "FWPM_SUBLAYER_MPSSVC_APP_ISOLATION": ("App fence", WF),
    "FWPM_SUBLAYER_MPSSVC_EDP": ("Data protection", WF),
    "FWPM_SUBLAYER_MPSSVC_TENANT_RESTRICTIONS": ("Tenants", WF),
}


def firewall_callout(job: int, layer: int) -> str:
    """Key of a callout of the firewall: job and run-time layer id stand in its last digits."""
    return f"{{c3dbed20-0bb6-4bf3-828d-96732e1e{job:02x}{layer:02x}}}"


@lru_cache(maxsize=1)
def built_in_layers() -> tuple[Layer, ...]:
    """The 99 layers with their fields, by run-time id."""
    rows: list[dict[str, Any]] = sorted(tables()["layers"], key=lambda row: int(row["id"]))
    return tuple(_layer(row) for row in rows)


def _layer(row: dict[str, Any]) -> Layer:
    const_name, key = reference("layers", row["name"] or f"{{{row['guid']}}}")
    names, number = flags_of_items("layer_flags", row["flags"])
    sublayer, sublayer_key = reference("sublayers", row["default_sublayer"])
    fields = []
    for field, kind, data_type, variants in row["fields"]:
        if "N" in variants:
            name, field_key = reference("conditions", field)
            fields.append(Field(name=name, key=field_key, type=kind, data_type=data_type))
    shown = const_name.removeprefix("FWPM_LAYER_").lower().replace("_", " ")
    return Layer(
        id=row["id"],
        key=key,
        const_name=const_name,
        name=f"Layer {row['id']}: {shown}" if shown[0] != "{" else f"Layer {row['id']}",
        flags=names,
        flags_value=number,
        default_sublayer=sublayer,
        default_sublayer_key=sublayer_key,
        fields=tuple(fields),
    )


def add_engine(policy: Policy) -> None:
    """Providers, sublayers, callouts and contexts that no product brings."""
    _providers(policy)
    _sublayers(policy)
    _callouts(policy)
    _secure_sockets(policy)


def _providers(policy: Policy) -> None:
    disabled = ("FWPM_PROVIDER_FLAG_DISABLED",)
    policy.provider(
        "FWPM_PROVIDER_IKEEXT", "Keying modules", "Key exchange", service="IKEEXT", flags=disabled
    )
    policy.provider(
        "{aa6a7d87-7f8f-4d2a-be53-fda555cd5fe3}",
        "IPsec policies",
        "Policies that administrators assign",
        service="Policyagent",
        flags=("FWPM_PROVIDER_FLAG_PERSISTENT", *disabled),
    )
    for constant, service, name in _EMPTY_PROVIDERS:
        flags = ("FWPM_PROVIDER_FLAG_PERSISTENT",) if service else ()
        policy.provider(constant, name, "Part of Windows", service=service, flags=flags)
    policy.provider(USAGE_PROVIDER, *policy.words_of("usage"), service="NDU")


def _sublayers(policy: Policy) -> None:
    weights: dict[str, int] = tables()["sublayer_weights"]
    for constant, weight in sorted(weights.items(), key=lambda pair: pair[1]):
        plain = constant.removeprefix("FWPM_SUBLAYER_").lower().replace("_", " ")
        name, provider = _SUBLAYER_WORDS.get(constant, (plain.capitalize(), None))
        policy.sublayer(constant, name, weight, provider=provider)


def _callouts(policy: Policy) -> None:
    layers: dict[str, list[str]] = tables()["callout_layers"]
    ids: dict[str, int] = tables()["callout_ids"]
    for constant in sorted(names_of("callouts"), key=lambda name: ids.get(name, 0)):
        flags: tuple[str, ...] = () if "TCP_CHIMNEY" in constant else (_REGISTERED,)
        if "OPTIONS" in constant or "RESERVED" in constant:
            flags = (_WITH_CONTEXT, _REGISTERED, "00000300")
        plain = constant.removeprefix("FWPM_CALLOUT_").lower().replace("_", " ")
        for layer in layers[constant]:
            policy.callout(
                constant, layer, plain.capitalize(), number=ids.get(constant), flags=flags
            )
    for start, layer, bits in _USAGE_CALLOUTS:
        policy.callout(
            f"{{{start}-f477-11df-85ce-78e7d1810190}}",
            layer,
            policy.words_of("usage")[0],
            provider=USAGE_PROVIDER,
            flags=("FWP_CALLOUT_FLAG_ALLOW_OFFLOAD", _REGISTERED, f"{bits:08X}"),
        )
    _firewall_callouts(policy)


def _firewall_callouts(policy: Policy) -> None:
    """The firewall's own family, where real machines have it."""
    ids = {one.const_name.removeprefix("FWPM_LAYER_"): one.id or 0 for one in built_in_layers()}
    jobs = (
        (0x00, ("ALE_RESOURCE_ASSIGNMENT_V", "ALE_AUTH_LISTEN_V"), (_REGISTERED,), "query"),
        (
            0x01,
            (
                "ALE_AUTH_CONNECT_V{}_DISCARD",
                "ALE_AUTH_RECV_ACCEPT_V{}_DISCARD",
                "INBOUND_ICMP_ERROR_V{}_DISCARD",
                "OUTBOUND_ICMP_ERROR_V{}_DISCARD",
                "ALE_FLOW_ESTABLISHED_V",
            ),
            (_REGISTERED, "00000200"),
            "log",
        ),
        (
            0x02,
            ("ALE_AUTH_CONNECT_V", "ALE_AUTH_RECV_ACCEPT_V"),
            (_REGISTERED, "00000300"),
            "ftp",
        ),
        (0x03, ("ALE_FLOW_ESTABLISHED_V",), (_REGISTERED, "00000300"), "ftp"),
        (0x04, ("STREAM_V",), ("FWP_CALLOUT_FLAG_CONDITIONAL_ON_FLOW", _REGISTERED), "dpi"),
    )
    for job, places, flags, words in jobs:
        for place in places:
            for version in "46":
                layer = place.format(version) if "{}" in place else place + version
                policy.callout(
                    firewall_callout(job, ids[layer]),
                    f"FWPM_LAYER_{layer}",
                    policy.words_of(words)[0],
                    provider=WF,
                    flags=flags,
                )


def add_usage_filters(policy: Policy) -> None:
    """The filters of the usage meter."""
    for start, layer, _ in _USAGE_CALLOUTS:
        conditions = (flags_clear(1),) if "FLOW" in layer else ()
        policy.add(
            layer,
            SUB_INSPECTION,
            INSPECTION,
            conditions,
            names=policy.words_of("usage"),
            provider=USAGE_PROVIDER,
            callout=f"{{{start}-f477-11df-85ce-78e7d1810190}}",
        )


def leaf(tag: str, text: str | int | None = None) -> Node:
    """An element with text, or empty."""
    return Node(tag, None if text is None else str(text))


def branch(tag: str, *children: Node) -> Node:
    """An element with children."""
    return Node(tag, None, children)


def _secure_sockets(policy: Policy) -> None:
    """The two IPsec contexts and the classify option that every engine has."""
    policies = (
        ("AUTHIP", "FWPM_IPSEC_AUTHIP_MM_CONTEXT", _main_mode()),
        ("IPSEC", "FWPM_IPSEC_AUTHIP_QM_TRANSPORT_CONTEXT", _quick_mode()),
    )
    for place, (word, kind, payload) in enumerate(policies):
        constant = f"FWPM_PROVIDER_CONTEXT_SECURE_SOCKET_{word}"
        policy.contexts.append(
            ProviderContext(
                key=key_of("contexts", constant),
                const_name=constant,
                id=(1 << 63) + place,
                name=f"Default for secure sockets ({word})",
                description="Used by programs that ask for a secure socket.",
                type=kind,
                payload=(payload,),
            )
        )
    key = policy.guid()
    policy.contexts.append(
        ProviderContext(
            key=key,
            const_name=f"{{{key}}}",
            id=policy.next_context_id(),
            name="Options of connections",
            description="How sources are mapped.",
            provider=WF,
            provider_key=key_of("providers", WF),
            type="FWPM_CLASSIFY_OPTIONS_CONTEXT",
            options=(
                ClassifyOption(
                    type="FWP_CLASSIFY_OPTION_LOOSE_SOURCE_MAPPING",
                    value_type="FWP_UINT32",
                    value=1,
                ),
            ),
        )
    )


def _main_mode() -> Node:
    proposals = [
        branch(
            "item",
            branch(
                "cipherAlgorithm",
                leaf("algoIdentifier", f"IKEEXT_CIPHER_{cipher}"),
                leaf("keyLen", 0),
                leaf("rounds", 0),
            ),
            branch("integrityAlgorithm", leaf("algoIdentifier", "IKEEXT_INTEGRITY_SHA1")),
            leaf("maxLifetimeSeconds", 7200),
            leaf("dhGroup", f"IKEEXT_DH_{group}"),
            leaf("quickModeLimit", 0),
        )
        for cipher, group in (("AES_128", "ECP_256"), ("3DES", "GROUP_2"))
    ]
    return branch(
        "authIpMmPolicy",
        leaf("softExpirationTime", 0),
        branch(
            "authenticationMethods",
            branch("item", leaf("authenticationMethodType", "IKEEXT_ANONYMOUS")),
        ),
        leaf("initiatorImpersonationType", "IKEEXT_IMPERSONATION_NONE"),
        branch("ikeProposals", *proposals),
        leaf("flags"),
        leaf("maxDynamicFilters", 0),
        leaf("retransmitDurationSecs", 0),
    )


def _quick_mode() -> Node:
    lifetime = branch(
        "lifetime",
        leaf("lifetimeSeconds", 3600),
        leaf("lifetimeKilobytes", 56320),
        leaf("lifetimePackets", 2147483647),
    )
    transform = branch(
        "item",
        leaf("ipsecTransformType", "IPSEC_TRANSFORM_ESP_AUTH"),
        branch(
            "espAuthTransform",
            branch(
                "authTransformId",
                leaf("authType", "IPSEC_AUTH_SHA_1"),
                leaf("authConfig", "IPSEC_AUTH_CONFIG_HMAC_SHA_1_96"),
            ),
            leaf("cryptoModuleId"),
        ),
    )
    return branch(
        "authipQmTransportPolicy",
        branch(
            "ipsecProposals",
            branch(
                "item",
                lifetime,
                branch("saTransforms", transform),
                leaf("pfsGroup", "IPSEC_PFS_NONE"),
            ),
        ),
        branch("flags", leaf("item", "IPSEC_POLICY_FLAG_ND_BOUNDARY")),
        leaf("ndAllowClearTimeoutSeconds", 10),
        branch(
            "saIdleTimeout",
            leaf("idleTimeoutSeconds", 300),
            leaf("idleTimeoutSecondsFailOver", 60),
        ),
    )
