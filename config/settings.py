"""All settings, read from the environment. Every default runs; each line says why it is so.

``docs/settings.md`` describes the variables for operators; what no variable changes is in
``config.libraries``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext

from config import env
from config.libraries import admin, api, apps, cache, database, logs

# Lets admin classes and querysets name their model in their type.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
# Everything that is written at run time: database, exported models, broker, secret key.
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var")))
DATA_DIR.mkdir(parents=True, exist_ok=True)

# Off: a clone must be safe to expose by mistake.
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", lambda: env.persisted_secret(DATA_DIR / "secret-key"))
# Only this machine until the operator names a host.
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = apps.INSTALLED_APPS
MIDDLEWARE = apps.MIDDLEWARE
# Looks for Django's own CSRF middleware by name; ours is a subclass of it.
SILENCED_SYSTEM_CHECKS = ["security.W003"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = apps.TEMPLATES
UNFOLD = admin.UNFOLD

# --- Database ----------------------------------------------------------------------------------
DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'valence.sqlite3'}")
DATABASES = database.databases(DATABASE_URL, DATA_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache -------------------------------------------------------------------------------------
REDIS_URL = env.secret("REDIS_URL", str)
CACHES = cache.caches(REDIS_URL)
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True

# --- Users and sessions ------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
# Who logs in without having asked for a page; Django's own default does not exist here.
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    # First, so that a locked-out address or account costs no password hash.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# The tier of users for whom nobody chose one.
DEFAULT_TIER = env.text("DEFAULT_TIER", "standard")
# Numbered so that a new pepper can be added while keys hashed with an old one still work.
# "1:first-secret,2:second-secret"; the highest number hashes new keys.
API_KEY_PEPPERS = env.secret("API_KEY_PEPPERS", str)
# Proxies that append to X-Forwarded-For in front of us; 0: nobody's header is believed.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)
# Off: whom a self-hosted service is for, its operator knows.
REGISTRATION = env.flag("REGISTRATION", default=False)
REGISTRATION_TIER = env.text("REGISTRATION_TIER", "free")
# Only registration sends mail.
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
EMAIL_FILE_PATH = env.text("EMAIL_FILE_PATH") or None
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.number("EMAIL_PORT", 587, minimum=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", str)
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "valence@localhost")

# --- JWT ---------------------------------------------------------------------------------------
# Apart from SECRET_KEY, so that either can be changed alone. "1:first,2:second": the highest
# number signs, the others still verify.
JWT_SIGNING_KEYS = env.secret(
    "JWT_SIGNING_KEYS", lambda: f"0:{env.persisted_secret(DATA_DIR / 'jwt-signing-key')}"
)
SIMPLE_JWT = {
    # What a stolen access token is good for.
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.number("JWT_ACCESS_MINUTES", 10, minimum=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.number("JWT_REFRESH_DAYS", 7, minimum=1)),
    "ISSUER": "valence",
    # Seconds by which the clocks of our own machines may differ.
    "LEEWAY": env.number("JWT_LEEWAY_SECONDS", 10),
    "USER_ID_CLAIM": "sub",
}

# --- Rate limits -------------------------------------------------------------------------------
# When Redis is away: "serve" counts in each process, "refuse" answers 503.
RATE_LIMIT_STORE_DOWN = env.choice("RATE_LIMIT_STORE_DOWN", "serve", ("serve", "refuse"))
RATELIMIT_FAIL_OPEN = RATE_LIMIT_STORE_DOWN == "serve"
RATELIMIT_IP_META_KEY = "accounts.addresses.client_address"
# Per address. A log-in costs a third of a second of CPU: this is a third of a core at worst.
LOGIN_RATE = env.text("LOGIN_RATE", "60/m")
# Credentials that are not valid, per address: far above a misconfigured client's retries.
FAILED_AUTH_RATE = env.text("FAILED_AUTH_RATE", "600/m")
# Failed log-ins of one account, or from one address, until both wait.
AXES_FAILURE_LIMIT = env.number("LOGIN_FAILURE_LIMIT", 10, minimum=1)
AXES_COOLOFF_TIME = timedelta(minutes=env.number("LOGIN_COOLOFF_MINUTES", 15, minimum=1))
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
# Otherwise whoever knows an address could keep its owner out for ever.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "accounts.addresses.client_address"
AXES_USERNAME_CALLABLE = "accounts.lockout.login_name"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.locked_out"
# axes looks for this field in forms; ours and the admin's is Django's own.
AXES_USERNAME_FORM_FIELD = "username"
# The audit trail has the log-ins.
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# --- HTTPS -------------------------------------------------------------------------------------
# Off: on 127.0.0.1 a redirect to https would lead nowhere. Behind TLS set HTTPS=1.
HTTPS = env.flag("HTTPS", default=False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Health probes and scrapes come from inside, in plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

# --- API ---------------------------------------------------------------------------------------
REST_FRAMEWORK = api.REST_FRAMEWORK
DRF_STANDARDIZED_ERRORS = api.DRF_STANDARDIZED_ERRORS
SPECTACULAR_SETTINGS = api.SPECTACULAR_SETTINGS

# --- Inference ---------------------------------------------------------------------------------
# Where exported and registered models live.
MODELS_DIR = Path(env.text("MODELS_DIR", str(DATA_DIR / "models")))
# A class for files that all hosts share, and its arguments as JSON; MODELS_DIR is its cache then.
MODELS_STORAGE = env.text("MODELS_STORAGE", "mlops.storage.LocalModels")
MODELS_STORAGE_OPTIONS = env.mapping("MODELS_STORAGE_OPTIONS")
# Where the admin and the API look for local folders: whoever may register must not read the disk.
MODELS_IMPORT_DIR = Path(env.text("MODELS_IMPORT_DIR", str(DATA_DIR / "import")))
# Of an uploaded archive, and four times as much unpacked; a large encoder takes 1.5 GB.
MODELS_UPLOAD_MB = env.number("MODELS_UPLOAD_MB", 1024, minimum=1)
UPLOAD_LIMIT = MODELS_UPLOAD_MB * 1_000_000
# Straight to the disk: an archive has no place in memory.
FILE_UPLOAD_HANDLERS = ["config.common.uploads.LimitedUploadHandler"]
# Largest change of a probability that is still the same model. fp32 differs by rounding only;
# int8 moves single probabilities by some points while metrics stay.
EXPORT_TOLERANCE = {
    "fp32": env.fraction("EXPORT_TOLERANCE_FP32", 1e-4),
    "fp16": env.fraction("EXPORT_TOLERANCE_FP16", 0.02),
    "int8": env.fraction("EXPORT_TOLERANCE_INT8", 0.2),
}
# The best device present; "cpu", "cuda" or "mps" to insist.
INFERENCE_DEVICE = env.choice("INFERENCE_DEVICE", "auto", ("auto", "cpu", "cuda", "mps"))
# Cores for the model in each process; 0 divides those of the machine among the processes.
INFERENCE_THREADS = env.number("INFERENCE_THREADS", 0)
# torch.compile for safetensors versions: slower to start, faster on a GPU.
INFERENCE_COMPILE = env.flag("INFERENCE_COMPILE", default=False)
# Of safetensors versions; "auto" is half where matrix units want it, on CUDA, and full elsewhere.
INFERENCE_PRECISION = env.choice("INFERENCE_PRECISION", "auto", ("auto", "fp32", "fp16", "bf16"))
# Their batches: padded to one of a few shapes, which a GPU wants, or exactly as they come.
INFERENCE_SHAPES = env.choice("INFERENCE_SHAPES", "auto", ("auto", "exact", "buckets"))
# Token positions in one forward pass; 0 takes what suits the device, 256 or 16,384.
INFERENCE_BATCH_TOKENS = env.number("INFERENCE_BATCH_TOKENS", 0)
# Server processes; 0 means one for every two cores, each with a lane of inference per core.
WORKERS = env.number("WORKERS", 0)
# Keep each process to its share of the cores: more texts a second where nothing else needs them.
PIN_WORKERS = env.flag("PIN_WORKERS", default=False)
# Versions that callers may pin beside those that serve; each takes its memory and threads.
PINNED_VERSIONS = env.number("PINNED_VERSIONS", 2)
# Requests that may wait for their turn in each process: a quarter of a second for single texts.
# Whoever comes after them is told to come again, instead of waiting without end.
REQUEST_LINE = env.number("REQUEST_LINE", 80, minimum=0)
# Texts that may wait; at 500 texts/s a core this is about the deadline's worth of work.
INFERENCE_QUEUE = env.number("INFERENCE_QUEUE", 2000, minimum=100)
# Seconds after which a request is answered 504 instead of kept waiting.
INFERENCE_DEADLINE = env.seconds("INFERENCE_DEADLINE", 10.0)
# Results kept in each process; an entry takes about 360 bytes.
RESULT_CACHE_SIZE = env.number("RESULT_CACHE_SIZE", 10_000)
# A day: an emotion does not change, but a forgotten version should leave Redis by itself.
RESULT_CACHE_SECONDS = env.number("RESULT_CACHE_SECONDS", 86_400, minimum=1)

# --- Request log -------------------------------------------------------------------------------
# Predictions wait here until they are in the database; on a disk of this host.
LOG_SPOOL_DIR = Path(env.text("LOG_SPOOL_DIR", str(DATA_DIR / "spool")))
# What the spool may hold, about 3 million predictions: then shadow rows go and bulk work waits.
LOG_SPOOL_BYTES = env.number("LOG_SPOOL_BYTES", 1_000_000_000, minimum=1_000_000)
# How long predictions gather before they are written together.
LOG_COMMIT_SECONDS = env.seconds("LOG_COMMIT_SECONDS", 1.0)
# Texts are other people's words: by default only a keyed hash tells equal ones.
TEXT_LOGGING = env.choice("TEXT_LOGGING", "hash", ("none", "hash", "redacted", "full"))
# "1:first,2:second" of 32 characters or more: the highest encrypts kept texts, all decrypt.
LOG_TEXT_KEYS = env.secret("LOG_TEXT_KEYS", str)
# Apart from SECRET_KEY once that is changed: old rows are found by hashes under this.
LOG_HASH_SECRET = env.secret("LOG_HASH_SECRET", lambda: SECRET_KEY)
# Months that stay in the database, this one not counted; older ones become Parquet files. 0: all.
LOG_RETENTION_MONTHS = env.number("LOG_RETENTION_MONTHS", 12)
# Months whose partitions are made before anybody needs them.
LOG_PARTITIONS_AHEAD = env.number("LOG_PARTITIONS_AHEAD", 3, minimum=1)
# Above these a comparison with the reference window raises an event; the usual words for
# the index are "stable" up to 0.1 and "shifted" from 0.2 on.
DRIFT_PSI = env.fraction("DRIFT_PSI", 0.2)
DRIFT_JS = env.fraction("DRIFT_JS", 0.1)
DRIFT_UNKNOWN_SHARE = env.fraction("DRIFT_UNKNOWN_SHARE", 0.02)
# Days before the compared one; the reference ends where the window begins.
DRIFT_REFERENCE_DAYS = env.number("DRIFT_REFERENCE_DAYS", 28, minimum=1)
# Fewer documents say nothing about a distribution of 28 labels.
DRIFT_MIN_DOCUMENTS = env.number("DRIFT_MIN_DOCUMENTS", 1_000, minimum=1)

# --- Rollouts ----------------------------------------------------------------------------------
# Texts that may wait for shadow arms in each process; more are dropped and counted.
SHADOW_QUEUE = env.number("SHADOW_QUEUE", 500, minimum=1)
# Milliseconds without a text to answer on this host before a shadow computes, so that it is not in
# the middle of a burst; 0 lets it compute at any time, where there are cores to spare.
SHADOW_QUIET_MS = env.number("SHADOW_QUIET_MS", 30)
# Gets a POST when a guardrail stops an arm.
GUARDRAIL_WEBHOOK = env.secret("GUARDRAIL_WEBHOOK", str)

# --- Background work ---------------------------------------------------------------------------
# Without a broker kombu's filesystem transport: a real worker with nothing to install.
CELERY_BROKER_URL = env.secret("CELERY_BROKER_URL", lambda: REDIS_URL or "filesystem://")
if CELERY_BROKER_URL.startswith("filesystem:"):
    _broker = DATA_DIR / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "queue"),
        "data_folder_out": str(_broker / "queue"),
        "control_folder": str(_broker / "control"),
        "processed_folder": str(_broker / "processed"),
        # Seconds between looks at the folder: soon enough for background work, no load when idle.
        "polling_interval": 1.0,
    }
# A task that dies with its worker runs again; tasks are written to allow it.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
# The worker logs as everything does: with the redaction below.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Every round may run twice and on several hosts: each finds its work done.
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "guardrails": {
        "task": "mlops.tasks.guardrails_task",
        "schedule": 60.0,
        # One that could not run in time is not made up for: the next looks at the same rows.
        "options": {"expires": 55.0},
    },
    "request-log": {"task": "mlops.tasks.log_maintain_task", "schedule": timedelta(days=1)},
    "drift": {"task": "mlops.tasks.drift_task", "schedule": timedelta(hours=1)},
}

# --- Static files, time, language --------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
# Exports and archives; not served: downloads pass through the API.
MEDIA_ROOT = DATA_DIR / "files"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # Artifacts, data sets and uploads; any Django storage serves where hosts share no disk.
    "models": {"BACKEND": MODELS_STORAGE, "OPTIONS": MODELS_STORAGE_OPTIONS},
}
WHITENOISE_USE_FINDERS = DEBUG
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

# --- Logs and metrics --------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logs.logging_at(LOG_LEVEL)
PROMETHEUS_LATENCY_BUCKETS = logs.LATENCY_BUCKETS
PROMETHEUS_EXPORT_MIGRATIONS = False
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
