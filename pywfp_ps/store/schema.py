"""What a column and a kind of rows are; nothing here knows any particular one."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    import pyarrow as pa


class Type(Enum):
    """Type of a column: its name in DuckDB. Ids and weights are unsigned, never a float."""

    TEXT = "VARCHAR"
    TEXTS = "VARCHAR[]"
    U64 = "UBIGINT"
    U64S = "UBIGINT[]"
    U32 = "UINTEGER"
    U16 = "USMALLINT"
    BOOL = "BOOLEAN"
    BYTES = "BLOB"
    TIME = "TIMESTAMP WITH TIME ZONE"

    @cached_property
    def arrow(self) -> pa.DataType:
        """The Arrow type that Parquet files hold."""
        import pyarrow as pa

        types: dict[Type, Any] = {
            Type.TEXT: pa.string(),
            Type.TEXTS: pa.list_(pa.string()),
            Type.U64: pa.uint64(),
            Type.U64S: pa.list_(pa.uint64()),
            Type.U32: pa.uint32(),
            Type.U16: pa.uint16(),
            Type.BOOL: pa.bool_(),
            Type.BYTES: pa.binary(),
            Type.TIME: pa.timestamp("us", "UTC"),
        }
        return types[self]


class Codec(Enum):
    """How an attribute of a model object becomes a column and back."""

    PLAIN = "as it is"
    GUID = "GUID as lower-case text"
    ADDRESS = "IP address as text"
    TUPLE = "tuple as list"
    NODES = "elements as JSON; null for none"
    NODE = "one element as JSON"
    FIELDS = "layer fields as JSON; null for none"
    OPTIONS = "classify options as JSON; null for none"


class Column(Struct, frozen=True, kw_only=True):
    """One column.

    Attributes:
        name: As typed in SQL.
        type: Its type.
        doc: What it holds, one sentence.
        unit: Unit or range, where the type alone does not say it.
        source: Structure and member, command or part that it comes from.
        attr: Attribute of the model object that it holds; ``None`` for derived columns.
        codec: How the attribute becomes the column and back.
        hidden: Kept to rebuild objects; in no view.
        wide: In the view ``filters_wide`` alone.
    """

    name: str
    type: Type
    doc: str
    unit: str | None = None
    source: str = ""
    attr: str | None = None
    codec: Codec = Codec.PLAIN
    hidden: bool = False
    wide: bool = False


Group = Literal["state", "facts", "context", "events", "changes"]
"""What a run may hold of a host, each with its own latest run."""


class Kind(Struct, frozen=True, kw_only=True, dict=True):
    """One kind of rows: one folder of Parquet files and one view.

    Attributes:
        name: Folder and view.
        doc: What a row is, one sentence.
        group: Part of a host that its rows belong to.
        columns: In order; ``host`` and ``run_id`` first.
        member: Member of a snapshot that its rows rebuild.
    """

    name: str
    doc: str
    group: Group
    columns: tuple[Column, ...]
    member: str | None = None

    @property
    def shown(self) -> tuple[Column, ...]:
        """Columns of the view of that name."""
        return tuple(column for column in self.columns if not (column.hidden or column.wide))

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow schema of its Parquet files."""
        import pyarrow as pa

        return pa.schema([(column.name, column.type.arrow) for column in self.columns])

    @cached_property
    def digest(self) -> str:
        """Short text that changes when a stored column is added, removed, renamed or retyped."""
        import hashlib

        text = "\n".join(f"{column.name} {column.type.value}" for column in self.columns)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


HOST = Column(name="host", type=Type.TEXT, doc="Name of the host in the inventory or import.")
RUN = Column(name="run_id", type=Type.TEXT, doc="Run that brought the row.")
ROW = Column(
    name="row", type=Type.U32, doc="Position in the list that the source gave.", hidden=True
)
EXACT = Column(
    name="exact",
    type=Type.TEXT,
    doc="JSON of values that their columns cannot hold, such as an integer over 64 bits.",
    hidden=True,
)
EXTRA = Column(
    name="extra",
    type=Type.TEXT,
    doc="JSON of what this version does not know, as it stood.",
    attr="extra",
    codec=Codec.NODES,
)
