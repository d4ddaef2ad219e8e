"""Ways to a machine, by name; what a way needs is imported when it is used."""

from __future__ import annotations

import importlib
from typing import Any, Final

from pywfp_ps.errors import UsageError

_NAMES: Final = {
    "child": "pywfp_ps.transports.child:ChildTransport",
    "inprocess": "pywfp_ps.transports.inprocess:InProcessTransport",
    "jea.files": "pywfp_remote.endpoint:endpoint_files",
    "jea.texts": "pywfp_remote.endpoint:endpoint_texts",
    "lab.down": "pywfp_remote.lab.fleet:down",
    "lab.faults": "pywfp_remote.lab.faults:FAULTS",
    "lab.status": "pywfp_remote.lab.fleet:status",
    "lab.up": "pywfp_remote.lab.fleet:up",
    "lab.write": "pywfp_remote.lab.generate:write_fleet",
    "psrp": "pywfp_remote.psrp:PsrpTransport",
    "recorded": "pywfp_ps.transports.recorded:RecordedTransport",
}
"""Name to ``module:callable``. The core imports nothing of the remote side but through this."""


def load(name: str) -> Any:
    """The callable behind a name.

    Raises:
        UsageError: There is no such name, or a library that it needs is not installed.
    """
    place = _NAMES.get(name)
    if place is None:
        raise UsageError(f"there is no transport {name!r}; there are {', '.join(sorted(_NAMES))}")
    module, _, attribute = place.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in {"pywfp_ps", "pywfp_remote"}:
            raise
        raise UsageError(f"{name} needs the library {error.name}, which is missing") from error
