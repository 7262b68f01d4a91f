"""Cutouts of an alert or an object: as FITS, as pictures, many at once."""
