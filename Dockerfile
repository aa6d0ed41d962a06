# Two images of one program:
#   docker build -t throughline .                                   for a ClickHouse server, and Kafka (the default)
#   docker build -t throughline-standalone --target standalone .    with the embedded log and store: `throughline up`
ARG NODE_IMAGE=node:22.23.3-bookworm-slim

# Compiles. What only it needs (TypeScript, tests, benchmarks) stays behind.
FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The prepare script compiles, which is not yet possible: no scripts here. No dependency needs one, either.
RUN npm ci --ignore-scripts --omit=optional --no-audit --no-fund
COPY . .
RUN npm run build && rm dist/.tsbuildinfo

# Typings, source maps and readmes of dependencies are most of their bytes, and nothing reads them here. Optional ones are
# the native parts of the embedded log, of compression and of the embedded store.
FROM ${NODE_IMAGE} AS standalone-dependencies
WORKDIR /build
COPY package.json package-lock.json deploy/trim-modules.sh ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund && sh trim-modules.sh

# The embedded store alone is half a gigabyte.
FROM standalone-dependencies AS cluster-dependencies
RUN rm -rf node_modules/chdb node_modules/@chdb

# What both images have in common.
FROM ${NODE_IMAGE} AS runtime
WORKDIR /app
ENV NODE_ENV=production \
    THROUGHLINE_DATA_DIR=/var/lib/throughline \
    THROUGHLINE_INGEST_HOST=0.0.0.0 \
    THROUGHLINE_ANALYTICS_HOST=0.0.0.0 \
    THROUGHLINE_METRICS_HOST=0.0.0.0 \
    THROUGHLINE_METRICS_PORT=9464
# npm and yarn are not run here; without them there is less to keep up to date.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-* \
    && install -d -o node -g node -m 0750 /var/lib/throughline
COPY --from=build /build/package.json ./
COPY --from=build /build/dist ./dist
# By number, so that Kubernetes sees that it is not root. It is `node`.
USER 1000:1000
VOLUME /var/lib/throughline
EXPOSE 4317 4318 4320 9464
# Whether it lives; orchestrators that ask whether it is ready ask /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.THROUGHLINE_METRICS_PORT}/healthz`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# node as process 1 gets SIGTERM itself, and drains on it.
ENTRYPOINT ["node", "--enable-source-maps", "dist/cli/main.js"]
STOPSIGNAL SIGTERM

FROM runtime AS standalone
COPY --from=standalone-dependencies /build/node_modules ./node_modules
CMD ["up"]

FROM runtime AS cluster
COPY --from=cluster-dependencies /build/node_modules ./node_modules
# A role: ingest, stitch or analytics; or migrate.
CMD ["--help"]
