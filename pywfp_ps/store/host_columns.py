"""Columns of runs' hosts, of host facts and context, and of events."""

from __future__ import annotations

from pywfp_ps.store.schema import HOST, RUN, Column, Group, Kind, Type
from pywfp_ps.store.state_columns import BOOL, TEXT, TEXTS, TIME, U16, U32, U64


def _column(name: str, kind: Type, doc: str, source: str = "", unit: str | None = None) -> Column:
    return Column(name=name, type=kind, doc=doc, source=source, unit=unit)


def _kind(name: str, doc: str, group: Group, *columns: Column) -> Kind:
    return Kind(name=name, doc=doc, group=group, columns=(HOST, RUN, *columns))


_FACTS = "Get-PyWfpHostFact"

HOSTS = _kind(
    "hosts",
    "One host as of its last attempt, reached or not; its data as of its snapshot.",
    "facts",
    _column("computer", TEXT, "Computer name.", _FACTS),
    _column("domain", TEXT, "Domain or workgroup.", _FACTS),
    _column("taken_at", TIME, "When the host says its snapshot was taken.", "snapshots"),
    _column("source", TEXT, "netsh, ntobjectmanager or both.", "snapshots"),
    _column("outcome", TEXT, "ok, partial, failed or cancelled.", "run"),
    _column("cause", TEXT, "Why it is not ok, a slug.", "run"),
    _column("detail", TEXT, "The same in words.", "run"),
    _column("advice", TEXT, "What to do about it.", "run"),
    _column("can_retry", BOOL, "Whether trying again can help.", "run"),
    _column("os_name", TEXT, "Product name of Windows.", _FACTS),
    _column("os_build", TEXT, "Build of Windows.", _FACTS),
    _column("elevated", BOOL, "Whether the job ran elevated; null where nobody said.", _FACTS),
    _column("boot_time", TIME, "Last boot.", _FACTS),
    _column("bfe_started_at", TIME, "Start of the Base Filtering Engine.", _FACTS),
    _column("complete", BOOL, "Snapshot read whole, no gap, no filters hidden.", "snapshots"),
    _column("groups", TEXTS, "Groups of the host in the inventory.", "inventory"),
    _column("filters", U64, "Filters in its snapshot.", "snapshots"),
    _column("gap_count", U64, "Gaps in its snapshot, facts and context.", "derived"),
    _column("holds", TEXTS, "What the run holds of it: state, facts, context, events.", "run"),
)

