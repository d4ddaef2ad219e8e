from __future__ import annotations

from pathlib import Path

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.patterns import select_hosts, split_pattern
from tests.fleet.ansible_oracle import ask_ansible

FLAT = """
solo
[web]
web-[01:05]
[db]
db1.corp
db2.corp
web-05
[old]
web-02
[empty]
[prod:children]
web
"""

CHOSEN = [
    *("all", "*", "web", "web[0]", "web[-1]", "web[1:3]", "web[2:]", "web[0:0]", "web[1-2]"),
    *(
        "web:db",
        "db:web",
        "web,db",
        "db[0],web[0]",
        "web-0[13]*",
        "web*[0:1]",
        "web:&db",
        "web:!old",
    ),
    *("!web", "&old:web", "~web-0[1-3]$", "~(web|db)", "web-05:db1.corp", "*.corp", "prod:!old"),
    *("db?.corp", "web:!nothing*", "web:&~.*5", "web-05,web-05", " web , db ", "web:!web[0]"),
    *("web[0:2]:!web-02", "solo,web[4]", "all[0]", "ungrouped", "localhost"),
]

REFUSED = [
    ("wbe", None, r"'wbe' is no host and no group of the inventory \(did you mean 'web'\?\)"),
    ("WEB-01", None, r"'WEB-01' is no host .*did you mean 'web-01'"),
    ("db1", None, r"'db1' is no host .*did you mean 'db1.corp'"),
    ("web:!od", None, r"'od' is no host"),
    ("web:&prdo", None, r"did you mean 'prod'"),
    ("empty", None, r"'empty' matches no host"),
    ("web:!web", None, r"'web:!web' matches no host"),
    ("web", "db1.corp", r"'web' within the limit 'db1.corp' matches no host"),
    ("web[5]", None, r"'web\[5\]' counts beyond the hosts .* 5$"),
    ("web[-6]", None, r"counts beyond"),
    ("web[7:9]", None, r"counts beyond"),
    ("~web[", None, r"no regular expression|bracket"),
    ("web[0:db", None, r"bracket of the pattern is missing"),
    ("", None, r"names no host"),
    ("web:!", None, r"'!' in a pattern needs a name"),
    ("web", "@nothing-here", r"nothing-here: cannot be read"),
    ("web", "@~nobody-here/x", r"~nobody-here/x: cannot be read"),
    ("web", "@a\0b", r"is no path"),
]


NAMED_SO = ["localhost", "127.0.0.1", "::1", "all:!localhost", "all,&::1", "localhost:web-01"]


@pytest.mark.parametrize("text", ["127.0.0.1\nweb-01\n", "web-01\nlocalhost x=1\n"])
def test_names_of_this_machine_stand_for_one_another(text: str, tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text(text)
    case = {"sources": [str(tmp_path / "hosts.ini")], "patterns": [(p, None) for p in NAMED_SO]}
    answers = ask_ansible([case], tmp_path)[0]["hosts"]
    inventory = load_inventory([tmp_path / "hosts.ini"])
    for pattern, answer in zip(NAMED_SO, answers, strict=True):
        if answer["names"]:
            assert select_hosts(inventory, pattern) == answer["names"], pattern
        else:
            with pytest.raises(UsageError, match="matches no host"):
                select_hosts(inventory, pattern)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("patterns") / "hosts.ini"
    path.write_text(FLAT)
    return path


def test_hosts_and_their_order_are_those_of_ansible(source: Path) -> None:
    case = {"sources": [str(source)], "patterns": [(pattern, None) for pattern in CHOSEN]}
    answers = ask_ansible([case], source.parent)[0]["hosts"]
    inventory = load_inventory([source])
    ours = {pattern: select_hosts(inventory, pattern) for pattern in CHOSEN}
    asked = zip(CHOSEN, answers, strict=True)
    assert ours == {pattern: answer["names"] for pattern, answer in asked}


@pytest.mark.parametrize(("pattern", "limit", "said"), REFUSED)
def test_a_pattern_that_names_nothing_is_refused(
    pattern: str, limit: str | None, said: str, source: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        select_hosts(load_inventory([source]), pattern, limit)


def test_a_file_of_terms(source: Path, tmp_path: Path) -> None:
    terms = tmp_path / "retry.txt"
    terms.write_text("web-01\n\n# gone: web-09\ndb\n!web-05\n")
    inventory = load_inventory([source])
    expected = ["web-01", "db1.corp", "db2.corp"]
    assert select_hosts(inventory, f"@{terms}") == expected
    assert select_hosts(inventory, "db:web", f"@{terms}") == [*expected[1:], "web-01"]
    terms.write_text("\n")
    with pytest.raises(UsageError, match=r"retry.txt: names no host"):
        select_hosts(inventory, "all", f"@{terms}")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a,b[1], c[2:3] , d", ["a", "b[1]", "c[2:3]", "d"]),
        ("a:b[0:3]:!c", ["a", "b[0:3]", "!c"]),
        ("fe80::1", ["fe80::1"]),
        ("web:5986", ["web:5986"]),
        ("a b", ["a", "b"]),
    ],
)
def test_terms_are_split_at_commas_or_at_colons(pattern: str, words: list[str]) -> None:
    assert split_pattern(pattern) == words
