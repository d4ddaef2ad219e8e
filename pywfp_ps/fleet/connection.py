"""From variables to a `Target`: the ``ansible_*`` connection variables, resolved once.

Where one option has several variables the later of `_PSRP` and `_WINRM` wins, as in Ansible's
psrp and winrm connections. ``ansible_winrm_*`` counts for hosts with ``ansible_connection: winrm``,
where its meaning is the same; they are reached over PSRP all the same.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal, NoReturn, get_args

from msgspec import Struct

from pywfp_ps.fleet.inventory import Inventory
from pywfp_ps.fleet.problems import InventoryError, Notice, Place, path_of
from pywfp_ps.fleet.ranges import check_host_name
from pywfp_ps.fleet.templates import Values
from pywfp_ps.transports.base import (
    HTTP_PORT,
    HTTPS_PORT,
    Auth,
    Credential,
    MessageEncryption,
    Secret,
    Target,
)

Risk = Literal["basic", "credssp", "clear"]
"""What has to be allowed by name, since it gives something away."""

_GIVES_AWAY: dict[Risk, str] = {
    "basic": "basic authentication hands the password itself to the host",
    "credssp": "CredSSP hands the password itself to the host, which can go on with it",
    "clear": "without TLS or message encryption everybody on the way can read and change it",
}
LONGEST_TIMEOUT = 86_400
"""Most seconds of any time that a variable gives: a day."""

_PREFIX = re.compile(r"^ansible_(?:psrp_|winrm_)?")
_MOST_DIGITS = 9
_CONNECTIONS = ("psrp", "winrm", "local")


class Resolved(Struct, frozen=True, kw_only=True):
    """Targets in the order asked for, and what is worth a look."""

    targets: tuple[Target, ...]
    notices: tuple[Notice, ...] = ()


def resolve_targets(
    inventory: Inventory,
    names: Iterable[str],
    *,
    fallback: Credential | None = None,
    allow: Collection[Risk] = (),
) -> Resolved:
    """The targets of the hosts `names`.

    Args:
        inventory: Where their variables stand.
        names: Inventory names.
        fallback: Account for hosts that name none, as with Ansible's ``--user``; its password goes
            to no other account.
        allow: Risks that are taken.

    Raises:
        InventoryError: A variable of a host has a value that cannot be, with its place.
    """
    targets, notices = [], list(inventory.notices)
    seen: set[str] = set()
    noted: set[str] = set()
    for name in names:
        values = Values(inventory, inventory.host(name))
        targets.append(_target(name, values, fallback or Credential(), allow))
        notices += _numbers(targets[-1], values, noted)
        for variable in set(values) - seen:
            seen.add(variable)
            notices += _misspelt(variable, values.place(variable))
    if fallback is not None:
        notices += _unused(targets, fallback)
    return Resolved(targets=tuple(targets), notices=(*notices, *_shared(targets)))


def _target(name: str, values: Values, fallback: Credential, allow: Collection[Risk]) -> Target:
    named = values.get("ansible_connection")
    kind = "psrp" if named is None else str(named).removeprefix("ansible.builtin.")
    if kind not in _CONNECTIONS:
        problem = f"{kind!r} is not one of psrp, winrm and local; leave the host out with --limit"
        _wrong(values, name, "ansible_connection", problem)
    if kind == "local":
        return Target(name=name, address="localhost", connection="local")
    table = _PSRP if kind == "psrp" else _WINRM
    _check_family(name, values, f"ansible_{kind}_", table)
    found: dict[str, Any] = {}
    for option in table:
        for variable in option.variables:
            if variable in values and (value := values.get(variable)) is not None:
                try:
                    found[option.field] = option.read(value)
                except ValueError as error:
                    _wrong(values, name, variable, str(error), type(error) is _PlainError)
    found = {field: value for field, value in found.items() if value is not None}
    user, password = found.pop("user", None), found.pop("password", None)
    found["credential"] = _credential(user, password, fallback)
    _fill_port(found)
    try:
        target = Target(name=name, **{"address": name, **found})
    except ValueError as error:
        raise InventoryError(values.host.place, f"host {name!r}: {error}") from None
    _check_risks(target, allow, values.host.place)
    return target


def _credential(user: str | None, password: Secret | None, fallback: Credential) -> Credential:
    own = Credential(user=user or fallback.user, password=password)
    is_theirs = fallback.user is None or own.account == fallback.account
    if password is None and is_theirs:
        return Credential(user=own.user, password=fallback.password)
    return own


def _fill_port(found: dict[str, Any]) -> None:
    """Protocol and port follow from one another; HTTPS where neither is said."""
    if "port" not in found:
        found["port"] = HTTP_PORT if found.get("protocol") == "http" else HTTPS_PORT
    found.setdefault("protocol", "http" if found["port"] == HTTP_PORT else "https")


def _check_risks(target: Target, allow: Collection[Risk], place: Place) -> None:
    if target.is_loopback:
        return
    risks: dict[Risk, bool] = {
        "clear": not target.is_encrypted,
        "basic": target.auth == "basic",
        "credssp": target.auth == "credssp",
    }
    missing: list[Risk] = [
        risk for risk, is_taken in risks.items() if is_taken and risk not in allow
    ]
    if missing:
        why = " and ".join(_GIVES_AWAY[risk] for risk in missing)
        how = " ".join(f"--allow {risk}" for risk in missing)
        raise InventoryError(place, f"host {target.name!r}: {why}; {how} does it anyway")


def _check_family(name: str, values: Values, prefix: str, table: tuple[_Option, ...]) -> None:
    known = [variable for option in table for variable in option.variables]
    for variable in values:
        is_stray = variable.startswith(prefix) and variable not in known
        if is_stray and variable not in _WINRM_ONLY:
            meant = {_PREFIX.sub("", one): one for one in reversed(known)}
            near = difflib.get_close_matches(_PREFIX.sub("", variable), meant, 1, 0.7)
            hint = f" (did you mean {meant[near[0]]!r}?)" if near else ""
            _wrong(values, name, variable, f"there is no such connection variable{hint}")


def _misspelt(variable: str, place: Place) -> list[Notice]:
    """Unknown variables are host variables; one that looks like another is worth a word."""
    if variable in _ALL_KNOWN or not variable.startswith("ansible_"):
        return []
    near = difflib.get_close_matches(variable, _COMMON, 1, 0.9)
    return [Notice(place, f"{variable!r} means nothing; {near[0]!r} would")] if near else []


def _unused(targets: Iterable[Target], given: Credential) -> list[Notice]:
    """Where a password that was given goes nowhere, which would look as if it were wrong."""
    if given.password is None:
        return []
    without = [
        target
        for target in targets
        if target.connection == "psrp"
        and target.auth != "certificate"
        and (target.credential.password is None or target.credential.user is None)
    ]
    if not without:
        return []
    first = without[0]
    hosts = first.name + (f" and {len(without) - 1} more" if len(without) > 1 else "")
    if given.user is None:
        return [Notice(None, f"no user goes with the password on {hosts}: name one with --user")]
    whose = f"the inventory names {first.credential.user}"
    return [Notice(None, f"the password of {given.user} is not used on {hosts}: {whose}")]


def _numbers(target: Target, values: Values, noted: set[str]) -> list[Notice]:
    """One notice for each place of a password that lacks quotes: 012 is ten there, 1e3 1000.0."""
    if target.credential.password is None:
        return []
    found: list[Notice] = []
    for variable in _PASSWORDS:
        place = values.place(variable)
        if str(place) not in noted and isinstance(values.get(variable), int | float):
            noted.add(str(place))
            text = f"{variable} is a number there; in quotes it is the text that was meant"
            found.append(Notice(place, text))
    return found


def _shared(targets: Iterable[Target]) -> list[Notice]:
    """One notice for each endpoint that two names lead to."""
    names: dict[tuple[str, int, str], list[str]] = {}
    for target in targets:
        if target.connection == "psrp":
            place = (target.address.casefold().rstrip("."), target.port, target.path.strip("/"))
            names.setdefault(place, []).append(target.name)
    return [
        Notice(None, f"{', '.join(same)} lead to the same place, {address} port {port}")
        for (address, port, _), same in names.items()
        if len(same) > 1
    ]


def _wrong(
    values: Values, name: str, variable: str, problem: str, is_plain: bool = False
) -> NoReturn:
    if values.is_secret(variable) and not is_plain:
        problem = "cannot have this value; it is out of a vault or the environment, so not shown"
    raise InventoryError(values.place(variable), f"{variable} of host {name!r}: {problem}")


class _PlainError(ValueError):
    """Says what is wrong with a value without a word of it."""


class _Option(Struct, frozen=True):
    field: str
    variables: tuple[str, ...]
    read: Callable[[Any], Any]


def _option(field: str, read: Callable[[Any], Any], *variables: str) -> _Option:
    return _Option(field, tuple(f"ansible_{name}" for name in variables), read)


def _text(value: Any) -> str:
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    if not is_text:
        raise _PlainError("should be a text")
    if not str(value).strip():
        raise _PlainError("is empty; leave it out or make it null")
    return _visible(str(value))


def _visible(text: str) -> str:
    r"""Refuses what nobody means: ``"CORP\admin"`` holds a bell, ``|`` leaves a line break."""
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise _PlainError(
            "holds a line break or control character; within double quotes a backslash is written"
            " twice, and |- in place of | leaves no line break"
        )
    return text


def _secret(value: Any) -> Secret:
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    if not is_text:
        raise _PlainError("should be a text in quotes")
    if value == "":  # as from a variable of the environment that is not set
        raise _PlainError("is empty; leave it out or make it null")
    return Secret(_visible(str(value)))


def _address(value: Any) -> str:
    text = _text(value)
    check_host_name(text[1:-1] if text[0] + text[-1] == "[]" else text)
    return text


def _integer(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        raise _PlainError("should be a number that is not negative")
    if len(text) > _MOST_DIGITS:
        raise _PlainError("is too large")
    return int(text)


def _timeout(value: Any) -> int:
    seconds = _integer(value)
    if not 1 <= seconds <= LONGEST_TIMEOUT:
        raise _PlainError(f"should be a number of seconds from 1 to {LONGEST_TIMEOUT}")
    return seconds


def _seconds(value: Any) -> float:
    problem = f"should be a number of seconds from 0 to {LONGEST_TIMEOUT}"
    try:
        seconds = float(_text(value))
    except ValueError:
        raise _PlainError(problem) from None
    if not 0 <= seconds <= LONGEST_TIMEOUT:  # what is no number fails this too
        raise _PlainError(problem)
    return seconds


def _truth(value: Any) -> bool:
    words = {"yes": True, "on": True, "1": True, "true": True, "t": True, "y": True}
    words |= {"no": False, "off": False, "0": False, "false": False, "f": False, "n": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise _PlainError("should be true or false") from None


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        text = str(value)
        if text not in choices:
            near = difflib.get_close_matches(text, choices, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}{hint}")
        return text

    return read


def _validation(value: Any) -> bool:
    return _one_of("validate", "ignore")(value) == "validate"


def _file(value: Any) -> str:
    path = path_of(_text(value)).absolute()
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    return str(path)


def _trust(value: Any) -> str | None:
    return None if value == "legacy_requests" else _file(value)  # pywinrm's word for "the default"


def _url_path(value: Any) -> str:
    return _text(value).strip("/")


def _winrm_auth(value: Any) -> str:
    """The first of pywinrm's transports, under the name PSRP has for it."""
    words = value if isinstance(value, list) else _text(value).split(",")
    names = {"plaintext": "basic", "ssl": "basic"} | {name: name for name in get_args(Auth)}
    first = str(words[0]).strip() if words else ""
    chosen: str = names[_one_of(*names)(first)]
    return chosen


