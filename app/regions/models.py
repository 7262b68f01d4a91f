"""A region, as its JSON and openapi.json have it."""

from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import Row

from app.answers.models import Model
from app.regions.writing import MocSuffix
from app.search.models import Instant
from archive import times

if TYPE_CHECKING:
    from mocpy import MOC


class RegionLinks(Model):
    """Addresses of a region, and of what it is for."""

    self: str
    page: str = Field(description="the region on a map, with its newest alerts")
    alerts: str = Field(description="alerts in the region, newest first")
    moc_fits: str = Field(description="its MOC as FITS")
    moc_json: str = Field(description="its MOC as JSON")
    moc_txt: str = Field(description="its MOC as text")


class KeptRegion(Model):
    """A region of the sky that was sent before."""

    id: str = Field(description="id of the region: `region` of a search; anyone may use it")
    area_deg2: float = Field(description="its size in square degrees")
    cells: int = Field(description="number of its cells")
    max_order: int = Field(description="order of its smallest cells")
    credible_level: float | None = Field(
        description="probability within it, of a skymap; null for a MOC"
    )
    created: Instant = Field(description="RFC 3339, UTC")
    expires: Instant = Field(
        description="when it is deleted, RFC 3339, UTC; each use puts that off"
    )
    links: RegionLinks


class NewRegion(KeptRegion):
    """A region that has just been sent."""

    secret: str = Field(
        description="the only key to delete the region, shown this once: send it as "
        "`Authorization: Bearer`"
    )


def describe_region(row: Row[Any], moc: "MOC", public_url: str) -> dict[str, Any]:
    """The JSON of a region, from its row."""
    itself = f"{public_url}/api/v1/regions/{row.id}"
    return {
        "id": row.id,
        "area_deg2": row.area,
        "cells": len(moc.uniq_hpx),
        "max_order": row.max_order,
        "credible_level": row.credible_level,
        "created": times.write_utc(row.created),
        "expires": times.write_utc(row.expires),
        "links": {
            "self": itself,
            "page": f"{public_url}/regions/{row.id}/",
            "alerts": f"{public_url}/api/v1/alerts?region={row.id}",
            **{f"moc_{suffix}": f"{itself}/moc.{suffix}" for suffix in MocSuffix},
        },
    }
