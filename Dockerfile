# Neevscale in a container: no root, no shell needed, no build tools, root file system read-only if you like.
#   docker build -t neevscale .
#   docker run --read-only -e NEEV_ORG_ID -e NEEV_PROJECT_ID -e NEEV_API_TOKEN -e NEEV_INFERENCE_API_KEY \
#     -v neevscale-state:/var/lib/neevscale -p 127.0.0.1:9464:9464 neevscale
# Pinned by its full version; pin it by digest as well (`docker buildx imagetools inspect`) where you build for production.
ARG PYTHON=docker.io/library/python:3.13.7-slim-trixie

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# The target has no pip of its own: what installs into it stays here. Wheels only, so no compiler is needed.
RUN python3 -m venv /build \
 && python3 -m venv --without-pip /opt/neevscale \
 && /build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock \
 && /build/bin/pip --python /opt/neevscale/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config ./config
COPY autoscaler ./autoscaler
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/neevscale/bin/python install --no-deps /wheels/*.whl

FROM ${PYTHON}
LABEL org.opencontainers.image.title="neevscale" \
      org.opencontainers.image.description="Autoscaler and health monitor for NeevCloud Dedicated Model Deployments" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image's own pip is a build tool as well.
RUN groupadd --system --gid 10001 neevscale \
 && useradd --system --uid 10001 --gid neevscale --no-create-home --home-dir /var/lib/neevscale --shell /usr/sbin/nologin neevscale \
 && install -d -o neevscale -g neevscale -m 0750 /var/lib/neevscale \
 && rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip*
COPY --from=build /opt/neevscale /opt/neevscale
ENV PATH=/opt/neevscale/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NEEVSCALE_STATE__PATH=/var/lib/neevscale/state.db \
    NEEVSCALE_WEB__LISTEN=0.0.0.0:9464
WORKDIR /var/lib/neevscale
USER 10001:10001
VOLUME ["/var/lib/neevscale"]
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=12s --start-period=20s --retries=3 \
  CMD ["neevscale", "healthcheck", "--url", "http://127.0.0.1:9464"]
ENTRYPOINT ["neevscale"]
CMD ["run"]
