from __future__ import annotations

import csv
import io
import json
import re
import shutil
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from pywfp_ps.model.objects import (
    Callout,
    Completeness,
    Condition,
    Filter,
    Layer,
    Provider,
    Session,
    Snapshot,
    SubLayer,
)
from pywfp_ps.model.tables import key_of
from pywfp_ps.store import Store
from pywfp_ps.store.writer import About

from .conftest import Wfp

_CONNECT, _ACCEPT6 = "FWPM_LAYER_ALE_AUTH_CONNECT_V4", "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V6"
_AGENT = "\\device\\harddiskvolume3\\program files (x86)\\acme\\agent.exe"


def _is(field: str, type_: str, value: Any = None, match: str = "EQUAL", **more: Any) -> Condition:
    name = f"FWPM_CONDITION_{field}"
    return Condition(
        field=name,
        field_key=key_of("conditions", name),
        match=f"FWP_MATCH_{match}",
        type=type_,
        value=value,
        **more,
    )


_DESCRIPTOR = "O:LSD:(A;;CC;;;LS)(A;;CC;;;S-1-5-80-1)"
_PORTS: dict[str, Any] = {"low": 8000, "high": 8080, "bound_type": "FWP_UINT16"}
_NETWORK: dict[str, Any] = {"mask": IPv4Address("255.255.255.0"), "prefix_length": 24}
_CONDITIONS: dict[int, tuple[Condition, ...]] = {
    1: (_is("IP_REMOTE_PORT", "FWP_UINT16", 443), _is("IP_PROTOCOL", "FWP_UINT8", 6)),
    2: (_is("IP_LOCAL_PORT", "FWP_RANGE_TYPE", match="RANGE", **_PORTS),),
    3: (_is("IP_REMOTE_ADDRESS", "FWP_V4_ADDR_MASK", IPv4Address("192.0.2.0"), **_NETWORK),),
    4: (_is("ALE_APP_ID", "FWP_BYTE_BLOB_TYPE", _AGENT),),
    5: (
        _is(
            "ALE_USER_ID", "FWP_SECURITY_DESCRIPTOR_TYPE", "O:LSD:(A;;CC;;;LS)(A;;CC;;;S-1-5-80-1)"
        ),
    ),
    6: (_is("IP_LOCAL_PORT", "FWP_UINT16", 443), _is("IP_PROTOCOL", "FWP_UINT8", 1)),
    7: (),
    8: (_is("IP_REMOTE_ADDRESS", "FWP_BYTE_ARRAY16_TYPE", IPv6Address("2001:db8::1")),),
    9: (_is("IP_REMOTE_PORT", "FWP_UINT16", 443, match="NOT_EQUAL"),),
}
_WHAT: dict[int, dict[str, Any]] = {
    1: {"name": "Red [red]markup[/red] \x1b[31mescape", "action": "FWP_ACTION_PERMIT"},
    2: {"name": "=2+5|calc", "flags": ("FWPM_FILTER_FLAG_PERSISTENT",), "flags_value": 1},
    4: {"provider": "{11111111-2222-3333-4444-555555555555}"},
    5: {"action": "FWP_ACTION_CALLOUT_UNKNOWN", "callout": "{c}"},
    6: {"flags": ("FWPM_FILTER_FLAG_BOOTTIME",), "flags_value": 2},
    7: {"flags": ("FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT",), "flags_value": 8},
    8: {"layer": _ACCEPT6, "effective_weight": (1 << 64) - 1},
}


def _filter(id_: int) -> Filter:
    fields: dict[str, Any] = {
        "id": id_,
        "key": None,
        "name": f"filter {id_}",
        "layer": _CONNECT,
        "sublayer": "FWPM_SUBLAYER_UNIVERSAL",
        "sublayer_key": key_of("sublayers", "FWPM_SUBLAYER_UNIVERSAL"),
        "action": "FWP_ACTION_BLOCK",
        "effective_weight": 100 - id_,
        "conditions": _CONDITIONS[id_],
    }
    fields |= _WHAT.get(id_, {})
    fields["layer_key"] = key_of("layers", fields["layer"])
    return Filter(**fields)


_SNAPSHOT = Snapshot(
    source="netsh",
    completeness=Completeness(command="netsh wfp show state"),
    layers=tuple(
        Layer(id=id_, key=key_of("layers", name), const_name=name)
        for id_, name in ((48, _CONNECT), (46, _ACCEPT6))
    ),
    sublayers=(
        SubLayer(
            key=key_of("sublayers", "FWPM_SUBLAYER_UNIVERSAL"),
            const_name="FWPM_SUBLAYER_UNIVERSAL",
            weight=32768,
        ),
    ),
    providers=(
        Provider(
            key=None,
            const_name="{11111111-2222-3333-4444-555555555555}",
            name="Acme",
            service_name="acmesvc",
        ),
    ),
    callouts=(Callout(id=300, key=None, const_name="{c}", layer=_CONNECT),),
    filters=tuple(map(_filter, _CONDITIONS)),
    sessions=(Session(key=None, user_name="CORP\\ann", sid="S-1-5-21-1-2-3-1001"),),
)


