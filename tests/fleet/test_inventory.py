from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.patterns import select_hosts
from pywfp_ps.fleet.problems import InventoryError, Place
from pywfp_ps.fleet.vault import VaultText
from pywfp_ps.fleet.yamlfile import Unsafe
from tests.fleet.ansible_oracle import ask_ansible, listing

CANARY = "c4nary-hunter2"

WRITTEN: dict[str, dict[str, str]] = {
    "one group in two sections": {"h": "[web]\na\n[db]\nb\n[web]\nc x=1\na x=2\n"},
    "children before they are defined": {
        "h": "[p:children]\nb\na\n[a]\nx\n[b]\ny\n[b:vars]\nv=1\n"
    },
    "priority beats the name": {
        "h": "[a]\nx\n[b]\nx\n[a:vars]\nansible_group_priority=9\nv=a\n[b:vars]\nv=b\n"
    },
    "depth beats priority": {
        "h": "[top:children]\nlow\n[low]\nx\n[low:vars]\nv=low\n[top:vars]\nv=top\n"
        "ansible_group_priority=99\n"
    },
    "the longest way down is the depth": {
        "h": "[r1:children]\nc\n[r2:children]\nm\n[m:children]\nc\n[y:children]\nz\n[c]\nx\n"
        "[z]\nx\n[c:vars]\nv=c\n[z:vars]\nv=z\n"
    },
    "files beat sections": {
        "h": "[a]\nx v=1 w=1\n[a:vars]\nw=2\nu=2\n",
        "group_vars/all": "u: all\nw: all\n",
        "group_vars/a.yml": "u: a\n",
        "host_vars/x.yaml": "v: file\n",
    },
    "folders of variable files": {
        "h": "[a]\nx\n",
        "group_vars/a/2.yml": "v: 2\n",
        "group_vars/a/1.yml": "v: 1\nw: 1\n",
        "group_vars/a/in/3": "n: 3\n",
        "group_vars/a/.hidden.yml": "h: 1\n",
        "group_vars/a/old.yml~": "h: 1\n",
        "group_vars/a/note.txt": "h: 1\n",
        "group_vars/a.yml": "never: 1\n",
    },
    "values of ini": {
        "h": "[g]\nx a='[1, 2]' b=\"'1'\" c=0x10 d=None e=1,2 f=b'q' g=1+1j h= i=...\n"
        "[g:vars]\nq = hello # not a comment\nr=1 # is one\ns={'a': (1, 2)}\nt=  \n"
    },
    "ranges": {"h": "w[01:03] z=1\nx[a:c:2]y\nq[0:1]-[8:9]\n10.0.0.[9:11]\nm[:2]\n"},
    "ports": {"h": "a:5985\n[fe80::1]:5986\nfe80::2\n[10.0.0.1]:80\na:1\n"},
    "comments and blanks": {
        "h": "; one\n#two\n\n  a  # three\n[g] # four\nb ; c=1\n".replace(" ;", " #")
    },
    "yaml merge and aliases": {
        "h.yml": "all:\n  vars: &v {a: 1, d: 2020-01-01, o: 0o17, s: 017}\n  children:\n"
        "    web:\n      hosts:\n        x: {<<: *v, b: 2}\n        'y[1:2]':\n"
        "    db: {hosts: z}\n"
    },
    "yaml that is nested": {
        "h.yaml": "a:\n  children:\n    b:\n      children:\n        c: {hosts: {x: {v: 1}}}\n"
        "      vars: {v: b, ansible_group_priority: 5}\nd: {hosts: x}\nungrouped: {hosts: {u: }}\n"
    },
    "hosts of all alone": {"h.yml": "all:\n  hosts:\n    a:\n    b: {x: 1}\n"},
    "json as yaml": {"h.json": '{"all": {"hosts": {"a": {"v": [1, null]}}}}'},
    "vault values": {
        "h.yml": "all:\n hosts:\n  a:\n   p: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    61\n"
    },
    "unsafe values": {"h.yml": "all: {hosts: {a: {p: !unsafe '{{ x }}'}}}\n"},
    "empty sections": {"h": "[a]\n[b:children]\na\n"},
    "a list of hosts": {},
}

