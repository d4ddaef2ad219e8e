"""The sections of a file: which element holds what, gathered into one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Completeness,
    DynamicKeyword,
    Filter,
    Layer,
    Provider,
    ProviderContext,
    SecurityAssociation,
    Session,
    Snapshot,
    Statistics,
    SubLayer,
    Subscription,
)
from pywfp_ps.read.netsh.addresses import AddressFields
from pywfp_ps.read.netsh.elements import Log, miscount, node_of, read_list
from pywfp_ps.read.netsh.filters import filter_reader
from pywfp_ps.read.netsh.policy import (
    read_callout,
    read_context,
    read_layer,
    read_provider,
    read_sublayer,
)
from pywfp_ps.read.netsh.running import (
    SUBSCRIPTIONS,
    association_reader,
    read_endpoint,
    read_keyword,
    read_session,
    subscription_reader,
)
from pywfp_ps.read.netsh.tree import Element


class Sections:
    """Reads sections as they come and keeps what they hold."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._addresses = AddressFields()
        self._read_filter = filter_reader(self._addresses)
        self._met = set[tuple[str, str]]()
        self._taken_at: datetime | None = None
        self._layers: list[Layer] = []
        self._sublayers: list[SubLayer] = []
        self._providers: list[Provider] = []
        self._contexts: list[ProviderContext] = []
        self._callouts: list[Callout] = []
        self._filters: list[Filter] = []
        self._sessions: list[Session] = []
        self._endpoints: list[AleEndpoint] = []
        self._subscriptions: list[Subscription] = []
        self._keywords: list[DynamicKeyword] = []
        self._statistics: list[Statistics] = []
        self._associations: list[SecurityAssociation] = []

    def read(self, root: Element, known: Mapping[str, SectionReader]) -> None:
        """Reads all sections below a root; unknown ones are kept as they stand."""
        for section in root:
            tag = str(section.tag)
            place = f"{root.tag!s}/{tag}"
            if tag not in known:
                self._log.keep(section)
                continue
            if (str(root.tag), tag) in self._met:
                self._log.gap(place, "stands there more than once; all were read")
            self._met.add((str(root.tag), tag))
            known[tag](self, section, place)

    def miss(self, root: str, needed: Iterable[str]) -> None:
        """Notes the sections that a file of its kind always has and this one has not."""
        for tag in needed:
            if (root, tag) not in self._met:
                self._log.gap(f"{root}/{tag}", "is missing")

    def snapshot(self, stated: Completeness) -> Snapshot:
        """All that was read."""
        return Snapshot(
            source="netsh",
            taken_at=self._taken_at,
            completeness=msgspec.structs.replace(stated, whole=self._log.whole),
            layers=tuple(self._layers),
            sublayers=tuple(self._sublayers),
            providers=tuple(self._providers),
            contexts=tuple(self._contexts),
            callouts=tuple(self._callouts),
            filters=tuple(self._filters),
            sessions=tuple(self._sessions),
            endpoints=tuple(self._endpoints),
            subscriptions=tuple(self._subscriptions),
            keywords=tuple(self._keywords),
            statistics=tuple(self._statistics),
            associations=tuple(self._associations),
            gaps=self._log.all_gaps(),
            extra=tuple(self._log.kept),
        )

    def time(self, section: Element, place: str) -> None:
        """``timeStamp``: ISO text in UTC with milliseconds."""
        try:
            if section in self._log.broken:
                raise ValueError("is damaged or cut off")  # noqa: TRY301 - same end as all trouble
            found = datetime.fromisoformat(section.text or "")
            self._taken_at = found.replace(tzinfo=UTC) if found.tzinfo is None else found
            self._taken_at = self._taken_at.astimezone(UTC)
        except (ValueError, OverflowError) as problem:
            self._log.gap(place, str(problem))
            self._log.keep(section)

    def layers(self, section: Element, place: str) -> None:
        """``layers``: each with its callouts and filters beside it."""
        count = 0
        for item in section:
            if item.tag == "item":
                self._layer(item, f"{place}/item[{count}]")
                count += 1
            else:
                self._log.gap(place, f"holds an element {item.tag!s} beside its items")
                self._log.keep(item)
        if problem := miscount(section, count):
            self._log.gap(place, problem)

    def _layer(self, item: Element, place: str) -> None:
        log = self._log
        parts = {child.tag: child for child in item}
        others = [child for child in item if child is not parts.get(child.tag)]
        others += [child for tag, child in parts.items() if tag not in _LAYER_PARTS]
        for child in others:
            log.gap(place, f"holds an element {child.tag!s} that was not expected")
            log.keep(child)
        layer = None
        if "layer" not in parts:
            log.gap(place, "has no layer")
        else:
            try:
                if parts["layer"] in log.broken:
                    raise ValueError("is damaged or cut off")  # noqa: TRY301 - same end as all
                layer = read_layer(parts["layer"], log)
                self._addresses.learn(layer.const_name, layer.fields)
            except ValueError as problem:
                log.gap(f"{place}/layer", str(problem))
            log.settle(f"{place}/layer")
        filters = parts.get("filters")
        callouts = parts.get("callouts")
        if callouts is not None:
            self._callouts += read_list(callouts, f"{place}/callouts", log, read_callout)
        if filters is not None:
            self._filters += read_list(filters, f"{place}/filters", log, self._read_filter)
        if layer is not None:
            counts = {
                "filter_count": 0 if filters is None else len(filters),
                "callout_count": 0 if callouts is None else len(callouts),
            }
            self._layers.append(msgspec.structs.replace(layer, **counts))

    def filters(self, section: Element, place: str) -> None:
        """``filters`` of ``show filters``."""
        self._filters += read_list(section, place, self._log, self._read_filter)

    def providers(self, section: Element, place: str) -> None:
        """``providers``."""
        self._providers += read_list(section, place, self._log, read_provider)

    def contexts(self, section: Element, place: str) -> None:
        """``providerContexts``."""
        self._contexts += read_list(section, place, self._log, read_context)

    def sublayers(self, section: Element, place: str) -> None:
        """``subLayers``."""
        self._sublayers += read_list(section, place, self._log, read_sublayer)

    def sessions(self, section: Element, place: str) -> None:
        """``sessions``."""
        self._sessions += read_list(section, place, self._log, read_session)

    def endpoints(self, section: Element, place: str) -> None:
        """``aleConnectedEndpoints``."""
        self._endpoints += read_list(section, place, self._log, read_endpoint)

    def keywords(self, section: Element, place: str) -> None:
        """``dynamicKeywordAddresses``."""
        self._keywords += read_list(section, place, self._log, read_keyword)

    def subscriptions(self, section: Element, place: str) -> None:
        """``subscriptions``: one list for each kind of object."""
        for child in section:
            tag = str(child.tag)
            if tag not in SUBSCRIPTIONS:
                self._log.keep(child)
                continue
            reader = subscription_reader(SUBSCRIPTIONS[tag])
            self._subscriptions += read_list(child, f"{place}/{tag}", self._log, reader)

    def statistics(self, kind: IpsecKind, section: Element, place: str) -> None:
        """Counters of IPsec or of its keying modules."""
        if section in self._log.broken:
            self._log.gap(place, "is damaged or cut off")
        self._statistics.append(Statistics(kind=kind, tree=node_of(section)))

    def associations(self, kind: IpsecKind, section: Element, place: str) -> None:
        """Security associations of IPsec or of its keying modules."""
        self._associations += read_list(section, place, self._log, association_reader(kind))


