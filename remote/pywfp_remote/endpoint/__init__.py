"""What a host needs to be asked with few rights: a JEA endpoint of the module PyWfp, as files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import PurePosixPath

from pywfp_ps.errors import UsageError
from pywfp_ps.resources import MODULE, functions, module_folder

ADMINISTRATORS = r"BUILTIN\Administrators"
"""Group of administrators on a Windows whose display language is English."""

TEXTS = ("PyWfp.pssc", "PyWfp.psrc", "Register-PyWfpEndpoint.ps1", "Unregister-PyWfpEndpoint.ps1")
"""What an administrator reads before anything is registered, in the order of reading."""

_ROLE = f"{MODULE}/RoleCapabilities/{MODULE}.psrc"
# A domain or computer and a name, with what Windows allows in them; quotes are doubled later.
_ACCOUNT = re.compile(
    r'[^\\/"\[\]:;|=,+*?<>@%\x00-\x1f]{1,64}\\[^\\/"\[\]:;|=,+*?<>@%\x00-\x1f]{1,256}'
)


def endpoint_texts(
    *,
    group: str,
    gmsa: str | None = None,
    administrators: str = ADMINISTRATORS,
    only: Sequence[str] = (),
) -> dict[str, str]:
    r"""The files that an administrator reads, by name, in the order of `TEXTS`.

    Args:
        group: Who may come in, as ``DOMAIN\group``.
        gmsa: Group managed service account that the functions run as, ``DOMAIN\name``; without it
            a virtual account, which is made for each session and is in `administrators` alone.
        administrators: The administrators' group by the name it has on the hosts.
        only: The functions that can be called; all public ones of the module where it is empty.

    Raises:
        UsageError: A name is none, or there is no such function.
    """
    if gmsa is None:
        account = (
            "# A virtual account lives as long as its session and is in this group alone. On a\n"
            "    # domain controller it would administer the whole domain: use a gMSA there.\n"
            "    RunAsVirtualAccount = $true\n"
            f"    RunAsVirtualAccountGroups = '{_account(administrators, 'administrators')}'"
        )
    else:
        account = (
            "# A group managed service account: Windows keeps its password, and this host must be\n"
            "    # among those that may ask for it (Test-ADServiceAccount).\n"
            f"    GroupManagedServiceAccount = '{_account(gmsa.removesuffix('$'), 'gMSA')}'"
        )
    given = {
        "GROUP": _account(group, "group"),
        "ACCOUNT": account,
        "FUNCTION": "'\n        '".join(f"{MODULE}\\{name}" for name in _functions(only)),
    }
    return {name: _filled(name, given) for name in TEXTS}


def endpoint_files(
    *,
    group: str,
    gmsa: str | None = None,
    administrators: str = ADMINISTRATORS,
    only: Sequence[str] = (),
) -> dict[PurePosixPath, bytes]:
    """All that is copied to a host, by relative path: `endpoint_texts` and the module itself.

    Raises:
        UsageError: As there.
    """
    texts = endpoint_texts(group=group, gmsa=gmsa, administrators=administrators, only=only)
    found = {
        PurePosixPath(_ROLE if name.endswith(".psrc") else name): _encoded(text)
        for name, text in texts.items()
    }
    folder = module_folder()
    for path in sorted(folder.rglob("*.ps*1")):
        found[PurePosixPath(MODULE, *path.relative_to(folder).parts)] = path.read_bytes()
    return found


def _filled(name: str, given: Mapping[str, str]) -> str:
    text = files(__name__).joinpath(name).read_text("ascii").replace("\r\n", "\n")
    # A single pass: what is filled in is not looked into again.
    return re.sub(r"%([A-Z]+)%", lambda found: given[found[1]], text)


def _account(name: str, what: str) -> str:
    if not _ACCOUNT.fullmatch(name):
        raise UsageError(rf"the {what} is written DOMAIN\name, not {name!r}")
    # PowerShell takes typographic quotes for quotes too, and doubles them alike.
    return re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", name)


def _functions(only: Sequence[str]) -> list[str]:
    public = {each.name.lower(): each.name for each in functions().values() if each.public}
    for name in only:
        if name.lower() not in public:
            choice = ", ".join(sorted(public.values()))
            raise UsageError(f"{MODULE} has no function {name!r}, only: {choice}")
    return sorted({public[name.lower()] for name in only} or public.values())


def _encoded(text: str) -> bytes:
    """Windows PowerShell reads what has no mark in the code page of the machine."""
    return text.encode("ascii" if text.isascii() else "utf-8-sig")
