# What a developer runs is what CI runs: `make test`. On a machine without make, .ci/run installs it first.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: help test lint sdk unit bench build pictures docker tools

help:
	@echo "make test    lint, then every test, with real Redis servers, proxies and a browser"
	@echo "make lint    gofmt, go vet and staticcheck"
	@echo "make sdk     the browser SDK: its types, and its tests under Node"
	@echo "make bench   the hub under load: connections, then logins that evict"
	@echo "make build   bin/hub, one static program"
	@echo "make pictures  those of the README and of the dashboard, in ten minutes"
	@echo "make docker  the image sessionhub"

test: tools lint sdk unit

# Everything must be formatted, and no tool may have anything to say.
lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

# What the SDK is checked and tested with; nothing of it is in the program.
web/sdk/node_modules: web/sdk/package.json web/sdk/package-lock.json
	cd web/sdk && npm ci --no-fund --no-audit
	@touch $@

sdk: tools web/sdk/node_modules
	cd web/sdk && npm run --silent check && npm test --silent

unit: tools web/sdk/node_modules
	CGO_ENABLED=1 go test -race -timeout 15m ./...

# Two hubs on a Redis of their own. BENCH takes further flags: make bench BENCH="--connections 5000 --json".
bench: build tools
	@folder=$$(mktemp -d); \
	redis-server --port 16399 --bind 127.0.0.1 --dir $$folder --appendonly yes --save '' --logfile redis.log & redis=$$!; \
	trap 'kill $$redis; wait $$redis; rm -rf $$folder' EXIT; \
	until redis-cli -p 16399 ping >/dev/null 2>&1; do kill -0 $$redis || exit 1; sleep 0.1; done; \
	bin/hub bench --redis redis://127.0.0.1:16399 $(BENCH)

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/hub ./cmd/hub

# What people see has changed: take the pictures anew, and look at them.
pictures: tools
	go run ./docs/images

docker:
	docker build --build-arg VERSION=$(VERSION) -t sessionhub .

# The programs that the tests start, and the C compiler that the race detector needs.
tools:
	@.ci/tools
