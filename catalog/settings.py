"""Settings of the catalog, read from the environment (prefix MARS_)."""

from pydantic import Field

from archive.settings import ArchiveSettings


class Settings(ArchiveSettings):
    """The archive's settings, and how the catalog lies in its bucket."""

    catalog_prefix: str = Field(
        default="catalog",
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
        description="Where the catalogs lie in the bucket: `<prefix>/<survey>/`.",
    )
    catalog_leaf_rows: int = Field(
        default=500_000,
        ge=1,
        description="Rows at which a pixel of the sky is split into four: the most of a new leaf.",
    )
    catalog_step_rows: int = Field(
        default=5_000_000,
        ge=1,
        description="Rows that are written and published at a time; they lie on the local disk "
        "meanwhile, some 500 bytes each.",
    )
    catalog_keep_days: float = Field(
        default=30.0,
        ge=0,
        description="Days for which the files from before a compaction are kept for readers.",
    )
