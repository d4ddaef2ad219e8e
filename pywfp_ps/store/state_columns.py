"""Columns of what the engine itself lists: one kind a list of `Snapshot`."""

from __future__ import annotations

from pywfp_ps.store.schema import EXACT, EXTRA, HOST, ROW, RUN, Codec, Column, Kind, Type

TEXT, TEXTS, U64, U32, U16 = Type.TEXT, Type.TEXTS, Type.U64, Type.U32, Type.U16
BOOL, BYTES, TIME = Type.BOOL, Type.BYTES, Type.TIME


def attribute(
    name: str,
    kind: Type,
    doc: str,
    source: str = "",
    *,
    attr: str | None = None,
    codec: Codec = Codec.PLAIN,
    unit: str | None = None,
) -> Column:
    """A column that holds an attribute of the model object; of the same name unless given."""
    return Column(
        name=name, type=kind, doc=doc, source=source, attr=attr or name, codec=codec, unit=unit
    )


def derived(
    name: str, kind: Type, doc: str, source: str = "", *, unit: str | None = None
) -> Column:
    """A column that is worked out when the row is written."""
    return Column(name=name, type=kind, doc=doc, source=source or "derived", unit=unit)


def hidden(name: str, doc: str, *, attr: str | None = None, codec: Codec = Codec.PLAIN) -> Column:
    """A column of text that is kept to rebuild objects."""
    return Column(name=name, type=TEXT, doc=doc, attr=attr, codec=codec, hidden=True)


def key(name: str, doc: str, source: str, *, attr: str | None = None) -> Column:
    """A GUID."""
    return attribute(name, TEXT, doc, source, attr=attr, codec=Codec.GUID)


def display(structure: str) -> tuple[Column, Column]:
    """Display name and description."""
    return (
        attribute(
            "name", TEXT, "Display name, in the host's language.", f"{structure}.displayData"
        ),
        attribute("description", TEXT, "Display description.", f"{structure}.displayData"),
    )


def flags(structure: str, constants: str) -> tuple[Column, Column]:
    """Flags as constants and as number."""
    source = f"{structure}.flags"
    return (
        attribute("flags", TEXTS, f"Sorted {constants} constants.", source, codec=Codec.TUPLE),
        attribute("flags_value", U64, "Flag word; null where a flag has no public number.", source),
    )


def owned(structure: str) -> tuple[Column, ...]:
    """Provider and what it left with the object."""
    return (
        attribute(
            "provider", TEXT, "Constant or GUID of the provider.", f"{structure}.providerKey"
        ),
        key("provider_key", "GUID of the provider.", f"{structure}.providerKey"),
        attribute("provider_data", BYTES, "The provider's own bytes.", f"{structure}.providerData"),
    )


SECURITY = attribute(
    "security_descriptor", TEXT, "SDDL of the object, where the source lists it.", "NtObjectManager"
)


def behind(what: str) -> tuple[Column, ...]:
    """Who is behind an object, by the context of its host; null where nobody said."""
    return (
        derived("product", TEXT, f"Product that always uses this {what}.", "product table"),
        derived("service_there", BOOL, "Whether a service or driver of that name is there."),
        derived("image", TEXT, "File of that service or driver.", "context"),
        derived("company", TEXT, "Company in the version of the file that runs.", "context"),
    )


def state_kind(name: str, doc: str, *columns: Column, is_list: bool = True) -> Kind:
    """A kind of what the engine lists; usually its rows rebuild the list of that name."""
    return Kind(
        name=name,
        doc=doc,
        group="state",
        columns=(HOST, RUN, *columns, ROW, EXACT),
        member=name if is_list else None,
    )


SNAPSHOTS = state_kind(
    "snapshots",
    "One host's answer as a whole, and what its source leaves out.",
    attribute("source", TEXT, "netsh, ntobjectmanager or both."),
    attribute("taken_at", TIME, "When the host says it was taken; null where it does not say."),
    derived("command", TEXT, "Command or cmdlets that gave the data."),
    derived("elevated", BOOL, "Whether it ran elevated; null where nobody said."),
    derived("whole", BOOL, "Whether the payload was read to its end."),
    derived("consistent", BOOL, "Whether policy stood still meanwhile; null: nobody looked."),
    derived("hides_filters", BOOL, "Whether the command leaves out filters that are in force."),
    derived("leaves_out", TEXTS, "What the source never lists, one sentence each."),
    derived(
        "unlisted",
        TEXTS,
        "What it could not list: a kind, a kind and the layer, or a kind and ? for one object.",
    ),
    derived("complete", BOOL, "Read whole, no gap, and no filters hidden by the source."),
    EXTRA,
    is_list=False,
)