_PASSWORDS = ("ansible_password", "ansible_winrm_pass", "ansible_winrm_password")
_encryption = _one_of(*get_args(MessageEncryption))

_PSRP = (
    _option("address", _address, "host", "psrp_host"),
    _option("user", _text, "user", "psrp_user"),
    _option("password", _secret, "password", "winrm_pass", "winrm_password"),
    _option("port", _integer, "port", "psrp_port"),
    _option("protocol", _one_of("http", "https"), "psrp_protocol"),
    _option("path", _url_path, "psrp_path"),
    _option("auth", _one_of(*get_args(Auth)), "psrp_auth"),
    _option("cert_validation", _validation, "psrp_cert_validation"),
    _option("ca_file", _file, "psrp_cert_trust_path", "psrp_ca_cert"),
    _option("certificate_file", _file, "psrp_certificate_pem"),
    _option("certificate_key_file", _file, "psrp_certificate_key_pem"),
    _option("message_encryption", _encryption, "psrp_message_encryption"),
    _option("proxy", _text, "psrp_proxy"),
    _option("ignore_proxy", _truth, "psrp_ignore_proxy"),
    _option("connection_timeout", _timeout, "psrp_connection_timeout"),
    _option("read_timeout", _timeout, "psrp_read_timeout"),
    _option("operation_timeout", _timeout, "psrp_operation_timeout"),
    _option("reconnection_retries", _integer, "psrp_reconnection_retries"),
    _option(
        "reconnection_backoff", _seconds, "psrp_connection_backoff", "psrp_reconnection_backoff"
    ),
    _option("max_envelope_size", _integer, "psrp_max_envelope_size"),
    _option("configuration_name", _text, "psrp_configuration_name"),
    _option(
        "credssp_auth_mechanism",
        _one_of("auto", "kerberos", "ntlm"),
        "psrp_credssp_auth_mechanism",
    ),
    _option("credssp_disable_tlsv1_2", _truth, "psrp_credssp_disable_tlsv1_2"),
    _option("credssp_minimum_version", _integer, "psrp_credssp_minimum_version"),
    _option("negotiate_delegate", _truth, "psrp_negotiate_delegate"),
    _option("negotiate_hostname_override", _text, "psrp_negotiate_hostname_override"),
    _option("negotiate_send_cbt", _truth, "psrp_negotiate_send_cbt"),
    _option("negotiate_service", _text, "psrp_negotiate_service"),
)