@pytest.fixture(scope="session")
def made_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two hosts of the same policy."""
    folder = tmp_path_factory.mktemp("made") / "s"
    with Store.open(folder, create=True) as store, store.begin_run(command="test") as run:
        for host in ("web-1", "db-1"):
            run.add(host, _SNAPSHOT)
            run.add_outcome(host, "ok", about=About(groups=(host[:-2],)))
    return folder


@pytest.fixture
def store(wfp: Wfp, made_store: Path) -> Path:  # noqa: ARG001 - wfp chooses the folder
    """The same, in the test's own folder."""
    return Path(shutil.copytree(made_store, "s"))


def _ids(wfp: Wfp, *words: str) -> list[int]:
    call = wfp(
        "filters", "--store", "s", "--host", "web-1", "--json", "--sort", "filter_id", *words
    )
    assert call.code == 0, call.err
    return [row["filter_id"] for row in call.rows]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (["--layer", "connect"], [1, 2, 3, 4, 5, 6, 7, 9]),
        (["--layer", "46"], [8]),
        (["--action", "permit"], [1]),
        (["--action", "callout"], [5]),
        (["--provider", "acme"], [4]),
        (["--provider", "{11111111-2222-3333-4444-555555555555}"], [4]),
        (["--owner", "ACMESVC"], [4]),
        (["--name", "MARKUP"], [1]),
        (["--app", "agent.exe"], [4]),
        (["--app", "ent.exe"], []),
        (["--app", "C:\\Program Files (x86)\\Acme\\Agent.exe"], [4]),
        (["--app", "*acme*"], [4]),
        (["--protocol", "tcp"], [1]),
        (["--protocol", "tcp", "--applies"], [1, 2, 3, 4, 5, 7, 8, 9]),
        (["--port", "443"], [1, 9]),
        (["--port", "443", "--applies"], [1, 2, 3, 4, 5, 7, 8, 9]),
        (["--local-port", "8080"], [2]),
        (["--local-port", "8081-9000"], []),
        (["--remote-port", "80", "--applies"], [2, 3, 4, 5, 7, 8, 9]),
        (["--address", "192.0.2.7"], [3]),
        (["--address", "192.0.0.0/16"], [3]),
        (["--address", "198.51.100.1", "--applies"], [1, 2, 3, 4, 5, 6, 7, 9]),
        (["--address", "2001:db8::/32"], [8]),
        (["--sid", "S-1-5-80-1"], [5]),
        (["--sid", "s-1-5-19"], [5]),
        (["--sid", "S-1-5-8"], []),
        (["--persistent"], [2]),
        (["--hard"], [7]),
        (["--in-force"], [1, 2, 3, 4, 5, 7, 8, 9]),
        (["--where", "filter_id > 7 -- more"], [8, 9]),
        (["--limit", "2"], [1, 2]),
    ],
)
def test_filters_are_found_by_what_people_ask(wfp: Wfp, words: list[str], ids: list[int]) -> None:
    assert _ids(wfp, *words) == ids


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["filters", "--layer", "nowhere"], "no layer is called"),
        (["filters", "--action", "allow"], "unknown action"),
        (["filters", "--port", "70000"], "ports go from 0 to 65535"),
        (["filters", "--port", "http"], "no port"),
        (["filters", "--address", "10.0.0.300"], "no address"),
        (["filters", "--protocol", "xyz"], "unknown protocol"),
        (["filters", "--protocol", "\N{SUPERSCRIPT TWO}"], "unknown protocol"),
        (["filters", "--sid", "ann"], "is no SID"),
        (["filters", "--columns", "nam"], "did you mean 'name'"),
        (["filters", "--sort", "-nam"], "did you mean 'name'"),
        (["filters", "--where", "nonsense = 1"], "nonsense"),
        (["filters", "--where", "1=1) OR (1=1"], ""),
        (["filters", "--host", "nobody"], "hosts in the store: db-1, web-1"),
        (["filters", "--json", "--csv"], "choose one"),
        (["filters", "--run", "x"], "x"),
        (["filters", "--at", "soon"], "is no time"),
        (["sql", "SELEC 1"], "SELEC"),
        (["sql", "SELECT * FROM nowhere"], "nowhere"),
        (["sql", "SELECT content FROM read_text('/etc/passwd')"], ""),
        (["sql", "COPY (SELECT 1) TO 'out.csv'"], ""),
        (["sql", "ATTACH 'x.db'"], ""),
        (["sql", "INSTALL httpfs"], ""),
        (["sql", "SELECT 1; SELECT 2"], ""),
        (["sql"], "give one query"),
        (["show", "nothing-like-it"], "no object"),
        (["show", "filter"], "means"),
        (["export", "out", "--view", "nowhere"], "there is no view"),
        (["runs", "--prune"], "prune needs"),
        (["runs", "--keep", "1"], "go with --prune"),
        (["filters", "--parquet", "s/store.json"], "is inside the store"),
        (["runs", "--prune", "--older-than", "soon"], "is no age"),
        (["hosts", "--limit", "-1"], "--limit"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_wrong_question_is_one_line_and_code_2(wfp: Wfp, words: list[str], problem: str) -> None:
    call = wfp(*words[:1], "--store", "s", *words[1:]) if words != ["nonsense"] else wfp(*words)
    assert (call.code, problem in call.error, call.out) == (2, True, "")


def test_no_store_is_one_line(wfp: Wfp) -> None:
    call = wfp("hosts", "--store", "gone")
    assert (call.code, "there is no store" in call.error) == (2, True)


@pytest.mark.usefixtures("store")
def test_no_rows_are_no_output_and_good(wfp: Wfp) -> None:
    call = wfp("filters", "--store", "s", "--where", "false")
    assert call == type(call)(0, "", "")


@pytest.mark.usefixtures("store")
def test_json_is_exact_and_says_null(wfp: Wfp) -> None:
    row = wfp("filters", "--store", "s", "--json", "--where", "filter_id = 8").rows[0]
    assert (row["effective_weight"], row["provider"]) == ((1 << 64) - 1, None)
    text = wfp("filters", "--store", "s", "--json", "--ids-as-text", "--where", "filter_id = 8")
    assert text.rows[0]["effective_weight"] == str((1 << 64) - 1)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("format_", [[], ["--json"], ["--csv"]])
def test_hostile_names_are_shown_harmless(wfp: Wfp, format_: list[str]) -> None:
    out = wfp("filters", "--store", "s", "--columns", "name", *format_).out
    assert "\x1b" not in out
    assert "[red]markup[/red]" in out


@pytest.mark.usefixtures("store")
def test_csv_starts_no_formula(wfp: Wfp) -> None:
    out = wfp("filters", "--store", "s", "--columns", "name", "--csv", "--where", "filter_id=2").out
    assert list(csv.reader(io.StringIO(out))) == [["name"], ["'=2+5|calc"], ["'=2+5|calc"]]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("web*", ["web-1"]),
        ("web-1,db-1", ["db-1", "web-1"]),
        ("all:!web", ["db-1"]),
        ("~^d", ["db-1"]),
    ],
)
def test_host_patterns_are_those_of_inventories(wfp: Wfp, pattern: str, hosts: list[str]) -> None:
    rows = wfp("hosts", "--store", "s", "--json", "--host", pattern).rows
    assert [row["host"] for row in rows] == hosts


