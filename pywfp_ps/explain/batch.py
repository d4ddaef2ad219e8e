"""The verdicts of many flows over one host in one pass, the same as `Engine.explain` gives.

Flows that differ in ports and addresses alone have one shape. For a shape most conditions are
answered once. Ports and addresses are cut where a layer's conditions cut them, so that flows in the
same cells are one case; a case is a row of answers, and each different row is arbitrated once, by
the functions that `Engine` uses.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from pywfp_ps.explain.arbitrate import (
    Met,
    Outcome,
    Verdict,
    combine,
    outcomes,
)
from pywfp_ps.explain.callouts import NONE
from pywfp_ps.explain.cells import number_cells
from pywfp_ps.explain.compile import Entry, Program
from pywfp_ps.explain.engine import Engine
from pywfp_ps.explain.fields import Context, Fields
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.match import Atom
from pywfp_ps.explain.path import Step, layer_name, path_of
from pywfp_ps.explain.whole import LayerFinal, whole_path

Answers = NDArray[np.int8] | int
Codes = NDArray[np.int64]
_Place = tuple[int, int, Entry]
"""A filter behind the positions of its sublayer and its group."""

_PREFIX: Final = "FWPM_CONDITION_"
_LOCAL_PORT: Final = _PREFIX + "IP_LOCAL_PORT"
_COLUMNS: Final = {
    _LOCAL_PORT: "local_port",
    _PREFIX + "IP_REMOTE_PORT": "remote_port",
    _PREFIX + "IP_LOCAL_ADDRESS": "local_address",
    _PREFIX + "IP_SOURCE_ADDRESS": "local_address",
    _PREFIX + "IP_REMOTE_ADDRESS": "remote_address",
    _PREFIX + "IP_DESTINATION_ADDRESS": "remote_address",
}
_NAMES: Final = ("local_port", "remote_port", "local_address", "remote_address")
_SHAPE: Final = itemgetter(
    *(at for at, name in enumerate(Flow.__struct_fields__) if name not in _NAMES)
)
"""Takes what is no port and no address out of a flow's values."""
_NOTHING: Final[LayerFinal] = (combine(()), combine(()))
_BIND_STEMS: Final = frozenset({"ALE_BIND_REDIRECT", "ALE_RESOURCE_ASSIGNMENT", "ALE_AUTH_LISTEN"})
_REDIRECTS: Final = ("ALE_BIND_REDIRECT", "ALE_CONNECT_REDIRECT")


class Answer(Struct, frozen=True, kw_only=True):
    """One kind of answer; many flows share it.

    Attributes:
        verdict: Strict.
        policy_verdict: With callouts as they are modelled.
        filter_id: The filter that decides, as `Explanation.deciding` has it.
        layer: Its layer.
    """

    verdict: Verdict
    policy_verdict: Verdict
    filter_id: int | None = None
    layer: str | None = None


class Result(Struct, frozen=True, kw_only=True):
    """What one host says to all flows.

    Attributes:
        answers: The different answers.
        codes: For each flow the position of its answer.
    """

    answers: tuple[Answer, ...]
    codes: Codes

    def __getitem__(self, at: int) -> Answer:
        """The answer for one flow."""
        return self.answers[int(self.codes[at])]


class _Column(Struct, frozen=True):
    """Different values, sorted, and for each flow the position of its own; -1 for none."""

    values: list[int]
    codes: Codes


class Flows:
    """Flows as columns, made once for all hosts."""

    def __init__(self, flows: Iterable[Flow], *, ends: Flows | None = None) -> None:
        """Makes the columns.

        Args:
            flows: The flows.
            ends: The same flows as far as ports and remote addresses go.
        """
        self.flows = list(flows)
        self.columns: dict[str, _Column] = dict(ends.columns) if ends else {}
        for name in ("local_address",) if ends else _NAMES:
            self.columns[name] = _column([getattr(flow, name) for flow in self.flows])
        shapes: dict[object, int] = {}
        self.shapes = np.fromiter(
            (shapes.setdefault(_shape(flow), len(shapes)) for flow in self.flows),
            np.int64,
            len(self.flows),
        )

    def __len__(self) -> int:
        return len(self.flows)


def _column(values: Sequence[Any]) -> _Column:
    known = sorted({int(value) for value in values if value is not None})
    places = {value: at for at, value in enumerate(known)}
    codes = (-1 if value is None else places[int(value)] for value in values)
    return _Column(known, np.fromiter(codes, np.int64, len(values)))


def _shape(flow: Flow) -> object:
    """All that one answer to most conditions hangs on; what hangs on the host comes later."""
    local, remote = flow.local_address, flow.remote_address
    return (
        _SHAPE(structs.astuple(flow)),
        flow.local_port is None,
        flow.remote_port is None,
        None if local is None else _kind(local),
        None if remote is None else _kind(remote),
        local is not None and local == remote,
    )


