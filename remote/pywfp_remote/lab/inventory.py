"""The inventory of a practice fleet, as Ansible and this package read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pywfp_remote.lab.certificates import Authority
from pywfp_remote.lab.files import write_private
from pywfp_remote.lab.host import LabHost, Way
from pywfp_remote.lab.plan import new_password
from pywfp_remote.lab.practice import Place

INVENTORY = "inventory.yml"
"""Name of the file in the fleet's folder."""

_CA = "ca.pem"
_CLIENT = "client.pem"
_KEY = "client.key"
FILES = (INVENTORY, _CA, _CLIENT, _KEY)
"""Names of all that `write_inventory` writes."""

_dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write_inventory(
    folder: Path, hosts: Sequence[LabHost], places: Mapping[str, Place], authority: Authority
) -> Path:
    """Write the inventory and the certificates that it names; every file has mode 0600.

    Raises:
        OSError: The folder cannot be written.
    """
    write_private(folder / _CA, authority.certificate)
    identity = authority.client(hosts[0].account)
    write_private(folder / _CLIENT, identity.certificate)
    write_private(folder / _KEY, identity.key)
    groups: dict[str, dict[str, Any]] = {}
    for host in hosts:
        group = groups.setdefault(host.group, {"hosts": {}})
        group["hosts"][host.name] = _variables(host, places[host.name], folder)
    everything = {
        "all": {
            "vars": {"ansible_connection": "psrp", "ansible_psrp_ignore_proxy": True},
            "children": groups,
        }
    }
    text = yaml.dump(everything, Dumper=_dumper, sort_keys=False, width=1_000)
    path = folder / INVENTORY
    write_private(path, text.encode())
    return path


def _variables(host: LabHost, place: Place, folder: Path) -> dict[str, Any]:
    wrong = "wrong-password" in host.faults
    found: dict[str, Any] = {
        "ansible_host": place.address,
        "ansible_port": place.port,
        "ansible_user": f"{host.computer}\\{host.account}",
        "ansible_password": new_password() if wrong else host.password,
        "ansible_psrp_protocol": "https" if host.way.is_tls else "http",
        "ansible_psrp_auth": host.way.value,
    }
    if place.path != "wsman":
        found["ansible_psrp_path"] = place.path
    if host.way.is_tls:
        found["ansible_psrp_cert_validation"] = "validate"
        found["ansible_psrp_ca_cert"] = str(folder / _CA)
    if host.way is Way.CERTIFICATE:
        del found["ansible_password"]
        found["ansible_psrp_certificate_pem"] = str(folder / _CLIENT)
        found["ansible_psrp_certificate_key_pem"] = str(folder / _KEY)
    if host.way is Way.BASIC:
        found["ansible_psrp_message_encryption"] = "never"
    return found
