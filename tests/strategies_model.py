"""Hypothesis strategies for the objects of the filter engine, as a netsh dump can hold them.

Every object drawn is one that reading a dump could give: fields that netsh never prints stay
unset, flags are sorted as the model sorts them, names and GUIDs belong together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Literal
from uuid import UUID

from hypothesis import strategies as st
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.model.enums import FlagGroup, Group, flags_of_items, values_of
from pywfp_ps.model.tables import Kind, names_of, reference
from pywfp_ps.model.values import (
    GUID_FIELDS,
    INTEGER_BITS,
    TEXT_BLOB_FIELDS,
    Scalar,
    TokenInformation,
    prefix_of_mask,
    text_of_blob,
)

UINT32 = st.integers(0, (1 << 32) - 1)
UINT64 = st.integers(0, o.UINT64_MAX)
IPV4 = st.integers(0, (1 << 32) - 1).map(IPv4Address)
IPV6 = st.integers(0, (1 << 128) - 1).map(IPv6Address)
_ADDRESS_FIELDS = ("FWPM_CONDITION_IP_LOCAL_ADDRESS", "FWPM_CONDITION_IP_REMOTE_ADDRESS")
_PLAIN_FIELDS = (
    "FWPM_CONDITION_FLAGS",
    "FWPM_CONDITION_IP_PROTOCOL",
    "FWPM_CONDITION_IP_LOCAL_PORT",
    "FWPM_CONDITION_IP_LOCAL_INTERFACE",
    "FWPM_CONDITION_CURRENT_PROFILE_ID",
    "FWPM_CONDITION_ALE_USER_ID",
    "{0b4a6d3e-5a54-4c1d-9f06-6f6b62f5a1c7}",
)


def texts(*, max_size: int = 24) -> st.SearchStrategy[str]:
    """Text that XML can carry, with at least one character that is no white space."""
    letters = st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"
    )
    return st.text(letters, min_size=1, max_size=max_size).filter(lambda text: text.strip() != "")


def guids() -> st.SearchStrategy[UUID]:
    """Any but the nil GUID, which names nothing."""
    return st.integers(1, (1 << 128) - 1).map(lambda number: UUID(int=number))


def references(kind: Kind) -> st.SearchStrategy[tuple[str, UUID | None]]:
    """Constant and GUID of an object of that kind, with a name or without."""
    named = st.sampled_from(names_of(kind))
    return st.one_of(named, guids().map(lambda key: f"{{{key}}}")).map(
        lambda text: reference(kind, text)
    )


def flags(group: FlagGroup) -> st.SearchStrategy[tuple[tuple[str, ...], int | None]]:
    """Sorted names and number of a flag word, known and unknown bits."""
    names = [name for name, number in values_of(group).items() if number != 0]
    items = st.lists(st.sampled_from(names), unique=True, max_size=4)
    rest = st.sampled_from([[], ["20000000"], ["00000300"]])
    return st.tuples(items, rest).map(lambda both: flags_of_items(group, [*both[0], *both[1]]))


def constants(group: Group) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(values_of(group)))


def blobs() -> st.SearchStrategy[bytes | None]:
    return st.none() | st.binary(min_size=1, max_size=12)


def nodes() -> st.SearchStrategy[o.Node]:
    """Kept elements: with text, with children, lists of items, or empty."""
    tags = st.sampled_from(["newThing", "list", "deep", "anotherThing"])
    leaves = st.builds(o.Node, tag=tags, text=st.none() | texts())

    def grow(inner: st.SearchStrategy[o.Node]) -> st.SearchStrategy[o.Node]:
        items = st.builds(o.Node, tag=st.just("item"), text=texts())
        children = st.lists(inner, min_size=1, max_size=2) | st.lists(items, min_size=1, max_size=2)
        return st.builds(o.Node, tag=tags, children=children.map(tuple))

    return st.recursive(leaves, grow, max_leaves=4)


def extras() -> st.SearchStrategy[tuple[o.Node, ...]]:
    """Mostly nothing, sometimes one element of a newer Windows."""
    return st.just(()) | nodes().map(lambda node: (node,))


def _integers(data_type: str) -> st.SearchStrategy[int]:
    bits, signed = INTEGER_BITS[data_type]
    return st.integers(-(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1)


_SIDS = st.sampled_from(["S-1-5-18", "S-1-15-2-1", "S-1-5-80-1-2-3-4-5", "S-1-0-0"])
_SDDL = st.sampled_from(
    [
        "D:(A;;CC;;;WD)",
        "O:SYG:SYD:(A;;CCRC;;;S-1-5-80-1-2-3-4-5)",
        'D:(XA;;CC;;;WD;(WIN://SYSAPPID Contains "MADE.UP"))',
    ]
)
_TOKENS = st.builds(
    TokenInformation,
    sids=st.lists(_SIDS, max_size=2).map(tuple),
    restricted_sids=st.lists(_SIDS, max_size=2).map(tuple),
)
_BOUNDED = ("FWP_UINT16", "FWP_UINT32", "FWP_UINT64", "FWP_BYTE_ARRAY16_TYPE")


def _mac(data: bytes) -> str:
    return data.hex(":")


@st.composite
def conditions(draw: st.DrawFn) -> o.Condition:
    """A condition of any type that prints a value, or of none."""
    maker = draw(st.sampled_from([_integer_condition, _text_condition, _blob_condition,
                                  _address_condition, _mask_condition, _range_condition,
                                  _unknown_condition]))  # fmt: skip
    return draw(maker())


def _condition(
    draw: st.DrawFn, field: str, data_type: str, value: Scalar = None, **more: object
) -> o.Condition:
    name, key = reference("conditions", field)
    match = draw(constants("match_types"))
    made = o.Condition(field=name, field_key=key, match=match, type=data_type, value=value)
    return replace(made, **more)


@st.composite
def _integer_condition(draw: st.DrawFn) -> o.Condition:
    data_type = draw(st.sampled_from(sorted(INTEGER_BITS)))
    field = draw(st.sampled_from(_PLAIN_FIELDS))
    return _condition(draw, field, data_type, draw(_integers(data_type)))


@st.composite
def _text_condition(draw: st.DrawFn) -> o.Condition:
    data_type, values = draw(
        st.sampled_from(
            [
                ("FWP_SID", _SIDS),
                ("FWP_SECURITY_DESCRIPTOR_TYPE", _SDDL),
                ("FWP_UNICODE_STRING_TYPE", texts()),
                ("FWP_EMPTY", st.none()),
                ("FWP_BYTE_ARRAY6_TYPE", st.binary(min_size=6, max_size=6).map(_mac)),
                ("FWP_BYTE_ARRAY16_TYPE", st.binary(min_size=16, max_size=16)),
                ("FWP_TOKEN_ACCESS_INFORMATION_TYPE", st.binary(min_size=1, max_size=9)),
                ("FWP_TOKEN_INFORMATION_TYPE", _TOKENS),
                ("FWP_BITMAP_INDEX_TYPE", st.integers(0, 63)),
                ("FWP_BITMAP_ARRAY64_TYPE", st.binary(min_size=8, max_size=8)),
                ("FWP_FLOAT", st.floats(-100, 100, width=32)),
                ("FWP_DOUBLE", st.floats(allow_nan=False, allow_infinity=False)),
            ]
        )
    )
    value: Scalar = draw(values)
    return _condition(draw, draw(st.sampled_from(_PLAIN_FIELDS)), data_type, value)


@st.composite
def _blob_condition(draw: st.DrawFn) -> o.Condition:
    field = draw(st.sampled_from(sorted(TEXT_BLOB_FIELDS) + list(_PLAIN_FIELDS[-1:])))
    value: Scalar = draw(st.binary(min_size=1, max_size=12))
    if field in TEXT_BLOB_FIELDS:
        assert isinstance(value, bytes)
        value = draw(texts()) if draw(st.booleans()) else text_of_blob(value)
    if isinstance(value, str) and not value.isprintable():
        value = "\\device\\made-up.exe"
    return _condition(draw, field, "FWP_BYTE_BLOB_TYPE", value)


@st.composite
def _address_condition(draw: st.DrawFn) -> o.Condition:
    field = draw(st.sampled_from(_ADDRESS_FIELDS))
    if draw(st.booleans()):
        return _condition(draw, field, "FWP_UINT32", draw(IPV4))
    if draw(st.booleans()):
        guid_field = draw(st.sampled_from(sorted(GUID_FIELDS)))
        return _condition(draw, guid_field, "FWP_BYTE_ARRAY16_TYPE", draw(guids()))
    return _condition(draw, field, "FWP_BYTE_ARRAY16_TYPE", draw(IPV6))


@st.composite
def _mask_condition(draw: st.DrawFn) -> o.Condition:
    field = draw(st.sampled_from(_ADDRESS_FIELDS))
    if draw(st.booleans()):
        mask = draw(IPV4 | st.integers(0, 32).map(lambda n: IPv4Address((-1 << n) % (1 << 32))))
        return _condition(
            draw,
            field,
            "FWP_V4_ADDR_MASK",
            draw(IPV4),
            mask=mask,
            prefix_length=prefix_of_mask(mask),
        )
    length = draw(st.integers(0, 128))
    return _condition(draw, field, "FWP_V6_ADDR_MASK", draw(IPV6), prefix_length=length)


@st.composite
def _range_condition(draw: st.DrawFn) -> o.Condition:
    bound = draw(st.sampled_from(_BOUNDED))
    is_address = bound == "FWP_BYTE_ARRAY16_TYPE" or (bound == "FWP_UINT32" and draw(st.booleans()))
    field = draw(st.sampled_from(_ADDRESS_FIELDS if is_address else _PLAIN_FIELDS))
    values: st.SearchStrategy[Scalar] = _integers(bound) if bound in INTEGER_BITS else IPV6
    if is_address and bound == "FWP_UINT32":
        values = IPV4
    low, high = draw(values), draw(values)
    return _condition(draw, field, "FWP_RANGE_TYPE", low=low, high=high, bound_type=bound)


@st.composite
def _unknown_condition(draw: st.DrawFn) -> o.Condition:
    node = o.Node("newValue", draw(texts()))
    field = draw(st.sampled_from(_PLAIN_FIELDS))
    return _condition(draw, field, "FWP_MADE_UP_TYPE", extra=(node,))


@st.composite
def filters(draw: st.DrawFn, layers: tuple[str, ...] = names_of("layers")) -> o.Filter:
    """A filter at one of these layers."""
    layer, layer_key = reference("layers", draw(st.sampled_from(layers)))
    sublayer, sublayer_key = draw(references("sublayers"))
    provider, provider_key = draw(st.just((None, None)) | references("providers"))
    names, number = draw(flags("filter_flags"))
    action = draw(constants("action_types") | st.just("FWP_ACTION_MADE_UP"))
    callout, callout_key = None, None
    filter_type = None
    if action.startswith("FWP_ACTION_CALLOUT"):
        callout, callout_key = draw(references("callouts"))
    elif draw(st.booleans()):
        filter_type = draw(guids())
    has_context = draw(st.booleans())
    context, context_key = draw(references("contexts")) if has_context else (None, None)
    weight_type, weights = draw(
        st.sampled_from(
            [
                ("FWP_EMPTY", st.none()),
                ("FWP_UINT8", st.integers(0, 15)),
                ("FWP_UINT64", UINT64),
            ]
        )
    )
    return o.Filter(
        id=draw(UINT64),
        key=draw(guids()),
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        layer=layer,
        layer_key=layer_key,
        sublayer=sublayer,
        sublayer_key=sublayer_key,
        provider=provider,
        provider_key=provider_key,
        provider_data=draw(blobs()),
        flags=names,
        flags_value=number,
        weight_type=weight_type,
        weight=draw(weights),
        effective_weight=draw(UINT64),
        action=action,
        callout=callout,
        callout_key=callout_key,
        filter_type=filter_type,
        conditions=tuple(draw(st.lists(conditions(), max_size=3))),
        provider_context=context,
        provider_context_key=context_key,
        raw_context=None if has_context else draw(UINT64),
        extra=draw(extras()),
    )


@st.composite
def callouts(draw: st.DrawFn, layers: tuple[str, ...] = names_of("layers")) -> o.Callout:
    """A callout at one of these layers."""
    name, key = draw(references("callouts"))
    layer, layer_key = reference("layers", draw(st.sampled_from(layers)))
    provider, provider_key = draw(st.just((None, None)) | references("providers"))
    names, number = draw(flags("callout_flags"))
    return o.Callout(
        id=draw(UINT32),
        key=key,
        const_name=name,
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        flags=names,
        flags_value=number,
        provider=provider,
        provider_key=provider_key,
        provider_data=draw(blobs()),
        layer=layer,
        layer_key=layer_key,
        extra=draw(extras()),
    )


@st.composite
def layers(draw: st.DrawFn, name: str) -> o.Layer:
    """The layer of that constant with made-up fields, before its filters are counted."""
    const_name, key = reference("layers", name)
    names, number = draw(flags("layer_flags"))
    sublayer, sublayer_key = draw(references("sublayers"))
    fields = []
    for field_name, field_key in draw(st.lists(references("conditions"), max_size=3)):
        fields.append(
            o.Field(
                name=field_name,
                key=field_key,
                type=draw(constants("field_types")),
                data_type=draw(constants("data_types")),
                extra=draw(extras()),
            )
        )
    return o.Layer(
        id=draw(st.integers(0, 65535)),
        key=key,
        const_name=const_name,
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        flags=names,
        flags_value=number,
        default_sublayer=sublayer,
        default_sublayer_key=sublayer_key,
        fields=tuple(fields),
        extra=draw(extras()),
    )


@st.composite
def sublayers(draw: st.DrawFn) -> o.SubLayer:
    name, key = draw(references("sublayers"))
    provider, provider_key = draw(st.just((None, None)) | references("providers"))
    names, number = draw(flags("sublayer_flags"))
    return o.SubLayer(
        key=key,
        const_name=name,
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        flags=names,
        flags_value=number,
        provider=provider,
        provider_key=provider_key,
        provider_data=draw(blobs()),
        weight=draw(st.integers(0, 65535)),
        extra=draw(extras()),
    )


@st.composite
def providers(draw: st.DrawFn) -> o.Provider:
    name, key = draw(references("providers"))
    names, number = draw(flags("provider_flags"))
    return o.Provider(
        key=key,
        const_name=name,
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        flags=names,
        flags_value=number,
        provider_data=draw(blobs()),
        service_name=draw(st.none() | texts()),
        extra=draw(extras()),
    )


@st.composite
def contexts(draw: st.DrawFn) -> o.ProviderContext:
    """A provider context of any type."""
    name, key = draw(references("contexts"))
    provider, provider_key = draw(st.just((None, None)) | references("providers"))
    names, number = draw(flags("provider_context_flags"))
    kind = draw(constants("provider_context_types"))
    data, options = None, []
    payload: tuple[o.Node, ...] = ()
    if kind == "FWPM_GENERAL_CONTEXT":
        data = draw(blobs())
    elif kind == "FWPM_CLASSIFY_OPTIONS_CONTEXT":
        for option in draw(st.lists(constants("classify_option_types"), max_size=2)):
            value = draw(UINT32)
            options.append(o.ClassifyOption(type=option, value_type="FWP_UINT32", value=value))
    else:
        payload = (o.Node("someMmPolicy", None, (o.Node("softExpirationTime", "0"),)),)
    return o.ProviderContext(
        key=key,
        const_name=name,
        id=draw(st.none() | UINT64),
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        flags=names,
        flags_value=number,
        provider=provider,
        provider_key=provider_key,
        provider_data=draw(blobs()),
        type=kind,
        data=data,
        options=tuple(options),
        payload=payload,
    )


@st.composite
def sessions(draw: st.DrawFn) -> o.Session:
    names, number = draw(flags("session_flags"))
    return o.Session(
        key=draw(guids()),
        name=draw(st.none() | texts()),
        description=draw(st.none() | texts()),
        flags=names,
        flags_value=number,
        txn_wait_timeout_ms=draw(UINT32),
        process_id=draw(UINT32),
        sid=draw(st.none() | _SIDS),
        user_name=draw(st.none() | texts()),
        kernel_mode=draw(st.booleans()),
        extra=draw(extras()),
    )


@st.composite
def endpoints(draw: st.DrawFn) -> o.AleEndpoint:
    version = draw(st.sampled_from([4, 6]))
    addresses: st.SearchStrategy[IPv4Address | IPv6Address] = IPV4 if version == 4 else IPV6
    return o.AleEndpoint(
        id=draw(UINT64),
        ip_version=version,
        local_address=draw(addresses),
        remote_address=draw(addresses),
        local_port=draw(st.integers(0, 65535)),
        remote_port=draw(st.integers(0, 65535)),
        protocol=draw(st.integers(0, 255)),
        token_modified_id=draw(UINT64),
        mm_sa_id=draw(UINT64),
        qm_sa_id=draw(UINT64),
        ipsec_status=draw(st.sampled_from([0, 13801])),
        app_id=draw(st.none() | texts()),
        extra=draw(extras()),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> o.Snapshot:
    """A whole state dump: filters and callouts stand at the listed layers, in their order."""
    names = tuple(
        draw(st.lists(st.sampled_from(names_of("layers")), unique=True, min_size=1, max_size=3))
    )
    held = draw(st.lists(filters(names), max_size=4))
    called = draw(st.lists(callouts(names), max_size=3))
    held.sort(key=lambda one: names.index(one.layer))
    called.sort(key=lambda one: names.index(one.layer or ""))
    listed = []
    for name in names:
        layer = draw(layers(name))
        listed.append(
            replace(
                layer,
                filter_count=sum(one.layer == name for one in held),
                callout_count=sum(one.layer == name for one in called),
            )
        )
    stamp = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made aware below
        lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=UTC)
    )
    return o.Snapshot(
        source="netsh",
        taken_at=draw(stamp),
        completeness=o.Completeness(command="netsh wfp show state"),
        layers=tuple(listed),
        sublayers=tuple(draw(st.lists(sublayers(), max_size=2))),
        providers=tuple(draw(st.lists(providers(), max_size=2))),
        contexts=tuple(draw(st.lists(contexts(), max_size=2))),
        callouts=tuple(called),
        filters=tuple(held),
        sessions=tuple(draw(st.lists(sessions(), max_size=2))),
        endpoints=tuple(draw(st.lists(endpoints(), max_size=2))),
        subscriptions=_in_order(draw(st.lists(subscriptions(), max_size=3))),
        keywords=tuple(draw(st.lists(keywords(), max_size=2))),
        statistics=draw(statistics()),
        associations=draw(associations()),
    )


_KINDS: tuple[o.SubscriptionKind, ...] = (
    "callout", "filter", "net_event", "provider", "provider_context", "sublayer",
)  # fmt: skip
"""In the order in which netsh prints their lists."""


def _in_order(drawn: list[o.Subscription]) -> tuple[o.Subscription, ...]:
    return tuple(sorted(drawn, key=lambda one: _KINDS.index(one.kind)))


@st.composite
def subscriptions(draw: st.DrawFn) -> o.Subscription:
    words = [f"FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_{word}" for word in ("ADD", "DELETE")]
    held = tuple(sorted(draw(st.lists(st.sampled_from(words), unique=True))))
    return o.Subscription(
        kind=draw(st.sampled_from(_KINDS)),
        session_key=draw(guids()),
        flags=held,
        flags_value=None if held else 0,
        template=o.Node("enumTemplate", None, (o.Node("providerKey"), draw(nodes()))),
    )


@st.composite
def keywords(draw: st.DrawFn) -> o.DynamicKeyword:
    """In the shape that the structure suggests; no real file shows one."""
    word = draw(st.sampled_from([0, 1, 3]))
    return o.DynamicKeyword(
        id=draw(guids()),
        keyword=draw(texts()),
        flags=(f"0x{word:08x}",) if word else (),
        flags_value=word,
        addresses=draw(st.none() | texts()),
    )


@st.composite
def statistics(draw: st.DrawFn) -> tuple[o.Statistics, ...]:
    """Counters of IPsec, which are always there, and perhaps of the keying modules before them."""
    found = [o.Statistics(kind="ipsec", tree=o.Node("ipsecStatistics", None, (draw(nodes()),)))]
    if draw(st.booleans()):
        tree = o.Node("ikeextStatistics", None, (draw(nodes()),))
        found.insert(0, o.Statistics(kind="ikeext", tree=tree))
    return tuple(found)


@st.composite
def associations(draw: st.DrawFn) -> tuple[o.SecurityAssociation, ...]:
    tree = o.Node("item", None, (o.Node("inboundSpi", "77"), draw(nodes())))
    kinds: tuple[Literal["ipsec", "ikeext"], ...] = ("ipsec", "ikeext")
    return tuple(
        o.SecurityAssociation(kind=kind, tree=tree) for kind in kinds if draw(st.booleans())
    )
