"""Findings about policies, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pywfp_ps.explain.lint import Finding
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.report.text import one_line


def heading(host: str, snapshot: Snapshot, counts: Counter[str], *, hidden: int) -> str:
    """The line of a host: what was looked at and how much was found."""
    total = sum(counts.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    text = f"{one_line(host)}: {len(snapshot.filters)} filters, "
    text += f"{total} {'finding' if total == 1 else 'findings'}" + (f" ({kinds})" if kinds else "")
    if hidden:
        text += f"; {hidden} minor, see --all"
    if not snapshot.is_complete:
        text += "; the snapshot is not complete, so there may be more"
    return text


def without_snapshot(host: str) -> str:
    """What to say of a host that the store knows without its policy."""
    return f"{one_line(host)}: no snapshot, nothing looked at"


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """One finding in two or three lines: where it stands, what it is, what shows it."""
    for one in findings:
        owner = f" of {one_line(one.product)}" if one.product else ""
        layer = one.layer.removeprefix("FWPM_LAYER_")
        sublayer = one.sublayer.removeprefix("FWPM_SUBLAYER_")
        name = f" {one_line(one.name)}" if one.name else ""
        yield f"  {one.kind}: filter {one.filter_id}{name}{owner}, {layer}, {one_line(sublayer)}"
        yield f"      {one_line(one.text)}"
        if one.example:
            yield f"      for example {one_line(', '.join(one.example))}"
