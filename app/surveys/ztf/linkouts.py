"""Where others show objects of ZTF: one line per service."""

from typing import Final, NamedTuple


class Link(NamedTuple):
    """A service's name, what is there, and the address."""

    name: str
    what: str
    address: str


SERVICES: Final = (
    Link(
        "SIMBAD",
        "known objects within 10″",
        "https://simbad.cds.unistra.fr/simbad/sim-coo?Coord={ra}+{dec}&CooFrame=ICRS&Radius=10&Radius.unit=arcsec",
    ),
    Link(
        "NED",
        "galaxies within 0.5′",
        "https://ned.ipac.caltech.edu/conesearch?search_type=Near%20Position%20Search&in_csys=Equatorial&in_equinox=J2000&coordinates={ra}d%20{dec}d&radius=0.5",
    ),
    Link(
        "TNS",
        "reported transients within 5″",
        "https://www.wis-tns.org/search?ra={ra}&decl={dec}&radius=5&coords_unit=arcsec",
    ),
    Link(
        "VizieR",
        "catalogues within 5″",
        "https://vizier.cds.unistra.fr/viz-bin/VizieR-4?-c={ra}+{dec}&-c.rs=5&-out.add=_r&-sort=_r",
    ),
    Link(
        "Legacy Survey",
        "deep colour images",
        "https://www.legacysurvey.org/viewer?ra={ra}&dec={dec}&mark={ra},{dec}&layer=ls-dr10&zoom=15",
    ),
    Link(
        "Pan-STARRS1",
        "colour image, 1′ wide, north of −30°",
        "https://ps1images.stsci.edu/cgi-bin/ps1cutouts?pos={ra}+{dec}&filter=color&size=240",
    ),
    Link(
        "Finding chart",
        "to print, by ALeRCE",
        "https://findingchart.alerce.online/get_chart?oid={id}&candid=",
    ),
    Link(
        "Altitude tonight",
        "seen from Kitt Peak; the page offers other observatories",
        "https://airmass.org/chart/obsid:kpno/date:{date}/object:{id}/ra:{ra}/dec:{dec}",
    ),
    Link("ALeRCE", "broker: classification", "https://alerce.online/object/{id}"),
    Link("Fink", "broker: classification", "https://ztf.fink-portal.org/{id}"),
    Link("Lasair", "broker: host, classification", "https://lasair-ztf.lsst.ac.uk/objects/{id}/"),
    Link("ANTARES", "broker: tags", "https://antares.noirlab.edu/loci/lookup/{id}"),
    Link(
        "IRSA",
        "ZTF data-release light curves within 1.5″",
        "https://irsa.ipac.caltech.edu/cgi-bin/ZTF/nph_light_curves?POS=CIRCLE+{ra}+{dec}+0.000417&FORMAT=ipac_table",
    ),
    Link(
        "ZTF forced photometry",
        "request form, for registered users",
        "https://ztfweb.ipac.caltech.edu/cgi-bin/requestForcedPhotometry.cgi",
    ),
)
