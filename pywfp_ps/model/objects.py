"""The objects of the filter engine, one frozen class each.

A field that a source cannot know is ``None``. What a newer Windows prints and this version does not
know stays in ``extra``. Each constant stands twice where it names an object: as text (the SDK's
constant as netsh prints it, or the GUID in braces) and as GUID (``..._key``, ``None`` where the
GUID behind a constant is not public).

Sources: fwpmtypes.h and fwptypes.h of the Windows SDK, structures named at each class.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Literal
from uuid import UUID

from msgspec import Struct

from pywfp_ps.model.values import Scalar

UINT64_MAX = (1 << 64) - 1

BOOTTIME = "FWPM_FILTER_FLAG_BOOTTIME"
PERSISTENT = "FWPM_FILTER_FLAG_PERSISTENT"
DISABLED = "FWPM_FILTER_FLAG_DISABLED"
CLEAR_ACTION_RIGHT = "FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT"
PERMIT_IF_CALLOUT_UNREGISTERED = "FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED"
HAS_FILTER_ORIGIN = "FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN"
HAS_PROVIDER_CONTEXT = "FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT"
CALLOUT_REGISTERED = "FWPM_CALLOUT_FLAG_REGISTERED"

BLOCK = "FWP_ACTION_BLOCK"
PERMIT = "FWP_ACTION_PERMIT"
CALLOUT_TERMINATING = "FWP_ACTION_CALLOUT_TERMINATING"
CALLOUT_INSPECTION = "FWP_ACTION_CALLOUT_INSPECTION"
CALLOUT_UNKNOWN = "FWP_ACTION_CALLOUT_UNKNOWN"


class Node(Struct, frozen=True, array_like=True):
    """An XML element kept as it stood, for what has no typed field.

    Attributes:
        tag: Element name.
        text: Its text, ``None`` where there is none; text beside child elements is not kept.
        children: Child elements in order.
        attributes: Attributes in order, without ``numItems``, which only counts.
    """

    tag: str
    text: str | None = None
    children: tuple[Node, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    def child(self, tag: str) -> Node | None:
        """The first child element of that name."""
        return next((child for child in self.children if child.tag == tag), None)


class Field(Struct, frozen=True, kw_only=True):
    """One field of a layer (FWPM_FIELD0): what a condition there can test.

    Attributes:
        name: Constant of the condition field, or its GUID in braces.
        key: GUID of the condition field.
        type: FWPM_FIELD_RAW_DATA, FWPM_FIELD_IP_ADDRESS or FWPM_FIELD_FLAGS.
        data_type: FWP_DATA_TYPE constant that the stack supplies at classify time.
    """

    name: str
    key: UUID | None = None
    type: str
    data_type: str
    extra: tuple[Node, ...] = ()


class Layer(Struct, frozen=True, kw_only=True):
    """One layer of the filter engine (FWPM_LAYER0).

    Attributes:
        id: Run-time id, 0 to 65535, as audit events print it.
        const_name: SDK constant, or the GUID in braces.
        name: Display name, in the language of the host.
        flags: Sorted FWPM_LAYER_FLAG constants.
        flags_value: The flag word, ``None`` where a flag has no public number.
        filter_count: Filters that this source listed at the layer.
        callout_count: Callouts that this source listed at the layer.
    """

    id: int | None
    key: UUID | None
    const_name: str
    name: str | None = None
    description: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    default_sublayer: str | None = None
    default_sublayer_key: UUID | None = None
    fields: tuple[Field, ...] = ()
    filter_count: int = 0
    callout_count: int = 0
    security_descriptor: str | None = None
    extra: tuple[Node, ...] = ()

    @property
    def is_kernel(self) -> bool:
        """Whether the layer is classified in the kernel."""
        return "FWPM_LAYER_FLAG_KERNEL" in self.flags

    @property
    def is_builtin(self) -> bool:
        """Whether the layer is built in."""
        return "FWPM_LAYER_FLAG_BUILTIN" in self.flags


class SubLayer(Struct, frozen=True, kw_only=True):
    """One sublayer (FWPM_SUBLAYER0).

    Attributes:
        weight: 0 to 65535; heavier sublayers are asked first.
    """

    key: UUID | None
    const_name: str
    name: str | None = None
    description: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    provider: str | None = None
    provider_key: UUID | None = None
    provider_data: bytes | None = None
    weight: int | None
    security_descriptor: str | None = None
    extra: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        if self.weight is not None and not 0 <= self.weight <= 0xFFFF:
            raise ValueError(f"sublayer weight is a UINT16, got {self.weight}")


class Provider(Struct, frozen=True, kw_only=True):
    """One policy provider (FWPM_PROVIDER0).

    Attributes:
        service_name: Service that owns the provider, as registered with the engine.
    """

    key: UUID | None
    const_name: str
    name: str | None = None
    description: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    provider_data: bytes | None = None
    service_name: str | None = None
    security_descriptor: str | None = None
    extra: tuple[Node, ...] = ()


class ClassifyOption(Struct, frozen=True, kw_only=True):
    """One option of a classify-options context (FWPM_CLASSIFY_OPTION0).

    Attributes:
        type: FWP_CLASSIFY_OPTION_TYPE constant.
        value_type: FWP_DATA_TYPE constant of the value.
    """

    type: str
    value_type: str
    value: Scalar = None
    extra: tuple[Node, ...] = ()


class ProviderContext(Struct, frozen=True, kw_only=True):
    """One provider context (FWPM_PROVIDER_CONTEXT0 and later). Only netsh lists these.

    Attributes:
        id: Run-time id; not every build prints it.
        type: FWPM_PROVIDER_CONTEXT_TYPE constant.
        data: Bytes of a general context (``dataBuffer``).
        options: Options of a classify-options context.
        payload: The type's own element for every other type, as it stood.
    """

    key: UUID | None
    const_name: str
    id: int | None = None
    name: str | None = None
    description: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    provider: str | None = None
    provider_key: UUID | None = None
    provider_data: bytes | None = None
    type: str
    data: bytes | None = None
    options: tuple[ClassifyOption, ...] = ()
    payload: tuple[Node, ...] = ()
    extra: tuple[Node, ...] = ()

    @property
    def text(self) -> str | None:
        """The UTF-16LE text of a general context, without trailing NULs; ``None`` if it is none."""
        if not self.data or len(self.data) % 2:
            return None
        try:
            text = self.data.decode("utf-16-le").rstrip("\0")
        except UnicodeDecodeError:
            return None
        return text if text and text.isprintable() else None


class Callout(Struct, frozen=True, kw_only=True):
    """One callout (FWPM_CALLOUT0), listed at the layer it applies to.

    Attributes:
        id: Run-time id, unsigned 32 bits; ids from 257 up depend on the order of driver load.
        layer: Constant of the applicable layer.
    """

    id: int | None
    key: UUID | None
    const_name: str
    name: str | None = None
    description: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    provider: str | None = None
    provider_key: UUID | None = None
    provider_data: bytes | None = None
    layer: str | None = None
    layer_key: UUID | None = None
    security_descriptor: str | None = None
    extra: tuple[Node, ...] = ()

    @property
    def is_registered(self) -> bool:
        """Whether a driver has registered the callout; a filter with another one blocks."""
        return CALLOUT_REGISTERED in self.flags


class Condition(Struct, frozen=True, kw_only=True):
    """One condition of a filter (FWPM_FILTER_CONDITION0).

    Attributes:
        field: Constant of the field, or its GUID in braces.
        match: FWP_MATCH_TYPE constant.
        type: FWP_DATA_TYPE constant of the value.
        value: The value; ``None`` for FWP_EMPTY, for a range, and where it was not understood.
            For an address with a mask it is the address.
        low: Lower end of a range, which belongs to it.
        high: Upper end of a range, which belongs to it.
        bound_type: FWP_DATA_TYPE of both ends of a range.
        prefix_length: Bits of an address mask, ``None`` where its ones do not all stand in front.
        mask: An IPv4 address mask, in full.
        extra: What was not understood, as it stood; a condition with it is unknown to `explain`.
    """

    field: str
    field_key: UUID | None = None
    match: str
    type: str
    value: Scalar = None
    low: Scalar = None
    high: Scalar = None
    bound_type: str | None = None
    prefix_length: int | None = None
    mask: IPv4Address | IPv6Address | None = None
    extra: tuple[Node, ...] = ()


class Filter(Struct, frozen=True, kw_only=True):
    """One filter (FWPM_FILTER0).

    Attributes:
        id: Run-time id, unsigned 64 bits; goes stale when the filter is added again.
        key: GUID chosen by the owner or made by the engine.
        weight_type: FWP_EMPTY, FWP_UINT8 or FWP_UINT64: how the owner asked for a weight.
        weight: What the owner asked for, ``None`` for FWP_EMPTY.
        effective_weight: What the engine orders by, inside one sublayer, unsigned 64 bits.
        action: FWP_ACTION_TYPE constant.
        callout: Constant or GUID of the callout, for callout actions.
        filter_type: GUID of the action for actions that are no callouts.
        conditions: In the order listed; runs of one field are alternatives.
        provider_context: Constant or GUID of the provider context; netsh alone knows it.
        raw_context: The context number; present where there is no provider context.
    """

    id: int
    key: UUID | None
    name: str | None = None
    description: str | None = None
    layer: str
    layer_key: UUID | None = None
    sublayer: str
    sublayer_key: UUID | None = None
    provider: str | None = None
    provider_key: UUID | None = None
    provider_data: bytes | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    weight_type: str = "FWP_EMPTY"
    weight: int | None = None
    effective_weight: int | None = None
    action: str
    callout: str | None = None
    callout_key: UUID | None = None
    filter_type: UUID | None = None
    conditions: tuple[Condition, ...] = ()
    provider_context: str | None = None
    provider_context_key: UUID | None = None
    raw_context: int | None = None
    security_descriptor: str | None = None
    extra: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.id <= UINT64_MAX:
            raise ValueError(f"filter id is a UINT64, got {self.id}")
        if self.effective_weight is not None and not 0 <= self.effective_weight <= UINT64_MAX:
            raise ValueError(f"effective weight is a UINT64, got {self.effective_weight}")

    @property
    def is_persistent(self) -> bool:
        """Whether the filter survives a reboot."""
        return PERSISTENT in self.flags

    @property
    def is_boottime(self) -> bool:
        """Whether the filter holds only until the engine's service is up."""
        return BOOTTIME in self.flags

    @property
    def is_disabled(self) -> bool:
        """Whether the engine marks the filter disabled."""
        return DISABLED in self.flags

    @property
    def is_in_force(self) -> bool:
        """Whether a running machine asks this filter: neither boot-time nor disabled."""
        return not (self.is_boottime or self.is_disabled)

    @property
    def is_hard(self) -> bool:
        """Whether the filter clears the right of lower sublayers to change its decision."""
        return CLEAR_ACTION_RIGHT in self.flags

    @property
    def is_callout(self) -> bool:
        """Whether a callout decides or looks, rather than the filter."""
        return self.action.startswith("FWP_ACTION_CALLOUT_")


