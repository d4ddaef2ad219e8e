"""Whole made-up Windows hosts from a seed: policy, what runs, facts and context.

The same seed gives the same bytes in every process. Structure, sizes and proportions follow real
machines; names, products, rules and addresses are invented (documentation and private ranges).
Each host belongs to a group whose members have the same rules, apart from the differences that
`pywfp_remote.lab.gen_plan.DIFFERENCES` lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.model.objects import Completeness, Filter, Snapshot
from pywfp_ps.write import write_state
from pywfp_remote.lab.gen_catalog import NEEDS, WALLED, product_rules, role_rules
from pywfp_remote.lab.gen_context import make_context
from pywfp_remote.lab.gen_engine import add_engine, add_usage_filters, built_in_layers
from pywfp_remote.lab.gen_events import make_changes, make_events
from pywfp_remote.lab.gen_facts import make_facts
from pywfp_remote.lab.gen_firewall import add_app_fence, add_firewall
from pywfp_remote.lab.gen_names import COMPANIES, PACKAGE_WORDS, TRADES
from pywfp_remote.lab.gen_plan import Plan, make_plan
from pywfp_remote.lab.gen_policy import Policy
from pywfp_remote.lab.gen_products import (
    add_agent,
    add_kill_switch,
    add_leftovers,
    add_missing_driver,
    add_silencer,
)
from pywfp_remote.lab.gen_rules import RuleSpec, add_need, add_rule, fence_block, fence_default
from pywfp_remote.lab.gen_running import (
    make_endpoints,
    make_sessions,
    make_statistics,
    make_subscriptions,
)

USUAL_FILTERS: Final = 1000
BIG_FILTERS: Final = 50_000
_BIG_FLEET: Final = 200
_SPARE_ORIGINS: Final = 340
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class MadeHost(Struct, frozen=True, kw_only=True):
    """A made-up host.

    Attributes:
        name: Name in an inventory, such as ``web-003``.
        group: Its group, such as ``web``.
        differences: What makes it different, names of `DIFFERENCES`; also ``big`` and
            ``hostile-names`` where asked for.
        snapshot: All that ``netsh wfp show state`` would say.
        facts: What the host says of itself: plain JSON values, see `make_facts`.
        context: What surrounds the policy, by kind: plain JSON values, see `make_context`.
    """

    name: str
    group: str
    differences: tuple[str, ...]
    snapshot: Snapshot
    facts: dict[str, Any]
    context: dict[str, Any]


def make_host(
    index: int,
    seed: int,
    *,
    filters: int = USUAL_FILTERS,
    big: bool = False,
    hostile: bool = False,
) -> MadeHost:
    """The host of that number in the fleet of that seed.

    Args:
        index: Number in the fleet, from 0.
        seed: The fleet's seed.
        filters: About how many filters it has while its firewall is on.
        big: Whether it has 50,000 filters, as a terminal server with many users can have.
        hostile: Whether some of its display names are made to harm whoever prints them.

    Raises:
        ValueError: A negative index.
    """
    if index < 0:
        raise ValueError(f"a host's number is 0 or more, got {index}")
    asked = (("big",) if big else ()) + (("hostile-names",) if hostile else ())
    plan = make_plan(index, seed, asked)
    policy = Policy(plan)
    rules = _fill(policy, BIG_FILTERS if big else filters)
    snapshot = _snapshot(policy, rules)
    return MadeHost(
        name=plan.name,
        group=plan.group,
        differences=plan.differences,
        snapshot=snapshot,
        facts=make_facts(plan, snapshot),
        context={
            **make_context(plan, rules or list(role_rules(plan))),
            "events": make_events(plan, snapshot),
            "changes": make_changes(plan, snapshot),
        },
    )


def make_fleet(
    count: int,
    seed: int,
    *,
    filters: int = USUAL_FILTERS,
    big: bool | None = None,
    hostile: bool = False,
) -> Iterator[MadeHost]:
    """The first `count` hosts of the fleet of that seed, one at a time.

    Args:
        count: How many hosts.
        seed: The fleet's seed.
        filters: About how many filters a host has.
        big: Whether the first terminal server has 50,000 filters; by default where the fleet has
            200 hosts or more.
        hostile: Whether every fifth host has harmful display names.
    """
    is_wanted = count >= _BIG_FLEET if big is None else big
    for index in range(count):
        is_big = is_wanted and make_plan(index, seed).name == "terminal-001"
        yield make_host(
            index, seed, filters=filters, big=is_big, hostile=hostile and index % 5 == 4
        )


def write_fleet(
    count: int,
    seed: int,
    directory: Path,
    *,
    filters: int = USUAL_FILTERS,
    big: bool | None = None,
    hostile: bool = False,
) -> list[Path]:
    """Write each host's state dump to ``DIR/<host>/wfpstate.xml``, and ``DIR/fleet.json``.

    The index ``fleet.json`` is a list with name, group, differences, filters and file of each host.

    Returns:
        The dumps, in order of the hosts.

    Raises:
        OSError: A file or folder cannot be written.
    """
    written: list[Path] = []
    index: list[dict[str, Any]] = []
    for host in make_fleet(count, seed, filters=filters, big=big, hostile=hostile):
        path = directory / host.name / "wfpstate.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(write_state(host.snapshot))
        written.append(path)
        index.append(
            {
                "name": host.name,
                "group": host.group,
                "differences": list(host.differences),
                "filters": len(host.snapshot.filters),
                "file": f"{host.name}/wfpstate.xml",
            }
        )
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"seed": seed, "hosts": index}, indent=2, ensure_ascii=False)
    (directory / "fleet.json").write_text(text + "\n", encoding="utf-8")
    return written


def _fill(policy: Policy, wanted: int) -> list[RuleSpec]:
    plan = policy.plan
    is_on = not plan.has("firewall-off")
    add_engine(policy)
    if is_on:
        add_firewall(policy)
    add_app_fence(policy)
    for need in NEEDS:
        add_need(policy, need)
    for path, direction in WALLED:
        fence_block(policy, path, direction)
    fence_default(policy, tuple(dict.fromkeys(need.service for need in NEEDS)))
    add_usage_filters(policy)
    add_agent(policy)
    _differ(policy)
    return _rules(policy, wanted) if is_on else []


def _differ(policy: Policy) -> None:
    makers = {
        "vpn-kill-switch": add_kill_switch,
        "product-leftovers": add_leftovers,
        "silenced-agent": add_silencer,
        "unregistered-callout": add_missing_driver,
    }
    for difference in policy.plan.differences:
        if difference in makers:
            makers[difference](policy)


def _rules(policy: Policy, wanted: int) -> list[RuleSpec]:
    """The rules of the group until there are enough filters; a stranger has its own at the end."""
    plan = policy.plan
    rules = list(role_rules(plan))
    for rule in rules:
        add_rule(policy, rule)
    common = product_rules(plan.group_random("products"), plan)
    strange = product_rules(plan.random("strange"), plan)
    turning = wanted - 250 if plan.has("unlike-group") else wanted
    is_big = plan.has("big")
    while len(policy.filters) < wanted:
        rule = next(common if len(policy.filters) < turning else strange)
        if is_big:
            rule = _for_one_user(plan, rule, len(rules))
        rules.append(rule)
        add_rule(policy, rule, keep_origin=not is_big)
    return rules


def _for_one_user(plan: Plan, rule: RuleSpec, number: int) -> RuleSpec:
    """The same rule as one of many users of a terminal server has it."""
    sid = f"{plan.domain_sid}-{2000 + number % 400}"
    return replace(rule, user_sid=None if rule.service else sid)


def _snapshot(policy: Policy, rules: list[RuleSpec]) -> Snapshot:
    plan = policy.plan
    for name in _spare_origins(plan):
        policy.context(name)
    order = {layer.const_name: layer.id or 0 for layer in built_in_layers()}
    filters = tuple(sorted(policy.filters, key=lambda one: order[one.layer]))
    callouts = tuple(sorted(policy.callouts, key=lambda one: order[one.layer or ""]))
    sessions = make_sessions(plan, policy.words)
    return Snapshot(
        source="netsh",
        taken_at=plan.taken_at,
        completeness=Completeness(command="netsh wfp show state"),
        layers=_counted(filters, [one.layer or "" for one in callouts]),
        sublayers=tuple(sorted(policy.sublayers, key=lambda one: one.weight or 0)),
        providers=tuple(policy.providers),
        contexts=tuple(policy.contexts),
        callouts=callouts,
        filters=filters,
        sessions=sessions,
        endpoints=make_endpoints(plan, rules, 60 + plan.random("busy").randrange(50)),
        subscriptions=make_subscriptions(sessions),
        statistics=make_statistics(plan.random("keying").random() < 0.3),
    )


def _spare_origins(plan: Plan) -> Iterator[str]:
    """Names of the blocks around packaged apps that a group has, as the firewall stores them."""
    rng = plan.group_random("apps")
    kinds = [
        (maker, word, trade) for maker in COMPANIES for word in PACKAGE_WORDS for trade in TRADES
    ]
    publishers = {maker: _publisher(rng) for maker in COMPANIES}
    for maker, word, trade in rng.sample(kinds, _SPARE_ORIGINS // 2):
        family = f"{maker}.{word}{trade}".replace(" ", "").replace("&", "")
        for direction in ("In", "Out"):
            yield f"{family}_{publishers[maker]}-{direction}-Block"


def _publisher(rng: Random) -> str:
    """A publisher id as package family names end in one: 13 characters of base 32."""
    return "".join(rng.choice(_BASE32) for _ in range(13))


def _counted(filters: tuple[Filter, ...], called: list[str]) -> tuple[Any, ...]:
    held: dict[str, int] = {}
    for one in filters:
        held[one.layer] = held.get(one.layer, 0) + 1
    return tuple(
        replace(
            layer,
            filter_count=held.get(layer.const_name, 0),
            callout_count=called.count(layer.const_name),
        )
        for layer in built_in_layers()
    )
