"""Django with the toolkit's own settings and this package."""

import django
from django.conf import settings
from tom_common import default_settings


def pytest_configure() -> None:
    toolkit = {name: value for name, value in vars(default_settings).items() if name.isupper()}
    own = {
        "INSTALLED_APPS": [*default_settings.TOMTOOLKIT_INSTALLED_APPS, "tom_mars"],
        "MIDDLEWARE": default_settings.TOMTOOLKIT_MIDDLEWARE,
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        "DATA_SERVICES": {"MARS": {"base_url": "https://mars.example.org/"}},
        "SECRET_KEY": "only for these tests",
        "SITE_ID": 1,
    }
    settings.configure(**toolkit | own)
    django.setup()
