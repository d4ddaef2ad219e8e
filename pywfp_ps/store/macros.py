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
        doc: What it gives, one sentence; empty for parts of others.
    """

    call: str
    body: str
    doc: str = ""

    @property
    def name(self) -> str:
        """The name alone."""
        return self.call.partition("(")[0]


_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4: Final = rf"{_OCTET}(\.{_OCTET}){{3}}"

_PARTS: Final = (
    Macro(
        call="_ip4(t)",
        body=f"""CASE WHEN regexp_full_match(t, '{_V4}') THEN
            format('{{:02x}}{{:02x}}{{:02x}}{{:02x}}',
                split_part(t, '.', 1)::UTINYINT::INTEGER, split_part(t, '.', 2)::UTINYINT::INTEGER,
                split_part(t, '.', 3)::UTINYINT::INTEGER, split_part(t, '.', 4)::UTINYINT::INTEGER)
            END""",
    ),
    # An IPv4 tail as two groups, so that only groups are left.
    Macro(
        call="_ip6_tail(t, four)",
        body="""CASE WHEN four = '' THEN t WHEN _ip4(four) IS NULL THEN NULL
            ELSE left(t, length(t) - length(four))
                || left(_ip4(four), 4) || ':' || right(_ip4(four), 4) END""",
    ),
    Macro(
        call="_ip6_plain(t)",
        body=r"_ip6_tail(split_part(t, '%', 1), regexp_extract(split_part(t, '%', 1), "
        r"'[0-9]+[.][0-9.]*$'))",
    ),
    Macro(call="_groups(t)", body="CASE WHEN t = '' THEN []::VARCHAR[] ELSE split(t, ':') END"),
    # `halves` is what stands before and behind the double colon.
    Macro(
        call="_ip6_filled(halves)",
        body="""CASE
            WHEN len(halves) = 1 AND len(_groups(halves[1])) = 8 THEN _groups(halves[1])
            WHEN len(halves) = 2 AND len(_groups(halves[1])) + len(_groups(halves[2])) <= 7
            THEN list_concat(_groups(halves[1]), list_concat(
                list_transform(
                    range(8 - len(_groups(halves[1])) - len(_groups(halves[2]))), lambda i: '0'),
                _groups(halves[2]))) END""",
    ),
    Macro(
        call="_ip6_hex(filled)",
        body="""CASE WHEN regexp_full_match(list_aggregate(filled, 'string_agg', ':'),
                '([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}')
            THEN list_aggregate(list_transform(filled, lambda g: lpad(g, 4, '0')), 'string_agg', '')
            END""",
    ),
    Macro(
        call="_ip6(t)",
        body="""CASE WHEN regexp_full_match(t, '[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%[^%]+)?')
            THEN _ip6_hex(_ip6_filled(split(_ip6_plain(lower(t)), '::'))) END""",
    ),
)

_PUBLIC: Final = (
    Macro(
        call="ip(t)",
        body="CASE WHEN contains(t, ':') THEN _ip6(t) ELSE _ip4(t) END",
        doc="Address as 8 or 32 hex digits that sort as addresses do; null for any other text.",
    ),
    Macro(
        call="_nibble(h, bits)",
        body="strpos('0123456789abcdef', substr(h, bits // 4 + 1, 1)) - 1",
    ),
    Macro(call="_kept(bits)", body="([0, 8, 12, 14])[bits % 4 + 1]"),
    Macro(
        call="_prefix_first(h, bits)",
        body="""CASE WHEN bits < 0 OR bits > 4 * length(h) THEN NULL
            WHEN bits = 4 * length(h) THEN h
            ELSE rpad(left(h, bits // 4) || format('{:x}', _nibble(h, bits) & _kept(bits)),
                length(h)::INTEGER, '0') END""",
    ),
    Macro(
        call="_prefix_last(h, bits)",
        body="""CASE WHEN bits < 0 OR bits > 4 * length(h) THEN NULL
            WHEN bits = 4 * length(h) THEN h
            ELSE rpad(left(h, bits // 4) || format('{:x}', _nibble(h, bits) | (15 - _kept(bits))),
                length(h)::INTEGER, 'f') END""",
    ),
    Macro(
        call="_bits(t)",
        body="CASE WHEN regexp_full_match(t, '[0-9]{1,3}') THEN t::INTEGER END",
    ),
    Macro(
        call="ip_first(t)",
        body="""CASE WHEN contains(t, '/')
            THEN _prefix_first(ip(split_part(t, '/', 1)), _bits(t[strpos(t, '/') + 1:]))
            WHEN contains(t, '-') THEN CASE
                WHEN length(ip(split_part(t, '-', 1))) = length(ip(t[strpos(t, '-') + 1:]))
                THEN ip(split_part(t, '-', 1)) END
            ELSE ip(t) END""",
        doc="First address of '10.0.0.0/8', '10.0.0.1-10.0.0.9' or one address, as `ip` gives it.",
    ),
    Macro(
        call="ip_last(t)",
        body="""CASE WHEN contains(t, '/')
            THEN _prefix_last(ip(split_part(t, '/', 1)), _bits(t[strpos(t, '/') + 1:]))
            WHEN contains(t, '-') THEN CASE
                WHEN length(ip(split_part(t, '-', 1))) = length(ip(t[strpos(t, '-') + 1:]))
                THEN ip(t[strpos(t, '-') + 1:]) END
            ELSE ip(t) END""",
        doc="Last address of the same.",
    ),
    Macro(
        call="_within(low, high, first, last)",
        body="length(low) = length(first) AND low <= first AND last <= high",
    ),
    Macro(
        call="_meets(low, high, first, last)",
        body="length(low) = length(first) AND low <= last AND first <= high",
    ),
    Macro(
        call="covers(low, high, t)",
        body="_within(low, high, ip_first(t), ip_last(t))",
        doc="Whether the area from `low` to `high` (as in `conditions.ip_low`) holds all of `t`.",
    ),
    Macro(
        call="overlaps(low, high, t)",
        body="_meets(low, high, ip_first(t), ip_last(t))",
        doc="Whether that area and `t` share an address.",
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
        body="""CASE WHEN ip_first(t) IS NULL THEN NULL WHEN list IS NULL THEN true
            ELSE len(list_filter(list, lambda a:
                _meets(ip_first(a), ip_last(a), ip_first(t), ip_last(t)))) > 0 END""",
        doc="Whether a list such as `remote_addresses` shares an address with `t`; null is any.",
    ),
    Macro(
        call="basename(path)",
        body=r"regexp_replace(path, '^.*[\\/]', '', 's')",
        doc="Last part of a Windows or other path.",
    ),
)

_TWO: Final = {
    "covers": "_within(ip_first(a), ip_last(a), ip_first(b), ip_last(b))",
    "overlaps": "_meets(ip_first(a), ip_last(a), ip_first(b), ip_last(b))",
}

MACROS: Final = tuple(macro for macro in _PUBLIC if macro.doc)
"""Macros for people."""


def statements() -> list[str]:
    """SQL that makes all macros."""
    made = []
    for macro in (*_PARTS, *_PUBLIC):
        args = macro.call.removeprefix(macro.name)
        more = f", (a, b) AS {_TWO[macro.name]}" if macro.name in _TWO else ""
        made.append(f'CREATE MACRO "{macro.name}"{args} AS {macro.body}{more}')
    return made
