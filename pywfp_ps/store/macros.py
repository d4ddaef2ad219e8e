"""SQL macros for addresses, ports and paths.

Addresses are compared as hex digits of fixed width, 8 for IPv4 and 32 for IPv6, which sort as the
addresses do; so nothing ever compares over the two families.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Macro(Struct, frozen=True, kw_only=True):
    """One macro.

    Attributes:
        call: How it is called.
        body: What it stands for.
        other: The same with other arguments, if there is such.
        doc: What it gives, one sentence; empty for parts of others.
    """

    call: str
    body: str
    other: str = ""
    doc: str = ""

    @property
    def name(self) -> str:
        """The name alone."""
        return self.call.partition("(")[0]


# A macro's arguments are copied into its body wherever they stand, so a body that names one twice
# doubles with every level. `list_transform([x], lambda y: ...)[1]` works `x` out once.
_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4: Final = rf"{_OCTET}(\.{_OCTET}){{3}}"
_V6: Final = "([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"

MACROS: Final = (
    Macro(
        call="_ip4(t)",
        body=f"""list_transform([t], lambda a: CASE WHEN regexp_full_match(a, '{_V4}') THEN
            array_to_string(list_transform(split(a, '.'),
                lambda o: format('{{:02x}}', try_cast(o AS INTEGER))), '') END)[1]""",
    ),
    # An IPv4 tail as two groups, so that only groups are left.
    Macro(
        call="_ip6_tail(t)",
        body="""list_transform([t], lambda a: list_transform([regexp_extract(a, '[^:]*$')],
            lambda f: list_transform([_ip4(f)], lambda h:
                left(a, length(a) - length(f)) || left(h, 4) || ':' || right(h, 4))[1])[1])[1]""",
    ),
    # '::' at an end stands beside a zero of its own, then it stands for 8 - colons groups.
    Macro(
        call="_ip6(t)",
        body=f"""list_transform([lower(split_part(t, '%', 1))], lambda s:
            list_transform([CASE WHEN contains(s, '.') THEN _ip6_tail(s) ELSE s END], lambda p:
            list_transform([CASE WHEN starts_with(p, '::') THEN '0' ELSE '' END || p
                || CASE WHEN ends_with(p, '::') THEN '0' ELSE '' END], lambda q:
            list_transform([8 - length(q) + length(replace(q, ':', ''))], lambda n:
            list_transform([CASE WHEN NOT contains(q, '::') THEN q
                WHEN n > 0 OR (n = 0 AND p <> q)
                THEN regexp_replace(q, '::', ':' || repeat('0:', n)) END], lambda f:
            CASE WHEN regexp_full_match(f, '{_V6}') THEN array_to_string(
                list_transform(split(f, ':'), lambda g: lpad(g, 4, '0')), '') END
            )[1])[1])[1])[1])[1]""",
    ),
    Macro(
        call="ip(t)",
        body="""list_transform([t], lambda a: CASE WHEN NOT contains(a, ':') THEN _ip4(a)
            WHEN regexp_full_match(a, '[0-9a-fA-F:.]+(%[^%/]+)?') THEN _ip6(a) END)[1]""",
        doc="Address as 8 or 32 hex digits that sort as addresses do; null for any other text.",
    ),
    # First and last address of a prefix: whole digits, one digit in part, then filled up.
    Macro(
        call="_prefix(h, bits)",
        body="""list_transform([{'h': h, 'b': bits}], lambda x:
            CASE WHEN x.b <= 4 * length(x.h) THEN list_transform(
                [{'n': strpos('0123456789abcdef', substr(x.h, x.b // 4 + 1, 1)) - 1,
                  'm': ([0, 8, 12, 14])[x.b % 4 + 1], 'l': length(x.h)::INTEGER}], lambda y: [
                rpad(left(x.h, x.b // 4) || format('{:x}', y.n & y.m), y.l, '0'),
                rpad(left(x.h, x.b // 4) || format('{:x}', y.n | (15 - y.m)), y.l, 'f')])[1]
            END)[1]""",
    ),
    # First and last address of a text; null where it names none.
    Macro(
        call="_area(t)",
        body="""list_transform([t], lambda a:
            list_transform([{'h': ip(regexp_extract(a, '^[^/-]*')), 'r': a[strpos(a, '/') + 1:]}],
            lambda x: CASE
                WHEN contains(a, '/') THEN CASE WHEN regexp_full_match(x.r, '[0-9]{1,3}')
                    THEN _prefix(x.h, try_cast(x.r AS INTEGER)) END
                WHEN contains(a, '-') THEN list_transform([ip(a[strpos(a, '-') + 1:])], lambda l:
                    CASE WHEN length(x.h) = length(l) AND x.h <= l THEN [x.h, l] END)[1]
                WHEN x.h IS NOT NULL THEN [x.h, x.h] END)[1])[1]""",
    ),
    Macro(
        call="ip_first(t)",
        body="_area(t)[1]",
        doc="First address of '10.0.0.0/8', '10.0.0.1-10.0.0.9' or one address, as `ip` gives it.",
    ),
    Macro(call="ip_last(t)", body="_area(t)[2]", doc="Last address of the same."),
    Macro(
        call="covers(low, high, t)",
        body="""list_transform([_area(t)], lambda b:
            length(low) = length(b[1]) AND low <= b[1] AND b[2] <= high)[1]""",
        other="""(a, b) AS list_transform([{'a': _area(a), 'b': _area(b)}], lambda x:
            length(x.a[1]) = length(x.b[1]) AND x.a[1] <= x.b[1] AND x.b[2] <= x.a[2])[1]""",
        doc="Whether the area from `low` to `high` (as `conditions.ip_low`) holds all of `t`; also"
        " `covers(a, b)` of two texts.",
    ),
    Macro(
        call="overlaps(low, high, t)",
        body="""list_transform([_area(t)], lambda b:
            length(low) = length(b[1]) AND low <= b[2] AND b[1] <= high)[1]""",
        other="""(a, b) AS list_transform([{'a': _area(a), 'b': _area(b)}], lambda x:
            length(x.a[1]) = length(x.b[1]) AND x.a[1] <= x.b[2] AND x.b[1] <= x.a[2])[1]""",
        doc="Whether that area and `t` share an address; also `overlaps(a, b)` of two texts.",
    ),
    Macro(
        call="hits_port(list, n)",
        body="""CASE WHEN n IS NULL THEN NULL WHEN list IS NULL THEN true
            ELSE len(list_filter(list, lambda p: n::BIGINT BETWEEN
                try_cast(split_part(p, '-', 1) AS BIGINT)
                AND try_cast(split_part(p, '-', -1) AS BIGINT))) > 0 END""",
        doc="Whether a list such as `remote_ports` or `protocols` lets `n` through; null is any.",
    ),
    Macro(
        call="hits_ip(list, t)",
        body="""list_transform([{'t': _area(t), 'l': list}], lambda x:
            CASE WHEN x.t IS NULL THEN NULL WHEN x.l IS NULL THEN true
            ELSE len(list_filter(list_transform(x.l, lambda a: _area(a)), lambda b:
                length(x.t[1]) = length(b[1]) AND x.t[1] <= b[2] AND b[1] <= x.t[2])) > 0
            END)[1]""",
        doc="Whether a list such as `remote_addresses` shares an address with `t`; null is any.",
    ),
    Macro(
        call="basename(path)",
        body=r"regexp_replace(path, '^.*[\\/]', '', 's')",
        doc="Last part of a Windows or other path.",
    ),
)
"""All macros in the order in which they rest on each other; those with a doc are for people."""


def statements() -> list[str]:
    """SQL that makes all macros."""
    made = []
    for macro in MACROS:
        args = macro.call.removeprefix(macro.name)
        other = f", {macro.other}" if macro.other else ""
        made.append(f'CREATE MACRO "{macro.name}"{args} AS {macro.body}{other}')
    return made
