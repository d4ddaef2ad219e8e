"""Options that say how patiently hosts are visited: what cannot be is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Wfp

BAD: list[tuple[str, str, str]] = [
    *(
        ("--timeout", value, "is not a number from 1 to 86400")
        for value in ("nan", "inf", "-inf", "1e10", "0", "-5", "0.5", "x", "")
    ),
    *(
        ("--rate", value, "is not 0 or a number from 0.001 to 1000")
        for value in ("nan", "inf", "1e-300", "-1", "1e9", "x")
    ),
    *(("--at-once", value, "--at-once") for value in ("0", "-1", "1e9", "1000000000", "nan")),
    *(("--retries", value, "--retries") for value in ("-1", "11", "nan")),
    *(("--canary", value, "--canary") for value in ("-1", "1e9", "1000000000")),
]


@pytest.mark.parametrize("command", ["collect", "check"])
@pytest.mark.parametrize(("option", "value", "said"), BAD)
def test_bad_value_is_one_line(
    wfp: Wfp, tmp_path: Path, command: str, option: str, value: str, said: str
) -> None:
    call = wfp(command, "h1", f"{option}={value}")
    assert (call.code, call.out) == (2, "")
    assert said in call.error
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("value", ["0", "-1", "5000", "1e9", "nan"])
def test_bad_size_is_one_line(wfp: Wfp, value: str) -> None:
    call = wfp("collect", "h1", f"--max-dump-mb={value}")
    assert (call.code, "--max-dump-mb" in call.error) == (2, True)


def test_bad_value_of_the_configuration_is_one_line(wfp: Wfp, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "wfp"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[collect]\ntimeout = nan\n")
    call = wfp("collect", "h1", "--store", "s")
    assert (call.code, "is not a number from 1 to 86400" in call.error) == (2, True)


def test_bad_value_that_a_run_kept_is_one_line(wfp: Wfp, tmp_path: Path) -> None:
    assert wfp("collect", "h1.invalid", "--store", "s", "--retries", "0").code == 4
    (request,) = (tmp_path / "s").rglob("request.json")
    request.write_text(request.read_text().replace('"timeout":300.0', '"timeout":1e300'))
    call = wfp("collect", "--resume", "latest", "--store", "s")
    assert (call.code, "the limits of the run cannot be" in call.error) == (2, True)
