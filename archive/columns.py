"""The one list of an alert's columns: name, type, unit, UCD, meaning, sentinel.

The database, the rows that the consumer writes, the typed API and its help are all made from it.
Candidate fields carry ZTF's own names and follow the order of its schema (versions 1.7 to 4.02, as
published with the alert packets). UCDs are UCD1+ words of the IVOA vocabulary.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """A column's type, by the word that PostgreSQL's catalogue has for it."""

    INTEGER = "integer"
    BIGINT = "bigint"
    REAL = "real"
    DOUBLE = "double precision"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "timestamp with time zone"


LONGEST: Final = 200
"""Characters of a text, where a column says nothing else; the longest that ZTF sent has 57."""


class Column(NamedTuple):
    """One column of `alert` that a user can see and search."""

    name: str
    kind: Kind
    unit: str
    ucd: str
    meaning: str
    sentinel: float | str | None = None
    """What ZTF sends for "there is none"; stored as NULL with a bit in `alert.sentinels`."""
    required: bool = False
    """A packet without it is no alert."""
    since: str = "1.7"
    """First version of ZTF's schema, from 1.7 on, that has it; "" for what we compute."""
    longest: int = LONGEST
    """Characters of a text at most. An index of PostgreSQL holds 2,704 bytes, up to four each."""
    is_ascii: bool = False
    """A text of ASCII alone, by what it is; a packet may still hold another."""


INTEGER, BIGINT, REAL, DOUBLE, TEXT, BOOLEAN, TIME = Kind
CITATION: Final = "2019PASP..131a8001P"
"""Bibcode of the paper on ZTF's alerts."""
NONE: Final = -999

