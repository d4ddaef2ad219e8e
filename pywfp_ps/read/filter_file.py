"""Filters that people write down: a YAML file in Microsoft's words.

The file holds one filter, a list of them, or a mapping with ``filters``. What a field holds comes
from the layer, so a value is written plainly: ``443``, ``203.0.113.0/24``, a program's path, a SID,
a descriptor in SDDL.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

import yaml
from msgspec import Struct
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from pywfp_ps.errors import ExitCode, ReadError
from pywfp_ps.model.layers import layers_named
from pywfp_ps.model.objects import (
    BLOCK,
    CALLOUT_INSPECTION,
    CALLOUT_TERMINATING,
    CALLOUT_UNKNOWN,
    PERMIT,
    UINT64_MAX,
    Callout,
    Condition,
    Field,
    Filter,
    Snapshot,
)
from pywfp_ps.model.tables import Kind, key_of, names_of, reference, tables
from pywfp_ps.read.filter_values import MATCHES, value_of

_MOST_BYTES: Final = 1 << 20
_MOST_NODES: Final = 100_000
_KEYS: Final = ("action", "callout", "conditions", "description", "flags", "key", "layer", "name",
                "provider", "sublayer", "weight")  # fmt: skip
_CONDITION_KEYS: Final = ("field", "high", "low", "match", "type", "value")
_ACTIONS: Final = (BLOCK, PERMIT, CALLOUT_TERMINATING, CALLOUT_UNKNOWN, CALLOUT_INSPECTION)
_FLAGS: Final = (
    "FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT",
    "FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED",
    "FWPM_FILTER_FLAG_PERSISTENT",
)
_UINT8_WEIGHT: Final = 15
_RANGE_BITS: Final = 60


class FilterFileError(ReadError):
    """A file of filters says something that cannot be; ``where`` is line and column."""

    exit_code = ExitCode.USAGE

    def __str__(self) -> str:
        return f"{self.source}:{self.where}: {self.problem}"


class _Host(Struct, frozen=True, kw_only=True):
    """What the host has, as far as a filter names it."""

    fields: dict[str, dict[str, Field]]
    sublayers: frozenset[str]
    callouts: dict[str, Callout]
    filters: tuple[Filter, ...]
    next_id: int


def read_filters(text: str, file: str, snapshot: Snapshot) -> tuple[Filter, ...]:
    """The filters of a file, as the host would hold them; their ids follow the host's highest.

    Args:
        text: The file's text.
        file: Its name, for messages.
        snapshot: The host.

    Raises:
        FilterFileError: Something in it cannot be; the message has line and column.
    """
    host = _Host(
        fields=_fields(snapshot),
        sublayers=frozenset(one.const_name for one in snapshot.sublayers),
        callouts={one.const_name: one for one in snapshot.callouts},
        filters=snapshot.filters,
        next_id=max((one.id for one in snapshot.filters), default=0) + 1,
    )
    reader = _Reader(file, host)
    nodes = reader.filters(_compose(text, file))
    return tuple(reader.filter(node, host.next_id + at) for at, node in enumerate(nodes))


def _fields(snapshot: Snapshot) -> dict[str, dict[str, Field]]:
    """Fields by layer: the host's own where it lists them, else those of Windows 11."""
    found: dict[str, dict[str, Field]] = {}
    for layer in tables()["layers"]:
        found[layer["name"]] = {
            name: Field(name=name, type=kind, data_type=data_type)
            for name, kind, data_type, *_ in layer["fields"]
        }
    for one in snapshot.layers:
        if one.fields:
            found[one.const_name] = {field.name: field for field in one.fields}
    return found


