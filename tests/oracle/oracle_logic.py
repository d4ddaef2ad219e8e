"""Three-valued logic of the oracle: True, False, and None for "cannot be known".

Rules: arbitration.md 4.4 (AND is unknown unless one part is surely false, OR unless one is
surely true).
"""

from collections.abc import Iterable

Tri = bool | None


def tri_and(parts: Iterable[Tri]) -> Tri:
    """Rule 4.4, AND: false beats unknown beats true."""
    seen = list(parts)
    if False in seen:
        return False
    return None if None in seen else True


def tri_or(parts: Iterable[Tri]) -> Tri:
    """Rule 4.4, OR: true beats unknown beats false."""
    seen = list(parts)
    if True in seen:
        return True
    return None if None in seen else False


def tri_not(part: Tri) -> Tri:
    """The opposite; unknown stays unknown."""
    return None if part is None else not part
