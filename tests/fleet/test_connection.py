from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from pywfp_ps.fleet.connection import Risk, resolve_targets
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.problems import InventoryError
from pywfp_ps.fleet.templates import Values
from pywfp_ps.fleet.vault import Vault, VaultPassword
from pywfp_ps.transports.base import Credential, Secret, Target
from tests.fleet.vault_maker import seal

CANARY = "c4nary-hunter2"
IN_VALUE = "".join(f"  {line}\n" for line in seal(CANARY, "pw").splitlines())
PLAIN = Target(name="a", address="a")


def inventory_of(folder: Path, variables: dict[str, Any] | str, vault: Vault | None = None) -> Any:
    text = variables if isinstance(variables, str) else yaml.safe_dump(variables)
    (folder / "hosts").write_text("a\n")
    (folder / "host_vars").mkdir(exist_ok=True)
    (folder / "host_vars/a").write_text(text)
    return load_inventory([folder / "hosts"], vault=vault)


def target_of(
    folder: Path, variables: dict[str, Any] | str, *allow: Risk, vault: Vault | None = None
) -> Target:
    inventory = inventory_of(folder, variables, vault)
    return resolve_targets(inventory, ["a"], allow=allow).targets[0]


RESOLVED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    (
        {"host": "10.0.0.7", "port": "5985"},
        {"address": "10.0.0.7", "port": 5985, "protocol": "http"},
    ),
    ({"connection": None, "user": None, "psrp_auth": "{{ nope | default(omit) }}"}, {}),
    ({"psrp_protocol": "http"}, {"port": 5985, "protocol": "http"}),
    ({"port": 8443}, {"port": 8443, "protocol": "https"}),
    ({"host": "x", "psrp_host": "y", "psrp_port": 1, "port": 2}, {"address": "y", "port": 1}),
    ({"host": "fe80::1"}, {"address": "fe80::1"}),
    ({"user": "u", "psrp_user": r"D\v"}, {"credential": Credential(user=r"D\v")}),
    ({"password": 123}, {"credential": Credential(password=Secret("123"))}),
    (
        {"user": "u", "password": "x", "winrm_password": CANARY},
        {"credential": Credential(user="u", password=Secret(CANARY))},
    ),
    ({"psrp_cert_validation": "ignore"}, {"cert_validation": False}),
    ({"psrp_path": "/wsman/h1/"}, {"path": "wsman/h1"}),
    (
        {"psrp_read_timeout": 70, "psrp_operation_timeout": "60", "psrp_connection_timeout": 5},
        {"read_timeout": 70, "operation_timeout": 60, "connection_timeout": 5},
    ),
    (
        {
            "psrp_auth": "kerberos",
            "psrp_message_encryption": "always",
            "psrp_proxy": "http://p:3128",
            "psrp_ignore_proxy": "yes",
            "psrp_reconnection_retries": 3,
            "psrp_connection_backoff": 0.5,
            "psrp_max_envelope_size": 500000,
            "psrp_configuration_name": "wfp.read",
            "psrp_negotiate_delegate": True,
            "psrp_negotiate_hostname_override": "h.corp",
            "psrp_negotiate_send_cbt": "no",
            "psrp_negotiate_service": "HTTP",
            "psrp_credssp_auth_mechanism": "ntlm",
            "psrp_credssp_disable_tlsv1_2": "on",
            "psrp_credssp_minimum_version": 5,
        },
        {
            "auth": "kerberos",
            "message_encryption": "always",
            "proxy": "http://p:3128",
            "ignore_proxy": True,
            "reconnection_retries": 3,
            "reconnection_backoff": 0.5,
            "max_envelope_size": 500000,
            "configuration_name": "wfp.read",
            "negotiate_delegate": True,
            "negotiate_hostname_override": "h.corp",
            "negotiate_send_cbt": False,
            "negotiate_service": "HTTP",
            "credssp_auth_mechanism": "ntlm",
            "credssp_disable_tlsv1_2": True,
            "credssp_minimum_version": 5,
        },
    ),
    ({"connection": "local"}, {"address": "localhost", "connection": "local"}),
    ({"connection": "ansible.builtin.psrp", "winrm_scheme": "http", "ssh_user": "x"}, {}),
    (
        {
            "connection": "winrm",
            "winrm_scheme": "http",
            "winrm_path": "/wsman",
            "winrm_transport": ["ntlm"],
            "winrm_server_cert_validation": "ignore",
            "winrm_ca_trust_path": "legacy_requests",
            "winrm_kinit_mode": "managed",
            "winrm_operation_timeout_sec": 40,
            "winrm_read_timeout_sec": 50,
            "winrm_host": "w",
        },
        {
            "address": "w",
            "port": 5985,
            "protocol": "http",
            "auth": "ntlm",
            "cert_validation": False,
            "operation_timeout": 40,
            "read_timeout": 50,
        },
    ),
    ({"connection": "winrm", "winrm_transport": "ntlm,kerberos"}, {"auth": "ntlm"}),
    ({"host": "127.0.0.1", "psrp_auth": "basic"}, {"address": "127.0.0.1", "auth": "basic"}),
    ({"host": "{{ inventory_hostname }}.corp"}, {"address": "a.corp"}),
]