def _compose(text: str, file: str) -> Node:
    if len(text) > _MOST_BYTES:
        raise FilterFileError(file, "1:1", f"it is larger than {_MOST_BYTES} characters")
    try:
        for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise FilterFileError(file, _place(event), "aliases are not allowed")
            if count > _MOST_NODES:
                raise FilterFileError(file, _place(event), "it has too many values")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        where = "1:1"
        if error.problem_mark is not None:
            where = f"{error.problem_mark.line + 1}:{error.problem_mark.column + 1}"
        raise FilterFileError(file, where, f"it is no YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        message = " ".join(str(error).split()) or type(error).__name__
        raise FilterFileError(file, "1:1", f"it is no YAML: {message}") from None
    if node is None:
        raise FilterFileError(file, "1:1", "it is empty")
    return node


def _place(item: Any) -> str:
    return f"{item.start_mark.line + 1}:{item.start_mark.column + 1}"


class _Reader:
    """Reads the nodes of one file."""

    def __init__(self, file: str, host: _Host) -> None:
        self._file, self._host = file, host

    def _error(self, node: Node, problem: str) -> FilterFileError:
        return FilterFileError(self._file, _place(node), problem)

    def filters(self, node: Node) -> list[Node]:
        """The nodes of the filters."""
        if isinstance(node, MappingNode):
            found = self._mapping(node, None)
            if set(found) == {"filters"}:
                return self.filters(found["filters"])
            return [node]
        if isinstance(node, SequenceNode) and node.value:
            return list(node.value)
        raise self._error(node, "there is no filter; a file holds one filter or a list of them")

    def _mapping(self, node: Node, known: tuple[str, ...] | None) -> dict[str, Node]:
        if not isinstance(node, MappingNode):
            raise self._error(node, "a mapping is wanted here (name: value)")
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else ""
            if known is not None and name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(known)}"
                raise self._error(key, f"no key {name!r}; {hint}")
            if name in found:
                raise self._error(key, f"{name!r} stands twice")
            found[name] = value
        return found

    def _text(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            raise self._error(node, "a plain value is wanted here")
        return str(node.value)

    def _number(self, node: Node, most: int) -> int:
        text = self._text(node).replace("_", "")
        try:
            number = int(text, 0)
        except ValueError:
            raise self._error(node, f"{text!r} is no number") from None
        if not 0 <= number <= most:
            raise self._error(node, f"{text} is not within 0 to {most}")
        return number

    def filter(self, node: Node, number: int) -> Filter:
        """One filter."""
        said = self._mapping(node, _KEYS)
        for wanted in ("layer", "sublayer", "action"):
            if wanted not in said:
                raise self._error(node, f"the filter has no {wanted}")
        layer = self._layer(said["layer"])
        sublayer = self._sublayer(said["sublayer"])
        action = self._action(said["action"])
        callout = self._callout(said, action, layer)
        weight_type, weight, effective = self._weight(said.get("weight"), node, layer, sublayer)
        key = self._key(said["key"]) if "key" in said else None
        provider = self._provider(said.get("provider"))
        return Filter(
            id=number,
            key=key,
            name=self._text(said["name"]) if "name" in said else None,
            description=self._text(said["description"]) if "description" in said else None,
            layer=layer,
            layer_key=key_of("layers", layer),
            sublayer=sublayer,
            sublayer_key=key_of("sublayers", sublayer),
            provider=provider[0],
            provider_key=provider[1],
            flags=self._flags(said.get("flags")),
            weight_type=weight_type,
            weight=weight,
            effective_weight=effective,
            action=action,
            callout=callout.const_name if callout else None,
            callout_key=callout.key if callout else None,
            conditions=tuple(self._conditions(said.get("conditions"), layer)),
        )

    def _key(self, node: Node) -> UUID:
        text = self._text(node)
        try:
            return UUID(text)
        except ValueError:
            raise self._error(node, f"{text!r} is no GUID") from None

    def _provider(self, node: Node | None) -> tuple[str | None, UUID | None]:
        if node is None:
            return None, None
        try:
            return reference("providers", self._text(node))
        except ValueError:
            raise self._error(node, f"{node.value!r} is no provider") from None

    def _layer(self, node: Node) -> str:
        text = self._text(node)
        found = layers_named(text)
        if not found:
            raise self._error(node, f"no layer {text!r}")
        if len(found) != 1:
            shown = ", ".join(found[:2])
            raise self._error(
                node, f"{text!r} means {len(found)} layers ({shown}); a filter has one"
            )
        return found[0]

    def _sublayer(self, node: Node) -> str:
        text = self._text(node)
        known = self._host.sublayers
        name = self._constant("sublayers", node)
        for one in (name, f"FWPM_SUBLAYER_{text.upper()}"):
            if one in known:
                return one
        close = get_close_matches(name, sorted(known), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise self._error(node, f"the host has no sublayer {text!r}{hint}")

    def _constant(self, kind: Kind, node: Node) -> str:
        text = self._text(node)
        try:
            return reference(kind, text)[0]
        except ValueError:
            raise self._error(node, f"{text!r} is no GUID") from None

    def _action(self, node: Node) -> str:
        text = self._text(node)
        name = f"FWP_ACTION_{text.upper().removeprefix('FWP_ACTION_')}"
        if name not in _ACTIONS:
            raise self._error(node, f"no action {text!r}; there is {', '.join(_ACTIONS)}")
        return name

    def _callout(self, said: dict[str, Node], action: str, layer: str) -> Callout | None:
        node = said.get("callout")
        if (node is not None) != action.startswith("FWP_ACTION_CALLOUT_"):
            place = node if node is not None else said["action"]
            raise self._error(place, "a callout goes with a callout action, and with it alone")
        if node is None:
            return None
        text = self._text(node)
        callout = self._host.callouts.get(self._constant("callouts", node))
        if callout is None or callout.layer not in {None, layer}:
            raise self._error(node, f"the host has no callout {text!r} at this layer")
        return callout

    def _flags(self, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, SequenceNode):
            raise self._error(node, "a list of flags is wanted here")
        found = []
        for one in node.value:
            text = self._text(one)
            name = f"FWPM_FILTER_FLAG_{text.upper().removeprefix('FWPM_FILTER_FLAG_')}"
            if name not in _FLAGS:
                raise self._error(one, f"no flag {text!r}; there is {', '.join(_FLAGS)}")
            found.append(name)
        return tuple(sorted(set(found)))

    def _weight(
        self, node: Node | None, filter_node: Node, layer: str, sublayer: str
    ) -> tuple[str, int | None, int]:
        """Type, what was asked for, and the effective weight (rules 5.2 to 5.4)."""
        weight = None if node is None else self._number(node, UINT64_MAX)
        if weight is not None and weight > _UINT8_WEIGHT:
            return "FWP_UINT64", weight, weight
        low = (weight or 0) << _RANGE_BITS
        near = [
            one.id
            for one in self._host.filters
            if one.layer == layer
            and one.sublayer == sublayer
            and one.is_in_force
            and low <= (one.effective_weight or 0) < low + (1 << _RANGE_BITS)
        ]
        if near:
            said = "without a weight" if weight is None else f"with weight {weight}"
            raise self._error(
                node if node is not None else filter_node,
                f"{said} the engine chooses the low 60 bits, so the place among filter {near[0]} "
                f"and {len(near) - 1} more is not known; say a weight of 64 bits",
            )
        return ("FWP_EMPTY" if weight is None else "FWP_UINT8"), weight, low

    def _conditions(self, node: Node | None, layer: str) -> Iterator[Condition]:
        if node is None:
            return
        if not isinstance(node, SequenceNode):
            raise self._error(node, "a list of conditions is wanted here")
        for one in node.value:
            yield self._condition(one, layer)

    def _condition(self, node: Node, layer: str) -> Condition:
        said = self._mapping(node, _CONDITION_KEYS)
        if "field" not in said:
            raise self._error(node, "the condition has no field")
        field = self._field(said["field"], layer)
        match = self._match(said.get("match"))
        wanted = ("low", "high") if match == "FWP_MATCH_RANGE" else ("value",)
        for name in ("low", "high", "value"):
            if name in said and name not in wanted:
                raise self._error(said[name], f"{match} has {' and '.join(wanted)}, no {name}")
        if any(name not in said for name in wanted):
            raise self._error(node, f"{match} needs {' and '.join(wanted)}")
        texts = {name: self._text(said[name]) for name in wanted}
        try:
            return value_of(field, match, texts, said_type=self._type(said))
        except ValueError as error:
            raise self._error(said[wanted[0]], str(error)) from None

    def _type(self, said: dict[str, Node]) -> str | None:
        if "type" not in said:
            return None
        return f"FWP_{self._text(said['type']).upper().removeprefix('FWP_')}"

    def _field(self, node: Node, layer: str) -> Field:
        text = self._text(node)
        name = f"FWPM_CONDITION_{text.upper().removeprefix('FWPM_CONDITION_')}"
        known = self._host.fields.get(layer, {})
        if name in known:
            return known[name]
        if name not in names_of("conditions"):
            short = [one.removeprefix("FWPM_CONDITION_") for one in known]
            close = get_close_matches(text.upper(), short, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise self._error(node, f"no condition field {text!r}{hint}")
        raise self._error(node, f"{layer} has no field {name}")

    def _match(self, node: Node | None) -> str:
        if node is None:
            return "FWP_MATCH_EQUAL"
        text = self._text(node)
        name = f"FWP_MATCH_{text.upper().removeprefix('FWP_MATCH_')}"
        if name not in MATCHES:
            short = ", ".join(one.removeprefix("FWP_MATCH_") for one in MATCHES)
            raise self._error(node, f"no match type {text!r}; there is {short}")
        return name