INTERFACES = _kind(
    "interfaces",
    "One network interface.",
    "facts",
    _column("luid", U64, "NET_LUID, as conditions name it.", _FACTS),
    _column("interface_index", U32, "Interface index.", _FACTS),
    _column("alias", TEXT, "Name that the user sees.", _FACTS),
    _column("description", TEXT, "Name of the adapter.", _FACTS),
    _column("type", U32, "IANA interface type.", _FACTS),
    _column("up", BOOL, "Whether it is up.", _FACTS),
    _column("addresses", TEXTS, "Addresses with prefix length.", _FACTS),
    _column("profile", TEXT, "public, private or domain.", _FACTS),
    _column("network", TEXT, "Name of the network it is in.", _FACTS),
)
VOLUMES = _kind(
    "volumes",
    "One volume, as program paths name it.",
    "facts",
    _column("letter", TEXT, "Drive letter with colon.", _FACTS),
    _column("device", TEXT, "Device name, such as \\Device\\HarddiskVolume3.", _FACTS),
)
_CONTEXT = "Get-PyWfpContext"
SERVICES = _kind(
    "services",
    "One Windows service.",
    "context",
    _column("service", TEXT, "Service name.", _CONTEXT),
    _column("display_name", TEXT, "Display name.", _CONTEXT),
    _column("state", TEXT, "running, stopped and so on.", _CONTEXT),
    _column("start", TEXT, "auto, manual, disabled and so on.", _CONTEXT),
    _column("account", TEXT, "Account it runs as.", _CONTEXT),
    _column("sid_type", TEXT, "none, unrestricted or restricted.", _CONTEXT),
    _column("service_sid", TEXT, "SID of the service.", "derived"),
    _column("process_id", U32, "Its process.", _CONTEXT),
    _column("image_path", TEXT, "Command line of the image.", _CONTEXT),
    _column("library", TEXT, "Library that a shared host loads for it.", _CONTEXT),
    _column("company", TEXT, "Company in the version of the file that runs.", _CONTEXT),
)
DRIVERS = _kind(
    "drivers",
    "One running driver.",
    "context",
    _column("driver", TEXT, "Name of the driver.", _CONTEXT),
    _column("path", TEXT, "Its file.", _CONTEXT),
    _column("company", TEXT, "Company in the file's version.", _CONTEXT),
    _column("version", TEXT, "Version of the file.", _CONTEXT),
    _column("signer", TEXT, "Subject of the signing certificate.", _CONTEXT),
)
PROCESSES = _kind(
    "processes",
    "One process; command lines are not asked for.",
    "context",
    _column("process_id", U32, "Process.", _CONTEXT),
    _column("parent_id", U32, "Process that started it.", _CONTEXT),
    _column("session", U32, "Logon session of Windows.", _CONTEXT),
    _column("name", TEXT, "File name of the program.", _CONTEXT),
    _column("path", TEXT, "Path of the program; null where it may not be read.", _CONTEXT),
    _column("services", TEXTS, "Services in it.", "derived"),
)
LISTENERS = _kind(
    "listeners",
    "One TCP or UDP listener.",
    "context",
    _column("protocol", U16, "IP protocol number.", _CONTEXT),
    _column("local_address", TEXT, "Address it is bound to.", _CONTEXT),
    _column("local_port", U16, "Port.", _CONTEXT),
    _column("process_id", U32, "Process.", _CONTEXT),
    _column("app", TEXT, "Path of the program.", _CONTEXT),
    _column("service", TEXT, "Services in the process, by comma.", "derived"),
)
ROUTES = _kind(
    "routes",
    "One route.",
    "context",
    _column("destination", TEXT, "Prefix.", _CONTEXT),
    _column("next_hop", TEXT, "Next hop.", _CONTEXT),
    _column("interface_index", U32, "Interface index.", _CONTEXT),
    _column("metric", U32, "Metric of the route.", _CONTEXT),
    _column("store", TEXT, "active or persistent.", _CONTEXT),
)
FIREWALL_PROFILES = _kind(
    "firewall_profiles",
    "One profile of the Windows Firewall in one store.",
    "context",
    _column("store", TEXT, "local, group policy or MDM.", _CONTEXT),
    _column("profile", TEXT, "public, private or domain.", _CONTEXT),
    _column("enabled", BOOL, "Whether the firewall is on.", _CONTEXT),
    _column("inbound", TEXT, "block or allow where no rule matches.", _CONTEXT),
    _column("outbound", TEXT, "block or allow where no rule matches.", _CONTEXT),
    _column("settings", TEXT, "JSON of all values as they stood.", _CONTEXT),
)
FIREWALL_RULES = _kind(
    "firewall_rules",
    "One rule of the Windows Firewall in one store.",
    "context",
    _column("store", TEXT, "local, group policy, MDM and so on.", _CONTEXT),
    _column("rule_id", TEXT, "Name of the registry value.", _CONTEXT),
    _column("name", TEXT, "Display name; perhaps a reference to a resource.", _CONTEXT),
    _column("description", TEXT, "Description, as the name.", _CONTEXT),
    _column("rule_group", TEXT, "Group that it is shown in, as the name.", _CONTEXT),
    _column("enabled", BOOL, "Whether it is on.", _CONTEXT),
    _column("direction", TEXT, "in or out.", _CONTEXT),
    _column("action", TEXT, "allow, block or bypass.", _CONTEXT),
    _column("profiles", TEXTS, "public, private, domain; null: all.", _CONTEXT),
    _column("protocol", U16, "IP protocol number; null: all.", _CONTEXT),
    _column("local_ports", TEXTS, "Local ports; null: all.", _CONTEXT),
    _column("remote_ports", TEXTS, "Remote ports; null: all.", _CONTEXT),
    _column("local_addresses", TEXTS, "Local addresses; null: all.", _CONTEXT),
    _column("remote_addresses", TEXTS, "Remote addresses; null: all.", _CONTEXT),
    _column("app", TEXT, "Program.", _CONTEXT),
    _column("service", TEXT, "Service.", _CONTEXT),
    _column("package_sid", TEXT, "AppContainer.", _CONTEXT),
    _column(
        "raw_fields", TEXTS, "Every field as `name=value`, in order, repeated ones too.", _CONTEXT
    ),
    _column("filter_ids", Type.U64S, "Filters that come from it and no other rule.", "derived"),
    _column("raw", TEXT, "The registry value as it stood.", _CONTEXT),
)
PROXIES = _kind(
    "proxies",
    "Proxy settings in one registry key, accounts in addresses blanked.",
    "context",
    _column("key", TEXT, "The key, of the machine or of a user by SID.", _CONTEXT),
    _column("settings", TEXT, "JSON of all values as they stood.", _CONTEXT),
)
AUDIT_POLICIES = _kind(
    "audit_policies",
    "Audit setting of one subcategory.",
    "context",
    _column("subcategory", TEXT, "GUID of the subcategory.", _CONTEXT),
    _column("name", TEXT, "Its name, where it is one about the filter engine.", "derived"),
    _column("success", BOOL, "Whether what succeeds is logged.", _CONTEXT),
    _column("failure", BOOL, "Whether what fails is logged.", _CONTEXT),
)
OPTIONS = _kind(
    "options",
    "One option of the engine.",
    "context",
    _column("option", TEXT, "netevents, keywords or txnwatchdog.", "netsh wfp show options"),
    _column("value", TEXT, "Its value.", "netsh wfp show options"),
)
SYSPORTS = _kind(
    "sysports",
    "One system port.",
    "context",
    _column("type", TEXT, "Kind of port, such as RPC EPMap.", "netsh wfp show sysports"),
    _column("protocol", U16, "IP protocol number.", "netsh wfp show sysports"),
    _column("port", U16, "Port.", "netsh wfp show sysports"),
)