LAYERS = state_kind(
    "layers",
    "One layer of the filter engine.",
    attribute("layer_id", U16, "Run-time id, as audit events print it.", attr="id", unit="0-65535"),
    attribute("layer", TEXT, "Constant, or GUID in braces.", "FWPM_LAYER0", attr="const_name"),
    key("layer_key", "GUID of the layer.", "FWPM_LAYER0.layerKey", attr="key"),
    *display("FWPM_LAYER0"),
    *flags("FWPM_LAYER0", "FWPM_LAYER_FLAG"),
    attribute("default_sublayer", TEXT, "Sublayer of filters that name none.", "FWPM_LAYER0"),
    key("default_sublayer_key", "Its GUID.", "FWPM_LAYER0.defaultSubLayerKey"),
    derived("kernel", BOOL, "Whether the layer is classified in the kernel."),
    derived("fields", TEXTS, "Constants of the fields a condition there can test.", "FWPM_FIELD0"),
    hidden("fields_json", "The fields.", attr="fields", codec=Codec.FIELDS),
    attribute("filter_count", U64, "Filters that the source listed there."),
    attribute("callout_count", U64, "Callouts that the source listed there."),
    SECURITY,
    EXTRA,
)

SUBLAYERS = state_kind(
    "sublayers",
    "One sublayer; heavier ones are asked first.",
    attribute("sublayer", TEXT, "Constant, or GUID in braces.", attr="const_name"),
    key("sublayer_key", "GUID of the sublayer.", "FWPM_SUBLAYER0.subLayerKey", attr="key"),
    *display("FWPM_SUBLAYER0"),
    *flags("FWPM_SUBLAYER0", "FWPM_SUBLAYER_FLAG"),
    *owned("FWPM_SUBLAYER0"),
    attribute("weight", U16, "Weight.", "FWPM_SUBLAYER0.weight", unit="0-65535"),
    SECURITY,
    EXTRA,
)

PROVIDERS = state_kind(
    "providers",
    "One policy provider.",
    attribute("provider", TEXT, "Constant, or GUID in braces.", attr="const_name"),
    key("provider_key", "GUID of the provider.", "FWPM_PROVIDER0.providerKey", attr="key"),
    *display("FWPM_PROVIDER0"),
    *flags("FWPM_PROVIDER0", "FWPM_PROVIDER_FLAG"),
    attribute("provider_data", BYTES, "The provider's own bytes.", "FWPM_PROVIDER0.providerData"),
    attribute(
        "service", TEXT, "Service that owns it.", "FWPM_PROVIDER0.serviceName", attr="service_name"
    ),
    *behind("GUID"),
    SECURITY,
    EXTRA,
)

CALLOUTS = state_kind(
    "callouts",
    "One callout, at the layer it applies to.",
    attribute("callout_id", U32, "Run-time id.", "FWPM_CALLOUT0.calloutId", attr="id"),
    attribute("callout", TEXT, "Constant, or GUID in braces.", attr="const_name"),
    key("callout_key", "GUID of the callout.", "FWPM_CALLOUT0.calloutKey", attr="key"),
    *display("FWPM_CALLOUT0"),
    *flags("FWPM_CALLOUT0", "FWPM_CALLOUT_FLAG"),
    *owned("FWPM_CALLOUT0"),
    attribute("layer", TEXT, "Constant of the layer.", "FWPM_CALLOUT0.applicableLayer"),
    key("layer_key", "GUID of the layer.", "FWPM_CALLOUT0.applicableLayer"),
    derived("registered", BOOL, "Whether a driver has registered it; if not, its filters block."),
    derived("service", TEXT, "Service or driver that its provider names.", "providers"),
    *behind("GUID"),
    SECURITY,
    EXTRA,
)

CONTEXTS = state_kind(
    "contexts",
    "One provider context; only netsh lists them.",
    attribute("context", TEXT, "Constant, or GUID in braces.", attr="const_name"),
    key("context_key", "GUID of the context.", "FWPM_PROVIDER_CONTEXT0", attr="key"),
    attribute("context_id", U64, "Run-time id; not every build prints it.", attr="id"),
    *display("FWPM_PROVIDER_CONTEXT0"),
    *flags("FWPM_PROVIDER_CONTEXT0", "FWPM_PROVIDER_CONTEXT_FLAG"),
    *owned("FWPM_PROVIDER_CONTEXT0"),
    attribute("type", TEXT, "FWPM_PROVIDER_CONTEXT_TYPE constant."),
    derived("text", TEXT, "UTF-16 text of a general context, such as a rule id."),
    attribute("data", BYTES, "Bytes of a general context.", "dataBuffer"),
    attribute("options", TEXT, "JSON of classify options.", codec=Codec.OPTIONS),
    attribute("payload", TEXT, "JSON of the element of any other type.", codec=Codec.NODES),
    EXTRA,
)

