from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from pywfp_ps.model.enums import constant_of, flags_of_items, flags_of_number, number_of, values_of
from pywfp_ps.model.tables import Kind, key_of, name_of, names_of, product_of, reference, tables

_KINDS: tuple[Kind, ...] = (
    "layers",
    "sublayers",
    "providers",
    "callouts",
    "conditions",
    "contexts",
)
_CONNECT = UUID("c38d57d1-05a7-4c33-904f-7fbceee60e82")


@pytest.mark.parametrize("kind", _KINDS)
def test_every_constant_goes_to_its_guid_and_back(kind: Kind) -> None:
    aliases = tables()["aliases"]
    for name in names_of(kind):
        key = key_of(kind, name)
        assert key is not None
        assert name_of(kind, key) == (aliases.get(name, name) if kind == "conditions" else name)


def test_the_table_file_is_what_the_facts_make(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    copy = tmp_path / "tools"
    copy.mkdir()
    (tmp_path / "pywfp_ps" / "model").mkdir(parents=True)
    (copy / "make_tables.py").write_bytes((root / "tools" / "make_tables.py").read_bytes())
    (copy / "facts").symlink_to(root / "tools" / "facts")
    subprocess.run([sys.executable, copy / "make_tables.py"], check=True, capture_output=True)
    made = (tmp_path / "pywfp_ps" / "model" / "tables.json").read_bytes()
    assert made == (root / "pywfp_ps" / "model" / "tables.json").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "FWPM_LAYER_ALE_AUTH_CONNECT_V4",
            ("FWPM_LAYER_ALE_AUTH_CONNECT_V4", _CONNECT),
        ),
        (f"{{{_CONNECT}}}", ("FWPM_LAYER_ALE_AUTH_CONNECT_V4", _CONNECT)),
        (str(_CONNECT).upper(), ("FWPM_LAYER_ALE_AUTH_CONNECT_V4", _CONNECT)),
        ("FWPM_LAYER_OF_TOMORROW", ("FWPM_LAYER_OF_TOMORROW", None)),
        (f"{{{UUID(int=1)}}}", (f"{{{UUID(int=1)}}}", UUID(int=1))),
    ],
)
def test_a_reference_gives_constant_and_guid(text: str, expected: tuple[str, UUID | None]) -> None:
    assert reference("layers", text) == expected


def test_a_guid_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        reference("layers", "{nonsense}")


def test_there_are_99_layers_in_order_of_their_ids() -> None:
    assert [layer["id"] for layer in tables()["layers"]] == list(range(99))


def test_an_unknown_number_stays_that_number() -> None:
    assert constant_of("action_types", 0x1001) == "FWP_ACTION_BLOCK"
    assert constant_of("action_types", 0x9999) == "0x00009999"
    assert number_of("action_types", "0x00009999") == 0x9999
    assert number_of("action_types", "FWP_ACTION_NEW") is None


def test_match_types_are_those_of_the_sdk() -> None:
    assert sorted(number for number in values_of("match_types").values() if number is not None) == (
        list(range(13))
    )


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], ((), 0)),
        (
            ["FWPM_FILTER_FLAG_INDEXED", "FWPM_FILTER_FLAG_BOOTTIME"],
            (("FWPM_FILTER_FLAG_BOOTTIME", "FWPM_FILTER_FLAG_INDEXED"), 0x42),
        ),
        (
            ["FWPM_FILTER_FLAG_INDEXED", "80000001"],
            (("0x80000000", "FWPM_FILTER_FLAG_INDEXED", "FWPM_FILTER_FLAG_PERSISTENT"), 0x80000041),
        ),
        (
            ["FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN"],
            (("FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN",), None),
        ),
        (["FWPM_FILTER_FLAG_OF_TOMORROW"], (("FWPM_FILTER_FLAG_OF_TOMORROW",), None)),
    ],
)
def test_a_flag_list_keeps_every_bit(
    items: list[str], expected: tuple[tuple[str, ...], int | None]
) -> None:
    assert flags_of_items("filter_flags", items) == expected


def test_flags_of_a_number_name_what_has_a_name() -> None:
    assert flags_of_number("callout_flags", 0x40200) == (
        "FWPM_CALLOUT_FLAG_REGISTERED",
        "FWP_CALLOUT_FLAG_ALLOW_URO",
    )


def test_a_product_is_found_by_its_guids() -> None:
    known = UUID("450ec398-1eaf-49f5-85e0-228f0d293921")
    assert (product_of(None, known), product_of(UUID(int=5))) == ("WinDivert", None)
