"""The main job on hosts that the package makes up itself."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

import click

from pywfp_ps.cli.options import Output, emit
from pywfp_ps.cli.progress import progress

_QUESTIONS: Final = (
    (
        "Which hosts hold a filter that blocks a program, and who put it there?",
        """\
SELECT host, owner, name, layer, conditions
FROM filters
WHERE action = 'FWP_ACTION_BLOCK' AND in_force AND lower(owner) IS DISTINCT FROM 'mpssvc'
  AND conditions LIKE '%ALE_APP_ID =%'
ORDER BY host, filter_id LIMIT 8""",
    ),
    (
        "Where does a hard permit stand above the Windows Firewall?",
        """\
SELECT host, owner, name, sublayer_weight, count(*) AS filters
FROM filters
WHERE action = 'FWP_ACTION_PERMIT' AND hard AND above_firewall
GROUP BY ALL ORDER BY ALL LIMIT 8""",
    ),
    (
        "Which hosts have filters whose callout no driver has registered?",
        """\
SELECT f.host, c.name AS callout, count(*) AS filters
FROM filters f JOIN callouts c ON c.host = f.host AND c.callout = f.callout
WHERE NOT c.registered
GROUP BY ALL ORDER BY ALL LIMIT 8""",
    ),
)


@click.command()
@click.option("--hosts", type=click.IntRange(1, 500), default=25, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another fleet.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here; without it a temporary folder goes when the demo ends.",
)
def demo(hosts: int, seed: int, folder: Path | None) -> None:
    """Make up a fleet, import its dumps and answer three questions about it.

    Example: `wfp demo --dir ./wfp-demo` and then `wfp sql --store ./wfp-demo/store "..."`
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _run(hosts, seed, folder)
        click.echo(f"Go on with: wfp hosts --store {folder / 'store'}", err=True)
        return
    with tempfile.TemporaryDirectory(prefix="wfp-demo-") as name:
        _run(hosts, seed, Path(name))


def _run(count: int, seed: int, folder: Path) -> None:
    from pywfp_ps.collect.dumps import look_at
    from pywfp_ps.collect.importing import import_dumps
    from pywfp_ps.store import Store
    from pywfp_ps.transports import load

    with progress("making up hosts", count) as advance:
        paths = []
        for path in load("lab.write")(count, seed, folder / "dumps"):
            paths.append(path)
            advance()
    with Store.open(folder / "store", create=True) as store:
        with progress("importing", count) as advance:
            for result in import_dumps(store, look_at(paths)):
                if result.problem:
                    click.echo(f"wfp: {result.problem}", err=True)
                advance()
        for number, (question, query) in enumerate(_QUESTIONS, 1):
            click.echo(f"\n{number}. {question}\n")
            click.echo("\n".join(f"   {line}" for line in query.splitlines()) + "\n")
            sys.stdout.flush()
            emit(store.query(query), Output())
