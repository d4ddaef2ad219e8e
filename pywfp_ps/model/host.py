"""What a host says of itself beside its filter engine."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Interface, IPv6Interface

from msgspec import Struct

PROFILE_OF_CATEGORY = {0: "public", 1: "private", 2: "domain"}
"""NetworkCategory of MSFT_NetConnectionProfile to the firewall profile that applies."""


class Interface(Struct, frozen=True, kw_only=True):
    """One network interface (MSFT_NetAdapter, MSFT_NetIPInterface, MSFT_NetConnectionProfile).

    Attributes:
        luid: NET_LUID as conditions test it; ``None`` where the adapter is hidden.
        index: Interface index.
        alias: Name that the user sees.
        description: Name of the adapter.
        type: IANA interface type.
        is_up: Whether IPv4 or IPv6 is connected.
        addresses: Addresses with the length of their subnet's prefix.
        profile: ``public``, ``private`` or ``domain``; ``None`` where it has no network.
        network: Name of its network.
    """

    luid: int | None = None
    index: int | None = None
    alias: str | None = None
    description: str | None = None
    type: int | None = None
    is_up: bool | None = None
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    profile: str | None = None
    network: str | None = None


class Volume(Struct, frozen=True, kw_only=True):
    r"""One volume: its drive letter with colon, and its device (``\Device\HarddiskVolume3``)."""

    letter: str
    device: str


class HostFacts(Struct, frozen=True, kw_only=True):
    """Facts of a host; what it could not say is ``None``.

    Attributes:
        computer: Computer name.
        domain: Domain or workgroup.
        os_name: Product name of Windows.
        os_build: Build and revision, such as ``26100.2849``.
        architecture: Processor architecture.
        elevated: Whether the job ran elevated.
        account: Account that the job ran as.
        clock: The host's clock when it was asked.
        culture: Culture of the session.
        boot_time: Last boot.
        bfe_started_at: Start of the process of the Base Filtering Engine.
        bfe_process_id: That process.
        powershell_version: Version of the engine that ran the job.
        language_mode: Its language mode.
        ntobjectmanager: Versions of the module NtObjectManager that are installed; none where it
            is not there.
    """

    computer: str | None = None
    domain: str | None = None
    os_name: str | None = None
    os_build: str | None = None
    architecture: str | None = None
    elevated: bool | None = None
    account: str | None = None
    clock: datetime | None = None
    culture: str | None = None
    boot_time: datetime | None = None
    bfe_started_at: datetime | None = None
    bfe_process_id: int | None = None
    powershell_version: str | None = None
    language_mode: str | None = None
    ntobjectmanager: tuple[str, ...] | None = None
    interfaces: tuple[Interface, ...] = ()
    volumes: tuple[Volume, ...] = ()