def _kind(address: IPv4Address | IPv6Address) -> int | tuple[bool, bool]:
    """What conditions on kinds of addresses ask: the same for all addresses of one kind."""
    number = int(address)
    if isinstance(address, IPv4Address):
        top = number >> 24
        if top == 127:
            return 1
        return 2 if 224 <= top < 240 else number if number in {0, 0xFFFFFFFF} else 3
    if number >> 32 == 0xFFFF:  # an IPv4 address in disguise: what Python takes it for
        return address.is_loopback, address.is_multicast
    return 4 if number >> 120 == 0xFF else 5 if number > 1 else number - 2


class _Cut(Struct, frozen=True):
    """A field of a layer cut into cells: for each flow its cell, and what conditions answer."""

    cells: Codes
    answers: dict[int, NDArray[np.int8]]


class Batch:
    """Answers about many flows on one host."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cuts: dict[tuple[str, str], _Cut] = {}

    def answer(self, flows: Flows) -> Result:
        """The verdicts of all flows, in their order."""
        deriver = self._engine.deriver
        if deriver.tells or any(flow.interface_alias is not None for flow in flows.flows):
            told = list(map(deriver.flow_told, flows.flows))
            if any(one is not flow for one, flow in zip(told, flows.flows, strict=True)):
                flows = Flows(told, ends=flows)
        self._cuts = {}
        codes = np.zeros(len(flows), np.int64)
        answers: dict[Answer, int] = {}
        for rows in self._groups(flows):
            for part, may_be_redirected in self._by_redirection(flows, rows):
                flow = flows.flows[part[0]]
                fields = Fields(flow, self._context(may_be_redirected=may_be_redirected))
                self._path(flows, part, fields, codes, answers)
        return Result(answers=tuple(answers), codes=codes)

    def _context(self, *, may_be_redirected: bool) -> Context:
        engine = self._engine
        return Context(
            facts=engine.facts,
            epochs=engine.compiled.epochs,
            may_be_redirected=may_be_redirected,
        )

    def _groups(self, flows: Flows) -> Iterator[Codes]:
        """Flows of one shape on this host: its own addresses and interfaces count too."""
        facts = self._engine.facts
        own, held = np.zeros(len(flows), np.int64), np.zeros(len(flows), np.int64)
        if facts.addresses:
            column = flows.columns["remote_address"]
            mine = {int(one): one.version for one in facts.addresses}
            is_own = np.array([value in mine for value in column.values] + [False])
            for at in np.flatnonzero(is_own[column.codes]).tolist():
                own[at] = flows.flows[at].remote_address in facts.addresses
        if facts.interfaces:
            luids = {luid: n + 1 for n, luid in enumerate(set(facts.interfaces.values()))}
            for at, flow in enumerate(flows.flows):
                luid = facts.interfaces.get(flow.local_address) if flow.local_address else None
                held[at] = luids[luid] if luid is not None else 0
        return _alike([flows.shapes, own, held])

    def _by_redirection(self, flows: Flows, rows: Codes) -> Iterator[tuple[Codes, bool]]:
        """The rows, apart by whether a filter may redirect them."""
        flow = flows.flows[rows[0]]
        if flow.direction != "out" or flow.action != "connect":
            yield rows, False
            return
        fields = Fields(flow, self._context(may_be_redirected=False))
        may = np.zeros(len(rows), np.bool_)
        for stem in _REDIRECTS:
            program = self._engine.compiled.programs.get(layer_name(stem, flow))
            if program is not None:
                case_of, matrix, _ = self._rows(flows, rows, program, fields, stem)
                may |= (matrix != NO).any(axis=1)[case_of]
        for answer in (False, True):
            part = rows[may == answer]
            if len(part):
                yield part, answer

    def _path(
        self, flows: Flows, rows: Codes, fields: Fields, codes: Codes, answers: dict[Answer, int]
    ) -> None:
        flow = fields.flow
        steps = path_of(flow)
        finals: list[list[LayerFinal]] = []
        layers: list[Codes] = []
        done: dict[str, int] = {}
        for step in steps:
            if step.layer not in done:
                done[step.layer] = len(layers)
                found, of_row = self._layer(flows, rows, step, fields)
                finals.append(found)
                layers.append(of_row)
        order = [done[step.layer] for step in steps]
        for part in _alike(layers):
            stages = [finals[at][layers[at][part[0]]] for at in order]
            answer = _answer(flow, steps, stages)
            codes[rows[part]] = answers.setdefault(answer, len(answers))

    def _layer(
        self, flows: Flows, rows: Codes, step: Step, fields: Fields
    ) -> tuple[list[LayerFinal], Codes]:
        """The different ends of a layer, and for each row which of them is its own."""
        program = self._engine.compiled.programs.get(step.layer)
        if program is None:
            return [_NOTHING], np.zeros(len(rows), np.int64)
        case_of, matrix, places = self._rows(flows, rows, program, fields, step.stem)
        finals: dict[LayerFinal, int] = {}
        of_case = np.zeros(len(matrix), np.int64)
        for part in _alike_rows(matrix):
            final = _final(places, matrix[part[0]])
            of_case[part] = finals.setdefault(final, len(finals))
        return list(finals), of_case[case_of]

    def _rows(
        self, flows: Flows, rows: Codes, program: Program, fields: Fields, stem: str
    ) -> tuple[Codes, NDArray[np.int8], list[_Place]]:
        """For each row its case, and for each case the answers of all filters that may match."""
        cells: dict[str, Codes] = {}
        cuts: dict[str, _Cut] = {}
        for field in dict.fromkeys(program.fields):
            name = _COLUMNS.get(field)
            if name is None or field in fields.given:
                continue
            said = getattr(fields.flow, name)
            value = fields.filled(field, stem).value
            is_bound = stem in _BIND_STEMS and name == "local_address"
            if is_bound and fields.flow.action == "connect":
                continue  # the address of the bind: part of the shape
            if said is None or not isinstance(value, int):
                continue  # the same for all flows of the shape
            column = flows.columns[name]
            cut = self._cut(program, field, column)
            cells[field] = cut.cells[rows]
            cuts[field] = cut
        parts = list(_alike([*cells.values()])) if cells else [np.arange(len(rows))]
        case_of = np.zeros(len(rows), np.int64)
        for case, part in enumerate(parts):
            case_of[part] = case
        firsts = np.array([part[0] for part in parts])
        of_case = {field: codes[firsts] for field, codes in cells.items()}
        matrix, places = _Matching(program, fields, stem, cuts, of_case, len(parts)).matrix()
        return case_of, matrix, places

    def _cut(self, program: Program, field: str, column: _Column) -> _Cut:
        key = (program.layer, field)
        cut = self._cuts.get(key)
        if cut is None:
            cut = self._cuts[key] = _cut_of(program, field, column)
        return cut


def _cut_of(program: Program, field: str, column: _Column) -> _Cut:
    atoms = {at: atom for at, atom in enumerate(program.atoms) if atom.field == field}
    numbers = {at: atom for at, atom in atoms.items() if atom.kind == "integer"}
    width = 16 if field.endswith("_PORT") else 128 if program.layer.endswith("V6") else 32
    if all(_is_span(atom, width) for atom in numbers.values()):
        samples = number_cells(numbers, width).samples
        edges = [one for one in samples if isinstance(one, int)]
    else:
        edges = column.values  # every value is a cell of its own
    # Both are sorted, so where each cell begins among the values tells the cell of all of them.
    starts = [bisect_left(column.values, edge) for edge in edges]
    places = np.repeat(np.arange(len(edges)), np.diff([*starts, len(column.values)]))
    answers = {at: np.array([program.tests[at](one) for one in edges], np.int8) for at in atoms}
    return _Cut(places[column.codes], answers)


def _is_span(atom: Atom, width: int) -> bool:
    """Whether a condition holds on ranges: no flags, and a mask of ones and then zeros."""
    free = 0 if atom.mask is None else ((1 << width) - 1) & ~atom.mask
    return not atom.match.startswith("FLAGS") and not free & (free + 1)


class _Matching:
    """Answers of one layer's filters for many cases of one shape."""

    def __init__(
        self,
        program: Program,
        fields: Fields,
        stem: str,
        cuts: dict[str, _Cut],
        cells: dict[str, Codes],
        count: int,
    ) -> None:
        self._program, self._fields, self._stem = program, fields, stem
        self._cuts, self._cells, self._count = cuts, cells, count
        self._runs: dict[int, Answers] = {}
        self._atoms: dict[int, int] = {}
        flow = fields.flow
        self._port_is_open = (
            stem == "ALE_RESOURCE_ASSIGNMENT"
            and flow.direction == "out"
            and flow.action == "connect"
            and flow.local_port is None
        )

    def matrix(self) -> tuple[NDArray[np.int8], list[_Place]]:
        """A row for each case and a column for each filter that may match some case."""
        columns: list[NDArray[np.int8]] = []
        places: list[_Place] = []
        for sub_at, sub in enumerate(self._program.sublayers):
            for group_at, group in enumerate(sub.groups):
                is_over = False
                for entry in group:
                    answer = self._entry(entry)
                    if isinstance(answer, int):
                        if answer == NO:
                            continue
                        is_over |= answer == YES and _surely_decides(entry)
                        answer = np.full(self._count, answer, np.int8)
                    elif not answer.any():
                        continue
                    columns.append(answer)
                    places.append((sub_at, group_at, entry))
                if is_over:
                    break
        if not columns:
            return np.zeros((self._count, 0), np.int8), places
        return np.stack(columns, axis=1), places

    def _entry(self, entry: Entry) -> Answers:
        least: Answers = YES
        for run in entry.runs:
            least = _least(least, self._run(run))
            if isinstance(least, int) and least == NO:
                return NO
        if self._port_is_open and entry.filter.action == "FWP_ACTION_BLOCK":
            return self._without_refused_ports(entry, least)
        return least

    def _without_refused_ports(self, entry: Entry, least: Answers) -> Answers:
        """A block that hangs on nothing but a port which the stack chooses is no match."""
        others: Answers = YES
        hangs = False
        for run in entry.runs:
            answer = self._run(run)
            field = self._program.fields[self._program.runs[run][0]]
            if field == _LOCAL_PORT and isinstance(answer, int) and answer == MAYBE:
                hangs = True
            else:
                others = _least(others, answer)
        if not hangs:
            return least
        if isinstance(others, int):
            return NO if others == YES else least
        return np.where(others == YES, np.int8(NO), others)

    def _run(self, run: int) -> Answers:
        found = self._runs.get(run)
        if found is None:
            found = self._runs[run] = self._answer(self._program.runs[run])
        return found

    def _answer(self, atoms: tuple[int, ...]) -> Answers:
        field = self._program.fields[atoms[0]]
        cut = self._cuts.get(field)
        if cut is not None:
            most = cut.answers[atoms[0]]
            for atom in atoms[1:]:
                most = np.maximum(most, cut.answers[atom])
            low, high = int(most.min()), int(most.max())
            return low if low == high else most[self._cells[field]]
        return max(self._atom(atom, field) for atom in atoms)

    def _atom(self, atom: int, field: str) -> int:
        answer = self._atoms.get(atom)
        if answer is None:
            value = self._fields.filled(field, self._stem).value
            answer = self._atoms[atom] = self._program.tests[atom](value)
        return answer


