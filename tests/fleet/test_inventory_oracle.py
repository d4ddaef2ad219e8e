"""Inventories as Ansible reads them: written ones, and those that hypothesis makes up."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.inventory import Inventory, load_inventory
from pywfp_ps.fleet.patterns import select_hosts
from tests.fleet.ansible_oracle import ask_ansible, listing, unordered

GROUPS = ["web", "db", "prod", "old", "eu", "all", "ungrouped"]
HOSTS = ["web-01", "web-02", "web-[01:03]", "db1.corp", "h[a:c]", "10.0.0.[1:2]", "lone:5985"]
VARIABLES = ["port", "alpha", "beta", "ansible_user"]
PATTERNS = [
    *("all", "web", "web:db", "web,db", "web:&prod", "prod:!old", "!web", "&prod", "all:!db*"),
    *(
        "web*",
        "*",
        "~web-0[12]",
        "~(web|db)",
        "web-01",
        "web-0?",
        "w*:&~.*1$",
        "10.0.0.1",
        "h*:!ha",
    ),
    *("*.corp", "[wd]*", "ungrouped", "web-01,web-01", "prod:web-02", "al*", "~al", "web:!web-01"),
]

words = st.sampled_from(["1", "x", "007", "True", "[1, 'a']", "{'k': 2}", "a b", "1.5", "x#y", "é"])
settled = settings(
    max_examples=12,
    deadline=None,
    # To ask Ansible takes seconds, so what fails is shown as it is and not made small.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
UNGROUPED_ABOVE = """\
old:
  hosts: {web-01: , ha: }
ungrouped:
  hosts: {web-01: , web-02: }
  children: {old: }
  vars: {port: '1'}
"""


@st.composite
def ini_text(draw: st.DrawFn) -> str:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 7))):
        group = draw(st.sampled_from(GROUPS))
        kind = draw(st.sampled_from(["", "", ":children", ":vars"]))
        lines.append(f"[{group}{kind}]" + draw(st.sampled_from(["", " # note"])))
        for _ in range(draw(st.integers(0, 3))):
            if kind == ":children":
                lines.append(draw(st.sampled_from(GROUPS)))
            elif kind == ":vars":
                name = draw(st.sampled_from([*VARIABLES, "ansible_group_priority"]))
                value = draw(st.integers(0, 20) if "priority" in name else words)
                lines.append(f"{name}{draw(st.sampled_from(['=', ' = ']))}{value}")
            else:
                pairs = draw(st.dictionaries(st.sampled_from(VARIABLES), words, max_size=2))
                host = draw(st.sampled_from(HOSTS))
                lines.append(" ".join([host, *(f'{key}="{pairs[key]}"' for key in pairs)]))
    return "\n".join(lines) + "\n"


variables = st.dictionaries(
    st.sampled_from(VARIABLES), words | st.integers() | st.none() | st.lists(words, max_size=2)
)
priorities = st.dictionaries(st.just("ansible_group_priority"), st.integers(0, 20))


def group_table(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    sections = {
        "hosts": st.dictionaries(st.sampled_from(HOSTS), st.none() | variables, max_size=3),
        "children": st.none() | st.dictionaries(st.sampled_from(GROUPS), children, max_size=3),
        "vars": st.builds(lambda a, b: a | b, variables, priorities) | st.none(),
    }
    return st.none() | st.fixed_dictionaries({}, optional=sections)


tables = st.dictionaries(
    st.sampled_from(GROUPS), st.recursive(st.none(), group_table, max_leaves=8), min_size=1
)
files = st.dictionaries(
    st.sampled_from(
        [f"group_vars/{name}" for name in ("all.yml", "web", "prod/a.yaml", "prod/b.json")]
        + [f"group_vars/{name}" for name in ("prod/c.txt", "old.txt")]
        + [f"host_vars/{name}" for name in ("web-01.yml", "ha")]
    ),
    variables.filter(bool),
    max_size=4,
)
sources = st.one_of(
    st.tuples(st.just("hosts"), ini_text()),
    st.tuples(st.just("hosts.ini"), ini_text()),
    st.tuples(st.just("hosts.yml"), tables.map(lambda t: yaml.safe_dump(t, sort_keys=False))),
    st.tuples(st.just("hosts.json"), tables.map(json.dumps)),
)


def write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def ours(case: dict[str, Any]) -> dict[str, Any] | None:
    """Our listing; None if we refuse."""
    try:
        return listing(load_inventory(case["sources"]))
    except UsageError:
        return None


@pytest.mark.slow
@settled
@example([([("hosts.yml", UNGROUPED_ABOVE)], {})])
@given(
    st.lists(st.tuples(st.lists(sources, min_size=1, max_size=2), files), min_size=25, max_size=25)
)
def test_made_up_inventories_are_read_as_ansible_reads_them(
    inventories: list[tuple[list[tuple[str, str]], dict[str, dict[str, Any]]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, cases = Path(name), []
        for number, (parts, beside) in enumerate(inventories):
            root = folder / str(number)
            texts = {f"{at}/{file}": text for at, (file, text) in enumerate(parts)}
            texts |= {f"0/{file}": json.dumps(table) for file, table in beside.items()}
            write(root, texts)
            cases.append({"sources": [str(root / str(at)) for at in range(len(parts))]})
        asked = [answer.get("listing") for answer in ask_ansible(cases, folder)]
        assert list(map(ours, cases)) == asked


@pytest.mark.slow
@settled
@given(
    st.lists(ini_text(), min_size=10, max_size=10),
    st.lists(
        st.tuples(st.sampled_from(PATTERNS), st.none() | st.sampled_from(PATTERNS)), max_size=20
    ),
)
def test_patterns_choose_the_hosts_that_ansible_chooses(
    texts: list[str], patterns: list[tuple[str, str | None]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, {f"{number}.ini": text for number, text in enumerate(texts)})
        cases: list[dict[str, Any]] = [
            {"sources": [str(folder / f"{number}.ini")], "patterns": patterns}
            for number in range(len(texts))
        ]
        for case, answer in zip(cases, ask_ansible(cases, folder), strict=True):
            if "error" not in answer:
                inventory = load_inventory(case["sources"])
                for (pattern, limit), asked in zip(patterns, answer["hosts"], strict=True):
                    compare(inventory, pattern, limit, asked)


def compare(inventory: Inventory, pattern: str, limit: str | None, asked: dict[str, Any]) -> None:
    """We choose the same; we refuse what chooses nothing, or where a term names nothing."""
    try:
        names = select_hosts(inventory, pattern, limit)
    except UsageError:
        assert not asked["names"] or not asked["all_known"], (pattern, limit)
        return
    # Ansible walks deep groups in no fixed order.
    assert unordered(names) == unordered(asked["names"]), (pattern, limit)