# fmt: off
CANDIDATE: Final[tuple[Column, ...]] = (
    Column("jd", DOUBLE, "d", "time.start;obs.exposure", "start of exposure, Julian date, UTC", required=True),
    Column("fid", INTEGER, "", "meta.id;instr.filter", "filter: 1 g, 2 r, 3 i", required=True),
    Column("pid", BIGINT, "", "meta.id;obs.image", "processing id of the science image", required=True),
    Column("diffmaglim", REAL, "mag", "phot.mag;stat.max", "expected 5-sigma limit of the difference image"),
    Column("pdiffimfilename", TEXT, "", "meta.id;meta.file", "file of the positive difference image", is_ascii=True),
    Column("programpi", TEXT, "", "meta.note", "principal investigator of the programme"),
    Column("programid", INTEGER, "", "meta.id;obs.proposal", "programme: 1 public; nothing else is stored", required=True),
    Column("candid", BIGINT, "", "meta.id;meta.main", "candidate id, unique to the alert", required=True),
    Column("isdiffpos", BOOLEAN, "", "meta.code;phot.flux", "true: brighter than the reference; false: fainter"),
    Column("tblid", BIGINT, "", "meta.id", "row in the pipeline's extraction table"),
    Column("nid", INTEGER, "", "meta.id;time.epoch", "night id"),
    Column("rcid", INTEGER, "", "meta.id;instr.det", "readout channel, 0 to 63"),
    Column("field", INTEGER, "", "meta.id;obs.field", "field of ZTF's grid"),
    Column("xpos", REAL, "pix", "pos.cartesian.x;instr.det", "x in the image"),
    Column("ypos", REAL, "pix", "pos.cartesian.y;instr.det", "y in the image"),
    Column("ra", DOUBLE, "deg", "pos.eq.ra;meta.main", "right ascension, J2000", required=True),
    Column("dec", DOUBLE, "deg", "pos.eq.dec;meta.main", "declination, J2000", required=True),
    Column("magpsf", REAL, "mag", "phot.mag", "magnitude of the difference, PSF fit"),
    Column("sigmapsf", REAL, "mag", "stat.error;phot.mag", "1-sigma error of magpsf"),
    Column("chipsf", REAL, "", "stat.fit.chi2", "reduced chi-square of the PSF fit"),
    Column("magap", REAL, "mag", "phot.mag", "magnitude of the difference, aperture of 14 pixels"),
    Column("sigmagap", REAL, "mag", "stat.error;phot.mag", "1-sigma error of magap"),
    Column("distnr", REAL, "pix", "pos.angDistance", "distance to the nearest source of the reference image", NONE),
    Column("magnr", REAL, "mag", "phot.mag", "magnitude of that source", NONE),
    Column("sigmagnr", REAL, "mag", "stat.error;phot.mag", "1-sigma error of magnr", NONE),
    Column("chinr", REAL, "", "stat.fit.chi2", "DAOPHOT chi of that source", NONE),
    Column("sharpnr", REAL, "", "stat.fit.param", "DAOPHOT sharpness of that source", NONE),
    Column("sky", REAL, "adu", "instr.skyLevel", "local background"),
    Column("magdiff", REAL, "mag", "phot.mag;arith.diff", "magap - magpsf"),
    Column("fwhm", REAL, "pix", "phys.angSize;instr", "full width at half maximum, Gaussian core"),
    Column("classtar", REAL, "", "src.class.starGalaxy", "star (1) or galaxy (0), SExtractor"),
    Column("mindtoedge", REAL, "pix", "pos.distance;instr.det", "distance to the nearest edge of the image"),
    Column("magfromlim", REAL, "mag", "phot.mag;arith.diff", "diffmaglim - magap"),
    Column("seeratio", REAL, "", "instr.obsty.seeing;arith.ratio", "FWHM of the difference image over fwhm"),
    Column("aimage", REAL, "pix", "phys.angSize.smajAxis", "RMS along the major axis, SExtractor"),
    Column("bimage", REAL, "pix", "phys.angSize.sminAxis", "RMS along the minor axis, SExtractor"),
    Column("aimagerat", REAL, "", "phys.angSize.smajAxis;arith.ratio", "aimage / fwhm"),
    Column("bimagerat", REAL, "", "phys.angSize.sminAxis;arith.ratio", "bimage / fwhm"),
    Column("elong", REAL, "", "src.morph.param", "elongation, aimage / bimage"),
    Column("nneg", INTEGER, "", "meta.number", "negative pixels in the 5 x 5 around the source"),
    Column("nbad", INTEGER, "", "meta.number", "bad pixels in the 5 x 5 around the source"),
    Column("rb", REAL, "", "stat.probability", "real (1) or bogus (0), random forest"),
    Column("ssdistnr", REAL, "arcsec", "pos.angDistance", "distance to the nearest known solar-system body, within 30 arcsec", NONE),
    Column("ssmagnr", REAL, "mag", "phot.mag", "magnitude of that body, usually V", NONE),
    Column("ssnamenr", TEXT, "", "meta.id;src", "name of that body", "null"),
    Column("sumrat", REAL, "", "phot.count;arith.ratio", "sum of pixels over sum of their absolute values, 5 x 5"),
    Column("magapbig", REAL, "mag", "phot.mag", "magnitude of the difference, aperture of 18 pixels"),
    Column("sigmagapbig", REAL, "mag", "stat.error;phot.mag", "1-sigma error of magapbig"),
    Column("ranr", DOUBLE, "deg", "pos.eq.ra", "right ascension of the nearest reference source, J2000", NONE),
    Column("decnr", DOUBLE, "deg", "pos.eq.dec", "declination of the nearest reference source, J2000", NONE),
    Column("sgmag1", REAL, "mag", "phot.mag;em.opt.B", "g of the closest Pan-STARRS1 source", NONE),
    Column("srmag1", REAL, "mag", "phot.mag;em.opt.R", "r of the closest Pan-STARRS1 source", NONE),
    Column("simag1", REAL, "mag", "phot.mag;em.opt.I", "i of the closest Pan-STARRS1 source", NONE),
    Column("szmag1", REAL, "mag", "phot.mag;em.opt.I", "z of the closest Pan-STARRS1 source", NONE),
    Column("sgscore1", REAL, "", "src.class.starGalaxy", "star (1) or galaxy (0), closest Pan-STARRS1 source", NONE),
    Column("distpsnr1", REAL, "arcsec", "pos.angDistance", "distance to the closest Pan-STARRS1 source", NONE),
    Column("ndethist", INTEGER, "", "meta.number;obs", "detections within 1.5 arcsec since the survey began, same field and channel"),
    Column("ncovhist", INTEGER, "", "meta.number;obs", "exposures of this position since the survey began"),
    Column("jdstarthist", DOUBLE, "d", "time.start", "earliest epoch of ndethist, Julian date"),
    Column("jdendhist", DOUBLE, "d", "time.end", "latest epoch of ndethist, Julian date"),
    Column("scorr", DOUBLE, "", "stat.snr", "peak signal to noise in the matched-filtered image"),
    Column("tooflag", INTEGER, "", "meta.code", "1: target of opportunity"),
    Column("objectidps1", BIGINT, "", "meta.id;src", "id of the closest Pan-STARRS1 source", NONE),
    Column("objectidps2", BIGINT, "", "meta.id;src", "id of the second closest Pan-STARRS1 source", NONE),
    Column("sgmag2", REAL, "mag", "phot.mag;em.opt.B", "g of the second closest Pan-STARRS1 source", NONE),
    Column("srmag2", REAL, "mag", "phot.mag;em.opt.R", "r of the second closest Pan-STARRS1 source", NONE),
    Column("simag2", REAL, "mag", "phot.mag;em.opt.I", "i of the second closest Pan-STARRS1 source", NONE),
    Column("szmag2", REAL, "mag", "phot.mag;em.opt.I", "z of the second closest Pan-STARRS1 source", NONE),
    Column("sgscore2", REAL, "", "src.class.starGalaxy", "star (1) or galaxy (0), second closest Pan-STARRS1 source", NONE),
    Column("distpsnr2", REAL, "arcsec", "pos.angDistance", "distance to the second closest Pan-STARRS1 source", NONE),
    Column("objectidps3", BIGINT, "", "meta.id;src", "id of the third closest Pan-STARRS1 source", NONE),
    Column("sgmag3", REAL, "mag", "phot.mag;em.opt.B", "g of the third closest Pan-STARRS1 source", NONE),
    Column("srmag3", REAL, "mag", "phot.mag;em.opt.R", "r of the third closest Pan-STARRS1 source", NONE),
    Column("simag3", REAL, "mag", "phot.mag;em.opt.I", "i of the third closest Pan-STARRS1 source", NONE),
    Column("szmag3", REAL, "mag", "phot.mag;em.opt.I", "z of the third closest Pan-STARRS1 source", NONE),
    Column("sgscore3", REAL, "", "src.class.starGalaxy", "star (1) or galaxy (0), third closest Pan-STARRS1 source", NONE),
    Column("distpsnr3", REAL, "arcsec", "pos.angDistance", "distance to the third closest Pan-STARRS1 source", NONE),
    Column("nmtchps", INTEGER, "", "meta.number", "Pan-STARRS1 sources within 30 arcsec"),
    Column("rfid", BIGINT, "", "meta.id;obs.image", "processing id of the reference image", since="1.8"),
    Column("jdstartref", DOUBLE, "d", "time.start", "earliest exposure in the reference image, Julian date", since="1.8"),
    Column("jdendref", DOUBLE, "d", "time.end", "latest exposure in the reference image, Julian date", since="1.8"),
    Column("nframesref", INTEGER, "", "meta.number;obs", "exposures in the reference image", since="1.8"),
    Column("rbversion", TEXT, "", "meta.version", "version of the rb classifier", since="2.0", is_ascii=True),
    Column("dsnrms", REAL, "", "stat.snr", "D / stddev(D) at the position, D the difference image", since="3.0"),
    Column("ssnrms", REAL, "", "stat.snr", "S / stddev(S) at the position, S the difference image convolved with its PSF", since="3.0"),
    Column("dsdiff", REAL, "", "stat.snr;arith.diff", "dsnrms - ssnrms", since="3.0"),
    Column("magzpsci", REAL, "mag", "phot.mag;arith.zp", "magnitude zero point of the science image", since="3.0"),
    Column("magzpsciunc", REAL, "mag", "stat.error;phot.mag", "error of magzpsci", since="3.0"),
    Column("magzpscirms", REAL, "mag", "stat.stdev;phot.mag", "scatter about the photometric calibrators", since="3.0"),
    Column("nmatches", INTEGER, "", "meta.number", "Pan-STARRS1 calibrators used", since="3.0"),
    Column("clrcoeff", REAL, "", "phot.color;stat.fit.param", "colour coefficient of the calibration", since="3.0"),
    Column("clrcounc", REAL, "", "stat.error;phot.color", "error of clrcoeff", since="3.0"),
    Column("zpclrcov", REAL, "mag2", "stat.covariance", "covariance of magzpsci and clrcoeff", since="3.0"),
    Column("zpmed", REAL, "mag", "phot.mag;arith.zp;stat.median", "zero point, median over the calibrators", since="3.0"),
    Column("clrmed", REAL, "mag", "phot.color;stat.median", "median colour of the calibrators (g-r for g and r, r-i for i)", since="3.0"),
    Column("clrrms", REAL, "mag", "stat.stdev;phot.color", "scatter of the calibrators' colour", since="3.0"),
    Column("neargaia", REAL, "arcsec", "pos.angDistance", "distance to the closest Gaia DR1 source, within 90 arcsec", NONE, since="3.0"),
    Column("neargaiabright", REAL, "arcsec", "pos.angDistance", "distance to the closest Gaia DR1 source brighter than 14", NONE, since="3.0"),
    Column("maggaia", REAL, "mag", "phot.mag;em.opt", "G of the closest Gaia DR1 source", NONE, since="3.0"),
    Column("maggaiabright", REAL, "mag", "phot.mag;em.opt", "G of the closest Gaia DR1 source brighter than 14", NONE, since="3.0"),
    Column("exptime", REAL, "s", "time.duration;obs.exposure", "exposure time", since="3.1"),
    Column("drb", REAL, "", "stat.probability", "real (1) or bogus (0), deep learning", since="3.3"),
    Column("drbversion", TEXT, "", "meta.version", "version of the drb classifier", since="3.3", is_ascii=True),
)