def _least(one: Answers, other: Answers) -> Answers:
    if isinstance(one, int) and isinstance(other, int):
        return min(one, other)
    if isinstance(one, int):
        one, other = other, one
    if isinstance(other, int):
        return one if other == YES else NO if other == NO else np.minimum(one, np.int8(other))
    return np.minimum(one, other)


def _surely_decides(entry: Entry) -> bool:
    return NONE not in entry.strict


def _alike(columns: Sequence[Codes]) -> Iterator[Codes]:
    """Rows that are equal in all columns, group by group."""
    count = len(columns[0])
    code = np.zeros(count, np.int64)
    for column in columns:
        names, ranks = np.unique(column, return_inverse=True)
        code = code * len(names) + ranks
        if code.max(initial=0) > 1 << 40:
            _, code = np.unique(code, return_inverse=True)
    order = np.argsort(code, kind="stable")
    edges = np.flatnonzero(np.diff(code[order])) + 1
    return iter(np.split(order, edges)) if count else iter(())


def _alike_rows(matrix: NDArray[np.int8]) -> Iterator[Codes]:
    """Rows of a matrix that are equal, group by group."""
    if not matrix.shape[1] or len(matrix) == 1:
        return iter([np.arange(len(matrix))])
    rows = np.ascontiguousarray(matrix).view(np.dtype((np.void, matrix.shape[1]))).ravel()
    _, codes = np.unique(rows, return_inverse=True)
    return _alike([codes])


