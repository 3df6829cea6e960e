# Shorthands; .ci/run is what decides.
.PHONY: test race lint generate fuzz ci

FUZZTIME ?= 100000x

test:
	go test ./...

race:
	go list ./... | grep -vE '/internal/lab/(e2e|interop)$$' | xargs go test -race -count=1

lint:
	! gofmt -l $$(go list -f '{{.Dir}}' ./...) | grep .
	go vet ./...
	go tool -modfile=tools.mod staticcheck ./...

generate:
	go generate ./...

# make fuzz PKG=./internal/wire TARGET=FuzzName
fuzz:
	go test -run '^$$' -fuzz '^$(TARGET)$$' -fuzztime $(FUZZTIME) $(PKG)

ci:
	.ci/run
