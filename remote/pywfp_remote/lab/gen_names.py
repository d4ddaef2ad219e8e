"""Words of the made-up hosts: who is who, what things are called, in four languages.

Everything here is invented, apart from names of Windows services and programs, which are general
knowledge. Company, product and rule names belong to nobody.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from msgspec import Struct

GROUPS: Final[tuple[str, ...]] = (
    "web", "app", "db", "desk", "web", "app", "file", "desk", "web", "dc", "db", "app", "desk",
    "web", "terminal", "app", "db", "web", "desk", "file", "app", "web", "dc", "desk", "db",
)  # fmt: skip
"""Group of each host by its number, over and over again."""

DOMAIN: Final = "brindle.example"


def service_sid(service: str) -> str:
    """The SID of a service: SHA-1 of its upper-case name (MS-DTYP 2.4.2.4, NT SERVICE)."""
    digest = hashlib.sha1(service.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "S-1-5-80-" + "-".join(str(part) for part in struct.unpack("<5I", digest))


def service_descriptor(service: str) -> str:
    """Security descriptor that only the token of this service matches."""
    return f"O:SYG:SYD:(A;;CCRC;;;{service_sid(service)})"


class Words(Struct, frozen=True, kw_only=True):
    """The built-in display names of one display language.

    Attributes:
        culture: Culture name as .NET has it.
        names: Key used by the generator to display name and description.
        system, network, local: Names of the three service accounts.
    """

    culture: str
    names: dict[str, tuple[str, str]]
    system: str
    network: str
    local: str


_ENGLISH: Final = {
    "boot": ("Early start guard", "Holds until the firewall service has loaded its rules."),
    "boot-app": ("Early start guard for apps", "Lets packaged apps reach themselves early on."),
    "query": ("Query User", "Nothing allowed this program in, so the user is asked or it ends."),
    "outbound": ("Default Outbound", "What no rule stops may leave this machine."),
    "stealth": ("Scan shield", "Keeps closed ports quiet: nobody outside learns they are closed."),
    "quarantine": ("Unsorted network hold", "Holds traffic of networks not yet put in a category."),
    "release": ("Release of a network", "The network of this interface has a category by now."),
    "wsh-out": ("Service fence, leaving", "Services that state their needs get nothing beyond."),
    "wsh-in": ("Service fence, entering", "Services that state their needs get nothing beyond."),
    "uwp-out": ("App fence, leaving", "An app without the capability stays inside."),
    "uwp-in": ("App fence, entering", "An app without the capability is not reached."),
    "uwp-loop": ("App loopback", "Whether packaged apps may talk to this machine itself."),
    "cap-client": ("Internet client grant", "Apps that hold the client capability may leave."),
    "cap-server": ("Internet server grant", "Apps that hold the server capability may do both."),
    "cap-private": ("Home network grant", "Apps that hold the private network capability."),
    "ftp": ("Second channel watch", "Follows data channels that a first connection opens."),
    "dpi": ("Stream watch", "Looks into streams that were asked to be watched."),
    "log": ("Firewall log hook", "Writes what the profile asks for into the log."),
    "origin": ("Origin record", "Remembers which rule a filter was made from."),
    "usage": ("Usage meter", "Counts bytes by program."),
}
_GERMAN: Final = {
    "boot": ("Schutz beim Start", "Gilt, bis der Firewalldienst seine Regeln geladen hat."),
    "query": ("Benutzer fragen", "Nichts hat das Programm erlaubt, also wird gefragt."),
    "outbound": ("Standard ausgehend", "Was keine Regel aufhält, darf hinaus."),
    "stealth": ("Abtastschutz", "Geschlossene Anschlüsse schweigen nach außen."),
    "quarantine": ("Netz noch nicht eingeordnet", "Hält Verkehr, bis das Netz eingeordnet ist."),
    "release": ("Netz freigegeben", "Das Netz dieser Schnittstelle ist eingeordnet."),
    "wsh-out": ("Dienstzaun, hinaus", "Dienste bekommen nur, was sie angemeldet haben."),
    "wsh-in": ("Dienstzaun, herein", "Dienste bekommen nur, was sie angemeldet haben."),
    "uwp-out": ("App-Zaun, hinaus", "Ohne Fähigkeit bleibt eine App drinnen."),
    "uwp-in": ("App-Zaun, herein", "Ohne Fähigkeit wird eine App nicht erreicht."),
    "origin": ("Herkunftsvermerk", "Merkt sich, aus welcher Regel ein Filter stammt."),
}
_FRENCH: Final = {
    "boot": ("Garde de démarrage", "Tient jusqu'au chargement des règles du pare-feu."),
    "query": ("Interroger l'utilisateur", "Rien n'a autorisé ce programme."),
    "outbound": ("Sortie par défaut", "Ce qu'aucune règle n'arrête peut sortir."),
    "stealth": ("Bouclier anti-sondage", "Les ports fermés se taisent vers l'extérieur."),
    "quarantine": ("Réseau pas encore classé", "Retient le trafic d'un réseau sans catégorie."),
    "release": ("Réseau libéré", "Le réseau de cette interface a une catégorie."),
    "origin": ("Note d'origine", "Retient de quelle règle un filtre provient."),
}
_JAPANESE: Final = {
    "boot": ("起動時の見張り", "規則が読み込まれるまで有効です。"),
    "query": ("利用者に尋ねる", "このプログラムを許可する規則はありません。"),
    "outbound": ("既定の送信", "規則が止めない通信は外に出られます。"),
    "stealth": ("探査よけ", "閉じたポートは外に答えません。"),
    "quarantine": ("未分類の網の保留", "網が分類されるまで通信を止めます。"),
    "release": ("網の解放", "このインターフェイスの網は分類済みです。"),
    "origin": ("由来の控え", "フィルターの元になった規則を覚えます。"),
}

WORDS: Final = {
    "en-US": Words(
        culture="en-US",
        names=_ENGLISH,
        system="NT AUTHORITY\\SYSTEM",
        network="NT AUTHORITY\\NETWORK SERVICE",
        local="NT AUTHORITY\\LOCAL SERVICE",
    ),
    "de-DE": Words(
        culture="de-DE",
        names=_ENGLISH | _GERMAN,
        system="NT-AUTORITÄT\\SYSTEM",
        network="NT-AUTORITÄT\\Netzwerkdienst",
        local="NT-AUTORITÄT\\Lokaler Dienst",
    ),
    "fr-FR": Words(
        culture="fr-FR",
        names=_ENGLISH | _FRENCH,
        system="AUTORITE NT\\Système",
        network="AUTORITE NT\\SERVICE RÉSEAU",
        local="AUTORITE NT\\SERVICE LOCAL",
    ),
    "ja-JP": Words(
        culture="ja-JP",
        names=_ENGLISH | _JAPANESE,
        system="NT AUTHORITY\\SYSTEM",
        network="NT AUTHORITY\\NETWORK SERVICE",
        local="NT AUTHORITY\\LOCAL SERVICE",
    ),
}
"""The display languages; a name that a language lacks is English, as on real machines."""

HOSTILE: Final = (
    "=1+1|' /C calc'!A0",
    "@SUM(1+9)*cmd",
    "[bold red]not markup[/bold red] [/] [link=file:///]",
    "csi \x9b31m and \x9b2J in eight bits",
    "right\u202eot tfel \u2066isolated",
    "zero\u200bwidth\ufeffmark",
    "..\\..\\..\\windows\\win.ini",
    "../../../../etc/passwd",
    "'; DROP TABLE filters; --",
    "<script>alert(1)</script> & &amp; ]]>",
    "{{ 7 * 7 }} ${jndi:x} %s %n $(id) `id`",
    "tab\tand\nline\rends",
    "combining" + "\u0301" * 40,
    "long " + "x" * 4000,
    "NUL CON PRN aux:",
    "\U0001f525\u2028\u2029",
)
"""Display names that a host may send and that nobody may be hurt by."""

COMPANIES: Final = (
    "Larkspur", "Tansy Works", "Ostrich & Pine", "Wendover", "Marlpit", "Corncrake", "Heddle",
    "Sallow", "Ironstone", "Pellitory", "Quern", "Brackwater", "Tolworth", "Nettlebed", "Yarrow",
    "Coppice", "Drumlin", "Fallowfield",
)  # fmt: skip
"""Invented makers of invented software."""

TRADES: Final = (
    "Backup", "Print Desk", "Inventory", "Scheduler", "Time Clock", "Archive", "Relay", "Metrics",
    "Studio", "Messenger", "Deploy", "Search", "Ledger", "Viewer", "Gateway", "Cache",
)  # fmt: skip
"""What invented software does."""

PURPOSES: Final = (
    "so that its console can ask for the state of this machine",
    "used by the nightly run; can be closed where no run is planned",
    "needed while a colleague looks over your shoulder",
    "keeps the copies of two sites in step with each other",
    "for the small helper that starts with the user's session",
    "finds other copies of the program on the same network",
    "lets the central server push new settings without waiting",
    "answers the health question of the load balancer",
)
"""Ends of invented descriptions."""

PACKAGE_WORDS: Final = (
    "Sketchpad", "Birdsong", "Tally", "Postcard", "Lantern", "Kettle", "Compass", "Origami",
    "Pebble", "Harbour", "Thimble", "Juniper",
)  # fmt: skip
"""Invented packaged apps."""

USERS: Final = ("mfinch", "okestrel", "jwren", "pplover", "tdunlin", "asiskin", "rgrebe", "lcoot")
"""Invented account names."""