SESSIONS = state_kind(
    "sessions",
    "One client session of the engine.",
    key("session_key", "GUID of the session.", "FWPM_SESSION0.sessionKey", attr="key"),
    *display("FWPM_SESSION0"),
    *flags("FWPM_SESSION0", "FWPM_SESSION_FLAG"),
    attribute("txn_wait_timeout_ms", U64, "Wait for a transaction.", unit="ms"),
    attribute("process_id", U32, "Process of the client.", "FWPM_SESSION0.processId"),
    attribute("sid", TEXT, "SID of the client.", "FWPM_SESSION0.sid"),
    attribute("user_name", TEXT, "Account name, in the host's language.", "FWPM_SESSION0.username"),
    attribute("kernel_mode", BOOL, "Whether the client is in the kernel."),
    derived("dynamic", BOOL, "Whether the session's objects go when it ends."),
    derived("process", TEXT, "Program of the process.", "context"),
    derived("process_there", BOOL, "Whether the process is there; null: unknown.", "context"),
    derived("services", TEXTS, "Services in the process.", "context"),
    EXTRA,
)

ENDPOINTS = state_kind(
    "endpoints",
    "One connected ALE endpoint.",
    attribute("endpoint_id", U64, "Run-time id.", "ALE_ENDPOINT_PROPERTIES0", attr="id"),
    attribute("ip_version", U16, "4 or 6."),
    attribute("protocol", U16, "IP protocol number.", unit="0-255"),
    attribute("local_address", TEXT, "Local address.", codec=Codec.ADDRESS),
    attribute("local_port", U16, "Local port."),
    attribute("remote_address", TEXT, "Remote address.", codec=Codec.ADDRESS),
    attribute("remote_port", U16, "Remote port."),
    attribute("token_modified_id", U64, "Modified id of the local token."),
    attribute("mm_sa_id", U64, "Main mode security association."),
    attribute("qm_sa_id", U64, "Quick mode security association."),
    attribute("ipsec_status", U64, "Status number; 0 is success."),
    *flags("ALE_ENDPOINT_PROPERTIES0", "endpoint flag"),
    attribute("app", TEXT, "Device path of the program.", attr="app_id"),
    derived("file_name", TEXT, "Last part of the program's path."),
    EXTRA,
)

SUBSCRIPTIONS = state_kind(
    "subscriptions",
    "One change or event subscription.",
    attribute("kind", TEXT, "What it watches.", "FWPM_FILTER_SUBSCRIPTION0 and its kin"),
    key("session_key", "GUID of the session.", "FWPM_FILTER_SUBSCRIPTION0.sessionKey"),
    *flags("FWPM_FILTER_SUBSCRIPTION0", "FWPM_SUBSCRIPTION_FLAG"),
    attribute("template", TEXT, "JSON of the enumeration template.", codec=Codec.NODE),
    EXTRA,
)

KEYWORDS = state_kind(
    "keywords",
    "One dynamic keyword address.",
    key("keyword_id", "GUID of the keyword.", "FW_DYNAMIC_KEYWORD_ADDRESS0", attr="id"),
    attribute("keyword", TEXT, "The keyword, such as a host name."),
    *flags("FW_DYNAMIC_KEYWORD_ADDRESS0", "FW_DYNAMIC_KEYWORD_ADDRESS_FLAG"),
    attribute("addresses", TEXT, "Addresses it stands for now."),
    EXTRA,
)

STATISTICS = state_kind(
    "statistics",
    "Counters of IPsec or of its keying modules.",
    attribute("kind", TEXT, "ipsec or ikeext.", "IPSEC_STATISTICS1, IKEEXT_STATISTICS1"),
    attribute("tree", TEXT, "JSON of the whole element.", codec=Codec.NODE),
)

ASSOCIATIONS = state_kind(
    "associations",
    "One IPsec or IKE security association.",
    attribute("kind", TEXT, "ipsec or ikeext.", "IPSEC_SA_CONTEXT1, IKEEXT_SA_DETAILS1"),
    attribute("tree", TEXT, "JSON of the whole item.", codec=Codec.NODE),
)

GAPS = state_kind(
    "gaps",
    "Something that could not be read; the reading went on without it.",
    attribute("source", TEXT, "Part or file it stood in."),
    attribute("place", TEXT, "Path to it; positions in lists count from 0."),
    attribute("problem", TEXT, "What is wrong with it."),
)

DISAGREEMENTS = state_kind(
    "disagreements",
    "One thing that netsh and NtObjectManager say differently of one host in one job.",
    derived("kind", TEXT, "Kind of the object.", "netsh, NtObjectManager"),
    derived("name", TEXT, "Its constant, GUID or id.", "netsh, NtObjectManager"),
    derived("field", TEXT, "Field; null where one source does not list the object at all."),
    derived("netsh", TEXT, "What netsh says, cut.", "netsh"),
    derived("ntobjectmanager", TEXT, "What NtObjectManager says, cut.", "NtObjectManager"),
    derived("moving", BOOL, "Whether such objects come and go between two readings."),
    is_list=False,
)
