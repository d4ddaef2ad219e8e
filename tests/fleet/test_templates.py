"""Templates give what they give in Ansible; what differs is refused, and never another value."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.filters import FILTERS, TESTS
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.problems import InventoryError
from pywfp_ps.fleet.templates import Values
from pywfp_ps.fleet.vault import Vault, VaultPassword
from pywfp_ps.transports.base import Secret
from tests.fleet.vault_maker import seal

CANARY = "c4nary-hunter2"
SCRIPT = Path(__file__).with_name("ansible_templates.py")

SAME = [
    *("{{ lookup('env', 'WFP_SET') }}", "{{ lookup('env', 'WFP_SET', 'WFP_SET') }}"),
    *(
        "{{ lookup('env', 'WFP_NOT') or 'y' }}",
        "{{ lookup('env', 'WFP_NOT') | default('y', true) }}",
    ),
    *("{{ 'y' if lookup('env', 'WFP_NOT') == '' }}", "{{ lookup('env', 'WFP_NOT') | length }}"),
    *("{{ lookup('env', 'WFP_NOT', default='q') }}", "{{ query('env', 'WFP_SET') }}"),
    *("{{ q('env', 'WFP_SET') | first }}", "{{ lookup('vars', 'v') }}", "{{ query('vars', 'v') }}"),
    *("{{ nope.x.y | default('z') }}", "{{ hostvars['none'].v | default('z') }}"),
    *(
        "{{ hostvars.b.v }}",
        "{{ hostvars[groups['all'][1]]['w'] }}",
        "{{ hostvars['b'].w | upper }}",
    ),
    *("{{ v | ansible.builtin.upper }}", "{{ v | ansible.builtin.regex_replace('v', 'w') }}"),
    *("{{ v is ansible.builtin.match('v') }}", "{{ v is match('q') }}", "{{ v is search('V') }}"),
    *("{{ v is search('V', ignorecase=true) }}", "{{ v is truthy }}", "{{ v is falsy }}"),
    *("{{ [1] is subset([1, 2]) }}", "{{ [1] is superset([1, 2]) }}", "{{ [1] is contains(1) }}"),
    *("{{ v | regex_search('q') is none }}", "{{ 'ab' | regex_search('(a)(b)', '\\2', '\\1') }}"),
    *(r"{{ 'ab' | regex_replace('(a)', '\1x') }}", r"{{ 'ab' | regex_replace('(a)', '\\1x') }}"),
    *(r"{{ 'CORP\admin' }}", r"{{ 'CORP\\admin' }}", r"CORP\{{ v }}", r"{{ 'D\n' ~ v }}"),
    *(r"{% set d = 'a\tb' %}{{ d }}", r"{% if v == 'vv' %}CORP\admin{% endif %}"),
    *("{{ 'abA' | regex_findall('a', ignorecase=true) }}", "{{ 'a.b' | regex_escape }}"),
    *(
        "{{ 'ab' | regex_findall('(a)(b)') }}",
        "{{ 'aB' | regex_replace('b', 'c', ignorecase=true) }}",
    ),
    *(
        "{{ '/a/b/' | basename }}",
        "{{ '/a/b' | dirname }}",
        "{{ '/a' | dirname }}",
        "{{ 'b' | dirname }}",
    ),
    *("{{ '/a/b.c' | splitext }}", "{{ '~/x' | expanduser }}", "{{ '$HOME' | basename }}"),
    *("{{ none | ternary('a', 'b', 'c') }}", "{{ '' | ternary('a', 'b') }}", "{{ 1.0 | bool }}"),
    *("{{ 'YES' | bool }}", "{{ 'no' | bool }}", "{{ 0 | bool }}", "{{ {'a': 1} | dict2items }}"),
    *("{{ [{'key': 'a', 'value': 1}] | items2dict }}", "{{ [1, [2, [3, none]]] | flatten }}"),
    *("{{ [1, [2, [3]]] | flatten(levels=1) }}", "{{ [1, 1, 2] | union([3, 2]) }}"),
    *("{{ [1, 2, 1] | difference([2]) }}", "{{ [1, 2, 1] | intersect([1]) }}"),
    *("{{ ['a'] | zip(['b']) | list }}", "{{ 'b' | extract(hostvars, 'v') }}"),
    *("{{ groups['all'] | map('extract', hostvars, 'v') | join(',') }}", "{{ 'a b' | split }}"),
    *("{{ groups['all'] | select('match', 'b') | list }}", "{{ 'a,b,c' | split(',', 1) }}"),
    *("{{ {'a': [1, 'x']} | to_json }}", "{{ [1, {'a': none}] | to_json(indent=2) }}"),
    *("{{ {'b': 1, 'a': 'ü'} | to_json(sort_keys=true, ensure_ascii=false) }}",),
    *(r"{{ 'aXbX' | regex_replace('(a)?X', '<\1>') }}", "{{ 'ab' | regex_replace('', '-') }}"),
    *("{{ 'ab' | regex_findall('') }}", "{{ 'ab' | regex_findall('(a)?b?') }}"),
    *(r"{{ 'ab' | regex_replace('(?P<n>a)', '\g<n>\g<n>') }}", "{{ [] | to_json(indent=4) }}"),
    *("{% if true %}\nx\n{% endif %}\n", "{% set a = 5 %}\n{{ a }}", "{# c #}\nx", "{{ v }}\n"),
    *("{{ inventory_dir | basename }}", "{{ inventory_file | basename }}", "{{ inventory_dir }}"),
    *("{{ inventory_hostname_short }}", "{{ inventory_hostname.split('.')[0] | upper }}"),
    *("{{ 5985 if v == 'vv' else 5986 }}", "{{ 'web' in group_names }}", "{{ 'a' ~ 1 }}"),
    *(
        "{{ nope | default('z') }}",
        "{{ nope | d(v) }}",
        "{{ '%s' }}",
        "{{ '5' }}",
        "{{ 5 }}{{ 6 }}",
    ),
]

STRICTER = [
    # Ansible goes on with an empty text, or with one that it makes itself.
    ("{{ lookup('env', 'WFP_NOT') }}", "environment variable 'WFP_NOT' is not set"),
    ("x{{ lookup('env', 'WFP_NOT') }}", "environment variable 'WFP_NOT' is not set"),
    ("{{ lookup('env', 'WFP_NOT') | default('y') }}", "'WFP_NOT' is not set"),
    ("{{ 'a' if false }}", "its condition has no else"),
    ("{{ v | hash }}", "No filter named 'hash'"),
    ("{{ v is version('1', '>') }}", "No test named 'version'"),
    ("{{ lookup('env', 'WFP_SET', 'WFP_NOT') }}", "environment variable 'WFP_NOT' is not set"),
    ("{{ lookup('env', 'A', wantlist=true, x=1) }}", "takes no option but default"),
    (r"{{ v | regex_search('v', 'x') }}", "takes groups as"),
]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WFP_SET", "set")
    monkeypatch.delenv("WFP_NOT", raising=False)
    texts = {f"t{number}": text for number, text in enumerate(SAME)}
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/a.corp").write_text(yaml.safe_dump({"v": "vv", **texts}))
    (tmp_path / "host_vars/b").write_text("v: bv\nw: '{{ v }}w'\n")
    (tmp_path / "hosts").write_text("[web]\na.corp\nb\n")
    return tmp_path / "hosts"


def values_of(source: Path) -> Values:
    inventory = load_inventory([source])
    return Values(inventory, inventory.host("a.corp"))


def test_templates_give_what_they_give_in_ansible(source: Path) -> None:
    names = [f"t{number}" for number in range(len(SAME))]
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps({"source": str(source), "host": "a.corp", "names": names}),
        capture_output=True,
        text=True,
        check=False,
        cwd=source.parent,
    )
    assert done.returncode == 0, done.stderr
    values = values_of(source)
    ours = {text: [values.get(name)] for text, name in zip(SAME, names, strict=True)}
    assert ours == dict(zip(SAME, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("text", "said"), STRICTER)
def test_what_is_not_there_is_refused(text: str, said: str, source: Path) -> None:
    (source.parent / "host_vars/a.corp").write_text(yaml.safe_dump({"v": "vv", "value": text}))
    with pytest.raises(InventoryError, match=rf"host_vars/a.corp:\d:1: value of .*{said}"):
        values_of(source).get("value")


_TWICE = "{% set a = [1, 2] %}" + "{% set a = [a, a] %}" * 40


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ [1] | to_json(indent=10**9) }}", "to_json indents by at most 64"),
        ("{{ [1] | to_json(indent=' ' ~ '%65d' | replace('%', w)) }}", "to_json indents by"),
        (f"{_TWICE}{{{{ a | to_json }}}}", "to_json gives more than 1048576"),
        (f"{_TWICE}{{{{ a | flatten | length }}}}", "flatten gives more than 1048576"),
        ("{{ w | regex_replace('', w) | length }}", "regex_replace gives more than 1048576"),
        (r"{{ w | regex_replace('.*', w2) | length }}", "regex_replace gives more than 1048576"),
        ("{{ w | regex_findall('(?=(.*))') | length }}", "regex_findall gives more than 1048576"),
    ],
)
def test_little_does_not_become_much(text: str, said: str, source: Path) -> None:
    told = {"v": "vv", "w": "x" * 3_000, "w2": r"\g<0>" * 3_000, "value": text}
    (source.parent / "host_vars/a.corp").write_text(yaml.safe_dump(told))
    with pytest.raises(InventoryError, match=said):
        values_of(source).get("value")


def test_large_texts_are_filtered_all_the_same(source: Path) -> None:
    told = {"w": "x" * 300_000, "one": "{{ w | regex_replace('(x+)', '\\1!') }}"}
    told["two"] = "{{ w | regex_findall('x{10}') | length }}"
    (source.parent / "host_vars/a.corp").write_text(yaml.safe_dump(told))
    values = values_of(source)
    assert (values.get("one"), values.get("two")) == (f"{told['w']}!", 30_000)


def test_a_relative_inventory_has_an_absolute_folder(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    assert values_of(Path("hosts")).get("inventory_dir") == str(source.parent)


def test_the_page_names_every_filter_and_test() -> None:
    page = Path(__file__).parents[2].joinpath("docs/inventory.md").read_text(encoding="utf-8")
    told = page.partition("Jinja's own filters, and")[2].partition("Long names")[0]
    filters, tests = re.findall(r"`([^`]+)`", told)
    assert filters.split() == sorted(FILTERS)
    assert tests.split() == sorted(TESTS)


def test_a_template_of_constants_in_ini_is_no_set_of_sets(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("a v=\"{{ 'x' }}\"\n[all:vars]\nw={{ 5 }}\n")
    inventory = load_inventory([tmp_path / "h"])
    values = Values(inventory, inventory.host("a"))
    assert (values.get("v"), values.get("w")) == ("x", 5)


def test_what_is_omitted_counts_as_not_set(tmp_path: Path) -> None:
    (tmp_path / "h").write_text("a ansible_port='{{ nope | default(omit) }}'\n")
    inventory = load_inventory([tmp_path / "h"])
    assert resolve_targets(inventory, ["a"]).targets[0].port == 5986


@pytest.mark.parametrize(
    "wrong",
    [
        "ansible_psrp_auth: '{{ pw }}'",
        "ansible_connection: '{{ pw }}'",
        "ansible_host: '{{ pw ~ \"/\" }}'",
        "ansible_psrp_ca_cert: '{{ pw }}'",
        "ansible_port: '{{ pw }}'",
        "ansible_psrp_read_timeout: '{{ pw }}'",
        "ansible_psrp_ignore_proxy: '{{ pw }}'",
        "ansible_psrp_proxy: '{{ [pw] }}'",
        'ansible_user: "{{ pw }}\\n"',
        "ansible_psrp_protocol: \"{{ lookup('env', 'WFP_PW') }}\"",
        "ansible_psrp_auth: '{{ hostvars.b.other }}'",
        "ansible_psrp_auth: '{{ once }}'\nonce: '{{ twice }}'\ntwice: '{{ pw }}'",
        f"ansible_password: 'x{{{{{CANARY.replace('-', '_')}'",
        f"ansible_password: 'x{{%{CANARY}'",
    ],
)
def test_what_comes_from_a_vault_or_the_environment_is_not_shown(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFP_PW", CANARY)
    sealed = seal(f"pw: {CANARY}\nother: '{{{{ pw }}}}'\n", "key")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all").write_text(sealed)
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/a").write_text(wrong)
    (tmp_path / "h").write_text("a\nb\n")
    inventory = load_inventory([tmp_path / "h"], vault=Vault([VaultPassword(Secret("key"))]))
    with pytest.raises(InventoryError, match=r"host_vars/a:1:1: ansible_\w+ of host 'a'") as caught:
        resolve_targets(inventory, ["a"])
    assert CANARY not in str(caught.value)
    assert CANARY.replace("-", "_") not in str(caught.value)
