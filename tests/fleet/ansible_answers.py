"""What ansible-core makes of inventories; run as a process of its own, many cases a run.

Standard input: a JSON list of ``{"sources": [...], "patterns": [[pattern, limit or null], ...]}``.
Standard output: a JSON list of ``{"listing": ..., "hosts": [...]}`` or ``{"error": text}``; an
inventory that Ansible would skip with a warning is an error here.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ |= {
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
    "ANSIBLE_LOCALHOST_WARNING": "0",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
}


def main() -> None:
    cases = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Ansible displays on both
    answers = [answer(case) for case in cases]
    json.dump(answers, out)
    out.flush()


def answer(case: dict[str, Any]) -> dict[str, Any]:
    loader_type = importlib.import_module("ansible.parsing.dataloader").DataLoader
    manager_type = importlib.import_module("ansible.inventory.manager").InventoryManager
    vars_plugin = importlib.import_module("ansible.plugins.vars.host_group_vars")
    for cache in (vars_plugin.CANONICAL_PATHS, vars_plugin.FOUND, vars_plugin.NAK):
        cache.clear()
    loader = loader_type()
    loader.set_basedir(os.devnull)
    if case.get("password"):
        vault = importlib.import_module("ansible.parsing.vault")
        loader.set_vault_secrets([("default", vault.VaultSecret(case["password"].encode()))])
    try:
        inventory = manager_type(loader=loader, sources=case["sources"])
        listing = listed(inventory, loader)
    except Exception as error:  # noqa: BLE001 - whatever Ansible raises is its answer
        return {"error": str(error)}
    return {
        "listing": listing,
        "hosts": [chosen(inventory, *pattern) for pattern in case.get("patterns", ())],
    }


def listed(inventory: Any, loader: Any) -> dict[str, Any]:
    variable_manager = importlib.import_module("ansible.vars.manager").VariableManager
    internal = importlib.import_module("ansible.constants").INTERNAL_STATIC_VARS
    encoder = importlib.import_module("ansible._internal._json._profiles._inventory_legacy").Encoder
    manager = variable_manager(loader=loader, inventory=inventory)
    hostvars = {}
    for host in inventory.hosts.values():
        found = manager.get_vars(host=host, include_hostvars=False, stage="all")
        hostvars[host.name] = {k: v for k, v in found.items() if k not in internal}
    groups = {
        group.name: {
            "hosts": [host.name for host in group.hosts],
            "children": [child.name for child in group.child_groups],
        }
        for group in inventory.groups.values()
    }
    plain = {"groups": groups, "hostvars": hostvars}
    whole: dict[str, Any] = json.loads(json.dumps(plain, cls=encoder))
    return whole


def chosen(inventory: Any, pattern: str, limit: str | None) -> dict[str, Any]:
    """The hosts (None if Ansible refuses), and whether every term names something."""
    lenient, strict = (
        names_of(inventory, pattern, limit, mismatch) for mismatch in ("ignore", "error")
    )
    return {"names": lenient, "all_known": strict is not None}


def names_of(inventory: Any, pattern: str, limit: str | None, mismatch: str) -> list[str] | None:
    constants: Any = importlib.import_module("ansible.constants")
    constants.HOST_PATTERN_MISMATCH = mismatch
    inventory.clear_caches()
    try:
        inventory.subset(limit)
        return [host.name for host in inventory.get_hosts(pattern)]
    except Exception:  # noqa: BLE001 - whatever Ansible raises is its answer
        return None
    finally:
        inventory.subset(None)


if __name__ == "__main__":
    main()
