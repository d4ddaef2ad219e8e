"""Options that many commands share, each declared once."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

import click
from msgspec import Struct

from pywfp_ps.errors import UsageError

if TYPE_CHECKING:
    from pywfp_ps.store import Answer, Store

Function = TypeVar("Function", bound=Callable[..., Any])
Format = Literal["csv", "json", "parquet", "table"]


class Output(Struct, frozen=True, kw_only=True):
    """How a command's rows leave it.

    Attributes:
        format: What to write.
        parquet: The file to write Parquet to.
        ids_as_text: Whether JSON carries integers beyond 2^53 as text.
    """

    format: Format = "table"
    parquet: Path | None = None
    ids_as_text: bool = False


class Selection(Struct, frozen=True, kw_only=True):
    """Which rows and columns of a view a listing shows.

    Attributes:
        host: Host patterns, as in inventories.
        where: An SQL condition over the view's columns.
        columns: Column names in the order wanted; empty for the command's own choice.
        sort: Column names, each with a ``-`` in front for falling order.
        limit: Most rows to show.
        run: Exactly this run.
        at: What was known then: runs finished by that time.
        partial: Whether incomplete snapshots count as the newest too.
    """

    host: str | None = None
    where: str | None = None
    columns: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    limit: int | None = None
    run: str | None = None
    at: datetime | None = None
    partial: bool = False


def store_option(function: Function) -> Function:
    """Adds ``--store``; the command gets the folder as ``store_folder``."""
    return click.option(
        "--store",
        "store_folder",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="WFP_STORE",
        default=_usual_store,
        show_default="WFP_STORE, else wfp/store in the user's data folder",
        help="Folder of the store.",
    )(function)


def _usual_store() -> Path:
    from platformdirs import user_data_path

    return user_data_path("wfp", appauthor=False) / "store"


def open_store(folder: Path) -> Store:
    """The store in a folder that must hold one."""
    import logging

    from pywfp_ps.store import Store

    store = Store.open(folder)
    logging.getLogger(__name__).info("the store is %s", store.folder)
    return store


def output_options(function: Function) -> Function:
    """Adds the output formats; the command gets them as ``output``."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @click.option("--csv", "as_csv", is_flag=True, help="CSV with a head line.")
    @click.option(
        "--parquet",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a Parquet file.",
    )
    @click.option(
        "--ids-as-text",
        is_flag=True,
        help="In JSON, write integers beyond 2^53 as text, for readers with doubles.",
    )
    @functools.wraps(function)
    def command(
        *args: Any, as_json: bool, as_csv: bool, parquet: Path | None, ids_as_text: bool, **kw: Any
    ) -> Any:
        if as_json + as_csv + (parquet is not None) > 1:
            raise UsageError("choose one of --json, --csv and --parquet")
        folder: Path | None = kw.get("store_folder")
        if parquet and folder and parquet.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{parquet} is inside the store; choose another place")
        name: Format = "json" if as_json else "csv" if as_csv else "parquet" if parquet else "table"
        output = Output(format=name, parquet=parquet, ids_as_text=ids_as_text)
        return function(*args, output=output, **kw)

    return command  # type: ignore[return-value] # the wrapper takes the place of the function


def _names(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _time(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time; one looks like 2026-11-20T14:00Z") from None
    return moment if moment.tzinfo else moment.astimezone()


def time_options(function: Function) -> Function:
    """Adds ``--run``, ``--at`` and ``--partial``: which run's data is meant."""
    for option in (
        click.option("--partial", is_flag=True, help="Let incomplete snapshots count too."),
        click.option(
            "--at", metavar="TIME", callback=_time, help="As known at a time: 2026-11-20T14:00Z."
        ),
        click.option("--run", metavar="RUN", help="Exactly one run, by its id."),
    ):
        function = option(function)
    return function


def listing_options(function: Function) -> Function:
    """Adds all options of a listing; the command gets `Selection` and `Output`."""

    @store_option
    @click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")
    @click.option("--where", metavar="SQL", help="Condition over the columns.")
    @click.option("--columns", callback=_names, metavar="A,B", help="Columns, in this order.")
    @click.option("--sort", callback=_names, metavar="A,-B", help="Order; '-' for falling.")
    @click.option("--limit", type=click.IntRange(min=0), help="Most rows to show.")
    @time_options
    @output_options
    @functools.wraps(function)
    def command(
        *args: Any,
        host: str | None,
        where: str | None,
        columns: tuple[str, ...],
        sort: tuple[str, ...],
        limit: int | None,
        run: str | None,
        at: datetime | None,
        partial: bool,
        **kw: Any,
    ) -> Any:
        selection = Selection(
            host=host,
            where=where,
            columns=columns,
            sort=sort,
            limit=limit,
            run=run,
            at=at,
            partial=partial,
        )
        return function(*args, selection=selection, **kw)

    return command  # type: ignore[return-value] # the wrapper takes the place of the function


def _write_parquet(answer: Answer, path: Path) -> None:
    try:
        answer.write_parquet(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def emit(answer: Answer, output: Output) -> None:
    """Writes an answer of the store to stdout, or to the Parquet file."""
    from pywfp_ps.report import rows

    out: IO[str] = sys.stdout
    if output.format == "parquet" and output.parquet is not None:
        _write_parquet(answer, output.parquet)
    elif output.format == "json":
        rows.write_json(answer.columns, answer, out, ids_as_text=output.ids_as_text)
    elif output.format == "csv":
        rows.write_csv(answer.columns, answer, out)
    else:
        rows.write_table(answer.columns, answer, out, terminal=out.isatty())
