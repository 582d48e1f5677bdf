# syntax=docker/dockerfile:1
# The images of pgAnalytics, FROM nothing: static programs, an authority list, no shell, no root. `make image` builds the same ones without a
# Docker engine.
#
#   docker build --target backend   --tag ghcr.io/pganalytics/backend:0.1.0 .
#   docker build --target collector --tag ghcr.io/pganalytics/collector:0.1.0 .

# ── The web UI, which the backend carries ──
FROM node:20-bookworm-slim AS ui
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY docs/openapi.json /src/docs/openapi.json
COPY ui ./
RUN npm run build

# ── The compiler: musl, for programs that need no library of the system ──
FROM rust:1.95-bookworm AS compiler
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools python3 && rm -rf /var/lib/apt/lists/*
ARG TARGETARCH
RUN case "$TARGETARCH" in \
      arm64) echo aarch64-unknown-linux-musl ;; \
      *) echo x86_64-unknown-linux-musl ;; \
    esac >/triple && rustup target add "$(cat /triple)"
ENV CC_x86_64_unknown_linux_musl=musl-gcc CC_aarch64_unknown_linux_musl=musl-gcc
WORKDIR /src
COPY Cargo.toml Cargo.lock LICENSE ./
COPY .cargo .cargo
COPY crates crates
COPY views views
COPY docs docs
# Members of the workspace that no image needs: their manifests alone, so that cargo can read the workspace.
COPY bench bench
COPY e2e e2e
COPY scripts/image scripts/image

FROM compiler AS collector-build
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,id=collector \
    cargo build --release --locked --target "$(cat /triple)" -p pganalytics-collector && \
    mkdir -p /out/tmp && chmod 1777 /out/tmp && \
    install -D "target/$(cat /triple)/release/pganalytics-collector" /out/usr/bin/pganalytics-collector && \
    strip --strip-all /out/usr/bin/pganalytics-collector && \
    install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt && \
    install -D --mode=644 LICENSE /out/usr/share/doc/pganalytics-collector/LICENSE && \
    python3 scripts/image/sbom.py --package pganalytics-collector --target "$(cat /triple)" \
      --output /out/usr/share/doc/pganalytics-collector/sbom.cdx.json

FROM compiler AS backend-build
COPY --from=ui /src/ui/dist ui/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,id=backend \
    cargo build --release --locked --target "$(cat /triple)" -p pganalytics && \
    mkdir -p /out/tmp && chmod 1777 /out/tmp && \
    install -D "target/$(cat /triple)/release/pganalytics" /out/usr/bin/pganalytics && \
    strip --strip-all /out/usr/bin/pganalytics && \
    install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt && \
    install -D --mode=644 LICENSE /out/usr/share/doc/pganalytics/LICENSE && \
    python3 scripts/image/sbom.py --package pganalytics --target "$(cat /triple)" --output /out/usr/share/doc/pganalytics/sbom.cdx.json

FROM scratch AS collector
COPY --from=collector-build /out /
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="pgAnalytics collector" \
      org.opencontainers.image.description="PostgreSQL observability: the statistics views with a memory" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/pganalytics/pganalytics" \
      io.pganalytics.sbom="/usr/share/doc/pganalytics-collector/sbom.cdx.json"
ENV PATH=/usr/bin
USER 65532:65532
ENTRYPOINT ["/usr/bin/pganalytics-collector"]

FROM scratch AS backend
COPY --from=backend-build /out /
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="pgAnalytics backend" \
      org.opencontainers.image.description="PostgreSQL observability: the statistics views with a memory" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/pganalytics/pganalytics" \
      io.pganalytics.sbom="/usr/share/doc/pganalytics/sbom.cdx.json"
ENV PATH=/usr/bin
USER 65532:65532
ENTRYPOINT ["/usr/bin/pganalytics"]
