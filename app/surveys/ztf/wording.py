"""How ZTF's alerts are asked for and answered."""

from typing import Final

from app.surveys.wording import Wording
from archive.surveys.ztf import ZTF

SAME_OBJECT_ARCSEC: Final = 1.5
"""ZTF gives an alert the name of an object this near, so what is nearer is one thing."""

_EXAMPLES: Final = {
    "jd": "2458316.5",
    "mjd": "58316",
    "time": "2018-07-17",
    "object_id": "ZTF21abiuvdk",
    "candid": "1707409520815015012",
    "objectidps": "127370008133564418",
    "objectidps1": "127370008133564418",
    "objectidps2": "127370008133564418",
    "objectidps3": "127370008133564418",
    "ssnamenr": "433",
    "filter": "g",
    "field": "346",
    "isdiffpos": "true",
    "magpsf": "18",
    "sigmapsf": "0.1",
    "magap": "18",
    "distnr": "2",
    "deltamaglatest": "0.5",
    "deltamagref": "1",
    "rb": "0.65",
    "drb": "0.9",
    "classtar": "0.9",
    "fwhm": "5",
    "nbad": "0",
    "elong": "1.2",
    "ra": "10",
    "dec": "10",
    "l": "100",
    "b": "20",
}
_FILTER_EXAMPLES: Final = {
    "ra__lt": "20",
    "dec__gt": "-10",
    "l__lt": "130",
    "b__gt": "-20",
    "time__lt": "2018-07-18T06:30",
    "time__lte": "2018-07-18T06:30",
    "jd__lt": "2458317.5",
    "jd__lte": "2458317.5",
    "mjd__lt": "58317",
    "mjd__lte": "58317",
    "magpsf__gte": "16",
    "magap__gte": "16",
    "distnr__gte": "0.5",
    "deltamaglatest__gte": "-0.5",
    "deltamagref__gte": "-1",
    "classtar__gte": "0.5",
}
_NAMED: Final = """
    object_id candid objectidps filter ra__gt ra__lt dec__gt dec__lt l__gt l__lt b__gt b__lt
    time__gt time__gte time__lt time__lte jd__gt jd__gte jd__lt jd__lte mjd__gt mjd__gte
    mjd__lt mjd__lte magpsf__gte magpsf__lte sigmapsf__lte magap__gte magap__lte distnr__gte
    distnr__lte deltamaglatest__gte deltamaglatest__lte deltamagref__gte deltamagref__lte
    rb__gte drb__gte classtar__gte classtar__lte fwhm__lte nbad__lte elong__lte isdiffpos
    ssnamenr
""".split()

ZTF_WORDING: Final = Wording(
    survey=ZTF,
    title="Zwicky Transient Facility",
    examples=_EXAMPLES,
    filter_examples=_FILTER_EXAMPLES,
    joint={
        "objectidps": (
            "id of any of the three closest Pan-STARRS1 sources",
            ("objectidps1", "objectidps2", "objectidps3"),
        )
    },
    body="ssnamenr",
    first=("isdiffpos", "deltamaglatest", "deltamagref"),
    on_request=("lco_id", "schemavsn", "publisher"),
    named=tuple(_NAMED),
)
