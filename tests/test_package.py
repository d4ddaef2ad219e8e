"""The wheel alone, in a clean environment, does the job."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def _run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_alone_runs_and_carries_the_modules(tmp_path: Path) -> None:
    _run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, "."),
        cwd=_ROOT,
    )
    wheel = next(tmp_path.glob("*.whl"))
    _run(sys.executable, "-m", "venv", "clean", cwd=tmp_path)
    scripts = tmp_path / "clean" / ("Scripts" if sys.platform == "win32" else "bin")
    constraints = _ROOT / "constraints.txt"
    pip = (scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "-c", constraints, wheel, cwd=tmp_path)
    wfp = scripts / "wfp"
    assert re.fullmatch(r"wfp, version \d+\.\d+\.\d+\n", _run(wfp, "--version", cwd=tmp_path))
    _run(wfp, "lab", "write", "--hosts", "1", "--dir", "fleet", cwd=tmp_path)
    dump = next((tmp_path / "fleet").glob("*/wfpstate.xml"))
    _run(wfp, "import", dump, "--store", "s", cwd=tmp_path)
    count = "SELECT count(*) AS n FROM filters"
    rows = _run(wfp, "sql", "--store", "s", "--json", count, cwd=tmp_path)
    assert json.loads(rows)["n"] > 100
    code = (
        "from pywfp_ps.resources import module_folder;"
        "print(next(module_folder().rglob('Get-PyWfpState.ps1')).read_text('utf-8'))"
    )
    assert "function Get-PyWfpState" in _run(scripts / "python", "-c", code, cwd=tmp_path)


_FOREIGN = re.compile(
    r"/(?:work|root)/|\bshared/(?!samples)|https?://[\w.-]*(?:pypi|pythonhosted|npmjs|debian)",
    re.IGNORECASE,
)


def test_the_project_names_no_machine_and_no_registry() -> None:
    listed = _run("git", "ls-files", "-z", cwd=_ROOT).split("\0")
    found = []
    for name in filter(None, listed):
        path = _ROOT / name
        if name == "tests/test_package.py" or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {hit[0]}" for hit in _FOREIGN.finditer(text)]
    assert found == []
