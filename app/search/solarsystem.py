"""Bodies of the solar system: one name in many spellings, and the one that ZTF stores."""

import re
from typing import Final

# Stars of Flamsteed's and Gould's are numbered by constellation: 61 Cygni, 51 Peg b, 82 G. Eridani.
_CONSTELLATIONS: Final = frozenset(
    """and andromedae ant antliae apodis aps aql aqr aquarii aquilae ara arae ari arietis aur
    aurigae boo bootis cae caeli cam camelopardalis cancri canis canum cap capricorni car
    carinae cas cassiopeiae cen centauri cep cephei cet ceti cha chamaeleontis cir circini cma
    cmi cnc col columbae com comae coronae corvi cra crateris crb crt cru crucis crv cvn cyg
    cygni del delphini dor doradus dra draconis equ equulei eri eridani for fornacis gem
    geminorum gru gruis her herculis hor horologii hya hydrae hydri hyi ind indi lac lacertae
    leo leonis lep leporis lib librae lmi lup lupi lyn lyncis lyr lyrae men mensae mic
    microscopii mon monocerotis mus muscae nor normae oct octantis oph ophiuchi ori orionis pav
    pavonis peg pegasi per persei phe phoenicis pic pictoris piscis piscium psa psc pup puppis
    pyx pyxidis ret reticuli sagittae sagittarii scl sco scorpii sct sculptoris scuti ser
    serpentis sex sextantis sge sgr tau tauri tel telescopii tra tri trianguli tuc tucanae uma
    umi ursae vel velorum vir virginis vol volantis vul vulpeculae""".split()
)
_PROVISIONAL: Final = (
    # 2019 AB1, A898 PA, 2040 P-L. Two small letters without a number are a supernova: 2011fe.
    r"(?:(?:1[89]|20|A[89])[0-9]{2}\s?"
    r"(?:[A-HJ-Y][A-HJ-Z][0-9]{0,3}|(?i:[A-HJ-Y][A-HJ-Z])[0-9]{1,3})"
    r"|[0-9]{4}\s?(?i:P-L|T-[123]))"
)
_UNNUMBERED: Final = re.compile(rf"({_PROVISIONAL})")
_COMET: Final = re.compile(
    # C/2020 F3 (NEOWISE), P/2010 WK, 1P, 73P-C/Schwassmann-Wachmann 3, 9P Tempel 1
    r"((?i:[CPDXAI]/-?[0-9]{1,4}\s?(?:[A-Z]{2}[0-9]{0,3}|[A-Z][0-9]{1,3})(?:-[A-Z]{1,2})?)"
    r"|[0-9]{1,4}[PpDI](?i:-[A-Z]{1,2})?(?=/|\Z)"
    r"|[0-9]{1,4}[PDI](?:-[A-Z]{1,2})?(?=\s))"
    r"(?:\s?\(.{1,40}\)|/.{1,40}|\s['‘’A-Za-z].{0,40})?"
)
_IN_BRACKETS: Final = re.compile(r"\(([0-9]{1,7})\)\s?(.{0,40})")
_LETTER, _SIGN = r"[^\W\d_]", r"['’.-]"
_NAME: Final = rf"{_LETTER}(?:{_LETTER}|{_SIGN})+(?:\s{_LETTER}(?:{_LETTER}|{_SIGN})*){{0,3}}"
_NUMBERED: Final = re.compile(
    # 433 Eros, 3552 Don Quixote, 1 Ceres (A801 AA), 97125 1999 VG102. 2018 cow is a supernova.
    r"(?!(?:19|20)[0-9]{2}\s[a-z]{1,4}\Z)"
    rf"([0-9]{{1,7}})\s({_NAME}|{_PROVISIONAL})(?:\s\(.{{1,40}}\))?"
)
_NUMBER: Final = re.compile(r"[0-9]{1,7}")


def body_of(text: str) -> str | None:
    """ZTF's spelling of a solar-system body: the number if it has one, else without blanks.

    None for what names none, or may as well name a star.
    """
    plain = " ".join(text.split())
    if match := _UNNUMBERED.fullmatch(plain) or _COMET.fullmatch(plain):
        return match[1].replace(" ", "").upper()
    if match := _IN_BRACKETS.fullmatch(plain) or _NUMBERED.fullmatch(plain):
        words = match[2].lower().split()[:2]
        return None if _CONSTELLATIONS.intersection(words) else str(int(match[1]))
    return str(int(plain)) if _NUMBER.fullmatch(plain) else None


def spell_body(text: str) -> str | None:
    """ZTF's spelling where only a body can be meant, so that small letters are no supernova."""
    return body_of(text) or body_of(text.upper())