IpsecKind = Literal["ikeext", "ipsec"]
SectionReader = Callable[[Sections, Element, str], None]

_LAYER_PARTS: Final = frozenset({"callouts", "filters", "layer"})

STATE: Final[dict[str, SectionReader]] = {
    "timeStamp": Sections.time,
    "sessions": Sections.sessions,
    "layers": Sections.layers,
    "providers": Sections.providers,
    "providerContexts": Sections.contexts,
    "subLayers": Sections.sublayers,
    "subscriptions": Sections.subscriptions,
    "ipsecSaContexts": lambda self, at, place: self.associations("ipsec", at, place),
    "aleConnectedEndpoints": Sections.endpoints,
    "ikeextStatistics": lambda self, at, place: self.statistics("ikeext", at, place),
    "ipsecStatistics": lambda self, at, place: self.statistics("ipsec", at, place),
    "ikeextSas": lambda self, at, place: self.associations("ikeext", at, place),
}
"""Sections of ``wfpstate``, in the order in which netsh prints them."""

MAY_BE_MISSING: Final = frozenset({"ikeextSas", "ikeextStatistics"})
"""Sections of ``wfpstate`` that are there only while the keying service runs."""

FIREWALL: Final[dict[str, SectionReader]] = {"dynamicKeywordAddresses": Sections.keywords}
"""Sections of ``firewallState``."""

FILTERS: Final[dict[str, SectionReader]] = {
    "timeStamp": Sections.time,
    "filters": Sections.filters,
    "providers": Sections.providers,
}
"""Sections of ``wfpdiag`` as ``show filters`` prints it."""
