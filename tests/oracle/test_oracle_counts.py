"""The second reading misses no object: counted once more without an XML parser."""

from __future__ import annotations

import re
from pathlib import Path

from tests.oracle.oracle_netsh import read

# How often the id or key of each kind stands at its own place, by the indentation of the file.
_MARKS = {
    "layers": r"^\t{4}<layerKey>",
    "sublayers": r"^\t{3}<subLayerKey>",
    "providers": r"^\t{3}<providerKey>[^<]+</providerKey>\s+<displayData>",
    "contexts": r"^\t{3}<providerContextKey>[^<]+</providerContextKey>\s+<displayData>",
    "callouts": r"<calloutId>",
    "filters": r"<filterId>",
    "sessions": r"<sessionKey>[^<]+</sessionKey>\s+<displayData>",
    "endpoints": r"<endpointId>",
    "subscriptions": r"^\t{4}<sessionKey>",
    "keywords": r"<dynamicKeywordAddresses[^/>]*>\s*<item>",
    "statistics": r"<(?:ikeext|ipsec)Statistics[ >]",
    "associations": r"<(?:ikeextSas|ipsecSaContexts)[^/>]*>\s*<item>",
}


def _counted(text: str) -> dict[str, int]:
    found = {kind: len(re.findall(mark, text, re.MULTILINE)) for kind, mark in _MARKS.items()}
    if "<wfpdiag>" in text:
        found["sublayers"] = 0  # there, filters stand as deep as sublayers do in a state
        found["contexts"] = 0
    return found


def test_every_object_of_every_sample_is_counted(samples: Path) -> None:
    paths = sorted([*samples.glob("wfpstate/*.xml"), *samples.glob("filters/*.xml")])
    counts = {path.name: _counted(path.read_bytes().decode("utf-8-sig")) for path in paths}
    readings = {
        path.name: {kind: len(objects) for kind, objects in read(path.read_bytes()).items()}
        for path in paths
    }
    assert readings == counts
    assert len(paths) >= 7


def test_every_condition_of_every_sample_is_counted(samples: Path) -> None:
    for path in sorted([*samples.glob("wfpstate/*.xml"), *samples.glob("filters/*.xml")]):
        text = path.read_bytes().decode("utf-8-sig")
        templates = re.findall(r"<enumTemplate>.*?</enumTemplate>", text, re.DOTALL)
        inside = sum(template.count("<matchType>") for template in templates)
        conditions = [one["conditions"] for one in read(path.read_bytes())["filters"]]
        listed = sum(len(some) for some in conditions if isinstance(some, list))
        assert listed == text.count("<matchType>") - inside, path.name