def _final(places: Sequence[_Place], row: NDArray[np.int8]) -> LayerFinal:
    """What the layer says where its filters answer like this."""
    strict: list[frozenset[Outcome]] = []
    policy: list[frozenset[Outcome]] = []
    matching = [(*places[at], int(row[at])) for at in np.flatnonzero(row).tolist()]
    for _, of_sub in groupby(matching, key=lambda one: one[0]):
        met: list[tuple[Met, ...]] = []
        for _, of_group in groupby(of_sub, key=lambda one: one[1]):
            met.append(tuple(Met(entry, answer) for _, _, entry, answer in of_group))
            if any(one.answer == YES and _surely_decides(one.entry) for one in met[-1]):
                break
        strict.append(outcomes(met, strict=True))
        policy.append(outcomes(met, strict=False))
    return combine(strict), combine(policy)


def _answer(flow: Flow, steps: Sequence[Step], finals: Sequence[LayerFinal]) -> Answer:
    """The answer of the whole path, with the filter that `Engine` names as deciding."""
    whole = whole_path(flow, steps, finals)
    return Answer(
        verdict=whole.verdict,
        policy_verdict=whole.policy_verdict,
        filter_id=whole.deciders[0] if whole.is_sure else None,
        layer=whole.layer if whole.is_sure else None,
    )
