"""Inventories in YAML form, and the JSON that ``ansible-inventory --list`` and scripts print."""

from __future__ import annotations

import difflib
from typing import Any

from pywfp_ps.fleet.groups import Group, Groups
from pywfp_ps.fleet.problems import InventoryError, Notice, Place
from pywfp_ps.fleet.ranges import expand_hosts
from pywfp_ps.fleet.yamlfile import Table

_SECTIONS = ("hosts", "children", "vars")
_META = "_meta"


def read_tree(data: object, file: str, groups: Groups) -> None:
    """Adds the groups of one document to `groups`.

    Raises:
        InventoryError: Names the place as exactly as it is known.
    """
    place = Place(file)
    if data is None:
        raise InventoryError(place, "is empty")
    if not isinstance(data, Table):
        raise InventoryError(place, "is no inventory; it should map group names to groups")
    if "plugin" in data and not isinstance(data["plugin"], dict):
        name = data["plugin"]
        raise InventoryError(
            data.places["plugin"],
            f"configures the inventory plugin {name!r}, which would run code; save the output of"
            " ansible-inventory --list and use that",
        )
    if _is_listing(data):
        _Listing(file, groups).read(data)
        return
    for name, group, where in data.placed():
        _group(name, group, where, groups)


def _is_listing(data: Table) -> bool:
    """Whether groups hold lists, as scripts print them, and not mappings as people write them."""
    if _META in data:
        return True
    return any(
        isinstance(group, list)
        or (isinstance(group, dict) and any(isinstance(group.get(k), list) for k in _SECTIONS[:2]))
        for group in data.values()
    )


def _group(name: object, data: Any, place: Place, groups: Groups) -> Group:
    group = groups.add_group(name, place)
    if data is None:
        return group
    for section, entries in _sections(data, f"group {name!r}", place).items():
        if section == "vars":
            for variable, value, where in entries.placed():
                groups.set_group_variable(group, variable, value, where)
        elif section == "children":
            for child_name, child_data, child_place in entries.placed():
                child = _group(child_name, child_data, child_place, groups)
                groups.add_child(group, child, child_place)
        else:
            for pattern, variables, where in entries.placed():
                _hosts(pattern, variables, where, group, groups)
    return group


def _sections(data: Any, what: str, place: Place) -> dict[str, Table]:
    """The sections of a group that hold something; a lone word stands for a mapping with it."""
    if not isinstance(data, Table):
        raise InventoryError(place, f"{what} should hold hosts, children and vars")
    found: dict[str, Table] = {}
    for key, value, key_place in data.placed():
        if key not in _SECTIONS:
            raise InventoryError(key_place, f"{what} has the unknown key {key!r}{_meant(key)}")
        if isinstance(value, str):
            found[key] = Table()
            found[key][value], found[key].places[value] = None, key_place
        elif isinstance(value, Table):
            found[key] = value
        elif value is not None:
            raise InventoryError(key_place, f"{key} of {what} should be a mapping")
    return found


def _hosts(pattern: object, data: Any, place: Place, group: Group, groups: Groups) -> None:
    if not isinstance(pattern, str):
        raise InventoryError(place, f"the host name {pattern!r} is no text; put it in quotes")
    if data is not None and not isinstance(data, Table):
        raise InventoryError(place, f"variables of host {pattern!r} should be a mapping")
    try:
        names, port = expand_hosts(pattern)
    except ValueError as error:
        raise InventoryError(place, str(error)) from None
    for name in names:
        host = groups.add_host(name, group, place, port)
        for variable, value, where in data.placed() if data is not None else ():
            groups.set_host_variable(host, variable, value, where)


class _Listing:
    """Reads ``{"web": {"hosts": ["web-01"], "children": []}, "_meta": {"hostvars": {}}}``."""

    def __init__(self, file: str, groups: Groups) -> None:
        self._place, self._groups = Place(file), groups

    def read(self, data: Table) -> None:
        named: dict[str, None] = {}
        for name, group, place in data.placed():
            if name != _META:
                named |= dict.fromkeys(self._group(name, group, place))
        hostvars = self._hostvars(data)
        for name in named:
            host, variables = self._groups.hosts[name], hostvars.get(name)
            if isinstance(variables, Table):
                for variable, value, place in variables.placed():
                    self._groups.set_host_variable(host, variable, value, place)
            elif variables is not None:
                problem = f"variables of host {name!r} should be a mapping"
                raise InventoryError(hostvars.places[name], problem)
        for name in hostvars.keys() - named.keys():
            text = f"host {name!r} has variables and is in no group; it is left out"
            self._groups.notices.append(Notice(hostvars.places[name], text))

    def _hostvars(self, data: Table) -> Table:
        meta = data.get(_META)
        hostvars = meta.get("hostvars", Table()) if isinstance(meta, Table) else None
        if _META in data and not isinstance(hostvars, Table):
            raise InventoryError(data.places[_META], "_meta should map hostvars to a mapping")
        return hostvars if isinstance(hostvars, Table) else Table()

    def _group(self, name: object, data: Any, place: Place) -> list[str]:
        """Adds one group; its own hosts."""
        group = self._groups.add_group(name, place)
        if isinstance(data, list):
            data = {"hosts": data}
        if not isinstance(data, dict):
            raise InventoryError(place, f"group {name!r} is no group")
        for key in data:
            if key not in _SECTIONS:
                raise InventoryError(
                    place, f"group {name!r} has the unknown key {key!r}{_meant(key)}"
                )
        for child in self._names(data.get("children"), f"children of {name!r}", place):
            self._groups.add_child(group, self._groups.add_group(child, place), place)
        variables = data.get("vars")
        if variables is not None and not isinstance(variables, Table):
            raise InventoryError(place, f"vars of group {name!r} should be a mapping")
        for variable, value, where in variables.placed() if variables is not None else ():
            self._groups.set_group_variable(group, variable, value, where)
        hosts = self._names(data.get("hosts"), f"hosts of {name!r}", place)
        for host in hosts:
            self._groups.add_host(host, group, place)
        return hosts

    @staticmethod
    def _names(data: object, what: str, place: Place) -> list[str]:
        if data is None:
            return []
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            raise InventoryError(place, f"{what} should be a list of names")
        return data


def _meant(key: object) -> str:
    near = difflib.get_close_matches(str(key), _SECTIONS, 1, 0.5)
    return (
        f" (did you mean {near[0]!r}?)" if near else "; only hosts, children and vars can be here"
    )
