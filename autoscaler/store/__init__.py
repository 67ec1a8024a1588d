"""Where state outlives the process: a file (SQLite), or nothing but memory."""

from autoscaler.store.memory import MemoryStore
from autoscaler.store.opening import StoreUnusable
from autoscaler.store.reader import StoreReader
from autoscaler.store.sqlite import CrashPoint, SqliteStore

__all__ = ["CrashPoint", "MemoryStore", "SqliteStore", "StoreReader", "StoreUnusable"]
