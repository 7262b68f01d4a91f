"""How a TOM finds the data service."""

from django.apps import AppConfig


class TomMarsConfig(AppConfig):
    """The app, to be named in INSTALLED_APPS."""

    name = "tom_mars"
    verbose_name = "MARS"

    def data_services(self) -> list[dict[str, str]]:
        """The data services of this app, as TOM Toolkit asks for them."""
        return [{"class": "tom_mars.service.MarsDataService"}]
