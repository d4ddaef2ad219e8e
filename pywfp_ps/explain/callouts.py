"""What callouts may do: by their class, and as modelled for Microsoft's own.

The strict verdict lets a callout do whatever its class allows. The policy verdict lets callouts
permit or continue, as the modelled ones of Microsoft do for an ordinary flow; every callout with a
vote is then listed as one that may override. The models are data with a version and sources.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

from pywfp_ps.model.objects import (
    CALLOUT_INSPECTION,
    CALLOUT_TERMINATING,
    CALLOUT_UNKNOWN,
    PERMIT_IF_CALLOUT_UNREGISTERED,
    Callout,
    Filter,
)

NONE: Final = 0
SOFT_PERMIT: Final = 1
HARD_PERMIT: Final = 2
FILTER_BLOCK: Final = 3
SOFT_BLOCK: Final = 4
HARD_BLOCK: Final = 5
"""What a filter can make its sublayer say. A filter's block is hard but cannot veto."""

_ANY_VOTE: Final = (SOFT_PERMIT, HARD_PERMIT, SOFT_BLOCK, HARD_BLOCK)
_SILENT: Final = frozenset(
    {"FWP_ACTION_CONTINUE", "FWP_ACTION_NONE", "FWP_ACTION_NONE_NO_MATCH", CALLOUT_INSPECTION}
)

Votes = tuple[int, ...]
Answers = frozenset[tuple[int, bool]]
"""Votes other than none, each with whether a callout gives it."""


class Model(Struct, frozen=True, kw_only=True):
    """What one of Microsoft's callouts does for an ordinary flow.

    Attributes:
        match: Pattern for its constant, or for its GUID in braces.
        product: Whose it is.
        does: What it does, one sentence.
        policy: ``permit``, ``continue`` or ``block``: its vote in the policy verdict.
        source: Where that is known from.
    """

    match: str
    product: str
    does: str
    policy: str
    source: str


class Models(Struct, frozen=True, kw_only=True):
    """The table of modelled callouts.

    Attributes:
        version: Number of the table; grows with every change.
        rows: The models, first match counts.
    """

    version: int
    rows: tuple[Model, ...]


@cache
def models() -> Models:
    """The table that ships with the package."""
    text = resources.files("pywfp_ps.explain").joinpath("modelled_callouts.toml").read_text("utf-8")
    loaded = tomllib.loads(text)
    return Models(version=loaded["version"], rows=tuple(Model(**row) for row in loaded["callout"]))


@cache
def model_of(name: str) -> Model | None:
    """The model of a callout by its constant or GUID in braces, if there is one."""
    return next((row for row in models().rows if re.fullmatch(row.match, name)), None)


def callout_of(filter_: Filter, callouts: dict[str, Callout]) -> Callout | None:
    """The callout a filter asks; ``None`` where the snapshot lists none for the filter's layer."""
    callout = callouts.get(filter_.callout or "")
    if callout is None or callout.layer not in {None, filter_.layer}:
        return None  # a callout applies to one layer (FWPM_CALLOUT0)
    return callout


def votes_of(filter_: Filter, callouts: dict[str, Callout]) -> tuple[Votes, Votes]:
    """What a matching filter may make its sublayer say: strictly, and as policy.

    Args:
        filter_: The filter.
        callouts: Callouts of the snapshot by constant or GUID in braces.
    """
    if filter_.action == "FWP_ACTION_BLOCK":
        return (FILTER_BLOCK,), (FILTER_BLOCK,)
    permit = HARD_PERMIT if filter_.is_hard else SOFT_PERMIT
    if filter_.action == "FWP_ACTION_PERMIT":
        return (permit,), (permit,)
    if filter_.action in _SILENT:
        return (NONE,), (NONE,)
    if filter_.action not in {CALLOUT_TERMINATING, CALLOUT_UNKNOWN}:
        return (NONE, FILTER_BLOCK, *_ANY_VOTE), (NONE, FILTER_BLOCK, *_ANY_VOTE)
    may_continue = filter_.action == CALLOUT_UNKNOWN
    strict: Votes = (NONE, *_ANY_VOTE) if may_continue else _ANY_VOTE
    policy: Votes = (_policy_vote(filter_, may_continue=may_continue),)
    absent = _absent_vote(filter_)
    callout = callout_of(filter_, callouts)
    if callout is None:
        return tuple({*strict, absent}), tuple({*policy, absent})
    return (strict, policy) if callout.is_registered else ((absent,), (absent,))


def answers_of(filter_: Filter, callouts: dict[str, Callout]) -> tuple[Answers, Answers]:
    """The votes of `votes_of` beside none, and whether a callout or the filter gives each.

    Where the snapshot does not list the callout, either may (rule 9.3).
    """
    votes = votes_of(filter_, callouts)
    if filter_.action not in {CALLOUT_TERMINATING, CALLOUT_UNKNOWN}:
        strict, policy = ({(vote, False) for vote in one if vote != NONE} for one in votes)
        return frozenset(strict), frozenset(policy)
    callout = callout_of(filter_, callouts)
    absent = (_absent_vote(filter_), False)
    if callout is not None and not callout.is_registered:
        return frozenset({absent}), frozenset({absent})
    modelled = _policy_vote(filter_, may_continue=filter_.action == CALLOUT_UNKNOWN)
    strict = {(vote, True) for vote in _ANY_VOTE}
    policy = {(modelled, True)} if modelled != NONE else set()
    more = {absent} if callout is None else set()
    return frozenset(strict | more), frozenset(policy | more)


def _absent_vote(filter_: Filter) -> int:
    """What a filter says itself where its callout has no driver (rules 9.1 and 9.2)."""
    if PERMIT_IF_CALLOUT_UNREGISTERED not in filter_.flags:
        return FILTER_BLOCK
    return HARD_PERMIT if filter_.is_hard else SOFT_PERMIT


def _policy_vote(filter_: Filter, *, may_continue: bool) -> int:
    model = model_of(filter_.callout or "")
    if model is not None and model.policy == "block":
        return SOFT_BLOCK
    return NONE if may_continue else SOFT_PERMIT
