# The few things one does here. Everything works without make as well.
.PHONY: demo test build fuzz bench

demo: ## the whole thing on this machine, without network
	go run ./cmd/lockkeeper demo

test: ## everything that must pass
	./scripts/test

build: ## a static binary in dist/
	CGO_ENABLED=0 go build -trimpath -o dist/lockkeeper ./cmd/lockkeeper

fuzz: ## every fuzz target for FUZZTIME each
	./scripts/fuzz $(or $(FUZZTIME),30s)

bench: ## every format at three sizes, and the same files by osv-scalibr
	go test ./bench/... -run '^$$' -bench . -benchmem
	cd bench/scalibr && go test -bench . -benchmem
