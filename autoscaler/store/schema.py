"""The tables, one migration script per schema version.

Never edit a script that was released: add one. `PRAGMA user_version` counts the scripts that a file
has seen. Bodies are JSON; observations, the bulk, are zlib-compressed JSON.
"""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE documents (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY,
        deployment_id TEXT NOT NULL,
        at REAL NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX decisions_at ON decisions (deployment_id, at);
    CREATE TABLE observations (
        seq INTEGER PRIMARY KEY,
        deployment_id TEXT NOT NULL,
        at REAL NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX observations_at ON observations (deployment_id, at);
    CREATE TABLE history (
        deployment_id TEXT NOT NULL,
        at REAL NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (deployment_id, at)
    ) WITHOUT ROWID;
    CREATE TABLE outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        receiver TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        episode INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        event TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        attempts INTEGER NOT NULL,
        next_attempt_at REAL NOT NULL,
        last_error TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'queued',
        closed_at REAL,
        note TEXT
    );
    CREATE INDEX outbox_order ON outbox (state, receiver, fingerprint, episode, sequence);
    """,
)
