"""Stand-ins for the images that are not built here: this machine's programs, where those have them.

The versions are those of compose.yaml, which a test holds. Of each image its user, its variables,
its folders and what its first script does are told anew; the programs, and what they read of
compose.yaml, are the real ones.
"""

import re
import shlex
import zipfile

from dev.processes import StackError
from dev.rehearsal.images import Image
from dev.state import CHECKOUT, JAVA

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JAVA_ENDS = (0, 143)

MACHINE = """\
mount -t tmpfs -o mode=755 machine "$root"
mkdir -p "$root/usr" "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/var/lib" "$root/opt"
for part in bin sbin lib lib64; do cp -P "/$part" "$root/$part"; done
cp -a /etc "$root/etc"
mount --bind /usr "$root/usr"
mount -o remount,bind,ro "$root/usr"
ln -s /run "$root/var/run"
install -d -m 1777 "$root/tmp"
"""

# The superuser's database is made once, while nobody can come in by TCP.
POSTGRES = """\
#!/bin/bash
set -eu
as_postgres=(setpriv --reuid postgres --regid postgres --init-groups)
chown postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" | install -o postgres -m 600 /dev/stdin /run/password
    "${as_postgres[@]}" initdb -U postgres $POSTGRES_INITDB_ARGS --pwfile=/run/password
    rm /run/password
    printf '\\nhost all all all %s\\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
    options=$(printf '%q ' "${@:2}" -c listen_addresses=)
    "${as_postgres[@]}" pg_ctl -w -o "$options" start
    "${as_postgres[@]}" psql --no-psqlrc -U postgres -d postgres -c "CREATE DATABASE $POSTGRES_DB"
    "${as_postgres[@]}" pg_ctl -m fast -w stop
fi
exec "${as_postgres[@]}" "$@"
"""

# The image's own program makes the settings, of file and variables, and formats the storage.
KAFKA = """\
#!/bin/bash
set -eu
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
java -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup \\
    --default-configs-dir /etc/kafka/docker --mounted-configs-dir /mnt/shared/config \\
    --final-configs-dir /opt/kafka/config
exec java $KAFKA_HEAP_OPTS -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml \\
    -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
"""
LOGGING = """\
Configuration:
  Appenders:
    Console: {name: STDOUT, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
  Loggers:
    Root: {level: INFO, AppenderRef: [{ref: STDOUT}]}
"""
S3 = {
    "LOG_LEVEL": "info",
    "S3PROXY_CORS_ALLOW_ALL": "false",
    "S3PROXY_IGNORE_UNKNOWN_HEADERS": "false",
    "JCLOUDS_IDENTITY": "remote-identity",
    "JCLOUDS_CREDENTIAL": "remote-credential",
}


def of(image: str) -> Image:
    """Return the stand-in for an image by the name that compose.yaml has for it."""
    made = {"mars-database": database, "apache/kafka": kafka, "andrewgaul/s3proxy": s3}
    if (name := image.partition(":")[0]) not in made:
        raise StackError(f"there is no stand-in for the image {image}")
    return made[name]()


def database() -> Image:
    """PostgreSQL with q3c, with what the Dockerfile puts beside it."""
    data = "/var/lib/postgresql/data"
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    ours = "".join(_copied(dockerfile.partition(" AS database\n")[2]))
    return Image(
        name="mars-database",
        layout=MACHINE
        + ours
        + _file("/docker-entrypoint.sh", POSTGRES, mode="755")
        + f'install -d -o postgres -g postgres "$root{data}"\n'
        + 'install -d -m 3777 -o postgres -g postgres "$root/run/postgresql"\n',
        user="",
        home="/root",
        folder="/",
        environment={"PATH": f"{PATH}:/usr/lib/postgresql/15/bin", "PGDATA": data},
        entrypoint=("/docker-entrypoint.sh",),
        command=("postgres",),
        stop_signal="SIGINT",
    )


def kafka() -> Image:
    """Apache Kafka, by the user of its image."""
    logging = "".join(
        _file(f"/etc/kafka/docker/{name}", LOGGING) for name in ("log4j2.yaml", "tools-log4j2.yaml")
    )
    folders = "/opt/kafka/config /var/lib/kafka/data /mnt/shared/config /home/appuser"
    made = "".join(f'install -d -o 1000 -g 1000 "$root{folder}"\n' for folder in folders.split())
    return Image(
        name="apache/kafka",
        layout=MACHINE
        + "printf 'appuser:x:1000:1000::/home/appuser:/bin/bash\\n' >>\"$root/etc/passwd\"\n"
        + "printf 'appuser:x:1000:\\n' >>\"$root/etc/group\"\n"
        + made
        + _bound(f"{JAVA}/kafka", "/opt/kafka/libs")
        + logging
        + _file("/etc/kafka/docker/server.properties", "process.roles=broker,controller\n")
        + _file("/etc/kafka/docker/run", KAFKA, mode="755"),
        user="appuser",
        home="/home/appuser",
        folder="/",
        environment={"PATH": PATH},
        entrypoint=(),
        command=("/etc/kafka/docker/run",),
        ends=JAVA_ENDS,
    )


def s3() -> Image:
    """S3Proxy, with the start script that its image and its file of classes share."""
    with zipfile.ZipFile(JAVA / "s3proxy.jar") as classes:
        script = classes.read("run-docker-container.sh").decode()
    return Image(
        name="andrewgaul/s3proxy",
        layout=MACHINE
        + 'mkdir -p "$root/opt/s3proxy" "$root/data"\n'
        + 'touch "$root/opt/s3proxy/s3proxy"\n'
        + f'mount --bind {shlex.quote(f"{JAVA}/s3proxy.jar")} "$root/opt/s3proxy/s3proxy"\n'
        + _file("/opt/s3proxy/run-docker-container.sh", script, mode="755"),
        user="",
        home="/root",
        folder="/opt/s3proxy",
        environment={"PATH": PATH, **S3},
        entrypoint=(),
        command=("/opt/s3proxy/run-docker-container.sh",),
        ends=JAVA_ENDS,
    )


def _copied(stage: str) -> list[str]:
    """Do by hand what COPY does in a stage of the Dockerfile."""
    lines = []
    for files, folder in re.findall(r"^COPY (.+) (\S+/)$", stage, re.MULTILINE):
        sources = " ".join(shlex.quote(str(CHECKOUT / file)) for file in files.split())
        lines.append(f'install -D -m 644 -t "$root{folder}" {sources}\n')
    return lines


def _bound(source: str, target: str) -> str:
    return f'mkdir -p "$root{target}"\nmount --bind {shlex.quote(source)} "$root{target}"\n'


def _file(path: str, text: str, mode: str = "644") -> str:
    """Lines that write a file."""
    folder = path.rpartition("/")[0]
    write = f'printf %s {shlex.quote(text)} >"$root{path}"'
    return f'mkdir -p "$root{folder}"\n{write}\nchmod {mode} "$root{path}"\n'
