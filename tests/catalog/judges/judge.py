"""What HATS's own tools say of a catalog, as JSON: run in an environment of its own.

python judge.py < asked.json
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import hats
import lsdb
import pandas as pd
import pyarrow as pa
from dask.distributed import Client
from hats.io.parquet_metadata import write_parquet_metadata
from hats.io.validation import is_valid_catalog
from hats_import.verification.arguments import VerificationArguments
from hats_import.verification.run_verification import Verifier
from upath import UPath

QUIET = dict.fromkeys(
    ("request_checksum_calculation", "response_checksum_validation"), "when_required"
)


def main() -> None:
    asked = json.load(sys.stdin)
    catalog = UPath(
        asked["address"],
        anon=False,
        key=asked["key"],
        secret=asked["secret"],
        client_kwargs={"endpoint_url": asked["endpoint"]},
        config_kwargs=QUIET,
    )
    told: dict[str, Any] = {"is_valid": is_valid_catalog(catalog, strict=True)}
    if "copy" in asked:
        told["verified"] = verify(Path(asked["copy"]))
    if "cones" in asked:
        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
            told["workers"] = len(client.scheduler_info()["workers"])
            told |= ask(catalog, asked)
    print("\n" + json.dumps(told), flush=True)
    # Threads of Arrow that still hold a file of Python's abort an interpreter that
    # takes itself apart (apache/arrow#34314); all that was asked is answered.
    os._exit(0)


def ask(catalog: UPath, asked: Any) -> dict[str, Any]:
    """Cones, and the light curves of objects, by LSDB on Dask."""
    columns = ["candid", "object_id", "ra", "dec", "jd", "magpsf", "batch"]
    alerts = lsdb.open_catalog(catalog, columns=columns)
    cones = [
        alerts.cone_search(ra, dec, radius).compute()["candid"].tolist()
        for ra, dec, radius in asked["cones"]
    ]
    objects = pd.DataFrame(asked["objects"])
    # LSDB holds what it promised of a column against what it finds.
    objects["object_id"] = objects["object_id"].astype(pd.ArrowDtype(pa.string()))
    mine = lsdb.from_dataframe(objects, ra_column="ra", dec_column="dec", catalog_name="mine")
    nested = mine.join_nested(
        alerts, left_on="object_id", right_on="object_id", nested_column_name="lc"
    ).compute()
    curves = {
        str(name): sorted([int(c), float(jd)] for c, jd in zip(lc["candid"], lc["jd"], strict=True))
        for name, lc in zip(nested["object_id"], nested["lc"], strict=True)
    }
    found = alerts.id_search({"object_id": objects["object_id"][0]}).compute()
    return {"rows": len(alerts), "cones": cones, "curves": curves, "found": len(found)}


def verify(root: Path) -> dict[str, bool]:
    """hats-import's checks of one catalog, which want the footers of all files in one."""
    write_parquet_metadata(root)
    rows = hats.read_hats(root).catalog_info.total_rows
    with tempfile.TemporaryDirectory() as output:
        verifier = Verifier.from_args(
            VerificationArguments(
                input_catalog_path=root,
                output_path=output,
                truth_total_rows=rows,
                verbose=False,
            )
        )
        verifier.run()
    return {
        f"{result.test}: {result.description} {result.bad_files}": bool(result.passed)
        for result in verifier.results
    }


if __name__ == "__main__":
    main()
