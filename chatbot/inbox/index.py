"""The search index over all messages, and the triggers that keep it: SQL for SQLite and for PostgreSQL.

Both databases cut a text in the same way. Latin words are terms; a run of Han characters gives its overlapping pairs
(and its last character alone), so that a word of two characters is one term and a longer one a chain of them:
`退货政策` -> 退货 货政 政策 策. Published as n-gram indexing of CJK text: Ogawa and Matsuda, "An efficient document
retrieval method using n-gram indexing", 1999.

SQLite: an FTS5 table without content of its own, filled by triggers. PostgreSQL: a stored generated column with a GIN
index. Either is part of the statement that writes the message, whoever writes it. `install` is safe to repeat; a
migration that makes SQLite rebuild the messages' or the replies' table loses their triggers and must call it again.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

SEARCH_TABLE = "inbox_search"
SEARCH_COLUMN = "search_terms"
_HAN_RANGES = ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
# What divides words besides Han characters, for PostgreSQL; FTS5's unicode61 knows by itself.
_SEPARATORS = (
    r"\s\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u20a0-\u20cf\u2190-\u245f\u249c-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\ufe10-\ufe6f"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff\U0001f000-\U0001faff"
)


def is_han(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _HAN_RANGES)


def install(connection: BaseDatabaseWrapper) -> None:
    """Makes whatever is missing of the index, and fills what is new. Safe to repeat."""
    script = _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE
    with connection.cursor() as cursor:
        is_new = connection.vendor != "postgresql" and SEARCH_TABLE not in connection.introspection.table_names(cursor)
        for statement in script:
            cursor.execute(statement)
    if is_new:
        rebuild(connection)
    _index_answers(connection)


def rebuild(connection: BaseDatabaseWrapper) -> None:
    """Indexes every message anew (SQLite; PostgreSQL's column is always right)."""
    if connection.vendor == "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {SEARCH_TABLE}({SEARCH_TABLE}) VALUES ('delete-all')")
        cursor.execute(
            f"INSERT INTO {SEARCH_TABLE}(rowid, terms) SELECT m.id, {_sqlite_terms('m.text')} "
            "FROM conversations_message m WHERE m.text <> ''"
        )


def uninstall(connection: BaseDatabaseWrapper) -> None:
    """Takes everything away that `install` made."""
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL_UNDO if connection.vendor == "postgresql" else _SQLITE_UNDO:
            cursor.execute(statement)


def _index_answers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL_ANSWERS if connection.vendor == "postgresql" else _sqlite_answers("r", ""))


def _between(code: str) -> str:
    return "(" + " OR ".join(f"{code} BETWEEN {first} AND {last}" for first, last in _HAN_RANGES) + ")"


def _sqlite_terms(text: str) -> str:
    """An expression: the text with each Han character replaced by its pair, between spaces.

    A row per character comes from json_each over an array of as many zeros: triggers allow no recursive query.
    """
    zeros = f"'[' || rtrim(replace(hex(zeroblob(length({text}))), '00', '0,'), ',') || ']'"
    pair = f"' ' || c || CASE WHEN {_between('unicode(n)')} THEN n ELSE '' END || ' '"
    return (
        f"(SELECT group_concat(CASE WHEN {_between('unicode(c)')} THEN {pair} ELSE c END, '') FROM "
        f"(SELECT substr({text}, key + 1, 1) AS c, substr({text}, key + 2, 1) AS n FROM json_each({zeros})))"
    )


def _sqlite_answers(reply: str, condition: str) -> str:
    source = "" if reply == "NEW" else f"conversations_reply {reply}, "
    return (
        "INSERT OR IGNORE INTO inbox_answeruse (reply_id, conversation_id, answer_id) "
        f"SELECT {reply}.id, {reply}.conversation_id, substr(json_extract(s.value, '$.id'), 1, 200) "
        f"FROM {source}json_each({reply}.sources) s "
        f"WHERE s.type = 'object' AND json_extract(s.value, '$.id') IS NOT NULL {condition}"
    )


