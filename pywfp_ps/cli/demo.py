"""The main job on hosts that the package makes up itself."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pywfp_ps.cli.lab import writing_to
from pywfp_ps.cli.options import Output, emit
from pywfp_ps.cli.recap import Recap, line_of
from pywfp_ps.cli.running import run_collection, say
from pywfp_ps.cli.targets import inventory_alone, meant_by
from pywfp_ps.errors import ExitCode
from pywfp_ps.fleet.signals import interrupted_by_sigterm
from pywfp_ps.transports import load

if TYPE_CHECKING:
    from pywfp_ps.fleet.outcomes import Outcome
    from pywfp_ps.store import Store

_HOURS: Final = 1.0
"""After which the practice hosts end themselves, whatever became of the demo."""

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
@click.option(
    "--hosts", type=click.IntRange(1, 500), default=25, show_default=True, help="How many."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another fleet.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything here; without it a temporary folder goes when the demo ends.",
)
def demo(hosts: int, seed: int, folder: Path | None) -> int:
    """Start practice hosts on this machine, collect them over PowerShell remoting, ask questions.

    The hosts are made up; what goes between them and this program is what goes to real ones. They
    are ended when the demo ends.

    Example: `wfp demo --dir ./wfp-demo` and then `wfp sql --store ./wfp-demo/store "..."`
    """
    if folder is not None:
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
        code = _run(hosts, seed, folder)
        click.echo(f"Go on with: wfp hosts --store {folder / 'store'}", err=True)
        return code
    with tempfile.TemporaryDirectory(prefix="wfp-demo-") as name:
        return _run(hosts, seed, Path(name))


def _run(count: int, seed: int, folder: Path) -> int:
    from pywfp_ps.store import Store

    with Store.open(folder / "store", create=True) as store:
        with interrupted_by_sigterm():
            code = _collect(store, count, seed, folder / "fleet")
        if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.OUR_ERROR}:
            return code
        for number, (question, query) in enumerate(_QUESTIONS, 1):
            click.echo(f"\n{number}. {question}\n")
            click.echo("\n".join(f"   {line}" for line in query.splitlines()) + "\n")
            sys.stdout.flush()
            emit(store.query(query), Output())
    return code


def _collect(store: Store, count: int, seed: int, folder: Path) -> int:
    """Collects a fleet that lives as long as this takes."""
    from pywfp_ps.collect.collecting import Collection
    from pywfp_ps.collect.visiting import Plan

    say(f"starting {count} practice host{'s' * (count != 1)}")
    try:
        started = load("lab.up")(count, folder, seed=seed, hours=_HOURS, stays=False)
        meant = meant_by(inventory_alone(started.inventory))
        targets = meant.resolved.targets
        psrp = load("psrp")()
        recap = Recap(len(targets))
        run = store.begin_run(command="demo")
        collection = Collection(run, targets, lambda _: psrp, Plan(groups=meant.groups))
        run_collection(run, collection, recap, _tell)
        recap.tell(as_json=False)
        return recap.exit_code
    finally:
        load("lab.down")(folder)


def _tell(outcome: Outcome) -> None:
    if outcome.outcome != "ok":
        say(line_of(outcome, as_json=False))
