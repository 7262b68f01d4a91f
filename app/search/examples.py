"""A sensible value for each filter, shown by openapi.json, the form and the errors."""

from typing import Final

POSITION: Final = ("0.8143", "16.1457")
"""RA and Dec of an alert of the object below, in degrees."""
NIGHT: Final = "20261123"
JOB: Final = "id-that-the-answer-of-POST-gives"
"""No job has this id; it only fits the pattern."""
OF_FIELD: Final[dict[str, str]] = {
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
"""Field -> value; any other field has the example of its type (filters.py)."""

OF_FILTER: Final[dict[str, str]] = {
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
"""Filter -> value, if a lower and an upper bound need different ones."""
