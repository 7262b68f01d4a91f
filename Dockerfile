# The images of MARS: `app` answers requests, `consumer` takes alerts in, `catalog` keeps their copy by
# columns, `feeder` puts simulated alerts into Kafka, `database` is PostgreSQL with q3c. `make image`
# builds all but the last with docker, podman or buildah; compose.yaml builds and runs all five.
#
# Behind a proxy that signs TLS itself: PIP_CERT names a file of certificates inside the build
# (dev/image.sh mounts it).

FROM debian:bookworm-slim AS system
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*


# What installs the locked packages, for app and catalog all of them, for consumer and feeder those
# that they need, a third of the size.
FROM system AS pip
RUN apt-get update && apt-get install -y --no-install-recommends binutils python3-venv
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/mars
COPY dev/packages.sh /


FROM pip AS packages
COPY requirements.txt /tmp/
ARG PIP_CERT
RUN /packages.sh /tmp/requirements.txt


FROM pip AS few-packages
COPY requirements-consumer.txt /tmp/
ARG PIP_CERT
RUN /packages.sh /tmp/requirements-consumer.txt


# What the pages use, by npm's lock file.
FROM debian:bookworm-slim AS assets
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm
COPY dev/assets /assets
ARG PIP_CERT
RUN NODE_EXTRA_CA_CERTS="${PIP_CERT:-}" /assets/install.sh /tmp/assets /vendor


# What app, consumer and catalog share. All of it belongs to root, and can be read whatever the modes of the
# checkout; they run as a user without a home and need nothing to write to but, at times, /tmp.
FROM system AS mars
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin mars
ENV PATH=/opt/mars/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /srv/mars
COPY sql sql
COPY archive archive
RUN chmod -R a+rX . && python3 -m compileall -q --invalidation-mode unchecked-hash archive
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="MARS" \
      org.opencontainers.image.description="An archive and API for the alerts of sky surveys" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"


FROM mars AS app
COPY --from=packages /opt/mars /opt/mars
COPY app app
COPY --from=assets /vendor app/static/vendor
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash app
# A volume belongs here: files of the columnar copy, which it reads from the store each time without.
ENV MARS_COLUMNS_DIR=/var/lib/mars/columns
RUN mkdir -p "$MARS_COLUMNS_DIR" && chown 10001:10001 "$MARS_COLUMNS_DIR"
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
CMD ["uvicorn", "--factory", "app.main:create_app", "--no-access-log", "--no-proxy-headers", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "10", "--host", "0.0.0.0", "--port", "8000"]


FROM mars AS consumer
COPY --from=few-packages /opt/mars /opt/mars
COPY consumer consumer
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash consumer
USER 10001:10001
ENV MARS_METRICS_HOST=0.0.0.0
EXPOSE 8005
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8005, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "consumer", "stream"]


# An update when it starts, and every day after the night at Palomar.
FROM mars AS catalog
COPY --from=packages /opt/mars /opt/mars
COPY catalog catalog
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash catalog
USER 10001:10001
CMD ["python", "-m", "catalog", "update", "--every-night", "16:00"]


# Simulated alerts into Kafka, for those who want to see it work.
FROM consumer AS feeder
USER root
COPY dev dev
RUN chmod -R a+rX . && python -m compileall -q --invalidation-mode unchecked-hash dev
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "dev.simulate", "--to", "kafka"]
CMD ["--count", "1000"]


# Last, so that who builds the others need not have its base.
FROM postgres:15-bookworm AS database
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-15-q3c \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt
COPY dev/postgresql.conf /etc/mars/
COPY sql/cluster.sql sql/passwords.sql /sql/
