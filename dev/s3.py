"""S3Proxy over plain files, as the object store of the stack."""

import http.client

from dev.processes import Server
from dev.state import BUCKET, JAVA, JVM, State, write_settings


def server(state: State) -> Server:
    """Describe the server; its folders must have been prepared."""
    properties = str(state.folder / "s3" / "s3proxy.conf")
    options = (
        *JVM,
        "-jar",
        str(JAVA / "s3proxy.jar"),
        "--properties",
        properties,
    )
    return Server(
        name="S3Proxy",
        port=state.ports.s3,
        argv=("java", *options),
        mark=properties,
        log=state.log("s3"),
        ready=lambda: _answers(state.ports.s3),
    )


def prepare(state: State) -> None:
    """Write the settings; a bucket is a folder."""
    folder = state.folder / "s3"
    (folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
    settings = {
        "s3proxy.endpoint": f"http://127.0.0.1:{state.ports.s3}",
        "s3proxy.authorization": "aws-v2-or-v4",
        "s3proxy.identity": state.secrets["s3_key_id"],
        "s3proxy.credential": state.secrets["s3_key"],
        "s3proxy.v4-max-non-chunked-request-size": str(128 * 2**20),  # > any bundle
        "jclouds.provider": "filesystem-nio2",
        "jclouds.filesystem.basedir": str(folder / "data"),
        "jclouds.identity": "unused",
        "jclouds.credential": "unused",
    }
    write_settings(folder / "s3proxy.conf", settings)


def _answers(port: int) -> bool:
    """Whether the server speaks HTTP; a refusal for want of a signature will do."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status in (200, 403)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
