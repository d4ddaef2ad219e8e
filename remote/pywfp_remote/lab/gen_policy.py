"""Puts a policy together: keys, ids, weights and references, so that everything resolves."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct

from pywfp_ps.model.enums import flags_of_items
from pywfp_ps.model.objects import (
    HAS_FILTER_ORIGIN,
    HAS_PROVIDER_CONTEXT,
    UINT64_MAX,
    Callout,
    Condition,
    Filter,
    Provider,
    ProviderContext,
    SubLayer,
)
from pywfp_ps.model.tables import key_of, name_of, reference
from pywfp_ps.model.values import Scalar
from pywfp_remote.lab.gen_names import HOSTILE, WORDS, Words
from pywfp_remote.lab.gen_plan import Plan

WF: Final = "FWPM_PROVIDER_MPSSVC_WF"
WSH: Final = "FWPM_PROVIDER_MPSSVC_WSH"
ISOLATION: Final = "FWPM_PROVIDER_MPSSVC_APP_ISOLATION"
SUB_WF: Final = "FWPM_SUBLAYER_MPSSVC_WF"
SUB_WSH: Final = "FWPM_SUBLAYER_MPSSVC_WSH"
SUB_ISOLATION: Final = "FWPM_SUBLAYER_MPSSVC_APP_ISOLATION"
SUB_QUARANTINE: Final = "FWPM_SUBLAYER_MPSSVC_QUARANTINE"
SUB_TEREDO: Final = "FWPM_SUBLAYER_TEREDO"
SUB_UNIVERSAL: Final = "FWPM_SUBLAYER_UNIVERSAL"
SUB_INSPECTION: Final = "FWPM_SUBLAYER_INSPECTION"

PERMIT: Final = "FWP_ACTION_PERMIT"
BLOCK: Final = "FWP_ACTION_BLOCK"
TERMINATING: Final = "FWP_ACTION_CALLOUT_TERMINATING"
INSPECTION: Final = "FWP_ACTION_CALLOUT_INSPECTION"
UNKNOWN: Final = "FWP_ACTION_CALLOUT_UNKNOWN"

TOP: Final = UINT64_MAX
BUILT_IN: Final = b"\xff" * 8
LOOPBACK: Final = 0x1
REAUTHORIZE: Final = 0x4

_FIELDS: Final = (
    "FLAGS", "CURRENT_PROFILE_ID", "ORIGINAL_PROFILE_ID", "ALE_PACKAGE_ID",
    "ALE_PACKAGE_FAMILY_NAME", "ARRIVAL_TUNNEL_TYPE", "NEXTHOP_TUNNEL_TYPE",
    "ARRIVAL_INTERFACE_TYPE", "NEXTHOP_INTERFACE_TYPE", "ALE_SIO_FIREWALL_SYSTEM_PORT",
    "IP_PROTOCOL", "IP_REMOTE_PORT", "ALE_USER_ID", "ALE_APP_ID", "IP_ARRIVAL_INTERFACE",
    "IP_NEXTHOP_INTERFACE", "IP_LOCAL_PORT", "IP_LOCAL_ADDRESS", "IP_REMOTE_ADDRESS",
    "INTERFACE_QUARANTINE_EPOCH",
)  # fmt: skip
_RANK: Final = {f"FWPM_CONDITION_{name}": rank for rank, name in enumerate(_FIELDS)}
_STRENGTH: Final = {"FWP_MATCH_EQUAL": 7, "FWP_MATCH_RANGE": 3, "FWP_MATCH_FLAGS_ALL_SET": 4}


@lru_cache(maxsize=65536)
def single(field: str, data_type: str, value: Scalar, match: str = "EQUAL") -> Condition:
    """One condition; the field and match without their prefixes, the type without FWP_."""
    name = f"FWPM_CONDITION_{field}"
    key = key_of("conditions", name)
    return Condition(
        field=name, field_key=key, match=f"FWP_MATCH_{match}", type=f"FWP_{data_type}", value=value
    )


@lru_cache(maxsize=65536)
def between(field: str, low: Scalar, high: Scalar) -> Condition:
    """One range condition over ports or addresses."""
    bound = "FWP_UINT16"
    if isinstance(low, IPv4Address):
        bound = "FWP_UINT32"
    elif isinstance(low, IPv6Address):
        bound = "FWP_BYTE_ARRAY16_TYPE"
    name = f"FWPM_CONDITION_{field}"
    return Condition(
        field=name,
        field_key=key_of("conditions", name),
        match="FWP_MATCH_RANGE",
        type="FWP_RANGE_TYPE",
        low=low,
        high=high,
        bound_type=bound,
    )


def flags_set(bits: int) -> Condition:
    """All of these condition flags are set."""
    return single("FLAGS", "UINT32", bits, "FLAGS_ALL_SET")


def flags_clear(bits: int) -> Condition:
    """None of these condition flags is set."""
    return single("FLAGS", "UINT32", bits, "FLAGS_NONE_SET")


def protocol(number: int) -> Condition:
    """The IP protocol."""
    return single("IP_PROTOCOL", "UINT8", number)


def port(field: str, number: int) -> Condition:
    """One port; the field is IP_LOCAL_PORT or IP_REMOTE_PORT."""
    return single(field, "UINT16", number)


def program(path: str) -> Condition:
    """The program, by device path."""
    return single("ALE_APP_ID", "BYTE_BLOB_TYPE", path)


def token(descriptor: str) -> Condition:
    """The user token, by an access check."""
    return single("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", descriptor)


def profile(field: str, number: int) -> Condition:
    """A profile id; the field without its suffix, such as ORIGINAL."""
    return single(f"{field}_PROFILE_ID", "UINT32", number)


def automatic_weight(conditions: tuple[Condition, ...]) -> int:
    """A weight below 2^60 that grows with how much the conditions narrow down.

    The engine's own formula is not public; this one only behaves like it: nothing tested weighs
    nothing, one shape has one weight.
    """
    weight = 0
    for condition in conditions:
        rank = _RANK.get(condition.field, 2)
        weight |= _STRENGTH.get(condition.match, 1) << (3 * rank)
    return weight


class Weight(Struct, frozen=True):
    """What a filter asks for: nothing, a range 0 to 15, or an exact weight."""

    type: str = "FWP_EMPTY"
    value: int | None = None

    def effective(self, conditions: tuple[Condition, ...]) -> int:
        """The engine's weight for it."""
        if self.type == "FWP_UINT64":
            return self.value or 0
        return ((self.value or 0) << 60) | automatic_weight(conditions)


