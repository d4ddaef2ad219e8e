"""Groups and hosts while an inventory is read: who belongs where, and with which variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from pywfp_ps.fleet.problems import InventoryError, Notice, Place
from pywfp_ps.fleet.ranges import check_host_name, check_word
from pywfp_ps.transports.base import Secret

PRIORITY = "ansible_group_priority"


class Variables(dict[str, Any]):
    """Variables by name, and where each was set; shows names only, values may be secrets."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, Place] = {}

    def put(self, name: str, value: object, place: Place) -> None:
        """Sets one; what was there before is gone."""
        self[name] = value
        self.places[name] = place

    def take_over(self, other: Variables) -> None:
        """Sets all of `other`."""
        self.update(other)
        self.places.update(other.places)

    def __repr__(self) -> str:
        return f"<variables {', '.join(map(str, self))}>"


def hide(value: Any) -> Any:
    """`value` with every text in it made a `Secret`, since it came out of a vault."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, list):
        return [hide(item) for item in value]
    if isinstance(value, dict):
        return {key: hide(item) for key, item in value.items()}
    return value


class Host:
    """One host, under its inventory name.

    Attributes:
        file: Absolute path of the source that named it first.
    """

    __slots__ = ("file", "groups", "is_taken_out", "name", "place", "variables")

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self.place = place
        self.file = os.path.abspath(os.path.expanduser(place.file))  # noqa: PTH100, PTH111 - a text
        self.groups: dict[str, Group] = {}
        self.is_taken_out = False
        self.variables = Variables()

    def __repr__(self) -> str:
        return f"<host {self.name}>"

    def all_groups(self) -> list[Group]:
        """The groups it belongs to, also through others, in the order their variables apply.

        A host that stands in ``ungrouped`` and elsewhere is taken out of ``ungrouped``, and its
        variables do not apply even where it is above another group of the host.
        """
        found: dict[str, Group] = {}
        waiting = list(self.groups.values())
        while waiting:
            group = waiting.pop()
            if self.is_taken_out and group.name == "ungrouped":
                continue
            if group.name not in found:
                found[group.name] = group
                waiting += group.parents.values()
        return sorted(found.values(), key=lambda group: (group.depth, group.priority, group.name))


class Group:
    """One group: hosts and other groups."""

    __slots__ = ("children", "depth", "hosts", "name", "parents", "place", "priority", "variables")

    def __init__(self, name: str, place: Place | None) -> None:
        self.name = name
        self.place = place
        self.hosts: dict[str, Host] = {}
        self.children: dict[str, Group] = {}
        self.parents: dict[str, Group] = {}
        self.variables = Variables()
        self.priority = 1
        self.depth = 0

    def __repr__(self) -> str:
        return f"<group {self.name}>"

    def descendants(self) -> Iterator[Group]:
        """The group itself, its children, then theirs; each once."""
        level, seen = [self], {self.name}
        while level:
            yield from level
            below: list[Group] = []
            for child in (child for group in level for child in group.children.values()):
                if child.name not in seen:
                    seen.add(child.name)
                    below.append(child)
            level = below

    def all_hosts(self) -> list[Host]:
        """Hosts of the group and of all below it, nearest first, each once."""
        found: dict[str, Host] = {}
        for group in self.descendants():
            found.update({name: host for name, host in group.hosts.items() if name not in found})
        return list(found.values())


class Groups:
    """What the readers of the formats fill; `finish` makes it whole.

    Attributes:
        hide: Whether values that come in now are secrets, since their file was a vault.
    """

    def __init__(self) -> None:
        self.hide = False
        self.groups: dict[str, Group] = {}
        self.hosts: dict[str, Host] = {}
        self.notices: list[Notice] = []
        everything, ungrouped = self.add_group("all", None), self.add_group("ungrouped", None)
        self._join(everything, ungrouped)

    def add_group(self, name: object, place: Place | None) -> Group:
        """The group `name`, made if it is not there.

        Raises:
            InventoryError: It cannot be a name.
        """
        if isinstance(name, str) and name in self.groups:
            return self.groups[name]
        if not isinstance(name, str) or not name.strip():
            raise InventoryError(
                place or Place(""), f"a group name is a text in quotes, not {name!r}"
            )
        try:
            check_word(name, "group name")
        except ValueError as error:
            raise InventoryError(place or Place(""), str(error)) from None
        group = self.groups[name] = Group(name, place)
        return group

    def add_host(self, name: str, group: Group, place: Place, port: int | None = None) -> Host:
        """The host `name` in `group`; its port counts where it is named first.

        Raises:
            InventoryError: It cannot be a name.
        """
        host = self.hosts.get(name)
        if host is None:
            try:
                check_host_name(name)
            except ValueError as error:
                raise InventoryError(place, str(error)) from None
            host = self.hosts[name] = Host(name, place)
            if port is not None:
                host.variables.put("ansible_port", port, place)
        host.groups[group.name] = group
        group.hosts[name] = host
        return host

    def add_child(self, parent: Group, child: Group, place: Place) -> None:
        """Puts `child` under `parent`.

        Raises:
            InventoryError: It would then be under itself.
        """
        if any(group is parent for group in child.descendants()):
            raise InventoryError(
                place, f"group {child.name!r} would contain itself{_way(child, parent)}"
            )
        self._join(parent, child)

    def set_group_variable(self, group: Group, name: object, value: object, place: Place) -> None:
        """Sets a variable of a group; `PRIORITY` orders the group among those of equal depth."""
        word = _variable_name(name, place)
        if word != PRIORITY:
            group.variables.put(word, hide(value) if self.hide else value, place)
            return
        try:
            group.priority = int(str(value))
        except ValueError:
            raise InventoryError(place, f"{PRIORITY} of group {group.name!r} is a number") from None

    def set_host_variable(self, host: Host, name: object, value: object, place: Place) -> None:
        """Sets a variable of a host."""
        word = _variable_name(name, place)
        host.variables.put(word, hide(value) if self.hide else value, place)

    def finish(self) -> None:
        """Puts every group under ``all``, every host without a group under ``ungrouped``.

        Raises:
            InventoryError: ``all`` stands below another group.
        """
        everything, ungrouped = self.groups["all"], self.groups["ungrouped"]
        for group in self.groups.values():
            if group is not everything and not group.parents:
                self.add_child(everything, group, group.place or Place(""))
        for host in self.hosts.values():
            others = {group.name for group in host.all_groups()} - {"all", "ungrouped"}
            if others:
                host.is_taken_out = ungrouped.hosts.pop(host.name, None) is not None
                host.groups.pop("ungrouped", None)
            else:
                host.groups["ungrouped"] = ungrouped
                ungrouped.hosts[host.name] = host
        for name in self.groups.keys() & self.hosts.keys():
            place = self.hosts[name].place
            self.notices.append(Notice(place, f"{name!r} is the name of a host and of a group"))
        _measure(everything)

    @staticmethod
    def _join(parent: Group, child: Group) -> None:
        parent.children[child.name] = child
        child.parents[parent.name] = parent


def _measure(everything: Group) -> None:
    """Sets every depth: the longest way down from ``all``."""
    waiting = [everything]
    left = {group.name: len(group.parents) for group in everything.descendants()}
    while waiting:
        group = waiting.pop()
        for child in group.children.values():
            child.depth = max(child.depth, group.depth + 1)
            left[child.name] -= 1
            if not left[child.name]:
                waiting.append(child)


def _way(child: Group, parent: Group) -> str:
    """`` (a > b > a)``: how one comes from `child` down to `parent` and back."""
    ways: list[list[Group]] = [[child]]
    seen = {child.name}
    while ways:
        way = ways.pop(0)
        if way[-1] is parent:
            return f" ({' > '.join(group.name for group in (*way, child))})"
        for below in way[-1].children.values():
            if below.name not in seen:
                seen.add(below.name)
                ways.append([*way, below])
    return ""


def _variable_name(name: object, place: Place) -> str:
    if not isinstance(name, str) or not name:
        raise InventoryError(place, f"the name of a variable is a text, not {name!r}")
    return name
