"""`python -m dev.openapi` prints openapi.json."""

import sys

from app.main import create_app
from app.openapi.document import canonical_text

if __name__ == "__main__":
    sys.stdout.write(canonical_text(create_app().openapi()))