class Session(Struct, frozen=True, kw_only=True):
    """One client session of the engine (FWPM_SESSION0).

    Attributes:
        txn_wait_timeout_ms: Milliseconds to wait for a transaction; 4294967295 is for ever.
        sid: SID of the client.
        user_name: Account name, in the language of the host.
    """

    key: UUID | None
    name: str | None = None
    description: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    txn_wait_timeout_ms: int | None = None
    process_id: int | None = None
    sid: str | None = None
    user_name: str | None = None
    kernel_mode: bool | None = None
    extra: tuple[Node, ...] = ()

    @property
    def is_dynamic(self) -> bool:
        """Whether the session's objects go when it ends."""
        return "FWPM_SESSION_FLAG_DYNAMIC" in self.flags


class AleEndpoint(Struct, frozen=True, kw_only=True):
    """One connected endpoint (ALE_ENDPOINT_PROPERTIES0).

    Attributes:
        ip_version: 4 or 6.
        protocol: IP protocol number.
        ipsec_status: Status number; 0 is success.
        app_id: Device path of the program.
    """

    id: int | None
    ip_version: int | None = None
    local_address: IPv4Address | IPv6Address | None = None
    remote_address: IPv4Address | IPv6Address | None = None
    local_port: int | None = None
    remote_port: int | None = None
    protocol: int | None = None
    token_modified_id: int | None = None
    mm_sa_id: int | None = None
    qm_sa_id: int | None = None
    ipsec_status: int | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    app_id: str | None = None
    extra: tuple[Node, ...] = ()

    @property
    def file_name(self) -> str | None:
        """Last part of the program's path."""
        return self.app_id.rsplit("\\", 1)[-1] if self.app_id else None


