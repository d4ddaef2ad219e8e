"""Bundles of field tests among the files of an import."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from pywfp_ps.errors import ReadError, UsageError
from pywfp_ps.report.rows import json_line, write_table
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.collect.dumps import Dump
    from pywfp_ps.collect.importing import Imported
    from pywfp_ps.field import Bundle

_STATE: Final = ("snapshot", "state")


class Unpacked(Struct, frozen=True, kw_only=True):
    """A bundle and the dump that was in it.

    Attributes:
        path: The bundle.
        bundle: What it holds.
        dump: Its state dump in a temporary file, ``None`` where it holds none.
    """

    path: Path
    bundle: Bundle
    dump: Dump | None


class Opened(Struct, frozen=True, kw_only=True):
    """What the bundles among some files came to.

    Attributes:
        others: Files that are no bundles.
        unpacked: Bundles that could be read.
        refused: Those that could not.
    """

    others: tuple[Path, ...]
    unpacked: tuple[Unpacked, ...]
    refused: tuple[Dump, ...]

    @property
    def dumps(self) -> list[Dump]:
        """Dumps that were in bundles, and bundles that could not be read."""
        return [*self.refused, *(one.dump for one in self.unpacked if one.dump is not None)]


@contextmanager
def opened(files: Sequence[Path], host: str | None) -> Iterator[Opened]:
    """The bundles among some files, unpacked for as long as the block runs.

    Args:
        files: All files of the import.
        host: Name for the machines; the pseudonym in each bundle where it is ``None``.
    """
    from pywfp_ps.collect.dumps import Dump, look_at
    from pywfp_ps.field import is_bundle, read_bundle

    bundles = [path for path in files if is_bundle(path)]
    unpacked, refused = [], []
    with TemporaryDirectory(prefix="wfp-import-") as folder:
        for number, path in enumerate(bundles):
            try:
                bundle = read_bundle(path)
                dump = None
                if _STATE in bundle.raw:
                    place = Path(folder) / f"{number}.xml"
                    place.write_bytes(bundle.raw[_STATE])
                    (dump,) = look_at([place], host or bundle.manifest.machine)
            except (ReadError, UsageError) as error:
                refused.append(Dump(path=path, host=host or path.stem, problem=str(error)))
            except OSError as error:
                problem = f"{path}: cannot be read: {error.strerror}"
                refused.append(Dump(path=path, host=host or path.stem, problem=problem))
            else:
                unpacked.append(Unpacked(path=path, bundle=bundle, dump=dump))
        yield Opened(
            others=tuple(path for path in files if path not in bundles),
            unpacked=tuple(unpacked),
            refused=tuple(refused),
        )


def renamed(results: Iterable[Imported], found: Opened) -> Iterator[Imported]:
    """The results under the names of the bundles, and those of bundles without a dump."""
    from pywfp_ps.collect.importing import Imported

    names = {str(one.dump.path): str(one.path) for one in found.unpacked if one.dump is not None}
    for result in results:
        name = names.get(result.file)
        if name is None:
            yield result
            continue
        problem = result.problem and result.problem.replace(result.file, name)
        yield structs.replace(result, file=name, problem=problem)
    for one in found.unpacked:
        if one.dump is None:
            yield Imported(
                host=one.bundle.manifest.machine,
                file=str(one.path),
                outcome="ok",
                note="holds results alone, no policy",
            )


def tell_checks(found: Opened, *, as_json: bool) -> None:
    """Prints what each bundle says of every check."""
    for one in found.unpacked:
        manifest = one.bundle.manifest
        told = [
            {
                "bundle": str(one.path),
                "machine": manifest.machine,
                "os_name": manifest.os_name,
                "os_build": manifest.os_build,
                "powershell": manifest.powershell,
                "transport": manifest.transport,
                "check": result.id,
                "verdict": result.verdict,
                "seen": result.seen,
            }
            for result in manifest.results
        ]
        if as_json:
            for row in told:
                sys.stdout.write(json_line(row) + "\n")
            continue
        words = (manifest.os_name, manifest.os_build, manifest.powershell, manifest.transport)
        title = ", ".join(word for word in words if word)
        sys.stdout.write(f"\n{visible(f'{one.path}: {title}')}\n")
        rows = [[row["verdict"], row["check"], row["seen"]] for row in told]
        terminal = sys.stdout.isatty()
        write_table(("verdict", "check", "seen"), rows, sys.stdout, terminal=terminal)