@pytest.mark.usefixtures("store")
def test_a_query_comes_as_text_file_or_stdin(wfp: Wfp) -> None:
    query = "SELECT count(*) AS n FROM filters"
    Path("q.sql").write_text(query, "utf-8")
    answers = [
        wfp("sql", "--store", "s", "--json", query).out,
        wfp("sql", "--store", "s", "--json", "-f", "q.sql").out,
        wfp("sql", "--store", "s", "--json", "-", stdin=query).out,
    ]
    assert answers == ['{"n": 18}\n'] * 3


@pytest.mark.usefixtures("store")
def test_show_links_an_object_both_ways(wfp: Wfp) -> None:
    row = wfp("show", "Acme", "--store", "s", "--host", "web-1", "--json").rows[0]
    assert (row["kind"], [link["name"] for link in row["referred_by"]]) == ("provider", ["4"])
    text = wfp("show", "4", "--store", "s", "--host", "web-1")
    assert text.code == 0
    assert "provider: provider {11111111-2222-3333-4444-555555555555} (Acme)" in text.out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_a_redacted_export_names_nobody(wfp: Wfp, format_: str) -> None:
    call = wfp("export", "out", "--store", "s", "--format", format_, "--redact")
    assert call.code == 0, call.err
    import pyarrow.parquet as pq

    whole = b""
    for path in sorted(Path("out").iterdir()):
        if format_ == "parquet":
            whole += json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
        else:
            whole += path.read_bytes()
    secret = rb"web-1|db-1|ann|S-1-5-21|S-1-5-80-1|192\.0\.2|2001:db8|acme|agent|markup|filter 3"
    assert re.findall(secret, whole, re.IGNORECASE) == []
    assert b"FWPM_LAYER_ALE_AUTH_CONNECT_V4" in whole