_WINRM = (
    _option("address", _address, "host", "winrm_host"),
    _option("user", _text, "user", "winrm_user"),
    _option("password", _secret, "password", "winrm_pass", "winrm_password"),
    _option("port", _integer, "port", "winrm_port"),
    _option("protocol", _one_of("http", "https"), "winrm_scheme"),
    _option("path", _url_path, "winrm_path"),
    _option("auth", _winrm_auth, "winrm_transport"),
    _option("cert_validation", _validation, "winrm_server_cert_validation"),
    _option("ca_file", _trust, "winrm_ca_trust_path"),
    _option("certificate_file", _file, "winrm_cert_pem"),
    _option("certificate_key_file", _file, "winrm_cert_key_pem"),
    _option("message_encryption", _encryption, "winrm_message_encryption"),
    _option("proxy", _text, "winrm_proxy"),
    _option("read_timeout", _timeout, "winrm_read_timeout_sec"),
    _option("operation_timeout", _timeout, "winrm_operation_timeout_sec"),
    _option("credssp_disable_tlsv1_2", _truth, "winrm_credssp_disable_tlsv1_2"),
    _option("negotiate_delegate", _truth, "winrm_kerberos_delegation"),
    _option("negotiate_hostname_override", _text, "winrm_kerberos_hostname_override"),
    _option("negotiate_send_cbt", _truth, "winrm_send_cbt"),
    _option("negotiate_service", _text, "winrm_service"),
)

# Speak of kinit and of pywinrm itself; PSRP has nothing like them.
_WINRM_ONLY = {
    "ansible_winrm_connection_timeout",
    "ansible_winrm_kinit_args",
    "ansible_winrm_kinit_cmd",
    "ansible_winrm_kinit_env_vars",
    "ansible_winrm_kinit_mode",
    "ansible_winrm_realm",
}

_COMMON = ["ansible_connection", *(v for o in (*_PSRP, *_WINRM) for v in o.variables)]
_ALL_KNOWN = {*_COMMON, *_WINRM_ONLY, "ansible_group_priority"}
