import os
from pathlib import Path

FOLDER = Path(os.environ["SAIN_PROJECT_FOLDER"])
SECRET_KEY = "a secret of the tests"  # noqa: S105
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.django.project.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "tests.django.project.gallery",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIGRATION_MODULES = {"gallery": "gallery_migrations"}  # made by the tests, found on their path
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "static/", "/media/", FOLDER / "media"
USE_TZ = True
STORAGES = {
    "default": {
        "BACKEND": "codec.integrations.django.SainStorage",
        "OPTIONS": {"quality": 60, "max_pixels": 1_000_000, "max_source_bytes": 4_000_000},
    },
    "strict": {
        "BACKEND": "codec.integrations.django.SainStorage",
        "OPTIONS": {
            "storage": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": FOLDER / "strict", "base_url": "/strict/"},
            },
            "others": "refuse",
            "format": "webp",
            "max_bytes": 3000,
        },
    },
    "plain": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FOLDER / "plain", "base_url": "/plain/"},
    },
    "over-plain": {"BACKEND": "codec.integrations.django.SainStorage", "OPTIONS": {"storage": "plain"}},
    "itself": {"BACKEND": "codec.integrations.django.SainStorage", "OPTIONS": {"storage": "itself"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