SubscriptionKind = Literal[
    "callout", "filter", "net_event", "provider", "provider_context", "sublayer"
]


class Subscription(Struct, frozen=True, kw_only=True):
    """One change or event subscription (FWPM_FILTER_SUBSCRIPTION0 and its kin).

    Attributes:
        kind: What it watches.
        template: The enumeration template, as it stood.
    """

    kind: SubscriptionKind
    session_key: UUID | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    template: Node | None = None
    extra: tuple[Node, ...] = ()


class DynamicKeyword(Struct, frozen=True, kw_only=True):
    """One dynamic keyword address (FW_DYNAMIC_KEYWORD_ADDRESS0, netfw.h).

    No public dump has one, so how netsh prints it is unproven; what is not one of these elements is
    kept in ``extra``.
    """

    id: UUID | None = None
    keyword: str | None = None
    flags: tuple[str, ...] = ()
    flags_value: int | None = 0
    addresses: str | None = None
    extra: tuple[Node, ...] = ()


class Statistics(Struct, frozen=True, kw_only=True):
    """Counters of IPsec or of its keying modules, as they stood.

    Attributes:
        kind: ``ipsec`` (IPSEC_STATISTICS1) or ``ikeext`` (IKEEXT_STATISTICS1).
        tree: The whole element.
    """

    kind: Literal["ikeext", "ipsec"]
    tree: Node

    def counters(self) -> tuple[tuple[str, int], ...]:
        """Dotted path below the root and value of every counter, in document order."""
        return tuple(_counters(self.tree, ""))


