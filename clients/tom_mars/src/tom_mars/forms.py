"""The query form: a place, an object, filters, a watch."""

from typing import Any, Final

from django import forms
from tom_dataservices.forms import BaseQueryForm

CONE: Final = ("ra", "dec", "radius_arcsec")
MAX_RADIUS_ARCSEC: Final = 36_000.0


class MarsForm(BaseQueryForm):
    """What to look for. Each line of `filters` is one of MARS's own, which says what is wrong."""

    ra = forms.FloatField(required=False, min_value=0, max_value=360, label="RA [deg]")
    dec = forms.FloatField(required=False, min_value=-90, max_value=90, label="Dec [deg]")
    radius_arcsec = forms.FloatField(
        required=False, min_value=0.01, max_value=MAX_RADIUS_ARCSEC, label="Radius [arcsec]"
    )
    object_id = forms.CharField(required=False, max_length=200, label="Object")
    filters = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "rb__gte=0.8\nmagpsf__lte=18"}),
        help_text="One filter of MARS a line: any field with __gt, __gte, __lt, __lte, __in, "
        "__isnull, or = alone.",
    )
    watch = forms.CharField(
        required=False,
        max_length=200,
        help_text="The id of a watch: its hits, newest first. Leave the other fields empty then.",
    )

    def clean_filters(self) -> str:
        """The filters, one a line, without blanks and empty lines."""
        lines = [line.strip() for line in self.cleaned_data["filters"].splitlines()]
        for line in lines:
            if line and not all(part.strip() for part in line.partition("=")):
                raise forms.ValidationError(f"{line!r}: must be <filter>=<value>, like rb__gte=0.8")
        return "\n".join(line for line in lines if line)

    def clean(self) -> dict[str, Any]:
        """The whole form: a cone has three parts, a watch stands alone."""
        given = super().clean() or self.cleaned_data
        parts = [name for name in CONE if given.get(name) is not None]
        if parts and len(parts) < len(CONE) and not self.errors:
            raise forms.ValidationError("a cone needs RA, Dec and radius")
        if given.get("watch") and (parts or given.get("object_id") or given.get("filters")):
            raise forms.ValidationError("a watch has filters of its own: leave the others empty")
        return given
