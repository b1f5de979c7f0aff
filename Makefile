# rtbridge: the commands of every day. What they do is in .ci/ and Package.swift.
# SPDX-License-Identifier: Apache-2.0

RELEASE = .build/release/rtbridge

.PHONY: build run test instructions bench format

## The release binary: $(RELEASE). The flags and what they bring are measured, see the benchmarks.
## PRODUCT builds one thing alone.
build:
	@.ci/install-build
	swift build -c release -Xswiftc -enforce-exclusivity=unchecked --static-swift-stdlib$(if $(PRODUCT), --product $(PRODUCT))

## The demo: back-ends, the bridge in front of them, and a page to open.
run: build
	@exec $(RELEASE) demo

## Unit tests, then the tests with real processes. PYTEST_ARGS narrows the latter, RTBRIDGE names another binary.
test:
	@.ci/install-test
	swift build --build-tests
	swift test --skip-build
	.venv/bin/python -m pytest Tests/EndToEnd $(PYTEST_ARGS)

## Instructions and allocations per request against the figures in git; fails when they grow by more than 5 %.
## INSTRUCTIONS_ARGS=--record records them: see Tests/Instructions/gate.py --help.
instructions:
	@.ci/instructions $(INSTRUCTIONS_ARGS)

## CPU time per request against the peers, in one run. QUICK=1: under two minutes. JOBS=web-h2,ws: some of the jobs.
## BENCH_ARGS="--json FILE": see Tests/Benchmarks/compare.py --help.
bench: build
	@.ci/install-bench
	@.venv/bin/python Tests/Benchmarks/compare.py $(BENCH_ARGS)

format:
	swift format -i --parallel --recursive Sources Tests Package.swift
