from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from msgspec import structs

from pywfp_ps.model.objects import Snapshot
from pywfp_ps.store import Store
from tests.explain.small import ACCEPT, CONNECT, LOWER, on, policy, rule

from .conftest import Wfp

_BLOCK = f"""
name: No lab
layer: {ACCEPT}
sublayer: {LOWER}
action: FWP_ACTION_BLOCK
weight: 0xFFFFFFFFFFFFFFFF
conditions:
  - {{field: IP_LOCAL_PORT, match: EQUAL, value: %d}}
  - {{field: IP_REMOTE_ADDRESS, match: EQUAL, value: 203.0.113.0/24}}
"""


def _snapshot() -> Snapshot:
    made = policy(
        rule(11, "PERMIT", on("IP_LOCAL_PORT", 3389), weight=9, layer=ACCEPT),
        rule(12, "PERMIT", on("IP_LOCAL_PORT", 445), weight=8, layer=ACCEPT),
        rule(13, "BLOCK", weight=1, layer=ACCEPT),
        rule(14, "PERMIT", on("IP_REMOTE_PORT", 53), weight=9, layer=CONNECT),
        rule(15, "BLOCK", weight=1, layer=CONNECT),
    )
    return structs.replace(made, layers=())


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    with Store.open(folder, create=True) as opened, opened.begin_run(command="test") as run:
        run.add("web-01", _snapshot())
        run.add_outcome("web-01", "ok")
    return folder


def _file(folder: Path, port: int) -> Path:
    path = folder / f"block-{port}.yml"
    path.write_text(_BLOCK % port, "utf-8")
    return path


def test_a_change_is_classes_of_flows_with_an_example_each(
    wfp: Wfp, store: Path, tmp_path: Path
) -> None:
    call = wfp("impact", "--add", _file(tmp_path, 445), "--protocol", "tcp", "--store", store)
    lines = call.out.splitlines()
    assert call.code == 0
    assert lines[0] == "web-01: 1 filter added, 0 filters removed; 1 class of flows changes"
    assert lines[1:9] == [
        f"  safe: {name}"
        for name in ("WinRM", "SSH", "RDP", "DNS", "Kerberos", "LDAP", "DHCP", "DHCPv6")
    ]
    assert lines[9:12] == [
        "  in TCP over IPv4: permit by filter 12 'rule 12' -> block by filter 16 'No lab'",
        "      local port: 445",
        "      the other address: 203.0.113.0-203.0.113.255",
    ]
    assert lines[12].startswith("      for example in TCP 192.0.2.10:445 <- 203.0.113.")


def test_a_guarded_connection_that_is_cut_is_a_finding(
    wfp: Wfp, store: Path, tmp_path: Path
) -> None:
    call = wfp("impact", "--add", _file(tmp_path, 3389), "--json", "--store", store)
    (row,) = call.rows
    assert (call.code, row["dangerous"], row["added"], row["reason"]) == (1, True, [16], "")
    dangers = {one["name"]: one["danger"] for one in row["guarded"]}
    assert [name for name, danger in dangers.items() if danger != "safe"] == ["RDP"]
    (rdp,) = [one for one in row["guarded"] if one["name"] == "RDP"]
    assert (rdp["danger"], rdp["before"]["deciding"]["filter_id"]) == ("cut", 11)
    words = shlex.split(rdp["command"])[1:]
    answer = wfp(*words, "--json", "--store", store).rows[0]
    assert (answer["policy_verdict"], answer["deciding"]["filter_id"]) == ("permit", 11)


@pytest.mark.parametrize(
    ("removal", "removed", "code"),
    [("14", [14], 1), ("name = 'rule 12'", [12], 0), ("action = 'FWP_ACTION_BLOCK'", [13, 15], 0)],
)
def test_filters_are_removed_by_id_and_by_query(
    wfp: Wfp, store: Path, removal: str, removed: list[int], code: int
) -> None:
    call = wfp("impact", "--remove", removal, "--json", "--store", store)
    assert (call.code, call.rows[0]["removed"]) == (code, removed)


def test_guards_are_those_of_the_option_or_of_the_configuration(
    wfp: Wfp, store: Path, tmp_path: Path
) -> None:
    words = ("impact", "--remove", "12", "--json", "--store", store)
    assert wfp(*words, "--guard", "SMB=in/tcp/445 remote=192.0.2.0/24").code == 1
    assert wfp(*words, "--no-guards").rows[0]["guarded"] == []
    config = tmp_path / "c.toml"
    config.write_text('[impact]\nguard = ["SMB=in/tcp/445 app=System"]\n', "utf-8")
    call = wfp("--config", config, *words)
    assert (call.code, [one["name"] for one in call.rows[0]["guarded"]]) == (1, ["SMB"])


