"""Inventories as Ansible has them: sources, and the variable files beside them.

What is read and what is not stands in docs/inventory.md. Nothing of an inventory is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pywfp_ps.fleet.groups import Group, Groups, Host, Variables, hide
from pywfp_ps.fleet.ini import read_ini
from pywfp_ps.fleet.problems import InventoryError, Notice, Place, path_of
from pywfp_ps.fleet.ranges import expand_hosts
from pywfp_ps.fleet.tree import read_tree
from pywfp_ps.fleet.vault import Vault, is_vault
from pywfp_ps.fleet.yamlfile import Table, decode_text, read_bytes, read_text, read_yaml

_YAML_ENDINGS = (".yml", ".yaml", ".json")
_PROGRAM_ENDINGS = (".bat", ".cmd", ".exe", ".pl", ".ps1", ".py", ".rb", ".sh")
_SKIPPED = re.compile(
    r"^\.|^host_vars$|^group_vars$|^vars_plugins$"
    r"|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)$"
)
_LIKE_YAML = re.compile(
    r"(?:[^\S\n]*(?:#.*)?\n)*+[^\S\n]*(?:---|['\"]?[\w.-]+['\"]?:[^\S\n]*(?:#.*)?\n|\{)"
)
_DEEPEST = 20  # folders inside folders; links can go round

LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
"""Names that mean this machine where no inventory says otherwise."""


def load_inventory(sources: Iterable[Path | str], *, vault: Vault | None = None) -> Inventory:
    """Reads `sources` in order: files, folders of files, or lists of hosts such as ``web-03,``.

    Raises:
        InventoryError: The first thing that cannot be taken as it stands, with its place.
    """
    groups, vault = Groups(), vault or Vault()
    bases: list[Path] = []
    for source in sources:
        if "," in str(source) and not Path(source).exists():
            _read_list(str(source), groups)
            continue
        path = path_of(str(source)).absolute()
        _read_source(path, str(source), groups, vault, 0)
        bases.append((path if path.is_dir() else path.parent).resolve())
    groups.finish()
    return Inventory(groups, bases, vault)


class Inventory:
    """Hosts and groups, whole and unchanging.

    Attributes:
        hosts: By name, in the order of the sources.
        groups: By name; ``all`` and ``ungrouped`` are always there.
        notices: What is worth a look.
    """

    def __init__(self, groups: Groups, bases: list[Path], vault: Vault) -> None:
        self.hosts: Mapping[str, Host] = groups.hosts
        self.groups: Mapping[str, Group] = groups.groups
        self.notices: tuple[Notice, ...] = tuple(groups.notices)
        self.vault = vault
        self._bases = bases
        self._files: dict[tuple[Path, str, str], Variables] = {}
        self._shared: dict[tuple[str, ...], Variables] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"<inventory of {len(self.hosts)} hosts in {len(self.groups)} groups>"

    def host(self, name: str) -> Host:
        """The host `name`; one of `LOCAL_NAMES` that no source names is this machine.

        Raises:
            InventoryError: There is none.
        """
        host = self.hosts.get(name)
        if host is not None:
            return host
        if name not in LOCAL_NAMES:
            raise InventoryError(Place("inventory"), f"has no host {name!r}")
        host = Host(name, Place("implicit"))
        host.variables.put("ansible_connection", "local", host.place)
        return host

    def names_in(self, group: str) -> tuple[str, ...]:
        """Names of the hosts of `group` and of all below it; KeyError if there is none."""
        if group not in self._names:
            hosts = self.groups[group].all_hosts()
            self._names[group] = tuple(host.name for host in hosts)
        return self._names[group]

    def variables(self, host: Host) -> Variables:
        """Variables of `host` as they stand, templates unfilled and vault values closed.

        Later wins: groups from ``all`` down (by depth, then priority, then name), files under
        ``group_vars``, the host itself, files under ``host_vars``.

        Raises:
            InventoryError: A variable file cannot be taken as it stands.
        """
        found = Variables()
        found.take_over(self._of_groups(host.all_groups()))
        found.take_over(host.variables)
        for base in self._bases:
            found.take_over(self._of_files(base, "host_vars", host.name))
        return found

    def _of_groups(self, groups: list[Group]) -> Variables:
        names = tuple(group.name for group in groups)
        if names not in self._shared:
            found = self._shared[names] = Variables()
            everything = self.groups["all"]
            others = [group for group in groups if group is not everything]
            for group in (everything, *others):
                found.take_over(group.variables)
            for layer in ([everything], others):
                for base in self._bases:
                    for group in layer:
                        found.take_over(self._of_files(base, "group_vars", group.name))
        return self._shared[names]

    def _of_files(self, base: Path, kind: str, name: str) -> Variables:
        key = (base, kind, name)
        if key not in self._files:
            found = self._files[key] = Variables()
            for path in _variable_files(base / kind, name):
                found.take_over(_read_variables(path, self.vault))
        return self._files[key]


def _read_list(text: str, groups: Groups) -> None:
    place = Place(text)
    ungrouped = groups.groups["ungrouped"]
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            names, port = expand_hosts(word)
        except ValueError as error:
            raise InventoryError(place, str(error)) from None
        for name in names:
            if name not in groups.hosts:
                groups.add_host(name, ungrouped, place, port)


def _read_source(path: Path, shown: str, groups: Groups, vault: Vault, depth: int) -> None:
    if depth > _DEEPEST:
        raise InventoryError(Place(shown), f"is more than {_DEEPEST} folders deep")
    if path.is_dir():
        for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
            if not _SKIPPED.search(entry.name):
                inside = str(Path(shown) / entry.name)
                _read_source(entry, inside, groups, vault, depth + 1)
        return
    if not path.exists():
        problem = "is no file; a list of hosts has a comma in it, as in 'web-03,'"
        raise InventoryError(Place(shown), problem)
    data, ending = read_bytes(path), path.suffix.lower()
    _refuse_program(data, ending, shown)
    text = decode_text(data, path, comments=b"" if ending in _YAML_ENDINGS else b"#;")
    if not is_vault(text):
        _read_text(text, ending, shown, groups)
        return
    groups.hide = True
    try:
        _read_text(vault.open(text, Place(shown)).reveal(), ending, shown, groups)
    finally:
        groups.hide = False


def _refuse_program(data: bytes, ending: str, shown: str) -> None:
    if data.startswith((b"#!", b"MZ", b"\x7fELF")) or ending in _PROGRAM_ENDINGS:
        raise InventoryError(
            Place(shown),
            "is a program, and an inventory is never run; run it yourself with --list and save"
            " what it prints as a .json file",
        )


def _read_text(text: str, ending: str, shown: str, groups: Groups) -> None:
    if ending == ".toml":
        raise InventoryError(Place(shown), "is TOML, which is not read; use YAML, JSON or INI")
    if ending in _YAML_ENDINGS:
        read_tree(read_yaml(text, shown), shown, groups)
        return
    broken = None
    if not ending:
        try:
            data = read_yaml(text, shown)
        except InventoryError as error:
            data, broken = None, error
        if isinstance(data, Table):
            read_tree(data, shown, groups)
            return
    if broken and _LIKE_YAML.match(text):
        raise broken
    read_ini(text, shown, groups)


def _variable_files(folder: Path, name: str) -> list[Path]:
    """The files for `name`: its folder's, or the first of ``name``, ``name.yml`` and so on."""
    for ending in ("", *_YAML_ENDINGS):
        path = folder / f"{name}{ending}"
        if path.is_dir():
            return _files_below(path, 0)
        if path.exists():
            return [path]
    return []


def _files_below(folder: Path, depth: int) -> list[Path]:
    if depth > _DEEPEST:
        raise InventoryError(Place(str(folder)), f"is more than {_DEEPEST} folders deep")
    found: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            found += [] if path.suffix else _files_below(path, depth + 1)
        elif path.suffix in ("", *_YAML_ENDINGS):
            found.append(path)
    return found


def _read_variables(path: Path, vault: Vault) -> Variables:
    text, file = read_text(path), str(path)
    is_hidden = is_vault(text)
    if is_hidden:
        text = vault.open(text, Place(file)).reveal()
    data = read_yaml(text, file)
    found = Variables()
    if data is None:
        return found
    if not isinstance(data, Table):
        raise InventoryError(Place(file), "should map names to values")
    for name, value, place in data.placed():
        if not isinstance(name, str):
            raise InventoryError(place, f"the name of a variable is a text, not {name!r}")
        found.put(name, hide(value) if is_hidden else value, place)
    return found
