"""Settings that both programs share, read from the environment (prefix MARS_)."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ArchiveSettings(BaseSettings):
    """Where the archive lies: one database, one bucket."""

    model_config = SettingsConfigDict(env_prefix="MARS_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(
        default=SecretStr("postgresql+asyncpg://localhost/mars"),
        description="PostgreSQL, as `postgresql+asyncpg://role:password@host:port/database`: the "
        "writer's for the consumer, the reader's for the app, the owner's for `archive.migrate`. "
        "Several hosts, for the app: `postgresql+asyncpg://role:password@/database?"
        "host=a:5432&host=b:5432&target_session_attrs=prefer-standby`.",
    )
    s3_endpoint_url: str | None = Field(
        default=None,
        description="Address of the S3 server; empty for AWS.",
    )
    s3_region: str = Field(default="us-east-1", description="Region of the bucket.")
    s3_bucket: str = Field(default="mars", description="Bucket that holds the original packets.")
    s3_access_key_id: SecretStr = Field(
        default=SecretStr(""), description="Key id for S3; empty for botocore's own search."
    )
    s3_secret_access_key: SecretStr = Field(
        default=SecretStr(""), description="Secret key for S3; empty for botocore's own search."
    )
    s3_timeout_s: float = Field(
        default=20.0, gt=0, description="Seconds after which a put or get is given up and retried."
    )
    log_level: str = Field(
        default="info",
        pattern="(?i)^(debug|info|warning|error)$",
        description="Least severe level that is logged: debug, info, warning or error.",
    )
