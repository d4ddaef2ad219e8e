"""Names of SIDs on one host: its own services and packages beside what everybody knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from pywfp_ps.explain.facts import Facts
from pywfp_ps.explain.sids import (
    PACKAGE_PREFIX,
    SERVICE_PREFIX,
    family_of_text,
    name_of_sid,
    package_sid,
    service_sid,
)
from pywfp_ps.model.objects import Snapshot

_FAMILY: Final = re.compile(r'(?:Contains|Any_of) *\{? *"([^"]+)"')
_OWN: Final = re.compile(r"S-1-(?:5-80|15-2)-\d+(?:-\d+)+")


class Names:
    """Says what people call a SID."""

    def __init__(self, snapshot: Snapshot | None = None, facts: Facts | None = None) -> None:
        self._snapshot, self._facts = snapshot, facts

    def __call__(self, sid: str) -> str:
        """The name of a SID, or the SID where none is known."""
        name = name_of_sid(sid)
        if name != sid:
            return name
        if sid.startswith(SERVICE_PREFIX):
            return self._services.get(sid, sid)
        return self._packages.get(sid, sid) if sid.startswith(PACKAGE_PREFIX) else sid

    def named(self, text: str) -> str:
        """A text with names in place of the SIDs of services and packages."""
        return _OWN.sub(lambda found: self(found[0]), text) if "S-1-" in text else text

    @cached_property
    def _services(self) -> dict[str, str]:
        known = self._facts.services if self._facts else None
        services = (known or {}).values()
        return {service_sid(one.name): f"service {one.name}" for one in services}

    @cached_property
    def _packages(self) -> dict[str, str]:
        return {package_sid(family): f"package {family}" for family in self._families()}

    def _families(self) -> Iterator[str]:
        """Family names in the access lists of filters: the SID of a package is their hash."""
        for filter_ in self._snapshot.filters if self._snapshot else ():
            for condition in filter_.conditions:
                text = condition.value
                if isinstance(text, str) and "SYSAPPID" in text.upper():
                    yield from filter(family_of_text, _FAMILY.findall(text))


WELL_KNOWN: Final = Names()
"""Names that are the same on every host."""
