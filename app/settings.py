"""Settings of the app, read from the environment (prefix MARS_)."""

import json
from ipaddress import ip_interface, ip_network
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from archive.settings import ArchiveSettings

if TYPE_CHECKING:
    from starlette.requests import Request


class Settings(ArchiveSettings):
    """How the app answers, beside where the archive lies."""

    public_url: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/]+(/[^\s?#]*[^\s/?#])?$",
        description="Address under which users reach the app, without a last slash; links begin "
        "with it, and a path in it is one that a proxy takes off.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=200, description="Connections to the database that the app keeps."
    )
    costly_pool_size: int = Field(
        default=2,
        ge=1,
        le=50,
        description="More connections, for costly searches: as many run at once, the others "
        "wait their turn. One client may use all but one of them.",
    )
    statement_timeout_s: float = Field(
        default=4.0, gt=0, le=600, description="Seconds after which a query is stopped with a 503."
    )
    database_timeout_s: float = Field(
        default=4.8,
        gt=0,
        le=660,
        description="Seconds for the queries of a request and their waits for a connection; then a "
        "503.",
    )
    replica_lag_s: float = Field(
        default=30.0,
        gt=0,
        description="Seconds that a replica may lag behind the primary, if MARS_DATABASE_URL names "
        "several hosts; one that lags further is not asked until it has caught up.",
    )
    columns_dir: Path = Field(
        default=Path(gettempdir()) / "mars-columns",
        description="Directory in which the app keeps files of the columnar copy (docs/catalog.md) "
        "and what a large sort does not hold in memory.",
    )
    columns_gb: float = Field(
        default=50.0,
        ge=0,
        description="Gigabytes of these files at most; what is beyond is read from the store.",
    )
    columns_memory_mb: int = Field(
        default=256, ge=64, description="Megabytes of memory for scans of the columnar copy."
    )
    columns_places: int = Field(
        default=2, ge=1, le=50, description="Scans of the columnar copy that run at once."
    )
    columns_look_s: float = Field(
        default=30.0, gt=0, description="Seconds after which the app looks for a newer copy."
    )
    s3_timeout_s: float = Field(
        default=4.0, gt=0, description="Seconds after which a get is stopped with a 503."
    )
    cache_max_age_s: int = Field(
        default=5, ge=0, description="Seconds for which a client may keep a JSON answer."
    )
    rate_limit_per_s: float = Field(
        default=50.0, ge=0, description="Requests a second that one client may make; 0: no limit."
    )
    rate_limit_burst: int = Field(
        default=500, ge=1, description="Requests that a client may make in a burst."
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default=[],
        description="Addresses and networks (10.0.0.0/8) of proxies whose X-Forwarded-For is "
        "trusted, separated by commas or as a JSON list.",
    )
    app_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="The same database for the role mars_app, which writes the app's own data "
        "(resolved names, jobs); empty: nothing is kept, and there are no jobs.",
    )
    tap_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="The same database for the role mars_tap, which runs queries of TAP over views "
        "and can read nothing else; empty: there is no TAP.",
    )
    tap_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds after which a synchronous query is stopped.",
    )
    tap_jobs_per_client: int = Field(
        default=50,
        ge=1,
        description="Jobs of TAP that one client may have at a time, finished ones included.",
    )
    streams_per_client: int = Field(
        default=5,
        ge=1,
        description="Streams of alerts that one client may have open at a time.",
    )
    watches_per_client: int = Field(
        default=5, ge=1, description="Watches that one client may have at a time."
    )
    watches_per_token: int = Field(
        default=100,
        ge=1,
        description="Watches that the holder of an operator's token may have at a time, with up "
        "to a million positions each.",
    )
    webhooks: bool = Field(
        default=False,
        description="Whether the alerts of watches are sent to addresses that strangers name "
        "(docs/delivery.md).",
    )
    webhooks_per_host: int = Field(
        default=10, ge=1, description="Webhooks that may lead to one host."
    )
    webhooks_to_loopback: bool = Field(
        default=False,
        description="Whether they may also lead to this machine, by http and to any port: for "
        "tests, never where others can reach the app.",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="Mail server for digests of watches, smtp://name:password@host:587 (encrypted "
        "by STARTTLS: always if a name is given, else if it offers that) or smtps://, encrypted "
        "from the start; empty: no mails.",
    )
    smtp_ca_file: str = Field(
        default="",
        description="PEM file of the authorities that certify it; empty: those of the system.",
    )
    mail_from: str = Field(
        default="", description="Address in From of these mails; empty: no mails."
    )
    publish_kafka_servers: str = Field(
        default="",
        description="Kafka brokers, as `host:port,host:port`, into whose topic mars.alerts every "
        "alert goes as it comes; empty: none (docs/delivery.md).",
    )
    publish_prefix: str = Field(
        default="mars.",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="What the names of these topics begin with.",
    )
    publish_watches: Annotated[list[str], NoDecode] = Field(
        default=[],
        description="Ids of watches whose alerts go there, each into its topic mars.watch.<id>, "
        "beside those made with an operator's token; separated by commas or as a JSON list.",
    )
    publish_partitions: int = Field(
        default=3, ge=1, description="Partitions of a topic that is made because it is missing."
    )
    sesame_url: str = Field(
        default="https://cds.unistra.fr/cgi-bin/nph-sesame",
        pattern=r"^(https?://[^\s?#]*[^\s?#/])?$",
        description="CDS Sesame, which resolves names not known here; empty: not used.",
    )
    simbad_tap_url: str = Field(
        default="https://simbad.cds.unistra.fr/simbad/sim-tap",
        pattern=r"^(https?://[^\s?#]*[^\s?#/])?$",
        description="SIMBAD's TAP service, used if Sesame does not answer; empty: not used.",
    )
    resolve_timeout_s: float = Field(
        default=3.0,
        gt=0,
        le=30,
        description="Seconds for all remote resolvers together; then a 503.",
    )
    jobs_run: bool = Field(
        default=True,
        description="Whether this process also runs jobs; all processes together run one at a "
        "time.",
    )
    jobs_per_client: int = Field(
        default=5,
        ge=1,
        description="Jobs that one client may have at a time, finished ones included.",
    )
    job_rows: int = Field(
        default=5_000_000,
        ge=1,
        le=1_000_000_000,
        description="Alerts in the result of a search job at most; a job that finds more says so.",
    )
    job_statement_timeout_s: float = Field(
        default=600.0,
        gt=0,
        le=86_400,
        description="Seconds after which a single query of a search job is stopped.",
    )
    job_days: float = Field(
        default=7.0, gt=0, description="Days after which a job and its result are deleted."
    )
    regions_per_client: int = Field(
        default=100, ge=1, description="Regions that one client may have at a time."
    )
    region_days: float = Field(
        default=30.0, gt=0, description="Days after its last use after which a region is deleted."
    )

    @property
    def base_path(self) -> str:
        """The path in public_url, which a proxy takes off: addresses on pages begin with it."""
        return urlsplit(self.public_url).path

    @field_validator("trusted_proxies", "publish_watches", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        if given.lstrip().startswith("["):
            return json.loads(given)
        return [part.strip() for part in given.split(",") if part.strip()]

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        return [_network(text.strip()) for text in given]


def settings_of(request: "Request") -> Settings:
    """The settings of the app that got a request."""
    settings: Settings = request.app.state.settings
    return settings


def _network(text: str) -> str:
    """A network, or an address as one, in its proper form. Raises ValueError."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an address nor a network: write 10.0.0.1, 10.0.0.0/8 or "
            "2001:db8::/32; 0.0.0.0/0 and ::/0 trust every proxy there is"
        ) from None
    if ip_interface(text).ip != network.network_address:
        raise ValueError(f"{text!r} has bits beyond its prefix: write {network}")
    return str(network)