AUTOMATIC: Final = Weight()
HEAVIEST: Final = Weight("FWP_UINT64", TOP)


def ranged(number: int) -> Weight:
    """A weight range, 0 to 15."""
    return Weight("FWP_UINT8", number)


class Policy:
    """A policy that grows; every reference it takes is made or checked here."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.words: Words = WORDS[plan.language]
        self.filters: list[Filter] = []
        self.contexts: list[ProviderContext] = []
        self.callouts: list[Callout] = []
        self.providers: list[Provider] = []
        self.sublayers: list[SubLayer] = []
        self._rng: Random = plan.random("policy")
        self._origins: dict[str, str] = {}
        self._next_filter = 66200 + self._rng.randrange(40)
        self._next_context = (1 << 63) + 1
        self._next_callout = 257
        self._rule = 0x4010

    def guid(self) -> UUID:
        """A new random GUID, version 4."""
        return UUID(int=self._rng.getrandbits(128), version=4)

    def words_of(self, key: str) -> tuple[str, str]:
        """Display name and description of a built-in thing in the host's language."""
        return self.words.names[key]

    def next_rule(self) -> bytes:
        """The number of the next firewall rule, as provider data."""
        self._rule += 1
        return self._rule.to_bytes(8, "little")

    def provider(
        self,
        constant: str,
        name: str,
        description: str | None,
        *,
        service: str | None = None,
        flags: tuple[str, ...] = (),
    ) -> str:
        """Add a provider under a constant or a GUID in braces; gives it back."""
        const_name, key = reference("providers", constant)
        names, number = flags_of_items("provider_flags", flags)
        self.providers.append(
            Provider(
                key=key,
                const_name=const_name,
                name=name,
                description=description,
                flags=names,
                flags_value=number,
                service_name=service,
            )
        )
        return const_name

    def sublayer(
        self,
        constant: str,
        name: str,
        weight: int,
        *,
        provider: str | None = None,
        persistent: bool = False,
    ) -> str:
        """Add a sublayer; gives its constant or GUID in braces back."""
        const_name, key = reference("sublayers", constant)
        flags = ("FWPM_SUBLAYER_FLAG_PERSISTENT",) if persistent else ()
        names, number = flags_of_items("sublayer_flags", flags)
        self.sublayers.append(
            SubLayer(
                key=key,
                const_name=const_name,
                name=name,
                flags=names,
                flags_value=number,
                provider=provider,
                provider_key=reference("providers", provider)[1] if provider else None,
                weight=weight,
            )
        )
        return const_name

    def callout(
        self,
        constant: str,
        layer: str,
        name: str,
        *,
        number: int | None = None,
        provider: str | None = None,
        flags: tuple[str, ...] = ("FWPM_CALLOUT_FLAG_REGISTERED",),
        description: str | None = None,
    ) -> str:
        """Add a callout at a layer; gives its constant or GUID in braces back."""
        const_name, key = reference("callouts", constant)
        layer_name, layer_key = reference("layers", layer)
        names, value = flags_of_items("callout_flags", flags)
        if number is None:
            number = self._next_callout
            self._next_callout += 1
        self.callouts.append(
            Callout(
                id=number,
                key=key,
                const_name=const_name,
                name=name,
                description=description,
                flags=names,
                flags_value=value,
                provider=provider,
                provider_key=reference("providers", provider)[1] if provider else None,
                layer=layer_name,
                layer_key=layer_key,
            )
        )
        return const_name

    def context(
        self, text: str, *, provider: str = WF, flags: tuple[str, ...] = ()
    ) -> ProviderContext:
        """Add a general context that holds a text, as the firewall stores origins."""
        name, description = self.words_of("origin")
        names, number = flags_of_items("provider_context_flags", flags)
        key = self.guid()
        context = ProviderContext(
            key=key,
            const_name=name_of("contexts", key),
            id=self.next_context_id(),
            name=name,
            description=description,
            flags=names,
            flags_value=number,
            provider=provider,
            provider_key=key_of("providers", provider),
            type="FWPM_GENERAL_CONTEXT",
            data=text.encode("utf-16-le") + b"\0\0",
        )
        self.contexts.append(context)
        return context

    def next_context_id(self) -> int:
        """Run-time id of the next provider context."""
        self._next_context += 1 if self._next_context - (1 << 63) < 8 else self._rng.randrange(1, 9)
        return self._next_context

    def origin(self, text: str, provider: str) -> str:
        """The context that names an origin, made once."""
        if text not in self._origins:
            self._origins[text] = self.context(text, provider=provider).const_name
        return self._origins[text]

    def add(
        self,
        layer: str,
        sublayer: str,
        action: str,
        conditions: tuple[Condition, ...],
        *,
        names: tuple[str, str | None],
        provider: str | None = WF,
        data: bytes | None = None,
        weight: Weight = AUTOMATIC,
        flags: tuple[str, ...] = (),
        origin: str | None = None,
        callout: str | None = None,
        key: UUID | None = None,
        raw_context: int = 0,
        context: str | None = None,
    ) -> None:
        """Add one filter. A filter with an origin gets its context and both flags."""
        wanted = list(flags)
        if origin is not None:
            context = self.origin(origin, provider or WF)
            wanted.append(HAS_FILTER_ORIGIN)
        if context is not None:
            wanted.append(HAS_PROVIDER_CONTEXT)
        flag_names, number = flags_of_items("filter_flags", tuple(sorted(wanted)))
        layer_name, layer_key = reference("layers", layer)
        sublayer_name, sublayer_key = reference("sublayers", sublayer)
        self._next_filter += self._rng.choice((1, 1, 1, 2, 3))
        self.filters.append(
            Filter(
                id=self._next_filter,
                key=key or self.guid(),
                name=self._shown(names[0]),
                description=names[1],
                layer=layer_name,
                layer_key=layer_key,
                sublayer=sublayer_name,
                sublayer_key=sublayer_key,
                provider=provider,
                provider_key=reference("providers", provider)[1] if provider else None,
                provider_data=data,
                flags=flag_names,
                flags_value=number,
                weight_type=weight.type,
                weight=weight.value,
                effective_weight=weight.effective(conditions),
                action=action,
                callout=callout,
                callout_key=reference("callouts", callout)[1] if callout else None,
                conditions=conditions,
                provider_context=context,
                provider_context_key=reference("contexts", context)[1] if context else None,
                raw_context=raw_context if context is None else None,
            )
        )

    def _shown(self, name: str) -> str:
        if self.plan.has("hostile-names") and self._rng.random() < 0.2:
            return self._rng.choice(HOSTILE)
        return name


def device(plan: Plan, path: str) -> str:
    """Device path of a program; ``%system32%``, ``%programs%``, ``%data%`` stand for folders."""
    return plan.volume + folder_of(path) if path.startswith("%") else path


def folder_of(path: str) -> str:
    """A path whose folder is short as it stands on its volume."""
    folders = {
        "%system32%": "\\windows\\system32",
        "%programs%": "\\program files",
        "%data%": "\\programdata",
    }
    for short, folder in folders.items():
        if path.startswith(short):
            return folder + path.removeprefix(short).lower()
    return path


SVCHOST: Final = "%system32%\\svchost.exe"


def layers_of(name: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """The two layers of a name such as ALE_AUTH_CONNECT, with their IP versions."""
    return (f"FWPM_LAYER_{name}_V4", 4), (f"FWPM_LAYER_{name}_V6", 6)


def v4(text: str) -> IPv4Address:
    """An IPv4 address of the generator's own tables."""
    return IPv4Address(text)


def v6(text: str) -> IPv6Address:
    """An IPv6 address of the generator's own tables."""
    return IPv6Address(text)
