"""The tables. One schema for SQLite and PostgreSQL; `migrations/` brings an older one here.

A *queue* is the line of messages of one device in one lane. Only its head is ever in flight, so attempts, lease
and due time belong to the queue, and a message row is never changed but for a progress report that a newer one
takes over. Kinds are written out where an index is partial: a parameter would hide it from the planner.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()


class Name(String):
    """What rows are found by, or a word of our own: made sure of where it is made, and written as it is.

    A text of any other type may be anybody's, and what cannot be stored is replaced in it (`statement.execute`).
    """

    inherit_cache = True


#: SQLite only counts an INTEGER PRIMARY KEY up by itself; PostgreSQL should not run out at 2^31.
_Key = BigInteger().with_variant(Integer, "sqlite")

updates = Table(
    "updates",
    metadata,
    Column("id", Name, primary_key=True),
    Column("product", Name, nullable=False),
    Column("device", Name, nullable=False),
    Column("module", Name, nullable=False),
    Column("number", Integer, nullable=False),
    Column("target", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", Name, nullable=False),
    Column("percent", Integer),
    Column("phase", Name, nullable=False),
    Column("reason", Name, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("source", String),
    Column("predecessor", String),
    Column("both_entered", Boolean, nullable=False),
    Column("stalled", Boolean, nullable=False),
    Column("unverified", Boolean, nullable=False),
    Column("doubt", String),
    Column("rearmed", Boolean, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("ordered", Boolean, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("retries_left", Integer, nullable=False),
    Column("retry_pause", Float, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("entered_at", Float, nullable=False),
    Column("touched_at", Float, nullable=False),
    UniqueConstraint("product", "device", "module", "number", name="uq_updates_number"),
    # For people: the newest first, a page at a time.
    Index("ix_updates_opened", "opened_at", "id"),
)

versions = Table(
    "versions",
    metadata,
    Column("product", Name, primary_key=True),
    Column("device", Name, primary_key=True),
    Column("module", Name, primary_key=True),
    Column("version", String, nullable=False),
    Column("reported_at", Float, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("lane", Name, primary_key=True),
    Column("product", Name, primary_key=True),
    Column("device", Name, primary_key=True),
    Column("module", Name, primary_key=True),
    Column("update_id", Name),
    Column("is_closed", Boolean, nullable=False),
    Column("note", String, nullable=False),
    Column("version", String, nullable=False),
    Column("handle", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("size", BigInteger),
    Column("md5", String),
    Column("needs_confirmation", Boolean, nullable=False),
    Column("source", String),
    Column("is_delta", Boolean, nullable=False),
    Column("min_power", Integer),
    Column("min_signal", Integer),
    Column("retries", Integer),
    Column("retry_interval", Float),
)

queues = Table(
    "queues",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("lane", Name, nullable=False),
    Column("product", Name, nullable=False),
    Column("device", Name, nullable=False),
    # The most urgent kind that waits; -1 when nothing does.
    Column("urgency", Integer, nullable=False, server_default="-1"),
    Column("due_at", Float, nullable=False, server_default="0"),
    Column("head_at", Float),
    Column("progress_after", Float, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("leased_until", Float, nullable=False, server_default="0"),
    # The message that the lease is for; a settlement of any other comes too late.
    Column("in_flight", _Key),
    Column("parked", String),
    UniqueConstraint("lane", "product", "device", name="uq_queues_device"),
    Index("ix_queues_claim", "lane", "urgency", "due_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("queue", _Key, nullable=False),
    Column("update_id", Name, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("body", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("enqueued_at", Float, nullable=False),
    Index("ix_messages_queue", "queue", "id"),
    Index(
        "ix_messages_terminal",
        "queue",
        sqlite_where=text("kind = 2"),
        postgresql_where=text("kind = 2"),
    ),
    Index(
        "ux_messages_progress",
        "queue",
        "update_id",
        unique=True,
        sqlite_where=text("kind = 0"),
        postgresql_where=text("kind = 0"),
    ),
    # An id is never given twice: a late settlement must not hit another message.
    sqlite_autoincrement=True,
)

tellings = Table(
    "tellings",
    metadata,
    Column("queue", _Key, primary_key=True),
    Column("update_id", Name, primary_key=True),
    # The last state that the cloud acknowledged.
    Column("state", Name),
    Column("closed", String),
)

lanes = Table(
    "lanes",
    metadata,
    Column("lane", Name, primary_key=True),
    Column("messages", BigInteger, nullable=False, server_default="0"),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("circuit", Name, nullable=False, server_default="closed"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("until", Float, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=text("''")),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("queue", _Key, nullable=False),
    Column("update_id", Name, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("code", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("wall", Float, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("product", Name, nullable=False),
    Column("device", Name, nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("wall", Float, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("product", Name, nullable=False),
    Column("device", Name, nullable=False),
    Column("update_id", Name),
    Column("source", Name, nullable=False),
    Column("text", Text, nullable=False),
    # For people. Ages are counted on the site clock: a wall clock that is set must not make all of it old.
    Column("wall", Float, nullable=False),
    Column("site", Float),
    Index("ix_journal_update", "update_id"),
)

clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("site", Float, nullable=False),
    Column("wall", Float, nullable=False),
)