def _sqlite_triggers() -> list[str]:
    remove = f"INSERT INTO {SEARCH_TABLE}({SEARCH_TABLE}, rowid, terms) VALUES ('delete', OLD.id, {{}});"
    remove = remove.format(_sqlite_terms("OLD.text"))
    add = f"INSERT INTO {SEARCH_TABLE}(rowid, terms) VALUES (NEW.id, {_sqlite_terms('NEW.text')});"
    remove_answers = "DELETE FROM inbox_answeruse WHERE reply_id = NEW.id;"
    add_answers = _sqlite_answers("NEW", "") + ";"
    on = "conversations_message"
    bodies = {
        f"search_message_added AFTER INSERT ON {on} WHEN NEW.text <> ''": add,
        f"search_message_deleted AFTER DELETE ON {on} WHEN OLD.text <> ''": remove,
        f"search_message_cleared AFTER UPDATE OF text ON {on} WHEN OLD.text <> NEW.text AND OLD.text <> ''": remove,
        f"search_message_changed AFTER UPDATE OF text ON {on} WHEN OLD.text <> NEW.text AND NEW.text <> ''": add,
        "answer_use_added AFTER INSERT ON conversations_reply WHEN NEW.sources <> '[]'": add_answers,
        "answer_use_changed AFTER UPDATE OF sources ON conversations_reply WHEN OLD.sources <> NEW.sources": (
            remove_answers + add_answers
        ),
    }
    return [f"CREATE TRIGGER IF NOT EXISTS {head} BEGIN {body} END" for head, body in bodies.items()]


_SQLITE = [
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {SEARCH_TABLE} USING fts5("
    "terms, content='', tokenize='unicode61 remove_diacritics 0')",
    *_sqlite_triggers(),
]
_SQLITE_UNDO = [
    *(f"DROP TRIGGER IF EXISTS {statement.split()[5]}" for statement in _sqlite_triggers()),
    f"DROP TABLE IF EXISTS {SEARCH_TABLE}",
]

_POSTGRESQL_ANSWERS = """
    INSERT INTO inbox_answeruse (reply_id, conversation_id, answer_id)
    SELECT r.id, r.conversation_id, left(s ->> 'id', 200) FROM conversations_reply r, jsonb_array_elements(r.sources) s
    WHERE jsonb_typeof(s) = 'object' AND s ->> 'id' IS NOT NULL ON CONFLICT DO NOTHING
"""
_POSTGRESQL = [
    f"""
    CREATE OR REPLACE FUNCTION kefu_search_terms(message text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(array_agg(DISTINCT left(term, 200)), '{{}}') FROM (
            SELECT c || CASE WHEN {_between("ascii(n)")} THEN n ELSE '' END AS term FROM (
                SELECT c, lead(c, 1, '') OVER (ORDER BY place) AS n
                FROM unnest(string_to_array(lower(message), NULL)) WITH ORDINALITY AS characters(c, place)
            ) pairs WHERE {_between("ascii(c)")}
            UNION ALL
            SELECT word FROM unnest(string_to_array(regexp_replace(lower(message),
                '[{_SEPARATORS}\\u3400-\\u9fff\\uf900-\\ufaff\\U00020000-\\U000323af]+', ' ', 'g'), ' ')) AS word
            WHERE word <> ''
        ) terms
    $$
    """,
    f"""
    ALTER TABLE conversations_message ADD COLUMN IF NOT EXISTS {SEARCH_COLUMN} tsvector
    GENERATED ALWAYS AS (array_to_tsvector(kefu_search_terms(text))) STORED
    """,
    f"""
    CREATE INDEX IF NOT EXISTS {SEARCH_TABLE} ON conversations_message
    USING gin ({SEARCH_COLUMN}) WITH (fastupdate = off)
    """,
    """
    CREATE OR REPLACE FUNCTION kefu_note_answers() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            DELETE FROM inbox_answeruse WHERE reply_id = NEW.id;
        END IF;
        INSERT INTO inbox_answeruse (reply_id, conversation_id, answer_id)
        SELECT NEW.id, NEW.conversation_id, left(s ->> 'id', 200) FROM jsonb_array_elements(NEW.sources) s
        WHERE jsonb_typeof(s) = 'object' AND s ->> 'id' IS NOT NULL ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER answer_use_added AFTER INSERT ON conversations_reply
    FOR EACH ROW WHEN (NEW.sources <> '[]') EXECUTE FUNCTION kefu_note_answers()
    """,
    """
    CREATE OR REPLACE TRIGGER answer_use_changed AFTER UPDATE OF sources ON conversations_reply
    FOR EACH ROW WHEN (OLD.sources <> NEW.sources) EXECUTE FUNCTION kefu_note_answers()
    """,
]
_POSTGRESQL_UNDO = [
    "DROP FUNCTION IF EXISTS kefu_note_answers CASCADE",
    f"ALTER TABLE conversations_message DROP COLUMN IF EXISTS {SEARCH_COLUMN}",
    "DROP FUNCTION IF EXISTS kefu_search_terms",
]