def _counters(node: Node, path: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for child in node.children:
        error = child.child("error")
        name = error.text if child.tag == "item" and error and error.text else child.tag
        place = f"{path}.{name}" if path else name
        if child.children:
            found += _counters(child, place)
        elif child.text and child.text.isascii() and child.text.isdigit():
            found.append((place, int(child.text)))
    return found


class SecurityAssociation(Struct, frozen=True, kw_only=True):
    """One IPsec or IKE security association, as it stood.

    Attributes:
        kind: ``ipsec`` (IPSEC_SA_CONTEXT1) or ``ikeext`` (IKEEXT_SA_DETAILS1).
        tree: The whole item.
    """

    kind: Literal["ikeext", "ipsec"]
    tree: Node


class Gap(Struct, frozen=True, kw_only=True):
    """Something that could not be read or understood; the reading went on without it.

    Attributes:
        source: Part or file it stood in.
        place: Path to it, with the position in lists counted from 0.
        problem: What is wrong, one sentence.
    """

    source: str
    place: str
    problem: str


class Completeness(Struct, frozen=True, kw_only=True):
    """What a snapshot holds and what its source leaves out.

    Attributes:
        command: The command or cmdlets that gave the data.
        elevated: Whether it ran elevated, ``None`` where nobody said.
        whole: Whether the payload was read to its end.
        consistent: Whether policy stood still while it was read, ``None`` where nobody looked.
        hides_filters: Whether the command leaves out filters that are in force.
        leaves_out: What this source never lists, one sentence each.
        unlisted: What it should list and could not: ``<kind>`` for a whole kind of objects,
            ``<kind> <GUID>`` for those at a layer, ``<kind> ?`` for one object, nobody knows which.
    """

    command: str
    elevated: bool | None = None
    whole: bool = True
    consistent: bool | None = None
    hides_filters: bool = False
    leaves_out: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that one host's source said at one time.

    Attributes:
        source: ``netsh``, ``ntobjectmanager`` or ``both``.
        taken_at: When the host says it was taken, UTC; ``None`` where it does not say.
        extra: Whole sections that this version does not know, as they stood.
    """

    source: Literal["both", "netsh", "ntobjectmanager"]
    taken_at: datetime | None = None
    completeness: Completeness
    layers: tuple[Layer, ...] = ()
    sublayers: tuple[SubLayer, ...] = ()
    providers: tuple[Provider, ...] = ()
    contexts: tuple[ProviderContext, ...] = ()
    callouts: tuple[Callout, ...] = ()
    filters: tuple[Filter, ...] = ()
    sessions: tuple[Session, ...] = ()
    endpoints: tuple[AleEndpoint, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    keywords: tuple[DynamicKeyword, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    associations: tuple[SecurityAssociation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    extra: tuple[Node, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it was read whole, left no gap and its source hides no filters."""
        stated = self.completeness
        return stated.whole and not stated.hides_filters and not self.gaps
