"""Says whether traffic passes a host's filters, which filter decides, how sure that is, and why."""

from __future__ import annotations

from pywfp_ps.explain.answer import Explanation
from pywfp_ps.explain.engine import Engine, explain
from pywfp_ps.explain.facts import Facts, facts_of
from pywfp_ps.explain.flow import Flow

__all__ = ["Engine", "Explanation", "Facts", "Flow", "explain", "facts_of"]
