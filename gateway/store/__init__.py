"""Durable memory: SQLAlchemy Core over SQLite or PostgreSQL, one writer, group commit."""
