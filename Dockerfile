# Where both stages begin. `python:3.13` is `python:3.13-slim` with build tools, the same Python at the same place. For a build that is the
# same tomorrow, give them with the digests that you have looked at: --build-arg BASE=python:3.13-slim@sha256:…
ARG BUILD=python:3.13
ARG BASE=python:3.13-slim

FROM ${BUILD} AS build
# requirements-otel.txt adds what [tracing] needs.
ARG REQUIREMENTS=requirements.txt
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements*.txt ./
# A package index of your own is told with --secret id=pip.conf,src=FILE, and leaves no trace in the image.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.txt \
 && python3 -m venv --without-pip /opt/sidecar \
 && /opt/build/bin/pip --python /opt/sidecar/bin/python install --require-hashes --no-compile -r "$REQUIREMENTS"
COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
# Debugging symbols are half of what wheels weigh. Byte code is judged by nothing, since a read-only root could not renew it.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/sidecar/bin/python install --no-deps --no-index --no-compile --find-links /wheels finhub-sidecar \
 && find /opt/sidecar -name '*.so' -exec strip --strip-unneeded {} + \
 && find /opt/sidecar -name '*.so' -exec /opt/sidecar/bin/python -c 'import ctypes, sys; [ctypes.PyDLL(p) for p in sys.argv[1:]]' {} + \
 && /opt/sidecar/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/sidecar/lib

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="finhub-sidecar" \
      org.opencontainers.image.description="A local authenticating reverse proxy for FinHub" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/sidecar /opt/sidecar
ENV PATH=/opt/sidecar/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number: Kubernetes' runAsNonRoot cannot judge a name.
USER 10001:10001
# No shell: the probe asks the admin listener at its default port. With another admin.address, replace it (--health-cmd) or use the
# orchestrator's own probes. http.client, because it never looks at proxy variables.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/opt/sidecar/bin/python", "-I", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 9901, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["/opt/sidecar/bin/finhub-sidecar"]
CMD ["run", "--config", "/etc/finhub-sidecar/sidecar.toml"]
