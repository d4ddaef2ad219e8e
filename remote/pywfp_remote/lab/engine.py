"""What a practice host does with a pipeline: the small part of PowerShell that it understands.

1. A script with a ``param`` block that has ``$Call``: the text must define that function, which
   gets the JSON in ``$Arguments`` as its parameters; the host answers with frames.
2. Any other script: its top-level statements, one after the other, each one of

   | statement | gives |
   |---|---|
   | a function that the text defines, or an installed one | its frames |
   | ``hostname``, ``$env:COMPUTERNAME`` | the computer's name |
   | ``whoami``, ``$env:USERNAME`` | the account |
   | ``$PSVersionTable.PSVersion.ToString()`` | the version |
   | ``$ExecutionContext.SessionState.LanguageMode`` | the language mode |
   | ``netsh wfp show state file=-`` | the dump, line by line |
   | ``Write-Output TEXT``, a literal string | the text |
   | ``Write-Error TEXT``, ``Write-Warning TEXT`` | a record |
   | ``Start-Sleep [-Seconds] N`` | nothing, later |
   | ``throw TEXT``, ``exit [N]`` | the end |
   | an assignment, ``exit $LASTEXITCODE`` | nothing |

   Anything else is a command that was not found: an error record, and the script goes on.
   ``Invoke-Expression`` with a text is the same as that text, and ``Out-String`` changes nothing.
3. A command with parameters, on a host with the fault ``jea``: an installed function.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct
from psrpcore import Command, PowerShell

from pywfp_remote.lab.host import Arguments, HostBackend, LabHost, UnknownCallError
from pywfp_remote.lab.psrp import Failure
from pywfp_remote.lab.script import Script, ScriptError, Statement, read_script

_STEPS_BEFORE_THROW = 3
_STATE_CALL = "Get-PyWfpState"


class Output(Struct, frozen=True):
    """A string on the output stream."""

    text: str


class Error(Struct, frozen=True):
    """A record on the error stream; the pipeline goes on."""

    failure: Failure


class Warn(Struct, frozen=True):
    """A record on the warning stream."""

    text: str


class Sleep(Struct, frozen=True):
    """Nothing for `seconds`."""

    seconds: float


class Exit(Struct, frozen=True):
    """The script ended itself with an exit code."""

    code: int


Step = Output | Error | Warn | Sleep | Exit


class FailedError(Exception):
    """The pipeline ends as failed.

    Attributes:
        failure: What its last error record says.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


_REFUSALS = {
    "antivirus": Failure(
        message="This script contains malicious content and has been blocked by your antivirus "
        "software.",
        error_id="ScriptContainedMaliciousContent",
        category="ParserError",
        exception="System.Management.Automation.ParseException",
    ),
    "execution-policy": Failure(
        message="The script cannot be loaded because running scripts is disabled on this system. "
        "For more information, see about_Execution_Policies.",
        error_id="UnauthorizedAccess",
        category="SecurityError",
        exception="System.Management.Automation.PSSecurityException",
    ),
}


def run(pipeline: PowerShell, host: LabHost, backend: HostBackend) -> Iterator[Step]:
    """What the pipeline does, step by step.

    Raises:
        FailedError: It ends as failed; the steps before it were done.
    """
    for name, failure in _REFUSALS.items():
        if name in host.faults:
            raise FailedError(failure)
    for command in pipeline.commands:
        steps = _pipeline_command(command, host, backend)
        yield from _thrown(steps) if "throws" in host.faults else steps


def _thrown(steps: Iterator[Step]) -> Iterator[Step]:
    """The first steps, and then the function throws."""
    yield from islice(steps, _STEPS_BEFORE_THROW)
    raise FailedError(
        Failure(
            message="The process cannot access the file because it is being used by another "
            "process.",
            error_id="IOException",
            exception="System.Management.Automation.MethodInvocationException",
        )
    )


