"""Apache Kafka, one KRaft node, as a server of the stack."""

import base64
import shutil
import uuid

from dev.processes import Server, run
from dev.state import CHECKOUT, JAVA, JVM, State, read_settings

SETTINGS = CHECKOUT / "dev" / "kafka.properties"


def server(state: State) -> Server:
    """Describe the server; its storage must have been prepared."""
    folder = state.folder / "kafka"
    log = state.log("kafka")
    return Server(
        name="Kafka",
        port=state.ports.kafka,
        other_ports=(state.ports.kafka_controller,),
        argv=(*_java(state), "kafka.Kafka", str(folder / "server.properties")),
        mark=str(folder / "server.properties"),
        log=log,
        ready=lambda: log.exists() and b"Kafka Server started" in log.read_bytes(),
    )


def prepare(state: State) -> None:
    """Write the settings; format the storage once."""
    folder = state.folder / "kafka"
    folder.mkdir(exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text("".join(f"{k}={v}\n" for k, v in _settings(state).items()))
    (folder / "log4j2.properties").write_text(LOGGING)
    formatted = folder / "formatted"
    if formatted.exists():
        return
    shutil.rmtree(folder / "data", ignore_errors=True)
    tool = [*_java(state), "kafka.tools.StorageTool", "format"]
    run([*tool, "-t", _cluster_id(), "-c", str(properties)])
    formatted.touch()


def _settings(state: State) -> dict[str, str]:
    ports = state.ports
    client, controller = (
        f"127.0.0.1:{ports.kafka}",
        f"127.0.0.1:{ports.kafka_controller}",
    )
    return {
        **read_settings(SETTINGS),
        # Voters named here and not in the storage: a stack can move to other ports.
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"CLIENT://{client},CONTROLLER://{controller}",
        "advertised.listeners": f"CLIENT://{client}",
        "log.dirs": str(state.folder / "kafka" / "data"),
    }


def _java(state: State) -> tuple[str, ...]:
    logging = state.folder / "kafka" / "log4j2.properties"
    configuration = f"-Dlog4j2.configurationFile={logging}"
    return ("java", *JVM, "-cp", f"{JAVA / 'kafka'}/*", configuration)


def _cluster_id() -> str:
    """Draw an id in Kafka's spelling, which must not look like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
