"""The way over the network: PowerShell remoting (MS-PSRP) over WSMan, by pypsrp."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from pywfp_ps.errors import UsageError
from pywfp_ps.resources import arguments_json, check_arguments, script_for
from pywfp_ps.transports.base import Ran, Target, TransportError, Usage, Watch
from pywfp_remote.link import Link, LinkLimits
from pywfp_remote.session import Ended, Session

_log = logging.getLogger(__name__)
_NO_SCRIPTS = "ScriptsNotAllowed"  # FullyQualifiedErrorId of an endpoint without a language


class PsrpTransport:
    """PowerShell remoting over WSMan; one job is one session, one pipeline and one script.

    Where the endpoint takes no scripts, as with JEA, the installed function is run instead.

    Args:
        limits: What a job may take of a host.
    """

    name = "psrp"

    def __init__(self, limits: LinkLimits | None = None) -> None:
        self._limits = limits or LinkLimits()

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`."""
        if target.connection != "psrp":
            raise UsageError(f"{target.name} is not to be reached over the network")
        script, given = script_for(call, arguments), arguments_json(call, arguments)

        def as_script(shell: Any) -> None:
            shell.add_script(script.text, use_local_scope=True)
            shell.add_parameters({"Call": script.call, "Arguments": given})

        def as_command(shell: Any) -> None:
            shell.add_cmdlet(script.call)
            shell.add_parameters(check_arguments(call, arguments))

        started = time.thread_time()
        session = Session(target, watch, self._limits)
        try:
            with closing(session):
                ended = _run(session, as_script, as_command, on_frame)
        except TransportError as error:
            error.usage = _usage(session.link, started)
            raise
        finally:
            _log.debug("%s: %s", target.name, _traffic(session.link))
        return Ran(
            state=ended.state,
            usage=_usage(session.link, started),
            errors=ended.errors,
            foreign=ended.foreign,
        )


def _run(
    session: Session,
    as_script: Callable[[Any], None],
    as_command: Callable[[Any], None],
    on_frame: Callable[[str], object],
) -> Ended:
    session.open()
    ended = session.run(as_script, on_frame)
    if ended.state == "failed" and any(e.error_id.startswith(_NO_SCRIPTS) for e in ended.errors):
        again = session.run(as_command, on_frame)
        if not any(e.error_id.startswith("CommandNotFound") for e in again.errors):
            return again
    return ended


def _traffic(link: Link) -> str:
    return f"{link.requests} requests, {link.sent} bytes sent, {link.received} received"


def _usage(link: Link, started: float) -> Usage:
    return Usage(
        requests=link.requests,
        sent=link.sent,
        received=link.received,
        cpu=time.thread_time() - started,
    )
