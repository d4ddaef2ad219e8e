"""The answer to one question: its shape is what ``wfp explain --json`` prints."""

from __future__ import annotations

from msgspec import Struct

from pywfp_ps.explain.arbitrate import Action, Verdict
from pywfp_ps.explain.path import Phase


class Outcome(Struct, frozen=True, kw_only=True):
    """One way it can end.

    Attributes:
        when: The condition, in words.
        verdict: What happens then.
        layer: Where, ``None`` for the rule without exception.
        filter_id: The filter it hangs on.
    """

    when: str
    verdict: Verdict
    layer: str | None = None
    filter_id: int | None = None


class Overrider(Struct, frozen=True, kw_only=True):
    """A callout with a vote that may decide otherwise than the policy verdict takes it to.

    Attributes:
        layer: Where it is asked.
        callout: Constant or GUID in braces.
        product: Whose it is, as far as the snapshot or our tables tell.
        name: Its display name.
        filter_id: The filter that asks it.
        modelled: Whether its ordinary behaviour is modelled.
        can: What it can do.
    """

    layer: str
    callout: str
    product: str
    name: str | None = None
    filter_id: int
    modelled: bool = False
    can: str = ""


class Deciding(Struct, frozen=True, kw_only=True):
    """The filter that decides the policy verdict of the whole path."""

    layer: str
    filter_id: int
    name: str | None = None
    rule: str | None = None
    provider: str | None = None
    product: str | None = None
    sublayer: str | None = None


class SubLayerAnswer(Struct, frozen=True, kw_only=True):
    """What one sublayer of one layer says.

    Attributes:
        sublayer: Constant or GUID in braces.
        weight: Its weight, ``None`` where the snapshot does not list the sublayer.
        action: What it does, strictly.
        clear_action_right: Whether the deciding filter forbids lower sublayers to change it.
        filter_id: The filter that decides, if one surely does.
        candidates: Filters that could decide: the winner first, then in evaluation order.
        policy_action: The same with callouts as policy takes them.
        policy_filter_id: The filter that decides then.
    """

    sublayer: str
    weight: int | None
    action: Action
    clear_action_right: bool
    filter_id: int | None
    candidates: tuple[int, ...]
    policy_action: Action
    policy_filter_id: int | None


class LayerAnswer(Struct, frozen=True, kw_only=True):
    """What one layer says. ``verdict`` and ``certain`` are the strict ones."""

    layer: str
    step: int
    phase: Phase
    verdict: Verdict
    certain: bool
    filter_id: int | None
    policy_verdict: Verdict
    policy_filter_id: int | None
    sublayers: tuple[SubLayerAnswer, ...] = ()


class SnapshotNote(Struct, frozen=True, kw_only=True):
    """Which snapshot the answer rests on.

    Attributes:
        run_id: Run of the store it comes from.
        taken_at: When the host says it was taken, ISO 8601 with ``Z``.
        complete: Whether it was read whole and its source hides nothing.
        warnings: What may be wrong with it, one sentence each.
    """

    run_id: str | None = None
    taken_at: str | None = None
    complete: bool = True
    warnings: tuple[str, ...] = ()


class Reason(Struct, frozen=True, kw_only=True):
    """One step of the explanation; what made it so is under it.

    Attributes:
        text: What is so.
        filter_id: The filter it rests on.
        because: Why.
    """

    text: str
    filter_id: int | None = None
    because: tuple[Reason, ...] = ()


class Explanation(Struct, frozen=True, kw_only=True):
    """The answer to one question on one host.

    Attributes:
        host: Name of the host, ``None`` outside a store.
        verdict: Strict: callouts may do whatever their class allows.
        certain: Whether ``verdict`` is permit or block.
        policy_verdict: Filters, with callouts as they are modelled.
        outcomes: How it can end as policy; one entry where that is certain.
        overriders: Callouts that may decide otherwise.
        assumptions: What was derived or assumed.
        unknowns: Fields the verdict hangs on and that nobody said.
        deciding: The filter that decides the policy verdict, where there is one.
        deciders: Filters that could be the deciding one, by id.
        decider_names: Their names, in the same order.
        snapshot: What the answer rests on.
        layers: In the order of the path.
        listening: Whether something listens on the port that traffic comes to, ``None`` where
            nobody knows or no one need listen.
        unlisted: Layers of the path whose filters the host could not list; nothing is certain
            there.
        notes: What else to know: redirection, ties, doubtful conditions.
        reasons: The explanation as a tree, a root for each layer in which something may match.
        models_version: Version of the table of modelled callouts.
    """

    host: str | None = None
    verdict: Verdict
    certain: bool
    policy_verdict: Verdict
    outcomes: tuple[Outcome, ...] = ()
    overriders: tuple[Overrider, ...] = ()
    assumptions: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    deciding: Deciding | None = None
    deciders: tuple[int, ...] = ()
    decider_names: tuple[str | None, ...] = ()
    snapshot: SnapshotNote = SnapshotNote()
    layers: tuple[LayerAnswer, ...] = ()
    listening: bool | None = None
    unlisted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    models_version: int = 0
