# One image for everything: api, worker, one-off commands and the sandbox programs. Slim Debian: the bundled PostgreSQL has no musl build.

FROM python:3.13-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock pyproject.toml ./
# The lock holds development tools too; what runs is compiled out of it: the same versions, the same hashes.
RUN python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes -r requirements.lock \
 && /opt/tools/bin/uv pip compile --no-config --quiet --constraint requirements.lock --generate-hashes --no-header --output-file run.lock pyproject.toml \
 && python -m venv /opt/clearing \
 && /opt/clearing/bin/pip install --require-hashes -r run.lock
COPY README.md LICENSE ./
COPY clearing clearing
COPY adapters adapters
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/clearing/bin/pip install --no-deps --no-index /tmp/wheel/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/clearing clearing \
 && install -d -m 0700 -o clearing -g clearing /var/lib/clearing /var/lib/program /keys
COPY --from=build /opt/clearing /opt/clearing
ENV PATH=/opt/clearing/bin:$PATH PYTHONUNBUFFERED=1 CLEARING_HOME=/var/lib/clearing
USER clearing
WORKDIR /var/lib/clearing
EXPOSE 8080
ENTRYPOINT ["clearing"]
CMD ["serve", "--host", "0.0.0.0"]
