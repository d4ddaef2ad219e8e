"""What a policy says to all flows of a universe at once: the rules of `arbitrate` over sets.

Every condition becomes two sets of points, where it may hold and where it surely does. They come
from the very functions that `Engine` uses, asked about samples; descriptors alone are walked here,
entry by entry, over what a token may hold. Then the votes of filters, sublayers and layers are
carried as sets, and the verdicts of the whole path are three sets that leave nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from itertools import product
from time import monotonic
from typing import Any, Final

from msgspec import Struct, structs
from oxidd.util import DDMemoryError

from pywfp_ps.errors import WfpError
from pywfp_ps.explain import sids
from pywfp_ps.explain.arbitrate import BLOCKS, TABLE, Verdict
from pywfp_ps.explain.callouts import NONE, Votes
from pywfp_ps.explain.compile import Entry, Program, SubProgram
from pywfp_ps.explain.diagrams import Answer, Set
from pywfp_ps.explain.engine import Engine
from pywfp_ps.explain.fields import BIND_STEMS, Context, Fields
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.path import layer_name
from pywfp_ps.explain.space import Space
from pywfp_ps.explain.sysappid import evaluate
from pywfp_ps.explain.tokens import DENY_TYPES, KNOWN_TYPES, Descriptor
from pywfp_ps.explain.universe import REDIRECTS
from pywfp_ps.model.sddl import Ace

_PREFIX: Final = "FWPM_CONDITION_"
_UNSPECIFIED: Final = frozenset({IPv4Address(0), IPv6Address(0)})
_FLAGS: Final = "FLAGS"
_TOKENS: Final = frozenset({"ALE_PACKAGE_FAMILY_NAME", "ALE_USER_ID"})
_LOCAL: Final = frozenset({"IP_LOCAL_ADDRESS", "IP_LOCAL_ADDRESS_TYPE", "IP_SOURCE_ADDRESS"})
_BOUND: Final = frozenset(
    {"INTERFACE_INDEX", "INTERFACE_TYPE", "IP_LOCAL_INTERFACE", "TUNNEL_TYPE"}
)
_LOCAL_PORT: Final = _PREFIX + "IP_LOCAL_PORT"
_DEPENDS: Final[dict[str, tuple[str, ...]]] = {
    "ALE_APP_ID": ("app",),
    "ALE_PACKAGE_ID": ("package",),
    "INTERFACE_QUARANTINE_EPOCH": ("interface",),
    "IP_DESTINATION_ADDRESS": ("remote",),
    "IP_DESTINATION_ADDRESS_TYPE": ("remote",),
    "IP_LOCAL_ADDRESS": ("local",),
    "IP_LOCAL_ADDRESS_TYPE": ("local",),
    "IP_LOCAL_PORT": ("icmp_type", "local_port"),
    "IP_PROTOCOL": ("protocol",),
    "IP_REMOTE_ADDRESS": ("remote",),
    "IP_REMOTE_PORT": ("icmp_code", "remote_port"),
    "IP_SOURCE_ADDRESS": ("local",),
    "ORIGINAL_ICMP_TYPE": ("icmp_type",),
}
"""Axes that decide a field; fields of interfaces and profiles follow below, by their names."""


class GaveUpError(WfpError):
    """A question about all flows could not be answered within its bounds."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"gave up: {self.reason}"


