"""Derived columns that say who is behind an object, where the host's context tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pywfp_ps.model.context import HostContext
from pywfp_ps.model.objects import Filter, Provider, Session, Snapshot
from pywfp_ps.model.owners import (
    Owner,
    SessionOwner,
    callout_owner,
    filter_owners,
    provider_owner,
    session_owner,
)

Columns = dict[str, list[Any]]


def provider_columns(providers: Sequence[Provider], context: HostContext) -> Columns:
    """Columns of providers."""
    owners = [provider_owner(one, context) for one in providers]
    return {"product": [owner.product for owner in owners], **_owned(owners)}


def callout_columns(snapshot: Snapshot, context: HostContext) -> Columns:
    """Columns of all callouts of a snapshot."""
    owners = [callout_owner(one, snapshot, context) for one in snapshot.callouts]
    return {
        "product": [owner.product for owner in owners],
        "service": [owner.service_name for owner in owners],
        **_owned(owners),
    }


def session_columns(sessions: Sequence[Session], context: HostContext) -> Columns:
    """Columns of sessions."""
    owners = [session_owner(one, context) for one in sessions]
    return {
        "process": [_process(owner) for owner in owners],
        "process_there": [owner.is_there for owner in owners],
        "services": [list(owner.services) for owner in owners],
    }


def filter_columns(snapshot: Snapshot, filters: Sequence[Filter], context: HostContext) -> Columns:
    """Columns of filters."""
    owners = list(filter_owners(filters, snapshot, context))
    return {
        "owner_image": [owner.image for owner in owners],
        "owner_company": [owner.company for owner in owners],
    }


def _owned(owners: Sequence[Owner]) -> Columns:
    columns: dict[str, Callable[[Owner], Any]] = {
        "service_there": lambda owner: owner.is_there,
        "image": lambda owner: owner.image,
        "company": lambda owner: owner.company,
    }
    return {name: [of(owner) for owner in owners] for name, of in columns.items()}


def _process(owner: SessionOwner) -> str | None:
    return owner.process.path or owner.process.name if owner.process else None
