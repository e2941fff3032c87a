# The few things one does here. Everything works without make as well.
.PHONY: demo test build release fuzz bench

demo: ## the whole thing on this machine, without network
	go run ./cmd/lockkeeper demo

test: ## everything that must pass
	./scripts/test

build: ## a static binary in dist/
	CGO_ENABLED=0 go build -trimpath -o dist/lockkeeper ./cmd/lockkeeper

release: ## static binaries for all targets, checksums, notes, bill of materials: make release VERSION=v1.2.3
	./scripts/release --check $(VERSION)

fuzz: ## every fuzz target for FUZZTIME each
	./scripts/fuzz $(or $(FUZZTIME),30s)

bench: ## every format at three sizes, and the same files by osv-scalibr
	go test ./bench/... -run '^$$' -bench . -benchmem
	cd bench/scalibr && go test -bench . -benchmem
