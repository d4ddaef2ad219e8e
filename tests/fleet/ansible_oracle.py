"""Asks Ansible, and puts our own answer into the same shape."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pywfp_ps.fleet.groups import Variables
from pywfp_ps.fleet.inventory import Inventory
from pywfp_ps.fleet.vault import VaultText
from pywfp_ps.transports.base import Secret

_SCRIPT = Path(__file__).with_name("ansible_answers.py")


def ask_ansible(cases: Sequence[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Ansible's answers; `folder` is an empty one to run in."""
    done = subprocess.run(
        [sys.executable, str(_SCRIPT)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def listing(inventory: Inventory) -> dict[str, Any]:
    """Groups, hosts and variables as ``ansible_answers.listed`` gives them."""
    return {
        "groups": {
            group.name: {"hosts": list(group.hosts), "children": list(group.children)}
            for group in inventory.groups.values()
        },
        "hostvars": {
            host.name: plain(inventory.variables(host)) for host in inventory.hosts.values()
        },
    }


def plain(value: Any) -> Any:
    """JSON values only, secrets open, vault texts as Ansible prints them."""
    if isinstance(value, Variables | dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, VaultText):
        return {"__ansible_vault": value.text}
    if isinstance(value, str | int | float | bool | None):
        return value
    return str(value)


def unordered(names: Iterable[str]) -> list[str]:
    """For what Ansible itself gives in no fixed order."""
    return sorted(names)