DERIVED: Final[tuple[Column, ...]] = (
    Column("object_id", TEXT, "", "meta.id;src", "ZTF's name of the object (objectId)", required=True, longest=64, is_ascii=True),
    Column("filter", TEXT, "", "meta.id;instr.filter", "band of the exposure: g, r or i", since="", is_ascii=True),
    Column("l", DOUBLE, "deg", "pos.galactic.lon", "galactic longitude", since=""),
    Column("b", DOUBLE, "deg", "pos.galactic.lat", "galactic latitude", since=""),
    Column("deltamaglatest", DOUBLE, "mag", "phot.mag;arith.diff", "magpsf minus that of the newest earlier detection of the packet, same filter and sign", since=""),
    Column("deltamagref", DOUBLE, "mag", "phot.mag;arith.diff", "magnr - magpsf where distnr < 2", since=""),
    Column("schemavsn", TEXT, "", "meta.version", "version of the packet's schema", since="2.0", is_ascii=True),
    Column("publisher", TEXT, "", "meta.curation", "who sent the packet", since="2.0"),
)
COMPUTED: Final[tuple[Column, ...]] = (
    Column("batch", BIGINT, "", "meta.id;meta.dataset", "number of the batch that stored the alert", required=True, since=""),
    Column("lco_id", BIGINT, "", "meta.id", "small number that the archive gives each alert", required=True, since=""),
    Column("mjd", DOUBLE, "d", "time.start;obs.exposure", "start of exposure, modified Julian date, UTC", required=True, since=""),
    Column("time", TIME, "", "time.start;obs.exposure", "start of exposure, RFC 3339, UTC", required=True, since=""),
)
"""What the archive adds to an alert, and jd as others write it."""
# fmt: on

SENTINELS: Final[tuple[Column, ...]] = tuple(c for c in CANDIDATE if c.sentinel is not None)
"""Bit n of `alert.sentinels` belongs to the n-th of these. Positions are never reused: a new one goes last."""