@pytest.mark.parametrize(("variables", "changed"), RESOLVED)
def test_variables_become_a_target(
    variables: dict[str, Any], changed: dict[str, Any], tmp_path: Path
) -> None:
    named = {f"ansible_{name}": value for name, value in variables.items()}
    assert target_of(tmp_path, named) == replace(PLAIN, **changed)


def test_every_option_of_ansibles_psrp_connection_is_known(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "-t", "connection", "-j", "psrp"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    documented = yaml.safe_load(done.stdout)["psrp"]["doc"]["options"]
    names = {one["name"] for option in documented.values() for one in option.get("vars", ())}
    from pywfp_ps.fleet.connection import _PSRP

    known = {name for option in _PSRP for name in option.variables}
    # Not about reaching a host: the inventory name itself, and how Ansible sends modules.
    assert names - known == {"inventory_hostname", "ansible_pipelining"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("ansible_connection: ssh", r"a:1:1: ansible_connection of host 'a': 'ssh' is not one of"),
        ("x: 1\nansible_port: web", r"a:2:1: ansible_port of host 'a': should be a number"),
        ("ansible_port: 70000", r"host 'a': a port is a number from 1 to 65535"),
        ("ansible_port: true", r"should be a number"),
        ("ansible_host: ../../x", r"'../../x' is a path, not a host name"),
        ("ansible_host: [x]", r"should be a text"),
        ("ansible_psrp_auth: kerberos5", r"did you mean 'kerberos'"),
        ("ansible_psrp_cert_validaton: x", r"a:1:1: .*did you mean 'ansible_psrp_cert_validation'"),
        ("ansible_psrp_cert_validation: false", r"'False' is not one of validate, ignore"),
        ("ansible_psrp_ca_cert: ~nobody-here/ca.pem", r"/~nobody-here/ca.pem is no file"),
        ("ansible_psrp_ca_cert: /nothing/here", r"/nothing/here is no file"),
        ("ansible_psrp_read_timeout: 5", r"host 'a': the read timeout \(5 s\) must be longer"),
        ("ansible_psrp_connection_timeout: 0", r"a:1:1: .*number of seconds from 1 to 86400"),
        ("ansible_psrp_connection_timeout: .nan", r"should be a number that is not negative"),
        ("ansible_psrp_read_timeout: 1e10", r"should be a number"),
        ("ansible_psrp_read_timeout: 10000000000", r"is too large"),
        ("ansible_psrp_operation_timeout: 90000", r"number of seconds from 1 to 86400"),
        ("ansible_psrp_reconnection_backoff: .nan", r"number of seconds from 0 to 86400"),
        ("ansible_psrp_reconnection_backoff: .inf", r"number of seconds from 0 to 86400"),
        ("ansible_psrp_connection_backoff: -1", r"number of seconds from 0 to 86400"),
        (f"ansible_psrp_reconnection_retries: {'9' * 5000}", r"is too large|digits"),
        ("ansible_psrp_ignore_proxy: maybe", r"should be true or false"),
        ("ansible_psrp_proxy: 'http://u:c4nary-hunter2@p'", r"belongs into the environment"),
        ("ansible_psrp_password: x", r"no such connection .* \(did you mean 'ansible_password'"),
        ("ansible_psrp_ssl: x", r"there is no such connection variable$"),
        ("ansible_connection: winrm\nansible_winrm_transprt: x", r"'ansible_winrm_transport'"),
        ("ansible_psrp_auth: basic", r"hands the password itself to the host; --allow basic does"),
        ("ansible_psrp_auth: credssp", r"--allow credssp"),
        ("ansible_psrp_auth: basic\nansible_port: 5985", r"--allow clear --allow basic does it"),
        ('ansible_user: "CORP\\admin"', r"ansible_user of .* a backslash is written twice"),
        ("ansible_password: |\n  c4nary-hunter2\n", r"a:1:1: .* \|- in place of \|"),
        ("ansible_password: ''", r"a:1:1: .* is empty; leave it out or make it null"),
        ("ansible_password: \"{{ lookup('env', 'WFP_NOT') | trim }}\"", r"a:1:1: .* is empty"),
        ("ansible_user: ''", r"a:1:1: ansible_user of host 'a': is empty; leave it out"),
        ("ansible_port: 5985\nansible_psrp_message_encryption: never", r"--allow clear"),
        ("ansible_password: '{{ vault_pw }}'", r"a:1:1: .*'vault_pw' is undefined"),
        ("ansible_password: '{{ pw }}'\npw: '{{ ansible_password }}'", r"goes round"),
        ("ansible_password: [c4nary-hunter2]", r"should be a text in quotes"),
        (f"ansible_password: !vault |\n{IN_VALUE}", r"a:1:19: .*no password was given"),
        (seal("ansible_password: x", "p"), r"host_vars/a: is encrypted .* no password was given"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    variables: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InventoryError, match=said) as caught:
        target_of(tmp_path, variables)
    assert CANARY not in str(caught.value)


def test_a_risk_is_taken_where_it_is_allowed(tmp_path: Path) -> None:
    taken = {"ansible_psrp_auth": "basic", "ansible_port": 5985}
    assert target_of(tmp_path, taken, "basic", "clear") == replace(
        PLAIN, auth="basic", port=5985, protocol="http"
    )


@pytest.mark.parametrize(
    ("variables", "user", "password"),
    [
        ({}, "admin", "fallback"),
        ({"ansible_user": "ADMIN"}, "ADMIN", "fallback"),
        ({"ansible_user": "other"}, "other", None),
        ({"ansible_password": "own"}, "admin", "own"),
    ],
)
def test_a_fallback_password_goes_to_its_own_account_only(
    variables: dict[str, Any], user: str, password: str | None, tmp_path: Path
) -> None:
    fallback = Credential(user="admin", password=Secret("fallback"))
    resolved = resolve_targets(inventory_of(tmp_path, variables), ["a"], fallback=fallback)
    secret = Secret(password) if password else None
    assert resolved.targets[0].credential == Credential(user=user, password=secret)


@pytest.mark.parametrize(
    ("variables", "user", "said"),
    [
        ({}, None, ["no user goes with the password on a: name one with --user"]),
        ({}, "admin", []),
        (
            {"ansible_user": "other"},
            "admin",
            ["the password of admin is not used on a: the inventory names other"],
        ),
        ({"ansible_user": "other"}, None, []),
        ({"ansible_user": "other", "ansible_password": "own"}, "admin", []),
        ({"ansible_user": "other", "ansible_psrp_auth": "certificate"}, "admin", []),
    ],
)
def test_a_password_that_goes_nowhere_is_told(
    variables: dict[str, Any], user: str | None, said: list[str], tmp_path: Path
) -> None:
    fallback = Credential(user=user, password=Secret(CANARY))
    resolved = resolve_targets(inventory_of(tmp_path, variables), ["a"], fallback=fallback)
    assert [str(notice) for notice in resolved.notices] == said


def test_a_password_may_come_out_of_a_vault_file_or_value(tmp_path: Path) -> None:
    vault = Vault([VaultPassword(Secret("pw"))])
    whole = seal(f"vault_pw: {CANARY}\nansible_password: '{{{{ vault_pw }}}}'\n", "pw")
    for text in (whole, f"ansible_password: !vault |\n{IN_VALUE}"):
        target = target_of(tmp_path, text, vault=vault)
        assert target.credential.password == Secret(CANARY)
        assert CANARY not in repr((target, inventory_of(tmp_path, text, vault).hosts))


def test_an_inventory_that_ansible_vault_sealed(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("correct horse\n")
    (tmp_path / "inv.yml").write_text(f"all: {{hosts: {{a: {{ansible_password: {CANARY}}}}}}}\n")
    subprocess.run(
        [sys.executable, "-m", "ansible", "vault", "encrypt", "--vault-id", "t@pw", "inv.yml"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert CANARY not in (tmp_path / "inv.yml").read_text()
    vault = Vault([VaultPassword(Secret("correct horse"))])
    inventory = load_inventory([tmp_path / "inv.yml"], vault=vault)
    assert CANARY not in repr(inventory.variables(inventory.hosts["a"]))
    assert CANARY not in str(dict(inventory.variables(inventory.hosts["a"])))
    target = resolve_targets(inventory, ["a"]).targets[0]
    assert target.credential.password == Secret(CANARY)


def test_two_names_for_one_machine_and_likely_typos_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_text("a ansible_host=H1.corp\nb ansible_host=h1.corp.\nc ansible_pasword=x\n")
    inventory = load_inventory([path])
    resolved = resolve_targets(inventory, list(inventory.hosts))
    assert [str(notice) for notice in resolved.notices] == [
        f"{path}:3: 'ansible_pasword' means nothing; 'ansible_password' would",
        "a, b lead to the same place, h1.corp port 5986",
    ]


def test_a_password_without_quotes_is_noticed_once(tmp_path: Path) -> None:
    (tmp_path / "h.yml").write_text(
        "all: {hosts: {a: , b: {ansible_password: '012'}, c: }, vars: {ansible_password: 012}}\n"
    )
    inventory = load_inventory([tmp_path / "h.yml"])
    resolved = resolve_targets(inventory, list(inventory.hosts))
    assert [target.credential.password for target in resolved.targets] == [
        Secret("10"),
        Secret("012"),
        Secret("10"),
    ]
    assert [str(notice).rpartition("/")[2] for notice in resolved.notices] == [
        "h.yml:1:63: ansible_password is a number there; in quotes it is the text that was meant"
    ]


def test_a_host_without_an_inventory(tmp_path: Path) -> None:
    del tmp_path
    inventory = load_inventory(["web-03,web-04:5985"])
    assert resolve_targets(inventory, ["web-04", "localhost"]).targets == (
        Target(name="web-04", address="web-04", port=5985, protocol="http"),
        Target(name="localhost", address="localhost", connection="local"),
    )


TEMPLATES: list[tuple[str, Any]] = [
    ("{{ five }}", 5),
    ("{{ five }}0", "50"),
    ("{{ word | upper }}", "WEB"),
    ("{{ nothing | default('d') }}", "d"),
    ("{{ lookup('env', 'WFP_TEST') }}", "set"),
    ("{{ lookup('ansible.builtin.env', 'WFP_NOT', default='q') }}", "q"),
    ("{{ lookup('vars', 'word') }}", "web"),
    ("{{ word | regex_replace('^w', 'W') }}", "Web"),
    ("{{ 'eA==' | b64decode }}", "x"),
    ("{{ ['a', 'b'] | join('-') }}", "a-b"),
    ("{{ table.k }}{{ table['k'] }}", "11"),
    ("{% if five > 4 %}yes{% else %}no{% endif %}", "yes"),
    ("{{ hostvars['a'].word }} {{ groups['all'] }} {{ group_names }}", "web ['a'] ['ungrouped']"),
    ("{{ [five, word] }}", [5, "web"]),
    ("{{ deep }}", "web"),
    ("{# nothing #}x", "x"),
]

REFUSED = [
    ("{{ nope }}", "'nope' is undefined"),
    ("{{ word.__class__.__mro__ }}", "'__class__' of 'str' object is unsafe"),
    ("{{ lookup('pipe', 'id') }}", r"lookup\('pipe'\) is not done"),
    ("{{ lookup('env', 'WFP_NOT') }}", "environment variable 'WFP_NOT' is not set"),
    ("{{ word * 1000000000 }}", "small numbers"),
    ("{{ 9 ** 999999999 }}", "small numbers"),
    ("{{ '%999999999d' % 1 }}", "small numbers"),
    ("{{ '{:999999999}'.format(1) }}", "unsafe"),
    (
        "{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}",
        "more than",
    ),
    ("{{ word", "unexpected end of template"),
    ("{% include '/etc/passwd' %}", "the template"),
    ("{% import 'os' as os %}", "the template"),
    ("{{ table[secret] }}", "rests on what is not defined$"),
    ("{{ secret | from_json }}", "fails with JSONDecodeError$"),
    ("{{ secret.nope }}", "not defined|'nope'"),
    ("{{ hidden }}", "the template is wrong; where it is none, write !unsafe before it$"),
    ("{{ self_ }}", "goes round: value > self_ > value"),
    ("{{ hostvars['a'].chain }}", "goes round over other hosts"),
]

AROUND = (
    "five: 5\nword: web\ntable: {k: 1}\ndeep: '{{ deeper }}'\ndeeper: '{{ word }}'\n"
    f"secret: {CANARY}\nself_: '{{{{ value }}}}'\nchain: '{{{{ hostvars.a.chain }}}}'\n"
)


def value_of(folder: Path, text: str) -> Any:
    vault = Vault([VaultPassword(Secret("pw"))])
    sealed = seal(f"{CANARY}{{{{", "pw").replace("\n", "\n  ")
    around = f"{AROUND}hidden: !vault |\n  {sealed}\n"
    inventory = inventory_of(folder, around + yaml.safe_dump({"value": text}), vault)
    return Values(inventory, inventory.host("a")).get("value")


@pytest.mark.parametrize(("text", "value"), TEMPLATES)
def test_templates_are_filled(
    text: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFP_TEST", "set")
    assert value_of(tmp_path, text) == value


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_templates_that_cannot_be_are_refused_without_a_value(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InventoryError, match=rf"host_vars/a:\d+:\d+: .*(?:{said})") as caught:
        value_of(tmp_path, text)
    assert CANARY not in str(caught.value)
