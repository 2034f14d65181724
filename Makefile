# `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Found once; a Node.js that runs TypeScript as it is.
NODE_BIN = $(eval NODE_BIN := $$(shell tools/node.sh))$(NODE_BIN)
RUN = env PATH="$(NODE_BIN):$(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin:/sbin"
OUTER = $(RUN) tools/outer-namespace.sh --
# With KEEP=1 the demo's API server is at this port of 127.0.0.1.
PORT ?= 16443
FORWARD = --forward $(PORT)=$$(mktemp -u --suffix=.heddle-api)

help: ## This list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 14

demo: root setup build ## Every scene on a mesh of this one machine; KEEP=1 leaves it running
	@$(RUN) tools/outer-namespace.sh $(if $(filter 1,$(KEEP)),$(FORWARD)) -- node tools/demo/demo.ts

test: root setup build ## All tests but those that need kind
	@$(RUN) node tools/test.ts $(VITEST)

# Those of the tests that read HEDDLE_SOAK, with all runs and real minutes; and the data plane once more, without IPv4.
soak: root setup build ## The long tests in full: every fault, in real minutes; the data plane on IPv6 alone
	@HEDDLE_SOAK=1 $(RUN) node tools/test.ts $$(grep -rl --include='*.test.ts' HEDDLE_SOAK test) $(VITEST)
	@HEDDLE_IP_FAMILIES=IPv6 $(RUN) node tools/test.ts test/dataplane/ $(VITEST)

e2e: build ## Tests on a real kubelet in a kind cluster; KEEP=1 leaves it running
	@PORT=$(PORT) $(RUN) node tools/kind/e2e.ts $(VITEST)

e2e-gitops: build ## Argo CD and Flux deliver Heddle in a kind cluster; KEEP=1 leaves it running
	@PORT=$(PORT) $(RUN) node tools/kind/e2e.ts --suite=gitops $(VITEST)

bench: root setup build ## How long a change takes to reach the sidecars of the demo's mesh
	@$(OUTER) node bench/propagation.ts $(ROUNDS)

bench-admission: node_modules ## How long the webhook takes to answer, while nothing and while large clusters are compiled
	@$(RUN) node bench/admission.ts $(SECONDS)

bench-kind: build ## What Heddle costs on a kind cluster: changes, new pods, memory, latency, CPU
	@PORT=$(PORT) $(RUN) node tools/kind/e2e.ts --suite=bench $(ROUNDS)

bench-core: root setup build ## The operator against its bars: compile, start, memory, sidecars, admission; PODS=10000 for more pods
	@$(OUTER) node bench/core.ts $(PODS)

bench-operator: root setup build ## Start and memory of the operator beside a real API server, without and with all sidecars; PODS=10000 for more pods
	@$(OUTER) node bench/operator.ts $(PODS)

bench-compile: node_modules ## What a change costs the operator on a mesh of 1,000 services; PODS=10000 for more pods
	@$(RUN) node --expose-gc bench/compile.ts $(PODS) $(SERVICES)

bench-replicas: node_modules ## What it costs two replicas to tell each other of 2,000 proxies; PODS=10000 for more
	@$(RUN) node bench/replicas.ts $(PODS)

check: node_modules ## Format, lint, types, import rules, generated code, dead code
	@$(RUN) biome ci --error-on-warnings .
	@$(RUN) tsc --noEmit
	@$(RUN) node tools/generate.ts --check
	@$(RUN) vitest run --project unit test/unit/imports.test.ts
	@$(RUN) knip

format: node_modules ## Formats the sources
	@$(RUN) biome check --write .

golden: setup ## Rewrites the golden files, deletes orphans
	@UPDATE_GOLDEN=1 $(RUN) vitest run --project unit test/golden

generate: node_modules ## Types, validators and reference from crds/; ENVOY=1: Envoy's message types too
	@$(RUN) node tools/generate.ts $(if $(ENVOY),--envoy)

build: node_modules ## The operator as one file: dist/heddle.mjs
	@$(RUN) node tools/build.ts

setup: node_modules ## Node.js, packages and programs that the other targets need
	@tools/packages.sh
	@$(RUN) node tools/binaries.ts >/dev/null
	@$(RUN) node tools/definitions.ts

clean: ## Removes what is built in the tree; the cache stays
	@rm -rf dist node_modules

# Not `npm ci`: it refuses a lock file without the packages of other platforms, which not every registry has.
node_modules: package.json package-lock.json
	@$(RUN) npm install --no-save --no-audit --no-fund --loglevel=error
	@touch node_modules

root:
	@test "$$(id -u)" = 0 || { echo "This needs root: pods get network namespaces and iptables rules, in namespaces that the run makes and ends." >&2; exit 1; }

.PHONY: help demo test soak e2e e2e-gitops bench bench-admission bench-kind bench-core bench-operator bench-compile check format golden generate build setup clean root
