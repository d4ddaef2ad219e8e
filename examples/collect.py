"""Collects the hosts of an inventory into a store and prints what became of each.

Usage: ``python collect.py INVENTORY STORE``
"""

import sys

from pywfp_ps.collect import Plan, collect
from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.fanout import Limits
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.patterns import select_hosts
from pywfp_ps.store import Store


def main(inventory_path: str, store_path: str) -> None:
    """Collects all hosts of the inventory."""
    inventory = load_inventory([inventory_path])
    targets = resolve_targets(inventory, select_hosts(inventory, "all")).targets
    plan = Plan(limits=Limits(at_once=10, seconds=120))
    with Store.open(store_path, create=True) as store:
        for outcome in collect(store, targets, plan):
            why = f" ({outcome.cause}): {outcome.to_do}" if outcome.cause else ""
            print(f"{outcome.host}: {outcome.outcome}{why}")
        for host, filters in store.query("SELECT host, filters FROM hosts ORDER BY host"):
            print(f"{host} holds {filters} filters")


if __name__ == "__main__":  # the parsers are processes of their own and read this file too
    main(*sys.argv[1:])