class Deadline:
    """When to stop trying."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = monotonic() + seconds

    def check(self) -> None:
        """Raises `GaveUpError` where the time is over."""
        if monotonic() > self._end:
            raise GaveUpError(f"no answer within {self._seconds:g} seconds")


class Verdicts(Struct, frozen=True, kw_only=True):
    """The flows of a universe by verdict; together they are all."""

    permit: Set
    block: Set
    unknown: Set

    def of(self, verdict: Verdict) -> Set:
        """The flows with a verdict."""
        found: Set = getattr(self, verdict)
        return found


class Model:
    """One policy over a space."""

    def __init__(self, space: Space, engine: Engine, deadline: Deadline) -> None:
        self.space, self.engine, self.deadline = space, engine, deadline
        self.universe, self.diagrams = space.universe, space.diagrams
        self._values: dict[tuple[str, str, bool], Any] = {}
        self._points: dict[tuple[tuple[str, ...], bool], list[tuple[tuple[int, ...], Fields]]] = {}
        self._grants: dict[Descriptor, Answer] = {}
        self._layers: dict[tuple[str, bool], tuple[Set, Set]] = {}
        self._matchings: dict[str, Matching] = {}
        self._start = {name: axis.samples[0] for name, axis in self.universe.axes.items()}

    def verdicts(self, *, strict: bool = False) -> Verdicts:
        """The flows by the verdict of the whole path.

        Raises:
            GaveUpError: It takes too long, or more memory than is allowed.
        """
        try:
            permit, block = self.space.world, self.diagrams.none
            for stem, program in self.layers:
                blocks, passes = self.layer(program, stem, strict=strict)
                block |= blocks & ~passes
                permit &= ~blocks
            block &= self.space.world
            return Verdicts(permit=permit, block=block, unknown=self.space.world & ~permit & ~block)
        except DDMemoryError:
            raise GaveUpError("the sets of flows need more memory than is allowed") from None

    @cached_property
    def layers(self) -> list[tuple[str, Program]]:
        """Names and programs of the layers that have filters, each once, in the path's order."""
        programs = self.engine.compiled.programs
        steps = {step.layer: step.stem for step in self.universe.steps}
        return [(stem, programs[name]) for name, stem in steps.items() if name in programs]

    def layer(self, program: Program, stem: str, *, strict: bool) -> tuple[Set, Set]:
        """Where a layer may block, and where it may let pass."""
        key = (program.layer, strict)
        found = self._layers.get(key)
        if found is None:
            found = self._layers[key] = self._layer(program, stem, strict=strict)
        return found

    def matching(self, program: Program, stem: str) -> Matching:
        """Where the filters of a layer match."""
        found = self._matchings.get(program.layer)
        if found is None:
            found = self._matchings[program.layer] = Matching(self, program, stem)
        return found

    def _layer(self, program: Program, stem: str, *, strict: bool) -> tuple[Set, Set]:
        current: dict[int, Set] = {NONE: self.diagrams.all}
        matching = self.matching(program, stem)
        for sub in program.sublayers:
            said = self._sublayer(sub, matching, strict=strict)
            if set(said) == {NONE}:
                continue
            after: dict[int, Set] = {}
            for above, region in current.items():
                for vote, where in said.items():
                    both = region & where
                    result = TABLE[above, vote][0]
                    after[result] = after[result] | both if result in after else both
            current = after
        none = self.diagrams.none
        blocks, passes = none, none
        for vote, region in current.items():
            if vote in BLOCKS:
                blocks |= region
            else:
                passes |= region
        return blocks, passes

    def _sublayer(self, sub: SubProgram, matching: Matching, *, strict: bool) -> dict[int, Set]:
        """Where a sublayer may say what."""
        reached = self.diagrams.all
        said: dict[int, Set] = {}
        for group in sub.groups:
            self.deadline.check()
            decided = self.diagrams.none
            for entry in group:
                votes: Votes = entry.strict if strict else entry.policy
                if votes == (NONE,):
                    continue
                answer = matching.entry(entry)
                met = answer.possible & reached
                for vote in votes:
                    if vote != NONE:
                        said[vote] = said[vote] | met if vote in said else met
                if NONE not in votes:
                    decided |= answer.sure
            reached &= ~decided
            if not reached.satisfiable():
                break
        said[NONE] = reached
        return {vote: where for vote, where in said.items() if where.satisfiable()}

    @cached_property
    def redirected(self) -> Set:
        """Flows that a filter may redirect."""
        found = self.diagrams.none
        if not self.universe.may_redirect:
            return found
        for stem in REDIRECTS:
            program = self.engine.compiled.programs.get(layer_name(stem, self.universe.base))
            if program is None:
                continue
            matching = Matching(self, program, stem, is_redirect=True)
            for sub in program.sublayers:
                for entry in (one for group in sub.groups for one in group):
                    found |= matching.entry(entry).possible
        return found

    def condition(self, program: Program, atom: int, stem: str, *, is_redirect: bool) -> Answer:
        """Where a condition holds at a layer."""
        field = program.fields[atom]
        name = field.removeprefix(_PREFIX)
        descriptor = program.atoms[atom].descriptor
        is_given = any(field == given for given, _ in self.universe.base.fields)
        if not is_given:
            if name in _TOKENS and descriptor is not None:
                return self._descriptor(descriptor)
            if name == _FLAGS:
                return self._flags(program.tests[atom], stem, is_redirect=is_redirect)
        axes = () if is_given else self._axes_of(name, stem)
        answers = {
            key: program.tests[atom](value) for key, value in self._values_of(field, stem, axes)
        }
        return self.diagrams.table(axes, answers)

    def _axes_of(self, name: str, stem: str) -> tuple[str, ...]:
        """The axes that decide a field at a layer."""
        universe = self.universe
        if _PREFIX + name in universe.axes:
            return (_PREFIX + name,)
        if "PROFILE_ID" in name:
            wanted: tuple[str, ...] = ("profile",)
        elif name.endswith("INTERFACE_INDEX"):
            wanted = ("interface_index",)
        elif name.endswith("TUNNEL_TYPE"):
            wanted = ("interface", "tunnel")
        elif name.endswith("INTERFACE_TYPE") or (name.startswith("IP_") and "INTERFACE" in name):
            wanted = ("interface",)
        else:
            wanted = _DEPENDS.get(name, ())
        if stem in BIND_STEMS and (name in _LOCAL or name in _BOUND):
            is_socket = universe.base.action != "connect"
            wanted = (("local",) if is_socket and name in _BOUND else ("bind",)) + wanted
        return tuple(one for one in wanted if one in universe.axes)

    def _values_of(
        self, field: str, stem: str, axes: tuple[str, ...]
    ) -> list[tuple[tuple[int, ...], Any]]:
        key = (field, stem, False)
        found = self._values.get(key)
        if found is None:
            found = self._values[key] = [
                (place, fields.filled(field, stem).value) for place, fields in self._fields_at(axes)
            ]
        return found

    def _fields_at(self, axes: tuple[str, ...]) -> list[tuple[tuple[int, ...], Fields]]:
        """The fields of a flow for every choice of samples of some axes, the others at rest."""
        found = self._points.get((axes, False))
        if found is None:
            found = []
            samples = [self.universe.axes[name].samples for name in axes]
            for places in product(*(range(len(one)) for one in samples)):
                chosen = {name: samples[at][place] for at, (name, place) in
                          enumerate(zip(axes, places, strict=True))}  # fmt: skip
                flow = self.universe.flow(self._start | chosen)
                found.append((places, Fields(flow, self._context(may_be_redirected=False))))
            self._points[axes, False] = found
        return found

    def _context(self, *, may_be_redirected: bool) -> Context:
        engine = self.engine
        return Context(
            facts=engine.facts,
            epochs=engine.compiled.epochs,
            may_be_redirected=may_be_redirected,
        )

    def _flags(self, test: Callable[[object], int], stem: str, *, is_redirect: bool) -> Answer:
        """A test of the flag word, which hangs on what several axes imply."""
        possible = sure = self.diagrams.none
        for where, fields in self._flag_cases(stem, is_redirect=is_redirect):
            answer = test(fields.filled(_PREFIX + _FLAGS, stem).value)
            if answer != NO:
                possible |= where
            if answer == YES:
                sure |= where
        return Answer(possible, sure)

    def _flag_cases(self, stem: str, *, is_redirect: bool) -> list[tuple[Set, Fields]]:
        key = (_FLAGS, stem, is_redirect)
        found: list[tuple[Set, Fields]] | None = self._values.get(key)
        if found is None:
            cases = self._cases(stem, is_redirect=is_redirect)
            found = self._values[key] = [one for one in cases if one[0].satisfiable()]
        return found

    def _cases(self, stem: str, *, is_redirect: bool) -> Iterator[tuple[Set, Fields]]:
        diagrams, space = self.diagrams, self.space
        looped = ((space.loopback, True), (~space.loopback, False))
        packages: list[tuple[Set, dict[str, object]]] = [(diagrams.all, {})]
        if "package" in self.universe.axes and stem == "ALE_AUTH_RECV_ACCEPT":
            boxed = space.package(lambda one: one != "none")
            packages = [(~boxed, {"package": "none"}), (boxed, {"package": "S-1-15-2-1-1"})]
        binds: list[tuple[Set, dict[str, object]]] = [(diagrams.all, {})]
        if stem == "ALE_RESOURCE_ASSIGNMENT" and "bind" in self.universe.axes:
            axis = self.universe.axes["bind"]
            binds = [
                (diagrams.cells("bind", 1 << at), {"bind": one})
                for at, one in enumerate(axis.samples)
            ]
        elif stem == "ALE_RESOURCE_ASSIGNMENT":
            locals_ = self.universe.axes["local"].samples
            for is_zero in (True, False):
                named = [one for one in locals_ if (one in _UNSPECIFIED) == is_zero]
                if named:
                    where = diagrams.among("local", named)
                    binds.append((where, {"local": named[0]}))
            binds = binds[1:] if len(binds) > 1 else binds
        redirects = [(diagrams.all, True)]
        if not is_redirect:
            redirects = [(self.redirected, True), (~self.redirected, False)]
        for (a, loops), (b, package), (c, bind), (d, may) in product(
            looped, packages, binds, redirects
        ):
            flow: Flow = self.universe.flow(self._start | package | bind)
            flow = structs.replace(flow, loopback=loops)
            yield a & b & c & d, Fields(flow, self._context(may_be_redirected=may))

    def _descriptor(self, descriptor: Descriptor) -> Answer:
        """Where a descriptor grants the right to match: `tokens.grants` over all tokens."""
        found = self._grants.get(descriptor)
        if found is None:
            found = self._grants[descriptor] = self._granted(descriptor)
        return found

    def _granted(self, descriptor: Descriptor) -> Answer:
        diagrams = self.diagrams
        plain = self.space.package(lambda one: one == "none")
        if descriptor.entries is None:
            return Answer(diagrams.all, plain)
        user = self._side(descriptor.entries, has_package=False, is_package_side=False)
        boxed = self._side(descriptor.entries, has_package=True, is_package_side=False)
        box = self._side(descriptor.entries, has_package=True, is_package_side=True)
        return Answer(
            plain & user.possible | ~plain & boxed.possible & box.possible,
            plain & user.sure | ~plain & boxed.sure & box.sure,
        )

    def _side(
        self, entries: Iterable[tuple[Ace, int]], *, has_package: bool, is_package_side: bool
    ) -> Answer:
        """One side of the access check: the first entry that applies decides."""
        diagrams, token = self.diagrams, self.universe.token
        open_, granted, denied = diagrams.all, diagrams.none, diagrams.none
        for ace, concerns in entries:
            if ace.sid.startswith((sids.PACKAGE_PREFIX, sids.CAPABILITY_PREFIX)) != is_package_side:
                continue
            if is_package_side:
                applies = self.space.holds_on_package_side(ace.sid)
            else:
                applies = self.space.holds(ace.sid, token)
            if concerns == MAYBE:
                applies = Answer(applies.possible, diagrams.none)
            if ace.type not in KNOWN_TYPES:
                granted |= open_ & applies.possible
                denied |= open_ & applies.possible
                continue
            if ace.condition is not None:
                applies = self._conditional(ace, applies, has_package=has_package)
            met = open_ & applies.possible
            if ace.type in DENY_TYPES:
                denied |= met
            else:
                granted |= met
            open_ &= ~applies.sure
        denied |= open_
        return Answer(granted, granted & ~denied)

    def _conditional(self, ace: Ace, applies: Answer, *, has_package: bool) -> Answer:
        base = self.universe.base
        answers: dict[str, int] = {}

        def answer(package: str) -> int:
            if package not in answers:
                found = evaluate(ace.condition or "", package, base.family, has_package=has_package)
                answers[package] = found.answer(unknown_counts=ace.type in DENY_TYPES)
            return answers[package]

        possible = self.space.package(lambda one: answer(one) != NO)
        sure = self.space.package(lambda one: answer(one) == YES)
        return Answer(applies.possible & possible, applies.sure & sure)


