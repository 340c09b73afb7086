# What a developer runs is what CI runs: `make test`.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)

.PHONY: help test lint unit bench build docker tools

help:
	@echo "make test    lint, then every test, with real Redis servers, nginx and a browser"
	@echo "make lint    gofmt, go vet and staticcheck"
	@echo "make bench   the hub under load: connections, then logins that evict"
	@echo "make build   bin/hub, one static program"
	@echo "make docker  the image sessionhub"

test: tools lint unit

# Everything must be formatted, and no tool may have anything to say.
lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted; run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

unit: tools
	CGO_ENABLED=1 go test -race -timeout 8m ./...

bench: build
	bin/hub bench

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/hub ./cmd/hub

docker:
	docker build --build-arg VERSION=$(VERSION) -t sessionhub .

# The programs that the tests start, and the C compiler that the race detector needs.
tools:
	@.ci/tools
