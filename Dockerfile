FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.txt \
 && python -m venv --without-pip /opt/sidecar \
 && /opt/build/bin/pip --python /opt/sidecar/bin/python install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/sidecar/bin/python install --no-deps --no-index --find-links /wheels finhub-sidecar \
 && /opt/sidecar/bin/python -m compileall -q /opt/sidecar/lib

FROM python:3.13-slim
LABEL org.opencontainers.image.title="finhub-sidecar" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/sidecar /opt/sidecar
# Byte code is compiled above, so a read-only root file system loses nothing.
ENV PATH=/opt/sidecar/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number: Kubernetes' runAsNonRoot cannot judge a name.
USER 10001:10001
# No shell: the probe asks the admin listener at its default port. With another admin.address, replace it (--health-cmd) or use the
# orchestrator's own probes. http.client, because it never looks at proxy variables.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/opt/sidecar/bin/python", "-I", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 9901, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["/opt/sidecar/bin/finhub-sidecar"]
CMD ["run", "--config", "/etc/finhub-sidecar/sidecar.toml"]