REFUSED: list[tuple[str, str, str, bool | None]] = [
    # file, text, what is said, whether Ansible refuses too (None: it crashes or never ends)
    ("h", "[web:chidren]\nx\n", r"h:1: \[web:chidren\] .* \(did you mean 'children'\?\)", True),
    (
        "h",
        "[web]\nx\n[p:children]\nwbe\n",
        r"h:4: .*unknown group 'wbe' \(did you mean 'web'",
        True,
    ),
    ("h", "[a]\nx\n\n[wep:vars]\nv=1\n", r"h:4: \[wep:vars\] is for a group that is not def", True),
    ("h", "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n", r"h:6: .*a > b > c > a", True),
    ("h", "[a:children]\na\n", r"h:2: group 'a' would contain itself", True),
    ("h", "[x:children]\nall\n", r"would contain itself", True),
    ("h", "[web x]\n", r"h:1: \[web x\] is no section", True),
    ("h", "a b\n", r"h:1: name=value is expected behind 'a' \(no space around", True),
    ("h", f"a pw= {CANARY}\n", r"h:1: name=value is expected behind 'pw'", True),
    ("h", "[a:vars]\n[a]\n[a:vars]\nx\n", r"h:4: name=value is expected here", True),
    ("h", f"[all:vars]\npw {CANARY}\n", r"h:2: name=value is expected here, and there", True),
    ("h", f"[all]\npw={CANARY}[\n", r"h:2: a variable stands where a host is expected", True),
    ("h", f"[all]\npw={CANARY}\n", r"h:2: a variable stands where a host is expected", False),
    ("h", "[a:children]\nb c\n", r"h:2: 'b': the name of a group is expected, with nothing", True),
    ("h", f"[a:children]\nb x={CANARY}\n", r"h:2: 'b': the name of a group is expected", True),
    ("h.ini", "all:\n  hosts:\n    a:\n", r"h.ini:1: is YAML in a file that is read as INI", True),
    ("h.yml", "[web]\na\n", r"h.yml:2:1: .*\(it reads like INI, and its name says YAML\)", False),
    ("h.yml", "web:\n  hosts:\n    a\n    b\n", r"h.yml:2:3: 'a b' has a space in it", False),
    ("h.yml", 'web: {vars: {p: "D\\user"}}\n', r"h.yml:1:21: .*backslash is written twice", True),
    ("h.yml", "no:\n  hosts: {a: }\n", r"h.yml:1:1: a group name is a text in quotes", True),
    ("h.py", "import json\n", r"h.py: is a program", True),
    ("h", "[a] ; note\n", r"h:1: a comment behind a section begins with #", True),
    (
        "h",
        "# inventory\n\nall:\n  hosts:\n    a:\n      x: y: z\n",
        r"h:6:11: .*needs quotes",
        True,
    ),
    ("h", "---\nall: {hosts: {a: {x: *pw}}}\n", r"h:2:22: found undefined alias.*needs q", True),
    ("h", "a x='1\n", r"h:1: No closing quotation", True),
    ("h", "w[1:]\n", r"h:1: .*a range is \[begin:end\]", True),
    ("h", "w[01:3]\n", r"h:1: .*equally long", True),
    ("h", "w[b:a]\n", r"h:1: .*begins before it ends", True),
    ("h", "w[3:1]\n", r"h:1: .*begins before it ends", False),
    ("h", "w[1:3:0]\n", r"h:1: .*step", True),
    ("h", "w[1:2\n", r"h:1: .*bracket of a range is missing", True),
    ("h", "w[1:999999999]\n", r"h:1: .*at most 100000 hosts", None),
    ("h", "w[1:999][1:999]\n", r"h:1: .*at most 100000 hosts", None),
    ("h", "../../x\n", r"h:1: '\.\./\.\./x' is a path, not a host name", False),
    ("h", "[../x]\nh\n", r"h:1: '\.\./x' is a path, not a group name", False),
    ("h", "a:99999\n", r"h:1: .*port", False),
    ("h", "a\u202eb\n", r"h:1: .*control character", None),
    ("h", "[a:vars]\nansible_group_priority=x\n[a]\n", r"h:2: .* is a number", True),
    ("h", "#!/bin/sh\necho {}\n", r"h: is a program, and an inventory is never run", True),
    ("h.yml", "plugin: aws_ec2\n", r"h.yml:1:1: .*'aws_ec2', which would run code", True),
    ("h.yml", "", r"h.yml: is empty", False),
    ("h.yml", "- a\n", r"h.yml: is no inventory", True),
    ("h.yml", "a: [\n", r"h.yml:2:1: ", True),
    ("h.yml", "web:\n  host:\n    a:\n", r"h.yml:2:3: .*'host' \(did you mean 'hosts'\?\)", False),
    ("h.yml", "web:\n  hosts: [[a]]\n", r"h.yml:1:1: hosts of 'web' should be a list of", True),
    ("h.yml", "web:\n  hosts: 5\n", r"h.yml:2:3: hosts of group 'web' should be a mapping", True),
    ("h.yml", "web:\n  hosts:\n    5:\n", r"h.yml:3:5: the host name 5 is no text", True),
    ("h.yml", "web:\n  hosts:\n    a: 5\n", r"h.yml:3:5: variables of host 'a'", True),
    ("h.yml", "web: 5\n", r"h.yml:1:1: group 'web' should hold", False),
    (
        "h.yml",
        "web:\n  hosts:\n    a: {x: 1}\n    b:\n    a: {y: 1}\n",
        r"h.yml:5:5: 'a' stands here again, first at line 3",
        False,
    ),
    (
        "h.yml",
        "a: {children: {b: {children: {a: }}}}\n",
        r"would contain itself \(b > a > b\)",
        True,
    ),
    ("h.yml", "a: {vars: {x: !foo 1}}\n", r"h.yml:1:15: a tag other than !vault", True),
    ("h.yml", f"a: {{vars: {{x: !{CANARY} }}}}\n", r"that begins with ! needs quotes", True),
    ("h.yml", f"a: {{vars: {{x: *{CANARY} }}}}\n", r"undefined alias \(.* needs quotes", True),
    ("h.yml", "a: {vars: {x: !!python/name:os.system }}\n", r"a tag other than", True),
    ("h.yml", "a:\n  vars:\n    x: {{ y }}\n", r"h.yml:3:9: .*begins with {{ needs quotes", True),
    ("h.yml", "a:\n\thosts:\n", r"h.yml:2:1: .*\(a tab; YAML is indented with spaces\)", True),
    ("h.yml", "a: {vars: {x: @b}}\n", r"h.yml:1:15: .*needs quotes", True),
    ("h.yml", "a: &a {vars: {x: *a}}\n", r"contains itself", None),
    ("h.yml", "[" * 100_000, r"nests deeper than", None),
    ("h.yml", "a: {vars: {x: 2020-13-45}}\n", r"holds a value that is none", True),
    ("h.toml", "[a]\n", r"is TOML", False),
    ("h.json", '{"a": {"hosts": ["x"], "host": 1}}', r"'a' has the unknown key 'host'", True),
    ("h.json", '{"_meta": {"hostvars": []}}', r"h.json:1:2: _meta should map", False),
    ("group_vars/all.yml", "- a\n", r"group_vars/all.yml: should map names to values", True),
    ("group_vars/all.yml", "a: 1\na: 2\n", r"all.yml:2:1: 'a' stands here again", False),
    ("host_vars/x", "a: b: c\n", r"host_vars/x:1:5: ", True),
]


