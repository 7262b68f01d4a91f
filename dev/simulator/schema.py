"""The schema of ZTF alert packets, version 4.02, built from its list of fields.

Source: the ZTF public alert documentation (https://zwickytransientfacility.github.io/ztf-avro-alert/).
Each line below is a field: its name, its Avro type (``?`` marks one that may be null and is so by
default) and its unit, if it has one. The order is the order on the wire.
"""

from __future__ import annotations

import json
from typing import Any, Final

from fastavro import parse_schema

VERSION: Final = "4.02"
PUBLISHER: Final = "ZTF (www.ztf.caltech.edu)"

CANDIDATE: Final = """
jd double d, start of exposure, UTC
fid int 1 g, 2 r, 3 i
pid long
diffmaglim ?float mag, 5 sigma
pdiffimfilename ?string
programpi ?string
programid int 1 is public
candid long
isdiffpos string t brighter than the reference, f fainter
tblid ?long
nid ?int nights since 2017-01-01
rcid ?int readout quadrant, 0 to 63
field ?int
xpos ?float pixel
ypos ?float pixel
ra double deg, J2000
dec double deg, J2000
magpsf float mag
sigmapsf float mag
chipsf ?float
magap ?float mag
sigmagap ?float mag
distnr ?float pixel
magnr ?float mag
sigmagnr ?float mag
chinr ?float
sharpnr ?float
sky ?float DN
magdiff ?float mag
fwhm ?float pixel
classtar ?float
mindtoedge ?float pixel
magfromlim ?float mag
seeratio ?float
aimage ?float pixel
bimage ?float pixel
aimagerat ?float
bimagerat ?float
elong ?float
nneg ?int
nbad ?int
rb ?float 0 bogus to 1 real
ssdistnr ?float arcsec
ssmagnr ?float mag
ssnamenr ?string
sumrat ?float
magapbig ?float mag
sigmagapbig ?float mag
ranr double deg, J2000
decnr double deg, J2000
sgmag1 ?float mag
srmag1 ?float mag
simag1 ?float mag
szmag1 ?float mag
sgscore1 ?float 0 galaxy to 1 star
distpsnr1 ?float arcsec
ndethist int
ncovhist int
jdstarthist ?double d
jdendhist ?double d
scorr ?double
tooflag ?int
objectidps1 ?long
objectidps2 ?long
sgmag2 ?float mag
srmag2 ?float mag
simag2 ?float mag
szmag2 ?float mag
sgscore2 ?float 0 galaxy to 1 star
distpsnr2 ?float arcsec
objectidps3 ?long
sgmag3 ?float mag
srmag3 ?float mag
simag3 ?float mag
szmag3 ?float mag
sgscore3 ?float 0 galaxy to 1 star
distpsnr3 ?float arcsec
nmtchps int
rfid long
jdstartref double d
jdendref double d
nframesref int
rbversion string
dsnrms ?float
ssnrms ?float
dsdiff ?float
magzpsci ?float mag
magzpsciunc ?float mag
magzpscirms ?float mag
nmatches int
clrcoeff ?float
clrcounc ?float
zpclrcov ?float
zpmed ?float mag
clrmed ?float mag
clrrms ?float mag
neargaia ?float arcsec
neargaiabright ?float arcsec
maggaia ?float mag
maggaiabright ?float mag
exptime ?float s
drb ?float 0 bogus to 1 real
drbversion string
"""

FORCED: Final = """
field ?int
rcid ?int readout quadrant, 0 to 63
fid int 1 g, 2 r, 3 i
pid long
rfid long
sciinpseeing ?float pixel
scibckgnd ?float DN
scisigpix ?float DN
magzpsci ?float mag
magzpsciunc ?float mag
magzpscirms ?float mag
clrcoeff ?float
clrcounc ?float
exptime ?float s
adpctdif1 ?float
adpctdif2 ?float
diffmaglim ?float mag, 5 sigma
programid int 1 is public
jd double d, start of exposure, UTC
forcediffimflux ?float DN
forcediffimfluxunc ?float DN
procstatus ?string
distnr ?float arcsec
ranr double deg, J2000
decnr double deg, J2000
magnr ?float mag
sigmagnr ?float mag
chinr ?float
sharpnr ?float
"""

# A history entry has the candidate's fields but for those that only the latest alert needs.
NOT_IN_HISTORY: Final = frozenset(
    [f"{name}{n}" for n in (1, 2, 3)
     for name in ("sgmag", "srmag", "simag", "szmag", "sgscore", "distpsnr", "objectidps")]
    + ["ndethist", "ncovhist", "jdstarthist", "jdendhist", "tooflag", "nmtchps", "rfid"]
    + ["jdstartref", "jdendref", "nframesref", "dsnrms", "ssnrms", "dsdiff", "nmatches"]
    + ["zpclrcov", "zpmed", "clrmed", "clrrms", "neargaia", "neargaiabright", "maggaia"]
    + ["maggaiabright", "exptime", "drb", "drbversion"]
)  # fmt: skip

# In a history entry these are null for an upper limit; the key is never left out, so no default.
NULL_IN_LIMITS: Final = frozenset(
    ["candid", "isdiffpos", "ra", "dec", "magpsf", "sigmapsf", "ranr", "decnr"]
)


def fields(table: str) -> list[dict[str, Any]]:
    """The Avro fields of one of the tables above."""
    found = []
    for line in table.strip().splitlines():
        name, kind, *doc = line.split(" ", 2)
        field: dict[str, Any] = {"name": name, "type": kind}
        if kind.startswith("?"):
            field |= {"type": ["null", kind[1:]], "default": None}
        found.append(field | ({"doc": doc[0]} if doc else {}))
    return found


def history_fields() -> list[dict[str, Any]]:
    """The Avro fields of an entry of ``prv_candidates``; ``rbversion`` is the last of them."""
    kept = [
        field | {"type": ["null", field["type"]]} if field["name"] in NULL_IN_LIMITS else field
        for field in fields(CANDIDATE)
        if field["name"] not in NOT_IN_HISTORY
    ]
    return sorted(kept, key=lambda field: field["name"] == "rbversion")


def record(name: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """A record type of the ZTF alert's namespace."""
    return {
        "type": "record", "name": name, "namespace": "ztf.alert",
        "version": VERSION, "fields": content,
    }  # fmt: skip


def optional(name: str, kind: Any) -> dict[str, Any]:
    """A field that may be null, and is so by default."""
    return {"name": name, "type": ["null", kind], "default": None}


CUTOUT: Final = record(
    "cutout",
    [{"name": "fileName", "type": "string"}, {"name": "stampData", "type": "bytes"}],
)

SCHEMA: Final[dict[str, Any]] = {
    "type": "record",
    "name": "alert",
    "namespace": "ztf",
    "doc": "ZTF alert packet",
    "version": VERSION,
    "fields": [
        {"name": "schemavsn", "type": "string"},
        {"name": "publisher", "type": "string"},
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {"name": "candidate", "type": record("candidate", fields(CANDIDATE))},
        optional("prv_candidates",
                 {"type": "array", "items": record("prv_candidate", history_fields())}),
        optional("fp_hists", {"type": "array", "items": record("fp_hist", fields(FORCED))}),
        optional("cutoutScience", CUTOUT),
        optional("cutoutTemplate", "ztf.alert.cutout"),
        optional("cutoutDifference", "ztf.alert.cutout"),
    ],
}  # fmt: skip

SCHEMA_TEXT: Final = json.dumps(SCHEMA, separators=(",", ":"), sort_keys=True)
PARSED: Final = parse_schema(SCHEMA)
