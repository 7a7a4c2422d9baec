# Two build stages: the compiler stays in the first; the image contains one binary and certificates.

FROM docker.io/library/rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
WORKDIR /build

# Builds the allocator (ADR 36).
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*

# Only the dependencies, with empty sources: this layer is rebuilt only when
# Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
COPY src/api/Cargo.toml src/api/
COPY src/auth/Cargo.toml src/auth/
COPY src/base/Cargo.toml src/base/
COPY src/chat/Cargo.toml src/chat/
COPY src/demo/Cargo.toml src/demo/
COPY src/mcp/Cargo.toml src/mcp/
COPY src/model/Cargo.toml src/model/
COPY src/outbound/Cargo.toml src/outbound/
COPY src/serving/Cargo.toml src/serving/
COPY src/store/Cargo.toml src/store/
COPY src/streaming/Cargo.toml src/streaming/
COPY src/text/Cargo.toml src/text/
COPY src/todo/Cargo.toml src/todo/
RUN mkdir -p tests/bench \
    && for package in src/*/; do touch "$package/lib.rs"; done \
    && echo 'fn main() {}' | tee src/main.rs src/demo/main.rs tests/main.rs tests/bench/main.rs > src/lib.rs \
    && cargo build --release --locked --features jemalloc --bin orchestrator

# The real sources. Their files may be older than the layer above, and cargo would
# treat them as unchanged, so touch them.
COPY src src
RUN touch src/lib.rs src/main.rs src/*/lib.rs \
    && cargo build --release --locked --features jemalloc --bin orchestrator \
    && mkdir /data

# glibc and certificates, no shell, no package manager; the same Debian as above.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=build /build/target/release/orchestrator /usr/local/bin/orchestrator
# 65532 is the user `nonroot` of this image. Kubernetes needs a number to check `runAsNonRoot`.
COPY --from=build --chown=65532:65532 /data /data

USER 65532:65532
# The program writes only to /data, so the root file system may be read-only.
WORKDIR /data
VOLUME /data
ENV HOST=0.0.0.0 \
    PORT=8000 \
    ADMIN_ADDR=127.0.0.1:8001 \
    _RJEM_MALLOC_CONF=narenas:4 \
    DATABASE_URL=sqlite:///data/orchestrator.db \
    TODO_DATABASE_URL=sqlite:///data/todos.db
EXPOSE 8000

ENTRYPOINT ["/usr/local/bin/orchestrator"]
CMD ["serve"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/orchestrator", "probe"]
