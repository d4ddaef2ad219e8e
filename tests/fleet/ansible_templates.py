"""What ansible-core makes of templates; run as a process of its own.

Standard input: ``{"source": inventory file, "host": name, "names": [variable, ...]}``. Standard
output: a list of ``[value]``, or ``[]`` where Ansible refuses.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ |= {"ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_DEPRECATION_WARNINGS": "0"}


def main() -> None:
    asked = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Ansible displays on both
    importlib.import_module("ansible.plugins.loader").init_plugin_loader()
    loader = importlib.import_module("ansible.parsing.dataloader").DataLoader()
    manager_type = importlib.import_module("ansible.inventory.manager").InventoryManager
    inventory = manager_type(loader=loader, sources=[asked["source"]])
    variable_manager = importlib.import_module("ansible.vars.manager").VariableManager
    manager = variable_manager(loader=loader, inventory=inventory)
    importlib.import_module("ansible.vars.hostvars").HostVars(inventory, manager, loader)
    variables = manager.get_vars(host=inventory.get_host(asked["host"]))
    templar = importlib.import_module("ansible.template").Templar(loader, variables=variables)
    json.dump([answer(templar, variables[name]) for name in asked["names"]], out)
    out.flush()


def answer(templar: Any, text: Any) -> list[Any]:
    try:
        return [untagged(templar.template(text))]
    except Exception:  # noqa: BLE001 - whatever Ansible raises is its answer
        return []


def untagged(value: Any) -> Any:
    """Values of Python's own types."""
    if isinstance(value, dict):
        return {str(key): untagged(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [untagged(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    return next((kind(value) for kind in (int, float) if isinstance(value, kind)), str(value))


if __name__ == "__main__":
    main()