class Matching:
    """Where the filters of one layer match."""

    def __init__(
        self, model: Model, program: Program, stem: str, *, is_redirect: bool = False
    ) -> None:
        self._model, self._program, self._stem = model, program, stem
        self._is_redirect = is_redirect
        self._atoms: dict[int, Answer] = {}
        self._runs: dict[int, Answer] = {}
        base = model.universe.base
        self._port_is_open = (
            stem == "ALE_RESOURCE_ASSIGNMENT"
            and base.direction == "out"
            and base.action == "connect"
            and "local_port" not in model.universe.axes
            and base.local_port is None
        )

    def entry(self, entry: Entry) -> Answer:
        """Where a filter may match, and where it surely does."""
        everything = self._model.diagrams.all
        possible = sure = everything
        for run in entry.runs:
            answer = self.run(run)
            possible &= answer.possible
            sure &= answer.sure
        if self._port_is_open and entry.filter.action == "FWP_ACTION_BLOCK":
            others = everything
            for run in entry.runs:
                if self._program.fields[self._program.runs[run][0]] != _LOCAL_PORT:
                    others &= self.run(run).sure
            possible &= ~(others & ~sure)
        return Answer(possible, sure)

    def run(self, run: int) -> Answer:
        """Where one of a run of alternatives holds."""
        found = self._runs.get(run)
        if found is None:
            possible = sure = self._model.diagrams.none
            for atom in self._program.runs[run]:
                answer = self._atom(atom)
                possible |= answer.possible
                sure |= answer.sure
            found = self._runs[run] = Answer(possible, sure)
        return found

    def _atom(self, atom: int) -> Answer:
        found = self._atoms.get(atom)
        if found is None:
            found = self._atoms[atom] = self._model.condition(
                self._program, atom, self._stem, is_redirect=self._is_redirect
            )
        return found
