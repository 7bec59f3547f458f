"""Every setting of Kefu, and the only reader of the environment.

Names carry their unit (`_S` seconds, `_MS` milliseconds). Whatever an operator may want to change has an environment
variable; the README lists them. All state lives under `KEFU_HOME`.
"""

import contextlib
import secrets
from pathlib import Path

import environ
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
KEFU_HOME = Path(env.str("KEFU_HOME", default=str(BASE_DIR / "var"))).resolve()
KEFU_HOME.mkdir(parents=True, exist_ok=True, mode=0o700)


def read_or_create_secret(path: Path) -> str:
    """The secret kept in `path`; made on the first call, readable by the owner only."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)  # of two processes that start at once, one wins and both read the same secret
    draft.unlink()
    return path.read_text().strip()


def read_text_if_there(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


# --- the site -------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY", default="") or read_or_create_secret(KEFU_HOME / "secret_key")
DEBUG = env.bool("DEBUG", default=False)
PORT = env.int("PORT", default=8000)
HOST = env.str("HOST", default="127.0.0.1")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
IS_HTTPS = env.bool("HTTPS", default=False)
DEMO = env.bool("DEMO", default=True)
DEMO_PASSWORD = env.str("KEFU_DEMO_PASSWORD", default="")
NO_COLOR = bool(env.str("NO_COLOR", default=""))  # https://no-color.org

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "chatbot.assist",
    "chatbot.attachments",
    "chatbot.company",
    "chatbot.conversations",
    "chatbot.inbox",
    "chatbot.notes",
    "chatbot.knowledge",
    "chatbot.insight",
    "chatbot.reply",
    "chatbot.review",
    "chatbot.sentiment",
    "chatbot.sites",
    "chatbot.training",
    "webui",
    "workers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "webui.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "webui.embed.middleware.EmbedCorsMiddleware",  # before the CSRF check
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "webui.urls"
ASGI_APPLICATION = "webui.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TZ", default="UTC")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = KEFU_HOME / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "SAMEORIGIN"

_SELF = "'self'"
CONTENT_SECURITY_POLICY = {
    # The admin site's widgets evaluate expressions in attributes, which `unsafe-eval` allows; only there.
    "EXCLUDE_URL_PREFIXES": ["/admin/"],
    "DIRECTIVES": {
        "default-src": [_SELF],
        "connect-src": [_SELF, "ws:", "wss:"],
        "img-src": [_SELF, "data:"],
        "style-src": [_SELF],
        "script-src": [_SELF],
        "object-src": ["'none'"],
        "base-uri": [_SELF],
        "form-action": [_SELF],
        "frame-ancestors": [_SELF],
    },
}

# --- stores ---------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{KEFU_HOME / 'kefu.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Take the write lock at BEGIN: a deferred transaction that reads first fails instead of waiting.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;",
    }
    # A file as in service: in memory, threads share one cache and fail with "table is locked" instead of waiting.
    DATABASES["default"]["TEST"] = {"NAME": KEFU_HOME / "test.sqlite3"}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# Task threads keep their connection between tasks: `workers.celery_app` says for how long, in seconds. The web process
# doesn't: each of its requests may run in a thread of its own.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("DATABASE_CONN_MAX_AGE", default=0)

# The supervisor writes the address of the embedded server to this file; REDIS_URL names another server.
EMBEDDED_REDIS_URL_FILE = KEFU_HOME / "redis.url"
IS_REDIS_EMBEDDED = not env.str("REDIS_URL", default="")
REDIS_URL = (
    env.str("REDIS_URL", default="") or read_text_if_there(EMBEDDED_REDIS_URL_FILE) or "redis://127.0.0.1:6379/0"
)
CHANNEL_LAYERS = {
    "default": {
        # The core layer drops events silently at its capacity; the pub/sub layer does not.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": REDIS_URL,
                    "max_connections": 2000,
                    "socket_timeout": None,  # redis-py's 5 s would close idle WebSockets
                    "retry": Retry(ExponentialBackoff(cap=1, base=0.05), 8),
                    "retry_on_error": [redis.exceptions.ConnectionError, redis.exceptions.TimeoutError],
                }
            ]
        },
    }
}

# --- queue ----------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 180,  # above the longest task (REPLY_TIME_LIMIT_S), else it would run twice
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
}
CELERY_BEAT_SCHEDULE_FILENAME = str(KEFU_HOME / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "requeue stuck replies": {"task": "reply.requeue_stuck", "schedule": 2.0},
    "give out who waits": {"task": "inbox.give_out_waiting", "schedule": 5.0},
    "remove orphaned attachments": {"task": "attachments.remove_orphans", "schedule": 3600.0},
    "roll up insight": {"task": "insight.roll_up", "schedule": 300.0},
    "fill the review queue": {"task": "review.fill_queue", "schedule": 20.0},
}
CELERY_TASK_ROUTES = {
    "reply.generate": {"queue": "replies"},
    # needs the replies' model and index, or only waits for a bigger model: many threads, and no sentiment behind it
    "assist.suggest": {"queue": "replies"},
    "assist.translate": {"queue": "replies"},
    "assist.draft_alternatives": {"queue": "replies"},
    "review.replay": {"queue": "replies"},
    "assist.summarise": {"queue": "analysis"},
    "message.analyse": {"queue": "analysis"},
    "reply.requeue_stuck": {"queue": "analysis"},
}
CELERY_TASK_DEFAULT_QUEUE = "analysis"
REPLY_WORKER_THREADS = env.int("REPLY_WORKER_THREADS", default=32)
ANALYSIS_WORKER_THREADS = env.int("ANALYSIS_WORKER_THREADS", default=2)

# --- conversations --------------------------------------------------------------------------------------------------
CUSTOMER_SESSION_COOKIE = "kefu_customer"
MESSAGE_MAX_CHARS = 2000
ACCESS_RECHECK_S = 5.0  # a socket whose access was revoked forwards nothing after this long
CHAT_MAX_REQUESTS = 20  # of one socket, within the window below
CHAT_REQUESTS_WINDOW_S = 10.0
CHAT_MAX_SIGNALS = 120  # typing, seen, pings, pages and other small requests, within the same window
CHAT_PAGE_SIZE = 50  # messages in a snapshot or a page of history
CHAT_MAX_LISTED = 50  # conversations in a customer's own list
CHAT_STREAM_BEAT_S = 15.0  # a comment on a quiet server-sent stream, so that proxies and browsers keep it
CHAT_MAX_WAITING_FRAMES = 256  # a browser this far behind is dropped and catches up from rows
REPLY_LEASE_S = 12.0  # a running reply whose worker hasn't renewed its lease for this long is taken up again
REPLY_LEASE_RENEW_S = 1.0  # also how soon a worker notices that its reply was cancelled
REPLY_PENDING_DEADLINE_S = 20.0  # a reply nobody has claimed for this long is queued again
REPLY_TIME_LIMIT_S = 60.0
REPLY_MAX_ATTEMPTS = 3
DELTA_INTERVAL_MS = 40

# --- the chat's extras ----------------------------------------------------------------------------------------------
ATTACHMENTS_FOLDER = KEFU_HOME / "attachments"
EMAIL_URL = env.str("EMAIL_URL", default="")  # such as smtp+tls://user:password@mail.example.com:587
HAS_MAIL_SERVER = bool(EMAIL_URL)  # without one, mail is written to a folder and customers are offered none
_EMAIL = env.email_url_config(EMAIL_URL or "filemail://")
EMAIL_BACKEND, EMAIL_FILE_PATH = _EMAIL["EMAIL_BACKEND"], str(KEFU_HOME / "mail")
EMAIL_HOST, EMAIL_PORT = _EMAIL.get("EMAIL_HOST") or "localhost", _EMAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _EMAIL.get("EMAIL_HOST_USER") or "", _EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = bool(_EMAIL.get("EMAIL_USE_TLS")), bool(_EMAIL.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="support@localhost")

# --- desk -----------------------------------------------------------------------------------------------------------
SLA_DUE_S = env.int("KEFU_SLA_DUE_S", default=300)  # a customer who waits for a person so long is marked "due"
SLA_OVERDUE_S = env.int("KEFU_SLA_OVERDUE_S", default=900)  # and so long "overdue"
ASSIGN_ON_HANDOFF = env.bool("KEFU_ASSIGN_ON_HANDOFF", default=False)  # round robin among the agents at the desk
PRESENCE_HEARTBEAT_S = 10.0  # how often a desk says which conversation it shows
PRESENCE_TTL_S = 25.0
TYPING_TTL_S = 6.0

# --- model ----------------------------------------------------------------------------------------------------------
EMBEDDED_CHECKPOINT = str(BASE_DIR / "chatbot" / "checkpoints" / "kefu-gpt2-27m")
CHECKPOINT = env.str("KEFU_CHECKPOINT", default=EMBEDDED_CHECKPOINT)
DEVICE = env.str("KEFU_DEVICE", default="cpu")
MODEL_THREADS = env.int("KEFU_MODEL_THREADS", default=0)  # 0: one fewer than the machine's cores, at least one
MAX_BATCH_SIZE = env.int("KEFU_MAX_BATCH_SIZE", default=16)
KEPT_CHATS = env.int("KEFU_KEPT_CHATS", default=16)  # chats whose cache waits for their next turn
MAX_CACHE_MB = env.int("KEFU_MAX_CACHE_MB", default=0)  # of keys and values; 0: what all chats at once can fill
# float, bf16 or int8; auto: bf16 where the processor multiplies it, else float (docs/performance.md)
WEIGHTS = env.str("KEFU_WEIGHTS", default="auto")
CACHE = env.str("KEFU_CACHE", default="auto")  # float or int8; auto: int8 where the engine's kernels can be compiled
# Whether the model words the answers itself, within the fact lock; with the embedded one quoting wins (decision 0008).
PHRASES_ANSWERS = env.bool("KEFU_PHRASE_ANSWERS", default=False)
MAX_WAITING_REQUESTS = env.int("KEFU_MAX_WAITING_REQUESTS", default=64)
TRAINING_DATA = env.str("KEFU_TRAINING_DATA", default="")
# A bigger model for the agents' help, on a server that speaks OpenAI's protocol; none without a URL.
OPENAI_URL = env.str("KEFU_OPENAI_URL", default="")  # such as http://127.0.0.1:8001/v1
OPENAI_MODEL = env.str("KEFU_OPENAI_MODEL", default="default")
OPENAI_KEY = env.str("KEFU_OPENAI_KEY", default="")
OPENAI_CONNECT_TIMEOUT_S = env.float("KEFU_OPENAI_CONNECT_TIMEOUT_S", default=5.0)
OPENAI_READ_TIMEOUT_S = env.float("KEFU_OPENAI_READ_TIMEOUT_S", default=20.0)  # the longest silence
OPENAI_TIMEOUT_S = env.float("KEFU_OPENAI_TIMEOUT_S", default=45.0)  # of one request with its retries
OPENAI_MAX_RETRIES = env.int("KEFU_OPENAI_MAX_RETRIES", default=2)
SUMMARY_DELAY_S = 3.0  # after a customer's message: what follows within this time shares one summary
WORKER_HEARTBEAT_S = 2.0
WORKER_HEARTBEAT_TTL_S = 8
CHECK_START_TIMEOUT_S = env.int("KEFU_CHECK_TIMEOUT_S", default=180)  # `up --check` waits so long for the model

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        # /readyz answers 503 until the workers are warm, to whoever asks several times a second
        "without_503": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 0) != 503,
        }
    },
    "formatters": {
        "plain": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{", "datefmt": "%H:%M:%S"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["without_503"]},
        "httpx": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