def _pipeline_command(command: Command, host: LabHost, backend: HostBackend) -> Iterator[Step]:
    """One command of the pipeline; ``Out-String`` finds nothing but strings and lets them pass."""
    name = command.command_text.lower()
    if command.is_script:
        return _script(command.command_text, command, host, backend)
    if name == "invoke-expression":
        text = next((value for _, value in command.parameters if isinstance(value, str)), "")
        return _script(_plain(text), command, host, backend)
    if name in {"out-string", "out-default"}:
        return iter(())
    return _command(command, host, backend)


def _script(text: str, command: Command, host: LabHost, backend: HostBackend) -> Iterator[Step]:
    if host.language_mode == "NoLanguage":
        raise FailedError(
            Failure(
                message="The syntax is not supported by this runspace. "
                "This can occur if the runspace is in no-language mode.",
                error_id="ScriptsNotAllowed",
                exception="System.Management.Automation.RuntimeException",
            )
        )
    try:
        script = read_script(text)
    except ScriptError as error:
        raise FailedError(
            Failure(
                message=str(error),
                error_id="UnexpectedToken",
                category="ParserError",
                exception="System.Management.Automation.ParseException",
            )
        ) from None
    given = _parameters(command, script.parameters, "") if command.is_script else {}
    if "call" in script.parameters:
        yield from _call(script, given, backend)
        return
    for statement in script.statements:
        for step in _statement(statement, script, host, backend):
            yield step
            if isinstance(step, Exit):
                return


def _call(script: Script, given: Mapping[str, Any], backend: HostBackend) -> Iterator[Step]:
    call = given.get("call", "")
    if not isinstance(call, str) or call.lower() not in script.functions:
        raise FailedError(_not_found(str(call)))
    if "$call" not in script.invoked:
        raise FailedError(Failure(message="The script never runs $Call.", error_id="CallNotUsed"))
    arguments = _json_arguments(given.get("arguments", "{}"), call)
    _check(arguments, script.functions[call.lower()], call)
    yield from _answer(call, arguments, backend)


