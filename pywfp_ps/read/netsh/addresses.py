"""Which fields of a layer hold addresses, for netsh prints an address as dotted text in uint32."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from pywfp_ps.model.objects import Field
from pywfp_ps.model.tables import tables

_ADDRESS: Final = "FWPM_FIELD_IP_ADDRESS"


class AddressFields:
    """Names of the address fields of each layer: what the dump says, else what the tables say."""

    def __init__(self) -> None:
        self._found: dict[str, frozenset[str]] = {}

    def learn(self, layer: str, fields: Iterable[Field]) -> None:
        """Takes the fields that the dump itself lists for a layer."""
        listed = {field.name: field.type == _ADDRESS for field in fields}
        self._found[layer] = frozenset(
            name for name, is_address in (_known(layer) | listed).items() if is_address
        )

    def of(self, layer: str) -> frozenset[str]:
        """Fields of a layer that hold addresses."""
        found = self._found.get(layer)
        if found is None:
            self.learn(layer, ())
            found = self._found[layer]
        return found


@cache
def _known(layer: str) -> dict[str, bool]:
    """Fields by the tables; one that the layer does not list there is what it is elsewhere."""
    own = {
        name: kind == _ADDRESS
        for row in tables()["layers"]
        if row["name"] == layer
        for name, kind, *_ in row["fields"]
    }
    return _elsewhere() | own


@cache
def _elsewhere() -> dict[str, bool]:
    """Fields that have one type at all layers that list them."""
    kinds: dict[str, set[bool]] = {}
    for row in tables()["layers"]:
        for name, kind, *_ in row["fields"]:
            kinds.setdefault(name, set()).add(kind == _ADDRESS)
    return {name: found == {True} for name, found in kinds.items() if len(found) == 1}
