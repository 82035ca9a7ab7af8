# The hub. Built in two steps, so that no compiler is in what runs.
FROM python:3.12.8-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md ./
COPY models models
COPY sensors sensors
COPY hub hub
COPY dashboards dashboards
RUN python -m venv /opt/tocsin \
 && /opt/tocsin/bin/pip install --no-cache-dir --constraint constraints.txt '.[hub,cluster,grafana]'

FROM python:3.12.8-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/tocsin tocsin
COPY --from=build /opt/tocsin /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH PYTHONUNBUFFERED=1
USER tocsin
WORKDIR /var/lib/tocsin
VOLUME /var/lib/tocsin
EXPOSE 8400
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8400/readyz', timeout=2)"]
ENTRYPOINT ["tocsin"]
CMD ["hub", "--config", "/etc/tocsin/tocsin.toml"]