def _command(command: Command, host: LabHost, backend: HostBackend) -> Iterator[Step]:
    given = {name or "": value for name, value in command.parameters}
    arguments = {
        name.lstrip("-"): list(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in given.items()
    }
    if "jea" not in host.faults:
        raise FailedError(_not_found(command.command_text))
    yield from _answer(_plain(command.command_text), arguments, backend)


def _statement(
    statement: Statement, script: Script, host: LabHost, backend: HostBackend
) -> Iterator[Step]:
    name, text = statement.name.lower(), statement.text
    if name in script.functions:
        arguments = _written(statement)
        _check(arguments, script.functions[name], statement.name)
        yield from _answer(statement.name, arguments, backend)
    elif (fact := _fact(text, host)) is not None:
        yield Output(fact)
    elif text == "netsh wfp show state file=-":
        for line in _state_lines(backend):
            yield Output(line)
    elif name == "write-output" or re.fullmatch(r"'[^']*'|\"[^\"$`]*\"", text):
        yield Output(" ".join(statement.arguments) if name else text[1:-1])
    elif name == "write-warning":
        yield Warn(" ".join(statement.arguments))
    elif name == "write-error":
        yield Error(
            Failure(
                message=" ".join(statement.arguments),
                error_id="Microsoft.PowerShell.Commands.WriteErrorException",
                exception="Microsoft.PowerShell.Commands.WriteErrorException",
                command="Write-Error",
            )
        )
    elif name == "start-sleep":
        yield Sleep(float(statement.arguments[-1]))
    else:
        yield from _keyword(statement)


def _keyword(statement: Statement) -> Iterator[Step]:
    text = statement.text
    if found := re.fullmatch(r"throw\s+['\"]?(.*?)['\"]?", text, re.DOTALL):
        raise FailedError(
            Failure(message=found.group(1), error_id=found.group(1), category="OperationStopped")
        )
    if found := re.fullmatch(r"exit(?:\s+(\d+|\$LASTEXITCODE))?", text, re.IGNORECASE):
        code = found.group(1) or "0"
        yield Exit(int(code) if code.isdigit() else 0)
    elif not re.match(r"\$[\w:]+\s*=[^=]", text):
        yield Error(_not_found(statement.name or text))


def _fact(text: str, host: LabHost) -> str | None:
    """The answer to the plain questions people ask first."""
    facts = {
        "hostname": host.computer,
        "$env:computername": host.computer,
        "whoami": f"{host.computer}\\{host.account}".lower(),
        "$env:username": host.account,
        "$psversiontable.psversion.tostring()": host.ps_version,
        "$executioncontext.sessionstate.languagemode": host.language_mode,
    }
    return facts.get(text.lower())


def _answer(call: str, arguments: Arguments, backend: HostBackend) -> Iterator[Step]:
    try:
        for line in backend.answer(call, arguments):
            yield Output(line)
    except UnknownCallError:
        raise FailedError(_not_found(call)) from None


def _state_lines(backend: HostBackend) -> Iterator[str]:
    """The plain dump out of the frames of a state call."""
    packed = []
    for line in backend.answer(_STATE_CALL, {}):
        frame = msgspec.json.decode(line)
        if frame.get("part") == "state" and frame["frame"] == "data":
            packed.append(frame["text"])
    plain = gzip.decompress(b"".join(map(base64.b64decode, packed)))
    yield from plain.decode("utf-8-sig", "replace").splitlines()


def _parameters(command: Command, allowed: frozenset[str], target: str) -> dict[str, Any]:
    given = {
        (name or "").lstrip("-").lower(): _plain(value) if isinstance(value, str) else value
        for name, value in command.parameters
    }
    for name in given:
        if name and name not in allowed:
            raise FailedError(_no_parameter(name, target))
    return given


def _plain(text: str) -> str:
    """A bare string: those of psrpcore are a class of their own, and not every library takes it."""
    return "".join(iter(text))


def _json_arguments(value: object, call: str) -> dict[str, str | list[str]]:
    try:
        return msgspec.json.decode(str(value), type=dict[str, str | list[str]])
    except msgspec.MsgspecError as error:
        raise FailedError(
            Failure(
                message=f"Cannot process the arguments of {call}: {error}",
                error_id=f"ParameterArgumentTransformationError,{call}",
                category="InvalidData",
                exception="System.Management.Automation."
                "ParameterBindingArgumentTransformationException",
                command=call,
            )
        ) from None


def _written(statement: Statement) -> dict[str, str | list[str]]:
    """Arguments as they stand in the text: ``-Name value`` pairs and switches."""
    found: dict[str, str | list[str]] = {}
    name = ""
    for argument in statement.arguments:
        if argument.startswith("-") and argument[1:2].isalpha():
            name = argument.lstrip("-").rstrip(":")
            found[name] = "true"
        elif name:
            found[name] = argument
    return found


def _check(arguments: Arguments, allowed: frozenset[str], call: str) -> None:
    for name in arguments:
        if name.lower() not in allowed:
            raise FailedError(_no_parameter(name, call))


def _no_parameter(name: str, call: str) -> Failure:
    return Failure(
        message=f"A parameter cannot be found that matches parameter name '{name}'.",
        error_id=f"NamedParameterNotFound,{call}" if call else "NamedParameterNotFound",
        category="InvalidArgument",
        exception="System.Management.Automation.ParameterBindingException",
        command=call,
    )


def _not_found(name: str) -> Failure:
    return Failure(
        message=f"The term '{name}' is not recognized as the name of a cmdlet, function, script "
        "file, or operable program. Check the spelling of the name, or if a path was included, "
        "verify that the path is correct and try again.",
        error_id="CommandNotFoundException",
        category="ObjectNotFound",
        exception="System.Management.Automation.CommandNotFoundException",
        target=name,
    )
