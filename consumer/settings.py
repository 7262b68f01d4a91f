"""Settings of the consumer, read from the environment (prefix MARS_)."""

from pydantic import Field

from archive.settings import ArchiveSettings


class Settings(ArchiveSettings):
    """The archive's settings, and where alerts come from."""

    kafka_bootstrap_servers: str = Field(
        default="localhost:9092", description="Kafka brokers, as `host:port,host:port`."
    )
    kafka_group: str = Field(default="mars", description="Consumer group.")
    kafka_instance: str = Field(
        default="",
        description="This consumer's own name in its group, the same after a restart: it then goes "
        "on at once with its partitions, also after a kill. `%h` stands for the host's name; no "
        "two consumers may share one.",
    )
    kafka_session_s: int = Field(
        default=10,
        ge=6,
        le=300,
        description="Seconds of silence after which a consumer's partitions go to the others of "
        "its group; one that is killed and has no name of its own waits as long for them.",
    )
    kafka_topic: str = Field(
        default="ztf_{night}_programid1",
        pattern=r"^[^{}]*\{night\}[^{}]*$",
        description="Name of a night's topic; `{night}` stands for YYYYMMDD.",
    )
    kafka_window_days: int = Field(
        default=7, ge=1, le=60, description="Nights that are followed, up to tonight's."
    )
    batch_messages: int = Field(
        default=256, ge=1, le=5000, description="Most messages in a batch: one bundle, one commit."
    )
    batch_bytes: int = Field(
        default=32_000_000, ge=1_000_000, description="Most bytes in a batch of a backfill."
    )
    refusals_in_a_row: int = Field(
        default=100,
        ge=2,
        description="Messages of a partition in a row, sound but refused for one reason, at which "
        "it waits for `python -m consumer release`.",
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address of the consumer's metrics.")
    metrics_port: int = Field(
        default=8005, ge=0, le=65535, description="Port of the consumer's metrics; 0 for none."
    )
