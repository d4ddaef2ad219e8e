"""Made-up hosts beside real ones: the same shape, and not one word taken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from pywfp_ps.write import write_state
from pywfp_remote.lab.generate import make_fleet

_CUT = 24
_SHARED_KEYS = re.compile(
    r"c3dbed20-0bb6-4bf3-828d-96732e1e\w{4}|8e4498\w\w-f477-11df-85ce-78e7d1810190"
    r"|aa6a7d87-7f8f-4d2a-be53-fda555cd5fe3"
    r"|29243af8-ecaf-4436-a44e-f9fb7070aa04|c9809347-218f-4b7f-a742-b281a3f631b4"
)
"""Keys that Windows itself has on every machine: firewall and usage callouts, IPsec policies, and
the two layers without a constant."""


def _root(dump: bytes) -> etree._Element:
    body = dump.removeprefix(b"\xef\xbb\xbf").partition(b"?>")[2]
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False)
    return etree.fromstring(b"<both>" + body + b"</both>", parser)


@pytest.fixture(scope="module")
def made() -> list[bytes]:
    return [write_state(host.snapshot) for host in make_fleet(25, 3)]


@pytest.fixture(scope="module")
def real(samples: Path) -> list[etree._Element]:
    paths = sorted((samples / "wfpstate").glob("*.xml")) + sorted(
        (samples / "filters").glob("*.xml")
    )
    return [_root(path.read_bytes()) for path in paths]


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _CUT] for at in range(len(text) - _CUT + 1))


def test_no_words_of_a_real_display_name_are_in_a_made_dump(
    made: list[bytes], real: list[etree._Element]
) -> None:
    taken = {
        piece
        for root in real
        for element in root.iterfind(".//displayData/*")
        for piece in _pieces(element.text or "")
    }
    assert len(taken) > 1000
    found = {
        (piece, text)
        for dump in made
        for text in {element.text or "" for element in _root(dump).iter()}
        for piece in _pieces(text)
        if piece in taken
    }
    assert found == set()


def test_no_key_of_a_real_host_is_in_a_made_dump(
    made: list[bytes], real: list[etree._Element]
) -> None:
    key = re.compile(rb"\{([0-9a-f-]{36})\}")
    taken = {found for root in real for found in key.findall(etree.tostring(root))}
    shared = {found.decode() for dump in made for found in key.findall(dump)} & {
        found.decode() for found in taken
    }
    assert {one for one in shared if not _SHARED_KEYS.fullmatch(one)} == set()


def _paths(root: etree._Element) -> set[str]:
    def walk(element: etree._Element, path: str) -> Iterator[str]:
        yield path
        for child in element:
            yield from walk(child, f"{path}/{child.tag}")

    return set(walk(root, "both"))


def test_every_element_stands_where_a_real_file_has_it(
    made: list[bytes], real: list[etree._Element]
) -> None:
    seen = {path for root in real for path in _paths(root)}
    assert {path for dump in made for path in _paths(_root(dump))} - seen == set()


def test_layers_and_their_fields_are_those_of_a_real_host(made: list[bytes], samples: Path) -> None:
    def fields(root: etree._Element) -> list[tuple[str | None, ...]]:
        return [
            tuple(element.text for element in layer.iter("layerKey", "layerId", "fieldKey"))
            for layer in root.iterfind(".//layers/item/layer")
        ]

    real_one = _root((samples / "wfpstate" / "host-c-1050-filters.xml").read_bytes())
    assert fields(_root(made[0])) == fields(real_one)


def _shares(root: etree._Element, path: str) -> dict[str, float]:
    texts = Counter(element.text or "" for element in root.iterfind(path))
    return {text: count / texts.total() for text, count in texts.items()}


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (".//filters/item/subLayerKey", 0.2),
        (".//filters/item/action/type", 0.1),
        (".//filters/item/weight/type", 0.25),
        (".//filters/item/layerKey", 0.2),
        (".//filterCondition/item/matchType", 0.1),
        (".//filterCondition/item/fieldKey", 0.1),
    ],
)
def test_proportions_are_near_those_of_a_real_host(
    made: list[bytes], samples: Path, path: str, most: float
) -> None:
    real_one = _root((samples / "wfpstate" / "host-c-1050-filters.xml").read_bytes())
    with_firewall = next(dump for dump in made if dump.count(b"<filterKey>") > 900)
    ours, theirs = _shares(_root(with_firewall), path), _shares(real_one, path)
    off = {
        name: (round(ours.get(name, 0), 2), round(theirs.get(name, 0), 2))
        for name in {*ours, *theirs}
        if abs(ours.get(name, 0) - theirs.get(name, 0)) > most
    }
    assert off == {}


def test_numbers_of_objects_are_near_those_of_real_hosts(
    made: list[bytes], real: list[etree._Element]
) -> None:
    for path, least, most in (
        (".//sessions/item", 10, 20),
        (".//layers/item/callouts/item", 80, 130),
        (".//providers/item", 10, 20),
        (".//providerContexts/item", 250, 500),
        (".//subLayers/item", 18, 32),
        (".//aleConnectedEndpoints/item", 55, 125),
    ):
        for dump in made:
            assert least <= len(_root(dump).findall(path)) <= most, path
    assert {len(root.findall(".//layers/item")) for root in real} == {0, 99}