@pytest.mark.usefixtures("store")
def test_pseudonyms_are_the_same_in_two_exports(wfp: Wfp) -> None:
    for folder in ("one", "two"):
        wfp("export", folder, "--store", "s", "--format", "jsonl", "--redact", "--view", "filters")
    one, two = (Path(name, "filters.jsonl").read_text("utf-8") for name in ("one", "two"))
    assert one == two


@pytest.mark.usefixtures("store")
def test_an_export_never_overwrites(wfp: Wfp) -> None:
    wfp("export", "out", "--store", "s", "--view", "hosts")
    call = wfp("export", "out", "--store", "s", "--view", "hosts")
    assert (call.code, "is there already" in call.error) == (2, True)


@pytest.mark.usefixtures("store")
def test_a_configuration_file_gives_defaults(wfp: Wfp) -> None:
    Path("wfp.toml").write_text('store = "s"\n[hosts]\ncolumns = "host"\n', "utf-8")
    assert (
        wfp("--config", "wfp.toml", "hosts", "--json").out
        == '{"host": "db-1"}\n{"host": "web-1"}\n'
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [("x = ", "no TOML"), ("colour = 1", "unknown setting"), ("[nowhere]\na = 1", "no command")],
)
def test_a_wrong_configuration_is_one_line(wfp: Wfp, text: str, problem: str) -> None:
    Path("wfp.toml").write_text(text, "utf-8")
    call = wfp("--config", "wfp.toml", "hosts")
    assert (call.code, problem in call.error) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_printed_for_every_shell(wfp: Wfp, shell: str) -> None:
    call = wfp("completion", shell)
    assert (call.code, "_WFP_COMPLETE" in call.out) == (0, True)


_ADDRESS = ("FWP_UINT32", IPv4Address("192.0.2.10"))


@pytest.mark.parametrize(
    ("condition", "words", "found"),
    [
        (_is("IP_REMOTE_ADDRESS", *_ADDRESS, match="GREATER"), ["--address", "192.0.2.11"], True),
        (_is("IP_REMOTE_ADDRESS", *_ADDRESS, match="GREATER"), ["--address", "192.0.2.10"], False),
        (_is("IP_REMOTE_ADDRESS", *_ADDRESS, match="LESS"), ["--address", "192.0.2.9"], True),
        (_is("IP_REMOTE_ADDRESS", *_ADDRESS, match="LESS"), ["--address", "192.0.2.10"], False),
        (
            _is("IP_REMOTE_ADDRESS", *_ADDRESS, match="NOT_EQUAL"),
            ["--address", "192.0.2.10"],
            False,
        ),
        (
            _is("IP_REMOTE_ADDRESS", *_ADDRESS, match="NOT_EQUAL"),
            ["--address", "192.0.2.0/24"],
            True,
        ),
        (_is("IP_REMOTE_ADDRESS", "FWP_UINT32"), ["--address", "192.0.2.1"], True),
        (_is("IP_LOCAL_PORT", "FWP_UINT16"), ["--port", "443"], True),
        (
            _is("ALE_PACKAGE_ID", "FWP_SID", "S-1-0-0", match="NOT_EQUAL"),
            ["--sid", "S-1-15-2-7"],
            True,
        ),
        (
            _is("ALE_PACKAGE_ID", "FWP_SID", "S-1-0-0", match="NOT_EQUAL"),
            ["--sid", "S-1-0-0"],
            False,
        ),
        (_is("ALE_PACKAGE_ID", "FWP_SID", "S-1-0-0"), ["--sid", "S-1-15-2-7"], False),
        (
            _is("ALE_APP_ID", "FWP_BYTE_BLOB_TYPE", _AGENT, match="NOT_EQUAL"),
            ["--app", "b.exe"],
            True,
        ),
        (_is("ALE_APP_ID", "FWP_BYTE_BLOB_TYPE"), ["--app", "b.exe"], True),
    ],
)
def test_applies_leaves_out_only_what_cannot_be_met(
    wfp: Wfp, condition: Condition, words: list[str], *, found: bool
) -> None:
    # The same on the other side: traffic has the address or port on one side or the other.
    field = condition.field
    other = (
        field.replace("REMOTE", "LOCAL") if "REMOTE" in field else field.replace("LOCAL", "REMOTE")
    )
    both = (condition, structs.replace(condition, field=other, field_key=None))
    one = structs.replace(_filter(7), conditions=both[: 1 + (other != field)])
    with Store.open("s", create=True) as store, store.begin_run(command="test") as run:
        run.add("web-1", structs.replace(_SNAPSHOT, filters=(one,)))
    assert _ids(wfp, *words, "--applies") == ([7] if found else [])
