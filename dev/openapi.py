"""`python -m dev.openapi` prints openapi.json."""

import sys

from app.main import create_app
from app.openapi.document import canonical

if __name__ == "__main__":
    sys.stdout.write(canonical(create_app().openapi()))