def write(folder: Path, texts: dict[str, str]) -> list[str]:
    """Writes the files; the sources among them, or a list of hosts."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [str(folder / name) for name in texts if "/" not in name] or ["web-03, web-04:5985,a"]


def test_written_inventories_are_read_as_ansible_reads_them(tmp_path: Path) -> None:
    cases = [
        {"sources": write(tmp_path / str(number), texts)}
        for number, texts in enumerate(WRITTEN.values())
    ]
    asked = [answer.get("listing", answer) for answer in ask_ansible(cases, tmp_path)]
    ours = [listing(load_inventory(case["sources"])) for case in cases]
    assert dict(zip(WRITTEN, ours, strict=True)) == dict(zip(WRITTEN, asked, strict=True))


@pytest.mark.parametrize(("name", "text", "said", "_"), REFUSED)
def test_what_cannot_be_is_refused_with_its_place(
    name: str, text: str, said: str, _: object, tmp_path: Path
) -> None:
    sources = write(tmp_path, {name: text} if "/" not in name else {"h": "x\n", name: text})
    with pytest.raises(InventoryError, match=said) as caught:
        listing(load_inventory(sources))
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_ansible_refuses_what_it_is_said_to_refuse(tmp_path: Path) -> None:
    rows = [row for row in REFUSED if row[3] is not None]
    cases = [
        {"sources": write(tmp_path / str(n), {name: text} | ({"h": "x\n"} if "/" in name else {}))}
        for n, (name, text, _, _) in enumerate(rows)
    ]
    answers = [("error" in answer) for answer in ask_ansible(cases, tmp_path)]
    assert dict(zip(rows, answers, strict=True)) == {row: row[3] for row in rows}


def test_a_listing_gives_the_inventory_it_was_made_from(tmp_path: Path) -> None:
    text = "u\n[a]\nx v=1\n[b]\ny\n[p:children]\na\nb\n[a:vars]\nw={'k': [1]}\n"
    sources = write(tmp_path, {"h": text})
    first = listing(load_inventory(sources))
    printed: dict[str, Any] = {name: group for name, group in first["groups"].items() if group}
    printed["_meta"] = {"hostvars": first["hostvars"]}
    (tmp_path / "list.json").write_text(json.dumps(printed))
    assert listing(load_inventory([tmp_path / "list.json"])) == first


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes of this kind")
def test_a_source_may_be_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "listing"
    os.mkfifo(pipe)
    names = [f"web-{number:05}" for number in range(5000)]
    text = json.dumps({"web": {"hosts": names}, "_meta": {"hostvars": {}}})
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    assert list(load_inventory([pipe]).hosts) == names
    writer.join()


def test_comments_may_be_in_any_encoding(tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes("# für Köln\r\n[web]\r\na x='é'\r\n".encode())
    (tmp_path / "latin").write_bytes("# für Köln\n[web]\n; é\na x=1\n".encode("latin-1"))
    sources = [str(tmp_path / "h"), str(tmp_path / "latin")]
    asked = ask_ansible([{"sources": [source]} for source in sources], tmp_path)
    assert [listing(load_inventory([source])) for source in sources] == [
        answer["listing"] for answer in asked
    ]


def test_vault_and_unsafe_values_of_a_listing(tmp_path: Path) -> None:
    hosts: dict[str, Any] = {"p": {"__ansible_vault": "$ANSIBLE_VAULT;1.1;AES256\n61"}}
    hosts |= {"u": {"__ansible_unsafe": "{{ x }}"}, "d": {"__ansible_vault": 1}}
    printed = {"web": {"hosts": ["a"]}, "_meta": {"hostvars": {"a": hosts}}}
    (tmp_path / "list.json").write_text(json.dumps(printed))
    inventory = load_inventory([tmp_path / "list.json"])
    found = inventory.variables(inventory.hosts["a"])
    place = Place(str(tmp_path / "list.json"), 1, 62)
    vault = VaultText("$ANSIBLE_VAULT;1.1;AES256\n61", place)
    assert found == {"p": vault, "u": Unsafe("{{ x }}"), "d": {"__ansible_vault": 1}}
    assert type(found["u"]) is Unsafe


def test_a_listing_is_read_as_ansible_reads_a_script(tmp_path: Path) -> None:
    printed = {
        "web": {
            "hosts": ["a", "b"],
            "vars": {"v": 1, "ansible_group_priority": 3},
            "children": ["db"],
        },
        "db": ["c"],
        "_meta": {"hostvars": {"a": {"x": [1, {"y": None}]}, "c": {}}},
    }
    (tmp_path / "list.json").write_text(json.dumps(printed))
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ncat '{tmp_path}/list.json'\n")
    script.chmod(0o755)
    asked = ask_ansible([{"sources": [str(script)]}], tmp_path)[0]["listing"]
    assert listing(load_inventory([tmp_path / "list.json"])) == asked


def test_folders_of_sources_and_several_sources(tmp_path: Path) -> None:
    texts = {
        "inv/10-web": "[web]\na v=1\nb\n",
        "inv/20-db.yml": "db: {hosts: {a: {v: 2}}, children: {web: }}\n",
        "inv/notes.md": "no inventory",
        "inv/.git/x": "[[",
        "inv/deep/er": "[web]\nc\n",
        "inv/group_vars/web": "g: first\n",
        "inv/deep/group_vars/web": "never: 1\n",
        "two/hosts": "[web]\nd\n[db]\nc w=3\n",
        "two/group_vars/all.yml": "g: second\n",
    }
    write(tmp_path, texts)
    sources = [str(tmp_path / "inv"), str(tmp_path / "two/hosts"), "e,web-[1:2]"]
    asked = ask_ansible([{"sources": sources[:2]}], tmp_path)[0]["listing"]
    assert listing(load_inventory(sources[:2])) == asked
    assert list(load_inventory(sources).hosts) == ["a", "b", "c", "d", "e", "web-1", "web-2"]


def test_a_list_adds_only_the_hosts_that_no_other_source_has(tmp_path: Path) -> None:
    write(tmp_path, {"h": "u\n[ungrouped:children]\na\n[a]\nx\n[ungrouped:vars]\nv=1\n"})
    sources = [str(tmp_path / "h"), "x,y:5985,u:1"]
    asked = ask_ansible([{"sources": sources}], tmp_path)[0]["listing"]
    assert listing(load_inventory(sources)) == asked


def test_a_long_head_of_comments_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("# c\n\n" * 2000 + "[web]\na\nb ansible_port=5985\n")
    assert list(load_inventory([tmp_path / "hosts"]).hosts) == ["a", "b"]


def test_executable_text_without_a_shebang_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hosts"  # as on a mounted Windows disk
    path.write_text("a\n")
    path.chmod(0o755)
    assert list(load_inventory([path]).hosts) == ["a"]


def test_notices_name_what_is_worth_a_look(tmp_path: Path) -> None:
    sources = write(tmp_path, {"h": "[web]\na\na x=1\n[a]\nb\n"})
    assert [str(notice).rpartition("/")[2] for notice in load_inventory(sources).notices] == [
        "h:3: host 'a' stands twice in group 'web'",
        "h:2: 'a' is the name of a host and of a group",
    ]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing-here", "is no file; a list of hosts has a comma"),
        ("~nobody-here/hosts", "is no file"),
        ("a,../x", "is a path"),
    ],
)
def test_a_source_that_is_none(source: str, said: str) -> None:
    with pytest.raises(InventoryError, match=said):
        load_inventory([source])


def test_other_encodings_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(b"a\nb x=\xe9\n")
    with pytest.raises(InventoryError, match=r"h:2: is not UTF-8"):
        load_inventory([tmp_path / "h"])
    (tmp_path / "h").write_text("a\n", encoding="utf-16")
    with pytest.raises(InventoryError, match=r"h: is UTF-16; save it as UTF-8"):
        load_inventory([tmp_path / "h"])
    (tmp_path / "h").write_bytes("\ufeffa\n".encode())
    assert select_hosts(load_inventory([tmp_path / "h"]), "all") == ["a"]