def test_markdown_is_a_page_that_hostile_names_cannot_leave(
    wfp: Wfp, store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.yml"
    path.write_text(_BLOCK.replace("No lab", "'a | b\\x1b `c`'") % 445, "utf-8")
    call = wfp("impact", "--add", path, "--markdown", "--protocol", "tcp", "--store", store)
    assert call.out.startswith("# Impact on web-01\n")
    assert "a \\| b" in call.out
    assert all(line.count(" | ") == 3 for line in call.out.splitlines() if "445" in line)


def test_what_does_not_change_is_no_class(wfp: Wfp, store: Path, tmp_path: Path) -> None:
    call = wfp("impact", "--add", _file(tmp_path, 9999), "--json", "--store", store)
    assert (call.code, call.rows[0]["changes"]) == (0, [])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what changes: --add FILTER.yml, --remove KEY|QUERY, or both"),
        (["--remove", "999"], "web-01 has no filter '999'"),
        (["--remove", "b0000000-0000-4000-8000-00000000000f"], "web-01 has no filter"),
        (["--remove", "name = 'nobody'"], "web-01 has no filter"),
        (["--remove", "1", "--json", "--markdown"], "choose one of --json and --markdown"),
        (["--remove", "12", "--guard", "RDP"], "guard 'RDP': one looks like RDP="),
        (["--remove", "12", "--guard", "X=up/tcp/1"], "no direction 'up'"),
        (["--remove", "12", "--guard", "X=in/tpc/1"], "'tpc' is no protocol"),
        (["--remove", "12", "--guard", "X=in/tcp/0-"], "'0-' is no list of ports"),
        (["--remove", "12", "--guard", "X=in/tcp/1 color=red"], "no setting 'color=red'"),
        (["--remove", "12", "--guard", "X=in/tcp/1 local-port=1"], "local-port is said already"),
        (["--remove", "12", "--guard", "X=in/tcp/1 as=king"], "no account 'king'"),
        (["--remove", "12", "--guard", "X=in/tcp/1 app='"], "No closing quotation"),
        (["--add", "nowhere.yml"], "nowhere.yml"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    wfp: Wfp, store: Path, words: list[str], message: str
) -> None:
    call = wfp("impact", "--store", store, *words)
    assert (call.code, call.out) == (2, "")
    assert message in call.error


def test_a_bad_filter_is_one_line_with_its_place(wfp: Wfp, store: Path, tmp_path: Path) -> None:
    path = _file(tmp_path, 445)
    path.write_text(path.read_text("utf-8").replace("445", "http"), "utf-8")
    call = wfp("impact", "--add", path, "--store", store)
    assert (call.code, call.out) == (2, "")
    assert call.error.startswith(f"wfp: {path}:8:49: 'http' is no number")


def test_a_real_host_answers(wfp: Wfp, samples: Path, tmp_path: Path) -> None:
    dump = samples / "wfpstate" / "host-a-200-filters.xml"
    wfp("import", dump, "--host", "host-a", "--store", tmp_path / "s")
    call = wfp(
        *("impact", "--add", _file(tmp_path, 3389), "--json", "--no-loopback"),
        *("--store", tmp_path / "s"),
    )
    (row,) = call.rows
    assert (call.code, row["reason"]) == (1, "")
    ends = {(one["before"]["verdict"], one["after"]["verdict"]) for one in row["changes"]}
    assert ends == {("permit", "block"), ("permit", "unknown")}  # a permit has the same weight
    assert [one["name"] for one in row["guarded"] if one["danger"] == "cut"] == ["RDP"]


def test_a_layer_that_no_verdict_hangs_on_is_said(wfp: Wfp, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    layer = "FWPM_LAYER_ALE_RESOURCE_RELEASE_V4"
    text = (_BLOCK % 445).split("conditions")[0].replace(ACCEPT, layer)
    path.write_text(text, "utf-8")
    call = wfp("impact", "--add", path, "--no-guards", "--store", store)
    assert (call.code, call.out) == (
        0,
        (
            "web-01: 1 filter added, 0 filters removed; 0 classes of flows change; no verdict "
            "hangs on ALE_RESOURCE_RELEASE_V4\n"
        ),
    )


def test_forwarded_packets_are_looked_at_too(wfp: Wfp, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    layer = "FWPM_LAYER_IPFORWARD_V4"
    path.write_text((_BLOCK % 1).split("conditions")[0].replace(ACCEPT, layer), "utf-8")
    call = wfp("impact", "--add", path, "--no-guards", "--json", "--store", store)
    assert {one["direction"] for one in call.rows[0]["changes"]} == {"forward"}
    assert wfp("impact", "--add", path, "--direction", "in", "--json", "--no-guards", "--store",
               store).rows[0]["changes"] == []  # fmt: skip


def test_what_flows_have_in_common_is_said_in_words(wfp: Wfp, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "public.yml"
    path.write_text(_BLOCK % 445 + "  - {field: CURRENT_PROFILE_ID, value: public}\n", "utf-8")
    call = wfp("impact", "--add", path, "--protocol", "tcp", "--store", store)
    assert "      profile: public" in call.out.splitlines()