def _gaps(name: str, doc: str, group: Group) -> Kind:
    return _kind(
        name,
        doc,
        group,
        _column("source", TEXT, "Part of the job."),
        _column("place", TEXT, "Where it stood."),
        _column("problem", TEXT, "What is wrong with it, one sentence."),
    )


FACTS_GAPS = _gaps("facts_gaps", "One thing of the facts that made no sense.", "facts")
CONTEXT_GAPS = _gaps(
    "context_gaps",
    "One thing around the engine that could not be told, or made no sense.",
    "context",
)


def _events(name: str, doc: str, group: Group, *more: Column) -> Kind:
    source = "FWPM_NET_EVENT_HEADER, Security log"
    return _kind(
        name,
        doc,
        group,
        _column("bfe_epoch", TIME, "Start of the engine in whose life the ids hold.", source),
        _column("time", TIME, "When it happened, by the host's clock.", source),
        _column("type", TEXT, "FWPM_NET_EVENT_TYPE constant or event id.", source),
        _column("direction", TEXT, "in, out, forward or loopback.", source),
        _column("protocol", U16, "IP protocol number.", source),
        _column("local_address", TEXT, "Local address.", source),
        _column("local_port", U16, "Local port; ICMP type.", source),
        _column("remote_address", TEXT, "Remote address.", source),
        _column("remote_port", U16, "Remote port; ICMP code.", source),
        _column("app", TEXT, "Device path of the program.", source),
        _column("user_sid", TEXT, "User.", source),
        _column("package_sid", TEXT, "AppContainer.", source),
        _column("filter_id", U64, "Filter that decided.", source),
        _column("layer", TEXT, "Layer it happened at.", source),
        _column("filter_name", TEXT, "Name of that filter.", source),
        _column("provider", TEXT, "Provider of that filter.", source),
        *more,
    )


EVENTS = _events("events", "One net event: a connection blocked or let through.", "events")
CHANGES = _events(
    "changes",
    "One change of policy.",
    "changes",
    _column("change", TEXT, "add or delete.", "Security log 5440-5450"),
    _column("process_id", U32, "Process that made it.", "Security log 5440-5450"),
)
